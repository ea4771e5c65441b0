"""Declare every kind of event once: its number, what its code is, what a view tells of it, and what its marker carries.

Markers over LSL, the NWB export and the lines of every view follow from this table. Whoever adds a kind adds a member here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from bmi_app.rt.vocabulary import CatchUpCause, Code, Outcome, StopReason, UpdateCause, UpdateVerdict


@dataclass(frozen=True)
class Event:
    """Say what a kind of event is.

    Attributes
    ----------
    codes : subclass of Code, optional
        What its code is, where the code has a name: the marker and the export carry that name.
    is_numbered : bool
        Whether the code follows as a number in the marker, where it has no name.
    marks : mapping of int to str
        Codes that the marker names where no enumeration does.
    zero : str
        What the marker says instead where the event's value is 0; empty: nothing.
    tells : str
        What a view tells the operator, empty where panels show it anyway. ``{number}`` is the code counted from 1,
        ``{name}`` its name, ``{words}`` its words, ``{value}`` the value, ``{text}`` what was said, ``{block}`` what the
        protocol calls the block of this code.
    has_table : bool
        Whether the export has a table of its own that says the same (blocks, trials).
    """

    codes: type[Code] | None = None
    is_numbered: bool = False
    marks: Mapping[int, str] = field(default_factory=dict)
    zero: str = ""
    tells: str = ""
    has_table: bool = False


class EventKind(IntEnum):
    """Name what an event record says; `code` and `value` are explained beside each."""

    event: Event

    def __new__(cls, number: int, event: Event = Event()) -> Self:
        """Take the number as the value; the declaration stands beside it."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.event = event
        return member

    SESSION_START = 0
    # code: block index
    BLOCK_START = 1, Event(is_numbered=True, tells="block {number}: {block}", has_table=True)
    TRIAL_START = 2, Event(is_numbered=True, has_table=True)  # code: target index
    TARGET_ENTER = 3
    TARGET_LEAVE = 4
    # code: 0 task, 1 operator; value: reward given (0 when withheld by probability)
    REWARD = 5, Event(marks={1: "operator"}, zero="withheld")
    TRIAL_END = 6, Event(Outcome, has_table=True)  # value: time to target (s)
    UPDATE = 7, Event(UpdateCause)  # value: norm of the change
    # value: norm of the refused change
    UPDATE_REJECTED = 8, Event(UpdateCause, tells="weight update rejected ({name})")
    ADOPTED = 9, Event(is_numbered=True)  # code: blob id; value: norm of the change
    BASELINE_FROZEN = 10  # value: mean baseline (Hz)
    SOURCE_LOST = 11, Event(tells="source lost")
    SOURCE_BACK = 12, Event(tells="source is back")
    PAUSED = 13
    RESUMED = 14
    UNIT_MOVED = 15, Event(is_numbered=True)  # code: unit index; value: population index
    # of an end that no tick made (source, failure) outside the comparison
    SESSION_STOP = 16, Event(StopReason, tells="session ends: {words}")
    # code: RETURNED, FROZEN or WORLD_BLAMED; value: share of success over about twenty trials
    DIVERGED = 17, Event(UpdateVerdict, tells="guard: {words}")
    # code: LEARNING_BLAMED or WORLD_BLAMED; value: share of success in the probation
    PROBATION_OVER = 18, Event(UpdateVerdict, tells="guard: {words}")
    # a rest block in which no spike came: the baselines stay as they were; value: their mean (Hz)
    BASELINE_SILENT = (
        19,
        Event(
            tells="ALARM: no spike came in the rest block; the baselines stay as they were: is the source sending?",
        ),
    )
    CATCHING_UP = 20, Event(CatchUpCause, tells="{words}: the task is held until its ticks are caught up")
    # value: for how long the task was held (s of ticks)
    CAUGHT_UP = 21, Event(CatchUpCause, tells="caught up: the task was held for {value:.2f} s ({words})")
    # code: which of session.event_labels; the command that stamped it is told
    LABELLED = 22, Event(is_numbered=True)
    # Below: written by the engine's Python threads, never by the tick, and outside the bit-exact comparison.
    OUTPUT_FIRED = 32  # code: output index; value: delay from decision to fire (s)
    NOTE = 33, Event(tells="note: {text}")  # text: the operator's words
    CLOCK_OFFSET = 34  # value: liblsl's time correction (s)
    SOURCE_INFO = 35  # text: what the driver found, lost or refused
    COMMAND_REFUSED = 36  # text: why
    OUTPUT_FAILED = 37, Event(tells="OUTPUT FAILED: {text}")  # code: output index; text: why
    JOURNAL_SYNCED = 38  # the journal is safe on the disk; code: how long that took (ms); value: its size (bytes)
    NO_FIT = 39, Event(tells="no fit: {text}")  # text: why a fit or a staged update came to nothing
    # text: what threatens the session or its recording, for every view at once
    ALARM = 40, Event(tells="ALARM: {text}")
    # text: how far the source's clock stepped, or that its offset is not known; value: the step (s)
    CLOCK_STEP = 41, Event(tells="SOURCE'S CLOCK: {text}")

    @property
    def is_by_tick(self) -> bool:
        """Tell whether ticks write it, so that a replay has to write it as well; else a thread of the engine does."""
        return self < FIRST_BY_THREADS

    def code_name(self, code: int) -> str:
        """Return the name of a code, as markers and exports write it; a code without a name is its number."""
        try:
            return self.event.codes(code).name.lower() if self.event.codes else str(code)
        except ValueError:  # of a newer version
            return str(code)

    def told(self, code: int = 0, value: float = 0.0, text: str = "", block: str = "") -> str:
        """Return what a view tells of an event of this kind; empty: nothing."""
        named = self.code_name(code)
        known = self.event.codes is not None and code in self.event.codes.__members__.values()
        words = self.event.codes(code).words if known and self.event.codes else named
        return self.event.tells.format(number=code + 1, name=named, words=words, value=value, text=text, block=block)


FIRST_BY_THREADS = 32
