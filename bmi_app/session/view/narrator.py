"""Tell in lines what a session's rings say: commands of every view, and the events an operator must know of."""

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from bmi_app.plain_text import plain
from bmi_app.record.audit import cause_words, verdict_words
from bmi_app.record.lineage import Lineage
from bmi_app.rt import cells
from bmi_app.rt.records import CatchUpCause, CommandKind, EventKind, StopReason, UpdateCause
from bmi_app.session.engine.commands import nothing_done
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.observer import local_clock

_TICK_REFUSALS_S = 5.0  # a rule that acts in each tick may be refused in each
_ADOPTED = {
    UpdateCause.ADOPTED: "weights adopted (undo or load)",
    UpdateCause.FIT: "fitted decoder adopted",
    UpdateCause.STAGED: "staged update adopted",
}
_WORDS = {
    EventKind.NOTE: "note: {}",
    EventKind.NO_FIT: "no fit: {}",
    EventKind.OUTPUT_FAILED: "OUTPUT FAILED: {}",
    EventKind.ALARM: "ALARM: {}",
    EventKind.CLOCK_STEP: "SOURCE'S CLOCK: {}",
}
_VALUED = (CommandKind.ASSIST, CommandKind.LEARNING_RATE)


class Narrator:
    """Follow the rings of acted commands and of events; what came before a view attached is told too, as far as the rings have it."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._tick_s = float(attachment.arrays["config"][0]["tick_s"])
        self._clock = local_clock()
        self._populations = list(attachment.protocol.population_indices())
        self._axes = [letter for letter, _ in attachment.protocol.axes.items()]
        self._commands_tail = 0
        self._events_tail = self._words_tail = 0
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
        done = self._attachment.arrays["commands_done"]
        head = int(self._attachment.arrays["ctl"][cells.COMMANDS_HEAD])
        first = max(self._commands_tail, head - len(done) // 2)
        self._gone["commands"] += first - self._commands_tail
        self._commands_tail = head
        for command in done[np.arange(first, head) & (len(done) - 1)]:
            kind = CommandKind(int(command["kind"]))
            name = kind.name.lower().replace("_", " ")
            if kind == CommandKind.ASSIST and command["value"] < 0:
                name = "assist as the block says"
            elif kind == CommandKind.GAIN:
                name = f"gain {self._axes[int(command['index'])]} {float(command['value']):g}"
            elif kind in _VALUED:
                name = f"{name} {float(command['value']):g}"
            elif kind == CommandKind.ADOPT:
                cause = UpdateCause(int(command["value"]))
                back_to = self._back_to(int(command["aux"])) if cause == UpdateCause.ADOPTED else ""
                name = back_to or _ADOPTED.get(cause, "weights adopted")
            elif kind == CommandKind.REWARD:
                name = "reward by the operator"
            elif kind == CommandKind.LEARNING:
                name = "learning on" if command["index"] else "learning off, frozen"
            elif kind == CommandKind.MOVE_UNIT:
                name = f"{name} {int(command['index'])} to {self._populations[int(command['aux'])]}"
            nothing = nothing_done(command)
            yield int(command["tick"]), f"{name}: {nothing}" if nothing else name

    def _back_to(self, blob: int) -> str:
        """Say what an adoption has undone, where the ring still has the weights that it brought back."""
        arrays = self._attachment.arrays
        log, rows, head = arrays["weights_log"], arrays["weights_rows"], int(arrays["ctl"][cells.WEIGHTS_HEAD])
        lineage, stored = Lineage(), np.arange(max(head - len(log) // 2, 0), head) & (len(log) - 1)
        for index, at in enumerate(stored):
            to = lineage.add(rows[at], int(log["cause"][at]))
            if int(log["id"][at]) == blob:
                return (
                    "" if to is None else self._undone_words(log[stored[to + 1 : index]], rows[stored[[to, index - 1]]])
                )
        return ""

    def _undone_words(self, undone: np.ndarray, ends: np.ndarray) -> str:
        """Say what lies between two rows of weights: the kinds of changes, and the units that come back."""
        first, n_units = undone[0], self._attachment.protocol.units.count
        place = f"trial {int(first['trial']) + 1}" if first["trial"] >= 0 else f"tick {int(first['tick']):,}"
        kinds = Counter(cause_words(cause) for cause in undone["cause"].tolist())
        words = [
            f"weights back to before {place}",
            f"undone: {', '.join(f'{n} x {kind}' for kind, n in kinds.items())}",
        ]
        then, now = ends[:, -n_units:].astype(int)
        for unit in np.flatnonzero(then != now).tolist():
            name = self._populations[then[unit]] if then[unit] >= 0 else "none"
            words.append(f"unit {unit} back in {name}")
        return "; ".join(words)

    def _events(self) -> Iterator[tuple[int, str]]:
        before, (self._events_tail, events) = self._events_tail, self._attachment.events_since(self._events_tail)
        self._gone["events"] += self._events_tail - before - len(events)
        for event in events:
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
        words = self._attachment.arrays["words"]
        head = int(self._attachment.arrays["ctl"][cells.WORDS_HEAD])
        first = max(self._words_tail, head - len(words) // 2)
        self._gone["messages"] += first - self._words_tail
        self._words_tail = head
        for said in words[np.arange(first, head) & (len(words) - 1)]:
            yield int(said["tick"]), _WORDS[EventKind(int(said["kind"]))].format(said["text"].decode(errors="replace"))

    def _event_text(self, kind: int, code: int, value: float) -> str:
        """Return what an event says, or nothing for those that the panels show anyway."""
        if kind == EventKind.BLOCK_START:
            block = self._attachment.protocol.blocks[code]
            return f"block {code + 1}: {block.name or block.kind.replace('_', ' ')}"
        if kind == EventKind.BASELINE_SILENT:
            return "ALARM: no spike came in the rest block; the baselines stay as they were: is the source sending?"
        if kind == EventKind.SOURCE_LOST:
            return "source lost"
        if kind == EventKind.SOURCE_BACK:
            return "source is back"
        if kind == EventKind.CATCHING_UP:
            return f"{catch_up_words(code)}: the task is held until its ticks are caught up"
        if kind == EventKind.CAUGHT_UP:
            return f"caught up: the task was held for {value:.2f} s ({catch_up_words(code)})"
        if kind == EventKind.UPDATE_REJECTED:
            return f"weight update rejected ({UpdateCause(code).name.lower()})"
        if kind in (EventKind.DIVERGED, EventKind.PROBATION_OVER):
            return f"guard: {verdict_words(code)}"
        if kind == EventKind.SESSION_STOP:
            return f"session ends: {StopReason(code).name.lower().replace('_', ' ')}"
        return ""


def catch_up_words(cause: int) -> str:
    """Say why ticks have to be caught up."""
    return "the engine was stopped" if cause == CatchUpCause.ENGINE_STOPPED else "the source was late"
