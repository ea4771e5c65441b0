"""Walk through a window by Tab, as somebody without a mouse does, and say what that person would miss."""

from collections.abc import Iterator

from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QAbstractButton, QApplication, QWidget

from bmi_app.gui.shell.focus_ring import FocusRing, seen_within

_MOST_STOPS = 200


def walk(window: QWidget, backward: bool = False) -> list[QWidget]:
    """Return every stop of Tab (or Shift+Tab) until the first comes again."""
    key, modifier = Qt.Key.Key_Tab, Qt.KeyboardModifier.NoModifier
    if backward:
        key, modifier = Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier
    stops: list[QWidget] = []
    for _ in range(_MOST_STOPS):
        QTest.keyClick(QApplication.focusWidget() or window, key, modifier)
        QApplication.processEvents()
        at = QApplication.focusWidget()
        assert at is not None, f"the keyboard is lost behind {told(stops[-1]) if stops else 'the beginning'}"
        if stops and at is stops[0]:
            return stops
        assert at not in stops, f"{told(at)} comes again before the first stop does"
        stops.append(at)
    raise AssertionError(
        f"after {_MOST_STOPS} presses the first stop has not come again; the last is {told(stops[-1])}"
    )


def stops_without(window: QWidget) -> list[str]:
    """Return a line for each stop at which something is missing, and for each control that is no stop."""
    missing: dict[str, list[str]] = {"ring": [], "name": [], "tooltip": []}
    stops = []
    for stop in _each(window):
        stops.append(stop)
        if not _has_ring(window, stop):
            missing["ring"].append(told(stop))
        if not (stop.accessibleName() or (isinstance(stop, QAbstractButton) and stop.text())):
            missing["name"].append(told(stop))
        if not stop.toolTip():
            missing["tooltip"].append(told(stop))
    reached = {id(stop) for stop in stops}
    missing["stop"] = [
        told(control)
        for control in window.findChildren(QWidget)
        if _is_seen(control)
        and control.isEnabled()
        and control.focusPolicy() & Qt.FocusPolicy.TabFocus
        and control.focusProxy() is None
        and id(control) not in reached
    ]
    return [f"no {what}: {control}" for what, controls in missing.items() for control in controls]


def told(control: QWidget) -> str:
    """Return kind, name and text of a control, as they are read out."""
    text = control.text() if isinstance(control, QAbstractButton) else ""
    return f"{type(control).__name__} {(control.accessibleName() or text).replace('&', '')!r}"


def _each(window: QWidget) -> Iterator[QWidget]:
    """Yield each stop while it has the keyboard."""
    first = None
    for _ in range(_MOST_STOPS):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        QApplication.processEvents()
        at = QApplication.focusWidget()
        if at is None or at is first:
            return
        first = first or at
        yield at


def _is_seen(control: QWidget) -> bool:
    return control.isVisible() and not control.visibleRegion().isEmpty()


def _has_ring(window: QWidget, stop: QWidget) -> bool:
    """Tell whether a ring is painted around a control, on the picture of the window."""
    rings = [ring for ring in window.findChildren(FocusRing) if ring.isVisible()]
    if len(rings) != 1:
        return False
    if not rings[0].geometry().contains(seen_within(stop, window)):
        return False
    picture = window.grab().toImage()
    left, middle = rings[0].geometry().left(), rings[0].geometry().center()
    ratio = picture.devicePixelRatio()
    return picture.pixelColor(round((left + 0.5) * ratio), round(middle.y() * ratio)) == rings[0].colour
