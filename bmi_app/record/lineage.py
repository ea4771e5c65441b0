"""Follow which stored weights come from which, so that it can be said what an undo took back."""

import numpy as np

from bmi_app.rt.records import UpdateCause


class Lineage:
    """Follow the rows of weights as they are stored.

    An adoption whose row (weights, bias, gain, model and populations) stood before goes back to where it stood last; what
    was stored in between is undone, until an undo of the undo brings it back.
    """

    def __init__(self) -> None:
        self._stood: dict[bytes, int] = {}
        self.parents: list[int] = []  # the row that each comes from; one that goes back has that to which it does

    def add(self, row: np.ndarray, cause: int) -> int | None:
        """Take the next row; return the index of the row to which it goes back, None where it goes back to none."""
        index, words = len(self.parents), row.tobytes()
        stood = self._stood.get(words)
        self._stood[words] = index
        goes_back = cause == UpdateCause.ADOPTED and stood is not None and stood < index - 1
        self.parents.append(stood if goes_back and stood is not None else index - 1)
        return stood if goes_back else None

    def undone(self, last: int | None = None) -> set[int]:
        """Return the rows that are undone when row `last`, without it the newest, is what stands."""
        return undone(self.parents, len(self.parents) - 1 if last is None else last)


def undone(parents: list[int], last: int) -> set[int]:
    """Return the rows up to `last` that have no part in what stands after it."""
    part, at = set(), last
    while at >= 0:
        part.add(at)
        at = parents[at]
    # An undo is a part of what stands, and the row that it goes back to is its parent.
    return {row for row in range(last + 1) if row not in part}
