"""Give the codes of the enumerations to kernels, which know no enumeration: `TASK.MOVE` is the integer of `TaskState.MOVE`.

This is the one place where they are made. numba takes a named tuple of integers as a constant.
"""

from collections import namedtuple
from enum import IntEnum, IntFlag
from typing import Any

from bmi_app.rt import records, state

_named_tuple: Any = namedtuple  # mypy wants literal names


def codes(kind: type[IntEnum] | type[IntFlag]) -> Any:
    """Return the codes of an enumeration by the names of its members, as a named tuple of integers."""
    return _named_tuple(kind.__name__, kind.__members__)(*(int(member) for member in kind.__members__.values()))


def bits(kind: type[IntEnum]) -> Any:
    """Return the bit of each member, 1 << its code, by the names of the members."""
    named = _named_tuple(f"{kind.__name__}Bits", kind.__members__)
    return named(*(1 << int(each) for each in kind.__members__.values()))


TASK = codes(records.TaskState)
OUTCOME = codes(records.Outcome)
BLOCK_KIND = codes(records.BlockKind)
MOVED_BY_COMPUTER, MOVED_BY_HAND, MOVED_BY_FORCE = (
    tuple(int(kind) for kind in records.BlockKind if kind.moved_by == mover) for mover in ("computer", "hand", "force")
)
FLAG = codes(records.Flag)
INPUT_FLAGS, HOLDING_FLAGS = int(records.INPUT_FLAGS), int(records.HOLDING_FLAGS)
CATCH_UP = codes(records.CatchUpCause)
EVENT_KIND = codes(records.EventKind)
CAUSE = codes(records.UpdateCause)
VERDICT = codes(records.UpdateVerdict)
STAMPING = codes(records.Stamping)
STOP_REASON = codes(records.StopReason)
COMMAND_KIND = codes(records.CommandKind)
SMOOTHING = codes(state.Smoothing)
PATTERN = codes(state.TargetPattern)
ORDER = codes(state.TargetOrder)
WHEN = codes(state.LearnWhen)
INTENT_MODEL = codes(state.Intent)
ON_DIVERGENCE = codes(state.OnDivergence)
