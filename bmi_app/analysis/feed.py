"""Hand every panel the same rows of a session's rings, read once a refresh."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bmi_app.rt.rings import Reader, half
from bmi_app.session.view.attachment import Attachment


@dataclass(frozen=True)
class Fresh:
    """Hold what came since the last refresh.

    Attributes
    ----------
    frames : FRAME[n]
    counts : f4[n, unit]
        Spikes of each unit in each tick.
    health : HEALTH[n]
    events : EVENT[m]
    weights_log : WEIGHTS[k]
        What changed the weights, and when.
    weights_rows : f8[k, words]
        The weights, bias and gain after each of those changes.
    updates : UPDATE[j]
        The audit: what became of each update.
    commands : COMMAND[c]
        What the operator's commands were, and whether they acted.
    weights_first : int
        Number of the first of the rows of weights, counted from the beginning of the session.
    """

    frames: np.ndarray
    counts: np.ndarray
    health: np.ndarray
    events: np.ndarray
    weights_log: np.ndarray
    weights_rows: np.ndarray
    updates: np.ndarray
    commands: np.ndarray
    weights_first: int


class Panel(Protocol):
    """Say what the window asks of a panel; it is a widget as well.

    `take` is called at every refresh and must be cheap; `redraw` only while the panel can be seen, every `period_s`. A panel
    that shares its work out over several calls does all of it where `whole` is asked for.
    """

    period_s: float

    def take(self, fresh: Fresh) -> None:
        """Take in what came since the last call."""

    def redraw(self, whole: bool = False) -> None:
        """Show it."""

    def restart(self) -> None:
        """Forget what was taken: what follows does not follow on it."""

    def isVisible(self) -> bool:
        """Tell whether the widget is shown."""

    def visibleRegion(self) -> Any:
        """Return the part of the widget that nothing covers."""


class Feed:
    """Read a session's rings from the oldest rows they still have."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._frames_tail = self._events_tail = 0
        self._updates, self._weights, self._commands = (
            attachment.reader(kind) for kind in ("updates", "weights", "commands")
        )

    def fresh(self) -> Fresh:
        """Return what came since the last call."""
        self._frames_tail, (frames, counts, health) = self._attachment.since(
            self._frames_tail, "frames", "counts", "health"
        )
        # A cause is read before its effects: with an update come the weights that it made, with these their reward.
        updates = self._updates.take(half(self._updates), self._whole(self._updates))
        weights = self._weights.take(half(self._weights), self._whole(self._weights))
        commands = self._commands.take(half(self._commands))
        self._events_tail, events = self._attachment.events_since(self._events_tail)
        assert weights.rows is not None
        return Fresh(
            frames,
            counts,
            health,
            events,
            weights.records,
            weights.rows,
            updates.records,
            commands.records,
            weights.first,
        )

    def _whole(self, reader: Reader) -> int:
        """Return how far a ring is read: not to an adoption of a tick that is still being made, whose command comes last."""
        head = reader.head
        while head > reader.tail:
            newest = reader.records[(head - 1) & (reader.slots - 1)]
            if newest["id"] < 0 or newest["tick"] < self._frames_tail:
                break
            head -= 1
        return head
