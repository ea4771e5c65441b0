"""Reach and press every control of every window by keys alone, and see which has the keyboard.

One filter of events serves all windows of the application:

- Space and Enter press the button, checkbox or choice that has the keyboard. Else Space would be the window's, which pauses.
- The mouse gives the keyboard to no button and no list of choices, so that Space behind a click is the window's again.
- Tab leaves tables, lists and texts, and does not stop at areas that only scroll.
- What has the keyboard by Tab, or by a shortcut, has a ring around it (`FocusRing`), and its panel comes to the front.
- A control without a name of its own is named after its label, for those who have it read out.
"""

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QFocusEvent, QKeyEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QTabBar,
    QWidget,
)

from bmi_app.gui.shell.focus_ring import FocusRing

_PRESSING = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
_ENTER = _PRESSING[1:]
_BY_KEYS = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)
_OF_WINDOWS = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)  # the keyboard comes back


def begin() -> None:
    """Serve every window of the application from now on; a second call changes nothing."""
    application = QApplication.instance()
    assert application is not None
    if application.findChild(_Keyboard, options=Qt.FindChildOption.FindDirectChildrenOnly) is None:
        application.installEventFilter(_Keyboard(application))


class _Keyboard(QObject):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._ring: FocusRing | None = None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """See the few kinds of events that matter; every other goes its way at once."""
        assert event is not None
        kind = event.type()
        if kind == QEvent.Type.ShortcutOverride:
            return self._claim(watched, event)
        if kind == QEvent.Type.KeyPress:
            return self._press(watched, event)
        if kind == QEvent.Type.FocusIn:
            self._show_ring(watched, event)
        elif kind == QEvent.Type.Polish and isinstance(watched, QWidget):
            _make_reachable(watched)
        return False

    @staticmethod
    def _claim(watched: QObject | None, event: QEvent) -> bool:
        """Keep Space and Enter from the window's shortcuts where a control with the keyboard takes them."""
        if not isinstance(event, QKeyEvent) or event.key() not in _PRESSING or event.modifiers() & _COMMANDS:
            return False
        if isinstance(watched, QAbstractButton) or (isinstance(watched, QComboBox) and not watched.isEditable()):
            event.accept()
            return True
        return False

    @staticmethod
    def _press(watched: QObject | None, event: QEvent) -> bool:
        """Let Enter do what Space does; Qt lets it press nothing but the buttons of a dialog."""
        if not isinstance(event, QKeyEvent) or event.key() not in _ENTER or event.isAutoRepeat():
            return False
        if event.modifiers() & _COMMANDS:
            return False
        if isinstance(watched, QPushButton) and watched.autoDefault():
            return False
        if isinstance(watched, QAbstractButton):
            watched.click()
            return True
        if isinstance(watched, QComboBox) and not watched.isEditable():
            watched.showPopup()
            return True
        return False

    def _show_ring(self, watched: QObject | None, event: QEvent) -> None:
        if not isinstance(event, QFocusEvent) or not isinstance(watched, QWidget):
            return
        if event.reason() in _OF_WINDOWS:
            return
        if self._ring is not None:
            self._ring.leave()
            self._ring = None
        window = watched.window()
        if event.reason() in _BY_KEYS and window is not None and window is not watched:
            _bring_to_front(watched)
            self._ring = FocusRing(watched, window)


_COMMANDS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier


def _bring_to_front(control: QWidget) -> None:
    """Show a control that lies in a panel behind others, or is scrolled out of sight: Qt lets Tab go there all the same."""
    at = control.parentWidget()
    while at is not None:
        if isinstance(at, QScrollArea):
            at.ensureWidgetVisible(control)
        elif isinstance(at, QDockWidget) and control.visibleRegion().isEmpty():
            at.raise_()
        at = at.parentWidget()


def _make_reachable(widget: QWidget) -> None:
    """Set what Tab and the mouse give a control that is about to be shown for the first time."""
    if isinstance(widget, QAbstractButton) or (isinstance(widget, QComboBox) and not widget.isEditable()):
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    elif isinstance(widget, QAbstractItemView):
        widget.setTabKeyNavigation(False)
    elif isinstance(widget, QPlainTextEdit):
        widget.setTabChangesFocus(True)
    elif isinstance(widget, QScrollArea):
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    elif isinstance(widget, QTabBar) and not widget.accessibleName():
        widget.setAccessibleName("tabs")
        widget.setToolTip("Choose a page with the arrow keys")
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not widget.accessibleName():
        widget.setAccessibleName(_label_of(widget))


def _label_of(widget: QWidget) -> str:
    """Return the words of the label beside a control, without its mark of a shortcut; an empty text where there is none."""
    parent = widget.parentWidget()
    layout = parent.layout() if parent is not None else None
    found = _labelling(layout, widget) if layout is not None else None
    return found.text().replace("&", "").strip(" :") if found is not None else ""


def _labelling(layout: QLayout, widget: QWidget) -> QLabel | None:
    if layout.indexOf(widget) < 0:
        inner = (item.layout() for at in range(layout.count()) if (item := layout.itemAt(at)) is not None)
        found = (_labelling(one, widget) for one in inner if one is not None)
        return next((label for label in found if label is not None), None)
    before = None
    if isinstance(layout, QFormLayout):
        before = layout.labelForField(widget)
    elif isinstance(layout, QGridLayout):
        row, column, _, _ = layout.getItemPosition(layout.indexOf(widget))
        item = layout.itemAtPosition(row or 0, (column or 0) - 1) if column else None
        before = item.widget() if item is not None else None
    elif (item := layout.itemAt(layout.indexOf(widget) - 1)) is not None:
        before = item.widget()
    return before if isinstance(before, QLabel) else None
