"""Show names and texts that others chose so that they can do nothing to a terminal."""

import unicodedata


def plain(text: object) -> str:
    r"""Return a text as one line in which what a terminal would obey, or not show, is written out: `\x1b`, `\n`.

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
