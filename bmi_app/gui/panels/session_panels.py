"""Make every panel of a session, and what they share."""

from collections.abc import Callable

from PyQt6.QtCore import QObject, pyqtSignal

from bmi_app.analysis.feed import Fresh, Panel
from bmi_app.analysis.session_source import SessionSource
from bmi_app.analysis.unit_statistics import UnitStatistics
from bmi_app.gui.panels.curves_panel import CurvesPanel
from bmi_app.gui.panels.decoder_panel import DecoderPanel
from bmi_app.gui.panels.learning_panel import LearningPanel
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.gui.panels.timing_panel import TimingFigures, TimingPanel
from bmi_app.gui.panels.trajectories_panel import TrajectoriesPanel
from bmi_app.gui.panels.trial_table import TrialTable
from bmi_app.gui.panels.tuning_panel import TuningPanel
from bmi_app.gui.panels.unit_selection import UnitSelection
from bmi_app.gui.widgets.populations import populations_of

# The columns of docks below the task: as tabs behind each other, and all at once.
TABS = [["Spikes", "Tuning", "Trials", "Timing"], ["Decoder", "Learning", "Curves", "Trajectories"]]
GRID = [["Spikes", "Tuning", "Trials"], ["Decoder", "Learning", "Timing"], ["Trajectories", "Curves"]]


class SessionPanels(QObject):
    """Hold the panels, `by_title` too.

    Signals: `command_asked(request)`, from any of them.
    """

    command_asked = pyqtSignal(dict)

    def __init__(
        self, source: SessionSource, figures: Callable[[], TimingFigures], parent: QObject | None = None
    ) -> None:  # fmt: skip
        super().__init__(parent)
        protocol, tick_s = source.protocol, source.protocol.tick.period_ms / 1e3
        self.trials = source.trials
        self.selection = UnitSelection(source, populations_of(protocol), self)
        self.statistics = UnitStatistics(protocol.units.count, tick_s)
        self.raster = RasterPanel(self.selection, self.statistics, tick_s)
        self.tuning = TuningPanel(self.selection, self.statistics)
        self.decoder = DecoderPanel(source, self.selection)
        self.learning = LearningPanel(source)
        self.table = TrialTable(self.trials)
        self.curves = CurvesPanel(self.trials)
        self.trajectories = TrajectoriesPanel(protocol, self.trials)
        self.timing = TimingPanel(figures, tick_s)
        self.by_title: dict[str, Panel] = {
            "Spikes": self.raster,
            "Tuning": self.tuning,
            "Decoder": self.decoder,
            "Learning": self.learning,
            "Trials": self.table,
            "Curves": self.curves,
            "Trajectories": self.trajectories,
            "Timing": self.timing,
        }
        self.selection.command_asked.connect(self.command_asked)
        self.learning.command_asked.connect(self.command_asked)

    def take(self, fresh: Fresh) -> None:
        """Bring up to date what several panels show."""
        self.statistics.take(fresh.frames, fresh.counts)

    def restart(self) -> None:
        """Forget what came: what follows does not follow on it."""
        self.statistics.restart()
        for panel in self.by_title.values():
            panel.restart()

    def end(self) -> None:
        """Offer no command any more."""
        self.learning.offer_no_commands()
