"""Name the codes that records hold: states, outcomes, causes and verdicts, each with its words.

A code's words stand beside it, so that every view, report and export says the same.
"""

from enum import IntEnum
from typing import Self

HAND_REACH_CM = 1000.0  # a hand farther from the centre than this is none


class Code(IntEnum):
    """Be a code that has words: `words` in full, `short` for a narrow column.

    A member is written as its number alone, or with its words, or with both forms of them. Without words it is called by
    its name.
    """

    _words: str
    _short: str

    def __new__(cls, number: int, words: str = "", short: str = "") -> Self:
        """Take the number as the value; the words stand beside it."""
        member = int.__new__(cls, number)
        member._value_ = number
        member._words, member._short = words, short
        return member

    @property
    def words(self) -> str:
        """Return what is said of this code."""
        return self._words or self.name.lower().replace("_", " ")

    @property
    def short(self) -> str:
        """Return the same for a narrow column."""
        return self._short or self.words


class TaskState(IntEnum):
    """Name what the task asks of the subject in a tick."""

    IDLE = 0  # no trial: free blocks, and after the last block
    REST = 1  # rest block: baselines are measured, the cursor stays at the centre
    MOVE = 2  # a target is shown, the cursor is outside it
    HOLD = 3  # the cursor is inside the target
    REWARD = 4  # the trial succeeded
    FAILED = 5  # the trial failed; `Outcome` says why
    INTER_TRIAL = 6  # nothing is shown until the next trial


class Outcome(Code):
    """Name how a trial ended, and why."""

    NONE = 0
    SUCCESS = 1
    TIMEOUT_NOT_REACHED = 2  # never inside the target
    TIMEOUT_NOT_HELD = 3  # was inside, never long enough
    HOLD_BROKEN = 4  # left the target with `task.hold_break_fails`
    BLOCK_ENDED = 5  # the block or the session ended in mid-trial
    OPERATOR = 6  # skipped by the operator
    WRONG_TARGET = 7  # stayed in another target with `task.wrong_target_fails`


class CatchUpCause(Code):
    """Name why ticks had to be caught up."""

    ENGINE_STOPPED = 1, "the engine was stopped"
    SOURCE_LATE = 2, "the source was late"


class UpdateCause(Code):
    """Name why weights were stored, or what an update came from."""

    START = 0
    TICK = 1, "tick by tick"
    TRIAL = 2
    REWARD = 3
    ADOPTED = 4, "undo or load"
    UNIT_MOVED = 5
    STOP = 6
    GAIN = 7
    BLOCK = 8
    SECONDS = 9, "time"
    REST = 10  # all through a rest block
    STAGED = 11  # computed beside the tick by a rule that is too slow for it
    FIT = 12  # calibration: the decoder fitted anew
    GUARD = 13  # the guard against divergence


class UpdateVerdict(Code):
    """Name what became of an update."""

    ACCEPTED = 0
    SHORTENED = 1, "accepted, shortened to learning.max_step", "shortened"
    REFUSED = 2, "refused by the rule"  # by the rule itself
    NOT_FINITE = 3, "refused: not finite", "not finite"
    OUTSIDE_LIMITS = 4, "refused: a weight beyond its limits", "beyond limits"  # `learning.weight_min`, `weight_max`
    # A staged update came when learning had been switched off meanwhile.
    LEARNING_OFF = 5, "refused: learning is off", "learning off"
    # Divergence: learning waits for the probation, or is switched off.
    RETURNED = 6, "diverged: back to the last good weights, learning waits", "returned"
    FROZEN = 7, "diverged: back to the last good weights, learning is off", "returned, frozen"
    # The good weights are still good: learning goes on at a quarter of its rate.
    LEARNING_BLAMED = 8, "the good weights do better: learning goes on, four times slower", "slower from here"
    # They are no better: something else has changed, and learning goes on as it was.
    WORLD_BLAMED = (
        9,
        "the good weights are no better: learning is not the cause, and goes on as before",
        "not learning's fault",
    )


class StopReason(Code):
    """Name why a session ended."""

    NONE = 0
    PROTOCOL_DONE = 1
    DURATION = 2
    TRIALS = 3
    OPERATOR = 4
    SOURCE_ENDED = 5
    JOURNAL_FAILED = 6
    ENGINE_ERROR = 7
    KILLED = 8  # written by recovery
    UNKNOWN_UNIT = 9  # with `units.ignore_unknown` = false


class Stamping(IntEnum):
    """Name where the time of an entry of the spike ring comes from."""

    SOURCE = 0  # its stamp, and the measured offset of its clock
    NO_OFFSET = 1  # the arrival, because the offset was not known: after a reconnect, until it was measured anew
    NO_STAMP = 2  # the arrival, because the source gave no stamp of its own
    ARRIVAL = 3  # the arrival, because the protocol says so (`driver.clock`)
