"""Show the way of the cursor in the last trials, a colour for each target."""

import math

import numpy as np
import pyqtgraph as pg
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from bmi_app.analysis.feed import Fresh
from bmi_app.analysis.trials import Trials
from bmi_app.gui.panels.declaration import Declaration
from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.theme import target_colours, theme_of
from bmi_app.gui.widgets.plots import Plot, line
from protocols.schema import Protocol

_OF_TARGET, _OF_RANDOM = 4, 12  # trials that are shown


class TrajectoriesPanel(FollowsPalette, QWidget):
    """Show the last trials of each target in the workspace; a failed one is dashed."""

    period_s = 0.5

    def __init__(self, protocol: Protocol, trials: Trials, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trials = trials
        self._shown = -1
        self._places_cm = protocol.target_positions_cm()
        self._radius_cm = protocol.task.target_radius_cm
        self.plot = Plot(f"last {_OF_TARGET} ways to each target", "y (cm)", "x (cm)")
        self.plot.setAccessibleName("trajectories by target")
        self.plot.setToolTip("The cursor's way in the last trials, in the colour of the target")
        width_cm, height_cm = protocol.workspace.size_cm
        box = self.plot.getViewBox()
        box.setAspectLocked(True)
        box.setRange(xRange=(-width_cm / 2, width_cm / 2), yRange=(-height_cm / 2, height_cm / 2), padding=0.02)
        n_targets = max(len(self._places_cm), 1)
        self.ways = [
            [pg.PlotDataItem(connect="finite", name=f"target {at + 1}, {how}") for at in range(n_targets)]
            for how in ("success", "failure")
        ]
        self._rims = [pg.PlotDataItem(name=f"rim of target {at + 1}") for at in range(len(self._places_cm))]
        angles = np.linspace(0, 2 * math.pi, 41)
        for rim, (x_cm, y_cm) in zip(self._rims, self._places_cm, strict=True):
            rim.setData(x_cm + self._radius_cm * np.cos(angles), y_cm + self._radius_cm * np.sin(angles))
        for item in [*self._rims, *self.ways[0], *self.ways[1]]:
            self.plot.addItem(item)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(self.plot)
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
        gap = np.full((1, 2), np.nan)
        most = _OF_TARGET if self._places_cm else _OF_RANDOM
        for target in range(max(len(self._places_cm), 1)):
            of_target = [trial for trial in self._trials.ended[-400:] if max(trial.target, 0) == target][-most:]
            for is_success, ways in zip((True, False), self.ways, strict=True):
                paths = [trial.path_cm for trial in of_target if trial.is_success == is_success and len(trial.path_cm)]
                joined = np.concatenate([part for path in paths for part in (path, gap)]) if paths else gap
                ways[target].setData(joined[:, 0], joined[:, 1])

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        for target, colour in enumerate(target_colours(len(self.ways[0]), theme_of(self.palette()).is_dark)):
            self.ways[0][target].setPen(line(colour))
            self.ways[1][target].setPen(pg.mkPen(colour, width=1, dash=[4, 4]))
            if target < len(self._rims):
                self._rims[target].setPen(line(colour))


PANEL = Declaration(
    "Trajectories",
    lambda shared: TrajectoriesPanel(shared.source.protocol, shared.source.trials),
    tab=(1, 3),
    grid=(2, 0),
)
