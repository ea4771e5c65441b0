"""Arrange panels in docks around the task, remember where they were put, and redraw only those that are seen."""

import time

from PyQt6.QtCore import QObject, QSettings, Qt, QTimer
from PyQt6.QtWidgets import QDockWidget, QMainWindow, QMenu, QTabWidget, QWidget

from bmi_app.gui.feed import Fresh, Panel

_LAYOUT_VERSION = 1  # a layout of another version is forgotten: it names other docks
_BUDGET_S = 0.004  # of one refresh, for panels that are redrawn more seldom than the display


class Docks(QObject):
    """Hold the docks of one window.

    Parameters
    ----------
    window : QMainWindow
    side : QWidget
        What stands at the right of the task and is no panel: status, controls, log.
    columns : list of dict
        The panels below, by their titles; those of one column lie behind each other, as tabs.
    """

    def __init__(self, window: QMainWindow, side: QWidget, columns: list[dict[str, Panel]]) -> None:
        super().__init__(window)
        self._window, self._columns = window, columns
        self.panels: dict[str, Panel] = {title: panel for column in columns for title, panel in column.items()}
        self.docks: dict[str, QDockWidget] = {"Session": self._dock("Session", side)}
        self.docks |= {title: self._dock(title, panel) for title, panel in self.panels.items()}  # type: ignore[arg-type]
        self._due_s = dict.fromkeys(self.panels, 0.0)
        self._share = 0.0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._resize)
        window.setDockNestingEnabled(True)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.arrange_tabs()

    def take(self, fresh: Fresh) -> None:
        """Give every panel what came; redraw those that are seen and due, the longest due first."""
        for panel in self.panels.values():
            panel.take(fresh)
        began_s = time.monotonic()
        due = [
            (self._due_s[title], title)
            for title, panel in self.panels.items()
            if self._due_s[title] <= began_s and is_seen(panel)
        ]
        # One slow panel at most beside those of every frame, unless there is time left: so no frame is held up by all.
        for _, title in sorted(due):
            panel = self.panels[title]
            if panel.period_s > 0 and time.monotonic() - began_s > _BUDGET_S:
                continue
            panel.redraw()
            self._due_s[title] = began_s + panel.period_s

    def redraw_all(self) -> None:
        """Redraw every panel that is seen, due or not: at the end of a session, so that nothing stale stays."""
        for panel in self.panels.values():
            if is_seen(panel):
                panel.redraw()

    def arrange_tabs(self) -> None:
        """Put the docks where they are at first: a column of tabs for each kind, below the task."""
        self._reset()
        firsts = []
        for column in self._columns:
            titles = list(column)
            firsts.append(self.docks[titles[0]])
            self._window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, firsts[-1])
            for title in titles[1:]:
                self._window.tabifyDockWidget(firsts[-1], self.docks[title])
            firsts[-1].raise_()
        self._size(0.42)

    def arrange_all(self) -> None:
        """Show every panel at once, for a large screen."""
        self._reset()
        for column in self._columns:
            above = None
            for title in column:
                dock = self.docks[title]
                if above is None:
                    self._window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
                else:
                    self._window.splitDockWidget(above, dock, Qt.Orientation.Vertical)
                above = dock
        self._size(0.66)

    def fill_menu(self, menu: QMenu) -> None:
        """Offer each dock, and the two arrangements."""
        for dock in self.docks.values():
            menu.addAction(dock.toggleViewAction())
        menu.addSeparator()
        menu.addAction("Panels as tabs", self.arrange_tabs)
        menu.addAction("All panels at once", self.arrange_all)

    def save(self) -> None:
        """Remember size and layout."""
        settings = QSettings("bmi_app", "bmi")
        settings.setValue("window/geometry", self._window.saveGeometry())
        settings.setValue("window/layout", self._window.saveState(_LAYOUT_VERSION))

    def restore(self) -> None:
        """Take size and layout as they were; the first time nothing changes."""
        settings = QSettings("bmi_app", "bmi")
        geometry, layout = settings.value("window/geometry"), settings.value("window/layout")
        if geometry is not None and layout is not None:
            self._window.restoreGeometry(geometry)
            self._window.restoreState(layout, _LAYOUT_VERSION)

    def _reset(self) -> None:
        for dock in self.docks.values():
            self._window.removeDockWidget(dock)
            dock.setFloating(False)
        self._window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.docks["Session"])
        self._window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for dock in self.docks.values():
            dock.show()

    def _size(self, share: float) -> None:
        """Give the panels below a share of the window's height; again once the window has its size."""
        self._share = share
        self._resize()
        self._settle.start(0)

    def _resize(self) -> None:
        height_px = round(self._window.height() * self._share)
        docks = [self.docks[next(iter(column))] for column in self._columns]
        self._window.resizeDocks(docks, [height_px] * len(docks), Qt.Orientation.Vertical)
        self._window.resizeDocks(docks, [10] * len(docks), Qt.Orientation.Horizontal)

    def _dock(self, title: str, content: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(title)
        dock.setWidget(content)
        return dock


def is_seen(panel: Panel) -> bool:
    """Tell whether any of a panel is on the screen: not closed, not behind another tab, not covered."""
    return panel.isVisible() and not panel.visibleRegion().isEmpty()
