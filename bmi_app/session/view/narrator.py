"""Tell in lines what a session's rings say: commands of every view, and the events an operator must know of."""

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from bmi_app.plain_text import plain
from bmi_app.record.audit import cause_words
from bmi_app.rt.operator_commands import BY_KIND, Acted
from bmi_app.rt.records import CommandKind, EventKind, UpdateCause
from bmi_app.rt.rings import half
from bmi_app.rt.stored import named_row
from bmi_app.session.engine.commands import nothing_done
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.observer import local_clock

_TICK_REFUSALS_S = 5.0  # a rule that acts in each tick may be refused in each
_ADOPTED = {
    UpdateCause.ADOPTED: "weights adopted (undo or load)",
    UpdateCause.FIT: "fitted decoder adopted",
    UpdateCause.STAGED: "staged update adopted",
}


class Narrator:
    """Follow the rings of acted commands and of events; what came before a view attached is told too, as far as the rings have it."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._tick_s = float(attachment.arrays["config"][0]["tick_s"])
        self._clock = local_clock()
        self._populations = list(attachment.protocol.population_indices())
        self._axes = [letter for letter, _ in attachment.protocol.axes.items()]
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
            kind, index, value = CommandKind(int(command["kind"])), int(command["index"]), float(command["value"])
            if kind == CommandKind.ADOPT:
                cause = UpdateCause(int(value))
                name = self._back_to(command) or _ADOPTED.get(cause, "weights adopted")
            else:
                axis = self._axes[index] if kind == CommandKind.GAIN else ""
                population = self._populations[int(command["aux"])] if kind == CommandKind.MOVE_UNIT else ""
                name = BY_KIND[kind].told(Acted(index, value, axis, population))
            nothing = nothing_done(command)
            yield int(command["tick"]), f"{name}: {nothing}" if nothing else name

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
        return self._undone_words(taken.records[first : found[-1]], taken.rows[[first - 1, found[-1] - 1]])

    def _undone_words(self, undone: np.ndarray, ends: np.ndarray) -> str:
        """Say what lies between two rows of weights: the kinds of changes, and the units that come back."""
        first, n_units = undone[0], self._attachment.protocol.units.count
        place = f"trial {int(first['trial']) + 1}" if first["trial"] >= 0 else f"tick {int(first['tick']):,}"
        kinds = Counter(cause_words(cause) for cause in undone["cause"].tolist())
        words = [
            f"weights back to before {place}",
            f"undone: {', '.join(f'{n} x {kind}' for kind, n in kinds.items())}",
        ]
        then, now = named_row(ends, n_units, self._attachment.protocol.n_axes)["population"].astype(int)
        for unit in np.flatnonzero(then != now).tolist():
            name = self._populations[then[unit]] if then[unit] >= 0 else "none"
            words.append(f"unit {unit} back in {name}")
        return "; ".join(words)

    def _events(self) -> Iterator[tuple[int, str]]:
        taken = self._events_ring.take(half(self._events_ring))
        self._gone["events"] += taken.n_missed
        for event in taken.records:
            text = self._event_text(int(event["kind"]), int(event["code"]), float(event["value"]))
            if event["kind"] == EventKind.UPDATE_REJECTED and not self._tells_refusal(int(event["tick"])):
                continue
            if text:
                yield int(event["tick"]), text

    def _tells_refusal(self, tick: int) -> bool:
        """Tell whether the last refusal that was told is long ago."""
        if (tick - self._refusal_told_tick) * self._tick_s < _TICK_REFUSALS_S:
            return False
        self._refusal_told_tick = tick
        return True

    def _words(self) -> Iterator[tuple[int, str]]:
        taken = self._said.take(half(self._said))
        self._gone["messages"] += taken.n_missed
        for said in taken.records:
            yield int(said["tick"]), EventKind(int(said["kind"])).told(text=said["text"].decode(errors="replace"))

    def _event_text(self, kind: int, code: int, value: float) -> str:
        """Return what an event says, or nothing for those that the panels show anyway."""
        blocks, name = self._attachment.protocol.blocks, ""
        if kind == EventKind.BLOCK_START:
            name = blocks[code].name or blocks[code].kind.replace("_", " ")
        return EventKind(kind).told(code, value, block=name)
