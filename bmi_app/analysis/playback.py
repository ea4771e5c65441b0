"""Be a recorded session at its playhead: what panels ask of a source, and the rows on the way there."""

from dataclasses import dataclass

import numpy as np

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.recorded_session import RecordedSession
from bmi_app.analysis.session_source import Model
from bmi_app.analysis.trials import Trials
from bmi_app.analysis.unit_statistics import CORRELATION_S
from bmi_app.analysis.weight_changes import WeightChanges
from bmi_app.rt.records import CommandKind, EventKind
from bmi_app.rt.stored import named_row


@dataclass(frozen=True)
class RecordedTiming:
    """Hold the totals and ages at one tick, as `TimingFigures` asks."""

    missed_ticks: int
    late_spikes: int
    dropped_spikes: int
    data_age_s: float | None
    saved_bytes: int
    sync_age_s: float | None
    elapsed_s: float


class Playback:
    """Hold the playhead; it stands before the first frame at first.

    Attributes
    ----------
    at : int
        Index of the frame that is shown; -1 for none.
    trials, changes
        Those up to the playhead.
    """

    def __init__(self, session: RecordedSession) -> None:
        self.session = session
        self.folder, self.protocol = session.folder, session.protocol
        self.at = -1
        self.trials, self.changes = Trials(session.dt_s), WeightChanges(0, 0)
        self._trial_ticks = np.array([trial.end_tick for trial in session.trials], np.int64)
        self._change_ticks = np.array([change.tick for change in session.changes], np.int64)
        self.changes.parents = session.change_parents
        self._synced = session.events[session.events["kind"] == EventKind.JOURNAL_SYNCED]

    def jump_to(self, at: int) -> Fresh:
        """Go anywhere; return as many rows before it as panels remember."""
        self.at = max(at - round(CORRELATION_S / self.session.dt_s), 0) - 1
        return self.advance_to(at)

    def advance_to(self, at: int) -> Fresh:
        """Go on; return the rows on the way."""
        rows = self.session.rows(self.at + 1, at + 1)
        self.at = max(at, self.at)
        tick = self._tick
        self.trials.ended = self.session.trials[: np.searchsorted(self._trial_ticks, tick, side="right")]
        self.changes.listed = self.session.changes[: np.searchsorted(self._change_ticks, tick, side="right")]
        return rows

    @property
    def unit_population(self) -> np.ndarray:
        """Return the index of each unit's population, i8[unit]; -1 for none."""
        return self._parts()["population"].astype(np.int64)

    def model(self) -> Model:
        """Return the decoder as it was stored last: at a trial's end, a reward, an adoption."""
        frame = self.session.frames[max(self.at, 0)]
        parts = self._parts()
        learning, assist = self._last(CommandKind.LEARNING), self._last(CommandKind.ASSIST)
        return Model(
            weights=parts["weights"],
            gain=parts["gain"],
            learning_on=learning is None or bool(learning["index"]),
            learning_rate=float(frame["learning_rate"]),
            assist=float(frame["assist"]),
            follows_block=assist is None or float(assist["value"]) < 0,
        )

    def timing(self) -> RecordedTiming:
        """Return the totals and ages at the playhead."""
        at = max(self.at, 0)
        health, arrival_s = self.session.health[at], float(self.session.arrivals_s[at])
        now_s = max(float(health["published_s"]), float(self.session.frames["edge_s"][at]))
        n_synced = int(np.searchsorted(self._synced["tick"], self._tick, side="right"))
        synced = self._synced[n_synced - 1] if n_synced else None
        return RecordedTiming(
            missed_ticks=int(health["missed_ticks"]),
            late_spikes=int(health["late_spikes"]),
            dropped_spikes=int(health["dropped_spikes"]),
            data_age_s=max(now_s - arrival_s, 0.0) if arrival_s > 0 else None,
            saved_bytes=int(synced["value"]) if synced is not None else 0,
            sync_age_s=max(now_s - float(synced["time_s"]), 0.0) if synced is not None else None,
            elapsed_s=(at + 1) * self.session.dt_s,
        )

    def _parts(self) -> dict[str, np.ndarray]:
        """Return the parts of the row of weights that stands at the playhead."""
        stored = int(np.searchsorted(self.session.weights["tick"], self._tick, side="right"))
        row = self.session.weights_rows[max(stored - 1, 0)]
        return named_row(row, self.session.protocol.units.count, self.session.protocol.n_axes)

    @property
    def _tick(self) -> int:
        return int(self.session.frames["tick"][self.at]) if self.at >= 0 else -1

    def _last(self, kind: CommandKind) -> np.void | None:
        """Return the last command of a kind that has acted, or None."""
        commands = self.session.commands
        done = np.flatnonzero((commands["kind"] == kind) & (commands["tick"] <= self._tick))
        return commands[done[-1]] if len(done) else None
