"""Make every panel of a session, and what they share."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from PyQt6.QtCore import QObject, pyqtSignal

from bmi_app.analysis.feed import Fresh, Panel
from bmi_app.analysis.session_source import SessionSource
from bmi_app.analysis.unit_statistics import UnitStatistics
from bmi_app.gui.panels.declaration import Shared, columns, declared
from bmi_app.gui.panels.timing_panel import TimingFigures
from bmi_app.gui.panels.unit_selection import UnitSelection
from bmi_app.gui.widgets.populations import populations_of

P = TypeVar("P")


@runtime_checkable
class Commanding(Protocol):
    """Describe a panel from which the operator commands the session."""

    command_asked: Any  # a signal with the request

    def offer_no_commands(self) -> None:
        """Show only."""


class SessionPanels(QObject):
    """Hold the panels that are declared, `by_title`.

    Signals: `command_asked(request)`, from any of them.

    Attributes
    ----------
    by_title : dict of str to Panel
    tabs, grid : list of list of str
        The titles of each column of docks below the task: as tabs behind each other, and all at once.
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
        shared = Shared(source, self.selection, self.statistics, figures, tick_s)
        panels = declared()
        self.by_title: dict[str, Panel] = {panel.title: panel.make(shared) for panel in panels}
        self.tabs = columns({panel.title: panel.tab for panel in panels})
        self.grid = columns({panel.title: panel.grid for panel in panels})
        self.selection.command_asked.connect(self.command_asked)
        for commanding in self._commanding():
            commanding.command_asked.connect(self.command_asked)

    def of(self, kind: type[P]) -> P:
        """Return the panel of a class."""
        return next(panel for panel in self.by_title.values() if isinstance(panel, kind))

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
        for panel in self._commanding():
            panel.offer_no_commands()

    def _commanding(self) -> list[Commanding]:
        return [panel for panel in self.by_title.values() if isinstance(panel, Commanding)]
