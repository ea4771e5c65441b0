"""Show names and texts that others chose so that they can do nothing to a terminal."""

import unicodedata


def plain(text: object) -> str:
    r"""Return a text as one line in which what a terminal would act on, or not show, is written out: `\x1b`, `\n`.

    That is every control character, every mark that turns the direction of writing, and bytes of names that are not UTF-8.
    """
    return "".join(_written_out(letter) for letter in str(text))


def _written_out(letter: str) -> str:
    if letter.isprintable() or letter == " " or letter == "\u00a0":
        return letter
    # Of what is not printable, only joiners and spaces belong to a script; everything else commands something.
    if unicodedata.category(letter) == "Zs" or letter in "\u200c\u200d":
        return letter
    return letter.encode("ascii", "backslashreplace").decode() if ord(letter) > 0x7F else repr(letter)[1:-1]


def plain_toml(text: str) -> str:
    r"""Return TOML as `tomlkit` writes it with the same letters written out as TOML knows them, `\u009b`, so that it reads back equal.

    In what `tomlkit` writes of plain values they stand between double quotes only, where TOML has such escapes.
    """
    return "".join(letter if letter in "\n\t" or _written_out(letter) == letter else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) <= 0xFFFF else f"\\U{ord(letter):08x}"
