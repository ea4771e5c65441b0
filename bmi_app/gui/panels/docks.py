"""Arrange panels in docks around the task, remember where they were put, and redraw only those that are seen."""

import time
from collections.abc import Mapping

from PyQt6.QtCore import QEvent, QObject, QSettings, Qt, QTimer
from PyQt6.QtWidgets import QDockWidget, QMainWindow, QMenu, QTabWidget, QWidget

from bmi_app.analysis.feed import Fresh, Panel

_ARRANGED = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide)
_SAVE_AFTER_MS = 2000
_LAYOUT_VERSION = 1  # a layout of another version is forgotten: it names other docks


class Docks(QObject):
    """Hold the docks of one window.

    Parameters
    ----------
    window : QMainWindow
    side : QWidget
        What stands at the right of the task and is no panel: status, controls, log.
    panels : dict
        The panels below, by their titles.
    tabs, grid : list of list of str
        The titles of each column, behind each other as tabs, or all to be seen.
    side_title : str
        Of the dock at the right.
    name : str
        Under which the layout is remembered.
    behind : mapping of str to QWidget, optional
        What else stands at the right and is no panel, as tabs behind `side`, by its titles.
    """

    def __init__(
        self,
        window: QMainWindow,
        side: QWidget,
        panels: dict[str, Panel],
        tabs: list[list[str]],
        grid: list[list[str]],
        side_title: str = "Session",
        name: str = "window",
        behind: Mapping[str, QWidget] | None = None,
    ) -> None:
        super().__init__(window)
        self._window, self._tabs, self._grid = window, tabs, grid
        self._side_title, self._name = side_title, name
        self.panels = panels
        self._uncovered: set[str] = set()
        self._uncovering = QTimer(self)
        self._uncovering.setSingleShot(True)
        self._uncovering.timeout.connect(self._redraw_uncovered)
        self.docks: dict[str, QDockWidget] = {side_title: self._dock(side_title, side)}
        self._behind = {title: self._dock(title, content) for title, content in (behind or {}).items()}
        self.docks |= self._behind
        self.docks |= {title: self._dock(title, panel) for title, panel in self.panels.items()}  # type: ignore[arg-type]
        self.due_s = dict.fromkeys(self.panels, 0.0)
        self._sized, self._share = tabs, 0.0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._resize)
        self._is_restored = False
        self._restoring, self._saving = QTimer(self), QTimer(self)
        for timer, act in ((self._restoring, self._restore_layout), (self._saving, self.save)):
            timer.setSingleShot(True)
            timer.timeout.connect(act)
        for dock in self.docks.values():
            dock.installEventFilter(self)
        window.setDockNestingEnabled(True)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.arrange_tabs()

    def take(self, fresh: Fresh) -> None:
        """Give every panel what came; redraw those that are seen and due, the longest due first."""
        for panel in self.panels.values():
            panel.take(fresh)
        began_s = time.monotonic()
        due = [
            (self.due_s[title], title)
            for title, panel in self.panels.items()
            if self.due_s[title] <= began_s and is_seen(panel)
        ]
        is_slow_done = False
        for _, title in sorted(due):
            panel = self.panels[title]
            if panel.period_s > 0 and is_slow_done:
                continue  # one of them a frame, so that no frame is held up by all
            panel.redraw()
            is_slow_done |= panel.period_s > 0
            self.due_s[title] = began_s + panel.period_s

    def make_due(self) -> None:
        """Have every panel redrawn as soon as it is its turn."""
        self.due_s = dict.fromkeys(self.panels, 0.0)

    def redraw_all(self) -> None:
        """Redraw every panel that is seen, due or not: at the end of a session, so that nothing stale stays."""
        for panel in self.panels.values():
            if is_seen(panel):
                panel.redraw(whole=True)

    def arrange_tabs(self) -> None:
        """Put the docks where they are at first: a column of tabs for each kind, below the task."""
        self._reset()
        for titles in self._tabs:
            first = self.docks[titles[0]]
            self._window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, first)
            for title in titles[1:]:
                self._window.tabifyDockWidget(first, self.docks[title])
            first.raise_()
        self._size(self._tabs, 0.42)

    def arrange_all(self) -> None:
        """Show every panel at once, for a large screen."""
        self._reset()
        for column in self._grid:
            above = None
            for title in column:
                dock = self.docks[title]
                if above is None:
                    self._window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
                else:
                    self._window.splitDockWidget(above, dock, Qt.Orientation.Vertical)
                above = dock
        self._size(self._grid, 0.7)

    def fill_menu(self, menu: QMenu) -> None:
        """Offer each dock, and the two arrangements."""
        for dock in self.docks.values():
            menu.addAction(dock.toggleViewAction())
        menu.addSeparator()
        menu.addAction("Panels as tabs", self.arrange_tabs)
        menu.addAction("All panels at once", self.arrange_all)

    def save(self) -> None:
        """Remember size and layout."""
        if not self._is_restored:  # never seen: there is nothing to remember
            return
        self._saving.stop()
        settings = QSettings("bmi_app", "bmi")
        if self._window.isWindow():
            settings.setValue(f"{self._name}/geometry", self._window.saveGeometry())
        settings.setValue(f"{self._name}/layout", self._window.saveState(_LAYOUT_VERSION))

    def restore(self) -> None:
        """Take the size as it was, and the layout once the window has its size; the first time nothing changes."""
        geometry = QSettings("bmi_app", "bmi").value(f"{self._name}/geometry")
        if geometry is not None and self._window.isWindow():
            self._window.restoreGeometry(geometry)
        self._window.installEventFilter(self)
        if self._window.isVisible():
            self._restoring.start(0)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Restore the layout when the window is first shown; remember it a little after the hand has changed it."""
        assert event is not None
        window = self.__dict__.get("_window")
        if window is None:  # docks still hide while Python takes this object apart
            return False
        if watched is window:
            if event.type() == QEvent.Type.Show and not self._is_restored:
                self._restoring.start(0)
        elif self._is_restored and event.type() in _ARRANGED and window.isVisible():
            self._saving.start(_SAVE_AFTER_MS)  # the window may be killed
        return super().eventFilter(watched, event)

    def _restore_layout(self) -> None:
        self._is_restored = True
        layout = QSettings("bmi_app", "bmi").value(f"{self._name}/layout")
        if layout is not None and self._window.restoreState(layout, _LAYOUT_VERSION):
            self._settle.stop()  # else what was restored would be sized as at first

    def _reset(self) -> None:
        for dock in self.docks.values():
            dock.setFloating(False)
        self._window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.docks[self._side_title])
        self._window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for dock in self._behind.values():
            self._window.tabifyDockWidget(self.docks[self._side_title], dock)
        for dock in self.docks.values():
            dock.show()
        self.docks[self._side_title].raise_()

    def _size(self, columns: list[list[str]], share: float) -> None:
        """Give the panels below a share of the window's height; again once the window has its size."""
        self._sized, self._share = columns, share
        self._resize()
        self._settle.start(0)

    def _resize(self) -> None:
        height_px = round(self._window.height() * self._share)
        firsts = [self.docks[titles[0]] for titles in self._sized]
        self._window.resizeDocks(firsts, [10] * len(firsts), Qt.Orientation.Horizontal)
        if self._sized is self._tabs:
            self._window.resizeDocks(firsts, [height_px] * len(firsts), Qt.Orientation.Vertical)
            return
        for titles in self._sized:
            docks = [self.docks[title] for title in titles]
            self._window.resizeDocks(docks, [height_px // len(docks)] * len(docks), Qt.Orientation.Vertical)

    def _dock(self, title: str, content: QWidget) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(title)
        dock.setWidget(content)
        # A method: Qt forgets it when this object goes. What else could be called (a `partial`, a lambda) Qt still calls
        # where docks hide while Python takes it apart, and a `partial` that was taken apart ends the process.
        dock.visibilityChanged.connect(self._uncover)
        return dock

    def _uncover(self, is_visible: bool) -> None:
        """Have a panel redrawn when it becomes visible: while nothing plays, nothing else redraws it."""
        dock = self.sender()
        if is_visible and dock is not None and dock.objectName() in self.panels:
            self._uncovered.add(dock.objectName())
            self._uncovering.start(0)  # once it has its place

    def _redraw_uncovered(self) -> None:
        titles, self._uncovered = self._uncovered, set()
        for title in titles:
            if is_seen(self.panels[title]):
                self.panels[title].redraw(whole=True)


def is_seen(panel: Panel) -> bool:
    """Tell whether any of a panel is on the screen: not closed, not behind another tab, not covered."""
    return panel.isVisible() and not panel.visibleRegion().isEmpty()
