"""Follow which stored weights come from which, so that it can be said what an undo took back."""

from collections.abc import Mapping

import numpy as np

from bmi_app.rt.records import CommandKind, UpdateCause

UNKNOWN = -1  # `COMMAND.undone` of sessions that were recorded before it was


def undone_by(commands: np.ndarray) -> dict[int, int]:
    """Return the first row of weights that each adoption takes back, by the id of its blob: 0 where it is no undo."""
    adoptions = commands[commands["kind"] == CommandKind.ADOPT]
    return dict(zip(adoptions["aux"].tolist(), adoptions["undone"].tolist(), strict=True))


class Lineage:
    """Follow the rows of weights as they are stored.

    The command of an undo says which row is the first that it takes back: it goes back to the row before. Where that is
    not known (`UNKNOWN`), an adoption whose row (weights, bias, gain, model and populations) stood before goes back to
    where it stood last. What was stored in between is undone, until an undo of the undo brings it back.

    Parameters
    ----------
    first : int
        Number of the first row that is taken, counted from the beginning of the session.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self._stood: dict[bytes, int] = {}
        self.parents: list[int] = []  # the row that each comes from; one that goes back has that to which it does

    def take(self, weights: np.ndarray, rows: np.ndarray, undone: Mapping[int, int]) -> list[int | None]:
        """Take rows with their records, WEIGHTS[n], and what `undone_by` says; return to which row each goes back."""
        return [
            self.add(row, int(entry["cause"]), undone.get(int(entry["id"]), UNKNOWN))
            for entry, row in zip(weights, rows, strict=True)
        ]

    def add(self, row: np.ndarray, cause: int, undone: int = UNKNOWN) -> int | None:
        """Take the next row; return the index of the row to which it goes back, None where it goes back to none.

        `undone` is what the command of an adoption says. What was stored before the first row that was taken is not known: an
        undo that goes back to there has no row to which it goes back, and takes back all that is known.
        """
        index, words = len(self.parents), row.tobytes()
        stood = self._stood.get(words)
        self._stood[words] = index
        target: int | None = None
        if cause == UpdateCause.ADOPTED and undone > 0:
            target = undone - 1 - self.first
        elif cause == UpdateCause.ADOPTED and undone == UNKNOWN and stood is not None and stood < index - 1:
            target = stood
        self.parents.append(index - 1 if target is None or target >= index else max(target, -1))
        return target if target is not None and 0 <= target < index else None

    def undone(self, last: int | None = None) -> set[int]:
        """Return the rows that are undone when row `last`, without it the newest, is what stands."""
        return undone(self.parents, len(self.parents) - 1 if last is None else last)


def undone(parents: list[int], last: int) -> set[int]:
    """Return the rows up to `last` that have no part in the weights after it."""
    part, at = set(), last
    while at >= 0:
        part.add(at)
        at = parents[at]
    # An undo is a part of the present weights, and the row that it goes back to is its parent.
    return {row for row in range(last + 1) if row not in part}
