"""Lay out the texts of markers as tables of bytes that the publishing loop reads, from the declarations of the event kinds."""

from collections.abc import Mapping, Sequence

import numpy as np

from bmi_app.rt.event_kinds import EventKind

N_KINDS = 64  # rows of the tables, above every EventKind
N_CODES = 16  # codes of a kind that can have a word
NAME_BYTES = 32  # of a name or a word, closing zero included
MARKER_BYTES = 2 * NAME_BYTES + 24  # name, word or number, closing zero
WITHHELD = N_CODES - 1  # stands where a code would, for a value of 0


def tables(
    called: Mapping[EventKind, Sequence[str]] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `names`, `words` and `numbered` as `bmi_app.rt.publish.marker_into` takes them.

    Parameters
    ----------
    called : mapping of EventKind to sequence of str, optional
        What a protocol calls the codes of a kind.

    Returns
    -------
    names : uint8[N_KINDS, NAME_BYTES]
        What a marker of each kind begins with.
    words : uint8[N_KINDS, N_CODES, NAME_BYTES]
        What follows for a code that has a name; the last one of each kind for a value of 0.
    numbered : int64[N_KINDS]
        1 where a code without a name follows as a number.
    """
    names = np.zeros((N_KINDS, NAME_BYTES), np.uint8)
    words = np.zeros((N_KINDS, N_CODES, NAME_BYTES), np.uint8)
    numbered = np.zeros(N_KINDS, np.int64)
    names[:] = _bytes("unknown")
    for kind in EventKind:
        names[kind] = _bytes(kind.name.lower())
        numbered[kind] = kind.event.is_numbered or kind.event.codes is not None
        for code in kind.event.codes or ():
            words[kind, code] = _bytes(f"/{code.name.lower()}")
        for number, word in kind.event.marks.items():
            words[kind, number] = _bytes(f"/{word}")
        for number, word in enumerate((called or {}).get(kind, ())):
            words[kind, number] = _bytes(f"/{word}")
        if kind.event.zero:
            words[kind, WITHHELD] = _bytes(f"/{kind.event.zero}")
    return names, words, numbered


def _bytes(text: str) -> np.ndarray:
    """Return a text as zero-terminated bytes in a row of a table."""
    row = np.zeros(NAME_BYTES, np.uint8)
    row[: len(text)] = np.frombuffer(text.encode("ascii"), np.uint8)
    assert row[-1] == 0, f"{text!r} must leave room for the closing zero"
    return row
