"""Say which files a journal consists of, and which columns each has.

Every field of a record (`bmi_app.rt.records`) is a column of the same name and type. Beside them stand the columns
named here: fixed-size lists for what is as long as there are units or axes, and text for people.

==========  ============================================================================================
spikes      no more
health      no more
events      ``name`` utf8: the kind in words; ``text`` utf8: what was said, often empty
commands    ``name`` utf8: the kind in words; ``text`` utf8: the JSON as it was sent
weights     ``weights`` f8[n_axes * n_units], axis by axis; ``bias`` f8[n_axes]; ``gain`` f8[n_axes]; where rules adapt the
            decoder's model, ``model`` f8[model_rows * n_units], row by row (`bmi_app.decoders.contract`); ``population``
            f8[n_units]: the index of each unit's population, -1 for none
updates     no more
subject     ``model`` f8[n_axes * (n_units + 1)]: what the simulated subject knows of the tool, axis by axis: a weight a
            unit (cm/s per Hz), and that of the constant; of `reinforcement` Theta, axis by axis (Hz)
frames      ``counts`` f4[n_units]: what the tick counted, unit by unit
==========  ============================================================================================
"""

import math
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Literal, get_args

import numpy as np

from bmi_app.rt import stored
from bmi_app.rt.memory import length
from bmi_app.rt.records import RECORDS, CommandKind, EventKind, Flag, Outcome, TaskState, UpdateCause, UpdateVerdict

# In the order in which they are written: frames come last, so that what is on disk for every other kind reaches at
# least as far as the frames do.
Kind = Literal["spikes", "health", "events", "commands", "weights", "updates", "subject", "frames"]
KINDS: tuple[Kind, ...] = get_args(Kind)
OPTIONAL: frozenset[Kind] = frozenset({"subject", "updates"})  # sessions from before a kind was recorded lack its file

FORMAT = "bmi-journal 2"
FORMAT_1 = "bmi-journal 1"  # is still read

# What a file of format 1 has not, and what a reader puts there instead: columns, and what list columns are shorter by.
ADDED: dict[tuple[Kind, str], int | float] = {
    ("spikes", "stamping"): 0,  # Stamping.SOURCE
    ("health", "before_spikes"): 0,  # what these count was not counted
    ("health", "ahead_spikes"): 0,
    ("health", "no_offset_spikes"): 0,
    ("health", "no_stamp_spikes"): 0,
    ("health", "ignored_spikes"): 0,
    ("commands", "acted"): -1,  # not known
    ("commands", "undone"): -1,  # not known: what an undo takes back is then told by equal weights
    ("weights", "population"): math.nan,  # `bmi_app.record.populations` knows it from the commands
    ("health", "edges_ahead"): 0,
    ("health", "edges_behind"): 0,
}

# What health counts since the session began: the summary says it as well.
_HEALTH: tuple[str, ...] = RECORDS["health"].names or ()
TOTALS = _HEALTH[_HEALTH.index("late_spikes") :]
# Those of them that summaries of before lack.
LATER_TOTALS = frozenset(name for name in TOTALS if ("health", name) in ADDED)

# Columns that files of format 2 lack too, where they were written before the column came.
LATER: frozenset[tuple[Kind, str]] = frozenset({("commands", "undone")})

# Kinds with the columns `name` and `text`, and what gives the name of a `kind`.
NAMED: dict[Kind, type[IntEnum]] = {"events": EventKind, "commands": CommandKind}

# Columns that hold codes, and the codes' meaning.
CODES: dict[tuple[Kind, str], type[IntEnum | IntFlag]] = {
    ("frames", "flags"): Flag,
    ("frames", "state"): TaskState,
    ("frames", "outcome"): Outcome,
    ("events", "kind"): EventKind,
    ("commands", "kind"): CommandKind,
    ("weights", "cause"): UpdateCause,
    ("updates", "cause"): UpdateCause,
    ("updates", "verdict"): UpdateVerdict,
}

# Held by a journal that is open, so that on a full disk there is room to end the files and to say why.
ROOM = ".room"
ROOM_BYTES = 1 << 16  # a page for each end mark, and the summary

# A batch of about this size leaves the processor's second-level cache little before it is written.
_BATCH_BYTES = 1 << 19


@dataclass(frozen=True)
class Layout:
    """Hold the sizes that shape the list columns of a session.

    In memory the list columns of a record stand side by side in one row, in the order of `lists`.
    """

    n_units: int
    n_axes: int
    model_rows: int = 0  # of the decoder's model, where rules adapt that

    def lists(self, kind: Kind) -> dict[str, int]:
        """Return the list columns of a kind: name -> length."""
        if kind == "frames":
            return {"counts": self.n_units}
        if kind == "weights":
            shapes = stored.ROW.shapes(units=self.n_units, axes=self.n_axes, model_rows=self.model_rows)
            return {name: math.prod(shape) for name, shape in shapes.items() if name != "model" or self.model_rows}
        if kind == "subject":
            return {"model": self.n_axes * (self.n_units + 1)}
        return {}

    @property
    def readout_words(self) -> int:
        """Return how many numbers weights, bias and gain are, with which every adoption begins."""
        return length(stored.READOUT.shapes(units=self.n_units, axes=self.n_axes))

    def row_shape(self, kind: Kind, n_records: int) -> tuple[int, int]:
        """Return the shape of the rows that belong to `n_records` records."""
        return n_records, sum(self.lists(kind).values())

    def batch_records(self, kind: Kind) -> int:
        """Return how many records of a kind are written at once, at most."""
        record_bytes = RECORDS[kind].itemsize + self.row_shape(kind, 1)[1] * row_dtype(kind).itemsize
        return max(_BATCH_BYTES // record_bytes, 16)


def row_dtype(kind: Kind) -> np.dtype:
    """Return the type of the numbers in the list columns of a kind."""
    return np.dtype("<f4") if kind == "frames" else np.dtype("<f8")


def file_name(kind: Kind) -> str:
    """Return the name of a kind's file in the session folder."""
    return f"{kind}.arrows"
