"""Show learning over trials: success, time to target, path efficiency, each smoothed."""

import numpy as np
import pyqtgraph as pg
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.trials import UNJUDGED, Trials, smoothed
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.widgets.plots import Plot, round_up

_SMOOTH_TRIALS = 20
_TRIALS_STEP = 10  # by so many trials the axes grow
_TIPS = {
    "success": "Whether the target was reached and held",
    "time": "Time to the target of trials that succeeded",
    "efficiency": "Straight way divided by the way taken",
}


class CurvesPanel(FollowsPalette, QWidget):
    """Show a dot for each trial, and the mean of the last 20."""

    period_s = 0.2

    def __init__(self, trials: Trials, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trials = trials
        self._shown = -1
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        self.plots = {
            "success": Plot("success", "", "trial"),
            "time": Plot("time (s)", "", "trial"),
            "efficiency": Plot("efficiency", "", "trial"),
        }
        self.lines: dict[str, pg.PlotDataItem] = {}
        self.dots: dict[str, pg.ScatterPlotItem] = {}
        for name, plot in self.plots.items():
            plot.setToolTip(f"{_TIPS[name]}: a dot a trial, and the mean of the last {_SMOOTH_TRIALS}")
            plot.setAccessibleName(f"learning curve: {name}")
            self.dots[name] = pg.ScatterPlotItem(name="each trial", size=4, pxMode=True, pen=None)
            self.lines[name] = pg.PlotDataItem(connect="finite", name=f"mean of {_SMOOTH_TRIALS}")
            plot.addItem(self.dots[name])
            plot.addItem(self.lines[name])
            layout.addWidget(plot, 1)
        for name in ("success", "efficiency"):
            self.plots[name].getViewBox().setYRange(0, 1, padding=0.06)
        self.restyle()

    def take(self, fresh: Fresh) -> None:
        """Take nothing: the trials are shared with the other panels."""

    def restart(self) -> None:
        """Show the trials anew."""
        self._shown = -1

    def redraw(self, whole: bool = False) -> None:
        """Show new trials."""
        if len(self._trials.ended) == self._shown:
            return
        self._shown = len(self._trials.ended)
        judged = [trial for trial in self._trials.ended if trial.outcome not in UNJUDGED]
        if not judged:
            for item in (*self.dots.values(), *self.lines.values()):
                item.setData([], [])
            return
        numbers = np.array([trial.number + 1 for trial in judged], float)
        values = {
            "success": np.array([float(trial.is_success) for trial in judged]),
            "time": np.array([trial.time_s if trial.is_success else np.nan for trial in judged]),
            "efficiency": np.array([trial.efficiency for trial in judged]),
        }
        for name, of_trials in values.items():
            known = np.isfinite(of_trials)
            self.dots[name].setData(numbers[known], of_trials[known])
            self.lines[name].setData(numbers, smoothed(of_trials, _SMOOTH_TRIALS))
            # In steps, since axes that change at every trial cost more than the curves.
            last = numbers[0] + np.ceil((numbers[-1] - numbers[0] + 1) / _TRIALS_STEP) * _TRIALS_STEP - 1
            self.plots[name].getViewBox().setXRange(numbers[0] - 0.5, last + 0.5, padding=0)
        times_s = values["time"][np.isfinite(values["time"])]
        if len(times_s):
            self.plots["time"].getViewBox().setYRange(0, round_up(float(times_s.max())), padding=0.06)

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        for dots, drawn in zip(self.dots.values(), self.lines.values(), strict=True):
            faint = theme.cursor
            dots.setBrush(pg.mkBrush(faint.red(), faint.green(), faint.blue(), 110))
            drawn.setPen(pg.mkPen(theme.target, width=2))


PANEL = Declaration("Curves", lambda shared: CurvesPanel(shared.source.trials), tab=(1, 2), grid=(2, 1))
