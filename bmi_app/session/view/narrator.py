"""Tell in lines what a session's rings say: commands of every view, and the events an operator must know of."""

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from bmi_app.plain_text import plain
from bmi_app.rt.records import EventKind
from bmi_app.rt.rings import half
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.observer import local_clock
from bmi_app.session.view.wording import Wording

TICK_REFUSALS_S = 5.0  # a rule that acts in each tick may be refused in each


class Narrator:
    """Follow the rings of acted commands and of events; what came before a view attached is told too, as far as the rings have it."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._tick_s = float(attachment.arrays["config"][0]["tick_s"])
        self._clock = local_clock()
        self._wording = Wording(attachment.protocol)
        self._done, self._events_ring, self._said = (
            attachment.reader(kind) for kind in ("commands", "events", "words")
        )
        self._refusal_told_tick = -(10**9)
        self._gone: Counter[str] = Counter()  # what its ring does not hold any more

    def fresh(self) -> list[tuple[float, str]]:
        """Return a line for each command and event since the last call, in the order of their ticks.

        Before each stands when its tick ended, in seconds since the epoch: a view that attaches late is told of what was
        long before.
        """
        self._gone.clear()
        told = sorted([*self._commands(), *self._events(), *self._words()], key=lambda line: line[0])
        told = [*self._older(told), *told]
        # The engine's clock is none of the day; both are read now, since the day's may be set.
        start_s = time.time() - self._clock() + float(self._attachment.arrays["config"][0]["start_s"])
        ends_s = [(tick + 1) * self._tick_s for tick, _ in told]
        return [
            (start_s + end_s, f"{plain(text)} · tick {tick:,} ({end_s:.2f} s)")
            for end_s, (tick, text) in zip(ends_s, told, strict=True)
        ]

    def fresh_lines(self) -> list[str]:
        """Return the lines of `fresh` without the time of day."""
        return [line for _, line in self.fresh()]

    def _older(self, told: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Say that the lines do not begin at the beginning, or leave something out, where that is so."""
        gone = [f"{n:,} {what if n > 1 else what[:-1]}" for what, n in self._gone.items() if n > 0]
        if gone:
            first = told[0][0] if told else 0
            yield (
                first,
                f"not told here, because a view remembers the newest only: {', '.join(gone)}; the journal has them",
            )

    def _commands(self) -> Iterator[tuple[int, str]]:
        taken = self._done.take(half(self._done))
        self._gone["commands"] += taken.n_missed
        for command in taken.records:
            yield int(command["tick"]), self._wording.command(command, self._back_to(command))

    def _back_to(self, command: np.void) -> str:
        """Say what an undo has taken back, where the ring still has the weights that it brought back."""
        if command["undone"] <= 0:
            return ""
        stored = self._attachment.reader("weights")
        taken = stored.take(half(stored))
        assert taken.rows is not None
        first = int(command["undone"]) - taken.first
        found = np.flatnonzero(taken.records["id"] == command["aux"])
        if first < 1 or not len(found):
            return ""
        return self._wording.undone(taken.records[first : found[-1]], taken.rows[[first - 1, found[-1] - 1]])

    def _events(self) -> Iterator[tuple[int, str]]:
        taken = self._events_ring.take(half(self._events_ring))
        self._gone["events"] += taken.n_missed
        for event in taken.records:
            text = self._wording.event(int(event["kind"]), int(event["code"]), float(event["value"]))
            if event["kind"] == EventKind.UPDATE_REJECTED and not self._tells_refusal(int(event["tick"])):
                continue
            if text:
                yield int(event["tick"]), text

    def _tells_refusal(self, tick: int) -> bool:
        """Tell whether the last refusal that was told is long ago."""
        if (tick - self._refusal_told_tick) * self._tick_s < TICK_REFUSALS_S:
            return False
        self._refusal_told_tick = tick
        return True

    def _words(self) -> Iterator[tuple[int, str]]:
        taken = self._said.take(half(self._said))
        self._gone["messages"] += taken.n_missed
        for said in taken.records:
            text = said["text"].decode(errors="replace")
            yield int(said["tick"]), self._wording.event(int(said["kind"]), text=text)
