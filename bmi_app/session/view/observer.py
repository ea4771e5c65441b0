"""Turn a session's live file into what a view says: a phase, words and figures. Nothing here can disturb it."""

import platform
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bmi_app.record import session_folder
from bmi_app.record.damage import JournalError
from bmi_app.rt import cells
from bmi_app.rt.records import HEALTH, EventKind, Flag, Outcome, TaskState
from bmi_app.session.engine.decoder_watch import has_failed
from bmi_app.session.engine.rescue_folder import now_in
from bmi_app.session.view import signal_health
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.signal_health import SignalHealth
from protocols.schema import FIRST_MODEL_VERSION, Protocol

# No new tick for so long: ask, this often, whether the engine lives; say it after that.
_QUIET_S, _ASK_S, _STALLED_S = 0.25, 0.1, 1.0
_LATENCY_S, _SPIKES_S, _N_TIMES, _N_OUTCOMES = 5.0, 1.0, 50, 16  # how far back figures reach


class Phase(StrEnum):
    """Name what a view has to say first about a session."""

    RUNNING = "running"
    PAUSED = "paused"
    SOURCE_LOST = "source lost"
    SOURCE_SILENT = "no samples"
    CATCHING_UP = "catching up"
    STALLED = "no new ticks"
    FINISHING = "finishing"
    ENDED = "ended"
    DIED = "engine died"

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will come."""
        return self in (Phase.ENDED, Phase.DIED)


_STATE_WORDS = {
    TaskState.IDLE: "no task",
    TaskState.REST: "rest: measuring baselines",
    TaskState.MOVE: "move to the target",
    TaskState.HOLD: "hold in the target",
    TaskState.REWARD: "reward",
    TaskState.FAILED: "failed",
    TaskState.INTER_TRIAL: "between trials",
}


@dataclass(frozen=True)
class Figures:
    """Hold what a view shows in numbers and words; None where nothing was measured yet.

    Attributes
    ----------
    frame : FRAME[()] or None
        The newest.
    outcomes : tuple of Outcome
        Of the last trials, the newest last.
    time_to_target_s : float or None
        Median of the last 50 successes seen.
    latency_us : (float, float) or None
        p50 and p99 of the last 5 s, from the moment at which a frame could have been made to its publication.
    data_age_s, sync_age_s : float or None
        Since the source last gave anything; since the journal was last on the disk.
    """

    phase: Phase
    frame: np.ndarray | None
    task: str
    block: str
    trial: int  # counts from 1
    trials: int  # that ended and were not skipped
    successes: int
    skipped: int
    outcomes: tuple[Outcome, ...]
    time_to_target_s: float | None
    spikes_per_s: float
    latency_us: tuple[float, float] | None
    missed_ticks: int
    late_spikes: int
    decoder_failed: bool  # NaN or infinity in the newest frame
    many_late: bool  # a share that an operator should look into
    dropped_spikes: int
    data_age_s: float | None
    saved_bytes: int
    sync_age_s: float | None
    elapsed_s: float
    duration_s: float | None
    signal: SignalHealth


class Observer:
    """Follow one session for one view, on one thread; `clock` (s) is the session's, liblsl's."""

    def __init__(self, attachment: Attachment, clock: Callable[[], float] | None = None) -> None:
        self.attachment = attachment
        self._clock = clock or local_clock()
        self._config = attachment.arrays["config"][0]
        self._dt_s = float(self._config["tick_s"])
        self._head = attachment.head
        self._frames_tail = self._ago(_SPIKES_S)
        self._moved_s = self._clock()
        self._asked_s = -np.inf
        self._phase = Phase.RUNNING
        self._events_tail = 0
        self._times_s: deque[float] = deque(maxlen=_N_TIMES)
        self._outcomes: deque[Outcome] = deque(maxlen=_N_OUTCOMES)
        self._silent_rest = False  # of the last rest block

    def fresh_frames(self) -> np.ndarray:
        """Return the frames made since the last call, FRAME[n]; at the first call those of the last second."""
        self._frames_tail, (frames,) = self.attachment.since(self._frames_tail)
        return frames

    def phase(self) -> Phase:
        """Tell how the session stands. The process table is asked only while no new tick comes."""
        if self._phase.is_over:
            return self._phase
        now_s, head = self._clock(), self.attachment.head
        if head != self._head:
            self._head, self._moved_s = head, now_s
        if now_s - self._moved_s > _QUIET_S:
            if now_s - self._asked_s < _ASK_S:
                return self._phase
            self._asked_s = now_s
            # In this order: an engine that ends writes its summary first and goes then.
            alive, ended = self.attachment.is_alive(), self.attachment.has_ended()
            if ended or not alive:
                self._phase = Phase.ENDED if ended else Phase.DIED
                return self._phase
        frame = self.attachment.latest()
        flags = Flag(int(frame["flags"])) if frame is not None else Flag(0)
        if flags & Flag.FINISHED or self.attachment.arrays["ctl"][cells.DECODE_DONE]:
            self._phase = Phase.FINISHING
        elif now_s - self._moved_s > max(_STALLED_S, 2 * self._dt_s):
            self._phase = Phase.STALLED
        elif flags & Flag.PAUSED:
            self._phase = Phase.PAUSED
        elif flags & Flag.SOURCE_LOST:
            self._phase = Phase.SOURCE_LOST
        elif flags & Flag.CATCHING_UP:
            self._phase = Phase.CATCHING_UP
        else:
            self._phase = Phase.SOURCE_SILENT if flags & Flag.SOURCE_SILENT else Phase.RUNNING
        return self._phase

    def figures(self) -> Figures:
        """Read off everything; meant for a few times a second."""
        arrays, now_s = self.attachment.arrays, self._clock()
        self._take_events()
        frame, state = self.attachment.latest(), arrays["state"][0]
        max_ticks = int(self._config["max_ticks"])
        _, (spiking,) = self.attachment.since(self._ago(_SPIKES_S))
        _, (health, lately) = self.attachment.since(self._ago(_LATENCY_S), "health", "frames")
        last = health[-1] if len(health) else np.zeros((), HEALTH)
        return Figures(
            phase=self.phase(),
            frame=frame,
            task=self._task(frame),
            block=self._block(frame),
            trial=int(frame["trial"]) + 1 if frame is not None else 0,
            trials=self._judged(state),
            successes=int(state["successes"]),
            skipped=int(state["skipped"]),
            outcomes=tuple(self._outcomes),
            time_to_target_s=float(np.median(self._times_s)) if self._times_s else None,
            spikes_per_s=float(spiking["spikes"].sum()) / max(len(spiking) * self._dt_s, 1e-9),
            latency_us=_latency_us(health),
            missed_ticks=int(last["missed_ticks"]),
            late_spikes=int(last["late_spikes"]),
            decoder_failed=frame is not None and bool(has_failed(frame)),
            many_late=is_late(int(last["late_spikes"]), int(arrays["ctl"][cells.SPIKES_DECODED])),
            dropped_spikes=int(last["dropped_spikes"]),
            data_age_s=self._age_s(cells.LAST_ARRIVAL, now_s),
            saved_bytes=int(arrays["ctl"][cells.SAVED_BYTES]),
            sync_age_s=self._age_s(cells.SYNCED, now_s),
            elapsed_s=(int(frame["tick"]) + 1) * self._dt_s if frame is not None else 0.0,
            duration_s=max_ticks * self._dt_s if max_ticks else None,
            signal=signal_health.of_now(self.attachment, lately, health, now_s, self._silent_rest),
        )

    def _judged(self, state: np.void) -> int:
        """Return how many trials succeeded or failed; up to model 1 the skipped ones are counted among those that are done."""
        of_old = int(self._config["model_version"]) == FIRST_MODEL_VERSION
        return int(state["trials_done"]) - (int(state["skipped"]) if of_old else 0)

    def _ago(self, duration_s: float) -> int:
        """Return the tail from which the frames of the last `duration_s` lie, at least one."""
        return max(self.attachment.head - max(round(duration_s / self._dt_s), 1), 0)

    def _take_events(self) -> None:
        self._events_tail, events = self.attachment.events_since(self._events_tail)
        rests = events[np.isin(events["kind"], (EventKind.BASELINE_FROZEN, EventKind.BASELINE_SILENT))]
        if len(rests):
            self._silent_rest = int(rests["kind"][-1]) == EventKind.BASELINE_SILENT
        for end in events[events["kind"] == EventKind.TRIAL_END]:
            outcome = Outcome(int(end["code"]))
            if outcome != Outcome.BLOCK_ENDED:  # counted as no trial
                self._outcomes.append(outcome)
            if outcome == Outcome.SUCCESS:
                self._times_s.append(float(end["value"]))

    def _task(self, frame: np.ndarray | None) -> str:
        if frame is None:
            return "starting"
        state = TaskState(int(frame["state"]))
        if state == TaskState.FAILED and self._outcomes:
            return f"failed: {self._outcomes[-1].name.lower().replace('timeout', 'target').replace('_', ' ')}"
        return _STATE_WORDS[state]

    def _block(self, frame: np.ndarray | None) -> str:
        blocks, index = self.attachment.protocol.blocks, int(frame["block"]) if frame is not None else -1
        if index < 0:
            return ""
        return f"{blocks[index].name or blocks[index].kind.replace('_', ' ')} ({index + 1} of {len(blocks)})"

    def _age_s(self, cell: int, now_s: float) -> float | None:
        then_s = float(self.attachment.arrays["ctl"][cell : cell + 1].view(np.float64)[0])
        return max(now_s - then_s, 0.0) if then_s > 0 else None


def ending(attachment: Attachment) -> tuple[str, bool]:
    """Say why a session that is complete has ended, and whether that was a failure."""
    try:
        summary = session_folder.read_summary(now_in(attachment.folder))
    except JournalError as error:
        return str(error), True
    if summary is None:
        return f"{attachment.folder}: its summary is not there any more", True
    if "error" in summary:
        return str(summary["error"]), True
    return str(summary.get("stop_reason", "")).lower().replace("_", " "), False


def state_text(frame: np.ndarray, protocol: Protocol) -> str:
    """Say in which block and trial a frame lies, and what the task asks for."""
    block, trial = int(frame["block"]), int(frame["trial"])
    parts = [f"trial {trial + 1}"] if trial >= 0 else []
    if block >= 0:
        parts.insert(0, protocol.blocks[block].name or protocol.blocks[block].kind.replace("_", " "))
    return ", ".join([*parts, _STATE_WORDS[TaskState(int(frame["state"]))]])


def remedy(attachment: Attachment) -> str:
    """Say what to do when the engine has died."""
    return f"bmi sessions recover {session_folder.call_it(now_in(attachment.folder))}"


def left_by_the_dead(attachment: Attachment) -> tuple[str, bool]:
    """Say what an engine that died has left, and whether it can be recovered; its bytes are checked by the recovery only."""
    from bmi_app.record import integrity  # what a view need not load before it is needed

    found = integrity.quick(now_in(attachment.folder))
    if found.state == "interrupted":
        return "what it recorded is kept as far as it is whole", True
    if not found.folder.is_dir():
        return f"there is no folder {found.folder} any more", False
    return f"what it left is {found.words}", found.state == "recovery unfinished"


def stop_and_wait(attachment: Attachment, timeout_s: float) -> str:
    """Stop a session and wait for its end; say what went wrong, or nothing."""
    attachment.send({"do": "stop"})
    if not attachment.wait_for_end(timeout_s):
        return f"{attachment.folder.name}: the engine has not ended within {timeout_s:g} s; see engine.log there"
    if not attachment.has_ended():
        return f"{attachment.folder.name}: the engine has died; {left_by_the_dead(attachment)[0]}: {remedy(attachment)}"
    why, is_failure = ending(attachment)
    return f"{attachment.folder.name}: the session was ended by a failure: {why}" if is_failure else ""


def is_late(late_spikes: int, spikes: int) -> bool:
    """Tell whether so many spikes are late that the grace of the ticks, or their source, should be looked into."""
    return late_spikes > 0.01 * max(spikes, 1)


def success_text(figures: Figures) -> str:
    """Say how many trials succeeded; skipped ones are told apart."""
    rate = f" ({figures.successes / figures.trials:.0%})" if figures.trials else ""
    skipped = f", {figures.skipped} skipped" if figures.skipped else ""
    return f"{figures.successes} of {figures.trials}{rate}{skipped}"


def latency_text(figures: Figures) -> str:
    """Say p50 and p99 of the latency."""
    if figures.latency_us is None:
        return "not measured"
    return f"p50 {figures.latency_us[0]:,.0f} µs, p99 {figures.latency_us[1]:,.0f} µs"


def clock_text(duration_s: float) -> str:
    """Say a duration as minutes and seconds."""
    return f"{int(duration_s) // 60:02d}:{int(duration_s) % 60:02d}"


def age_text(age_s: float | None) -> str:
    """Say an age so that it is read at a glance."""
    if age_s is None:
        return "none yet"
    return f"{age_s * 1e3:.0f} ms" if age_s < 1 else f"{age_s:.1f} s"


def size_text(n_bytes: int) -> str:
    """Say a size in decimal units."""
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:.1f} kB"


def _latency_us(health: np.ndarray) -> tuple[float, float] | None:
    timed = health[health["published_s"] > 0]
    if len(timed) == 0:
        return None
    p50, p99 = np.percentile(timed["published_s"] - np.maximum(timed["due_s"], timed["arrival_s"]), (50, 99)) * 1e6
    return float(p50), float(p99)


def local_clock() -> Callable[[], float]:
    """Return liblsl's clock; on Linux Python has the same one without loading liblsl."""
    if platform.system() == "Linux":
        return time.monotonic
    from bmi_app.rt.liblsl import pylsl

    return pylsl.local_clock  # type: ignore[no-any-return]
