"""Find what a person would see as cut off: texts that do not fit, widgets on top of each other, needless scrollbars."""

import re
from collections.abc import Iterator

import pyqtgraph as pg
from PyQt6.QtCore import QRect
from PyQt6.QtGui import QFontMetrics, QTextDocument
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QCheckBox,
    QComboBox,
    QGroupBox,
    QLabel,
    QMainWindow,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QScrollBar,
    QTabBar,
    QToolButton,
    QWidget,
)

_MAY_SHRINK = 1  # a label with this least width gives way on purpose, and says the rest as a tooltip


def layout_faults(window: QWidget) -> list[str]:
    """Return a line for each fault among the visible widgets of a window."""
    seen = [widget for widget in window.findChildren(QWidget) if _is_seen(widget)]
    found = [fault for widget in seen for fault in _cut(widget)]
    return [*found, *(fault for widget in [window, *seen] for fault in _overlaps(widget))]


def _is_seen(widget: QWidget) -> bool:
    return widget.isVisible() and not widget.visibleRegion().isEmpty()


def _name(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QLabel | QAbstractButton) else ""
    return f"{type(widget).__name__} {(text or widget.accessibleName() or widget.objectName())[:50]!r}"


def _text_width(widget: QWidget, text: str) -> int:
    if re.search(r"<\w+", text):
        document = QTextDocument()
        document.setDefaultFont(widget.font())
        document.setDocumentMargin(0)
        document.setHtml(text)
        return int(document.idealWidth())
    metrics = QFontMetrics(widget.font())
    return max((metrics.horizontalAdvance(line) for line in text.replace("&", "").splitlines()), default=0)


def _cut(widget: QWidget) -> Iterator[str]:
    if isinstance(widget, QLabel) and not widget.wordWrap() and widget.minimumWidth() != _MAY_SHRINK:
        if _text_width(widget, widget.text()) > widget.contentsRect().width() + 1:
            yield f"text does not fit: {_name(widget)}"
    elif isinstance(widget, QLabel) and widget.wordWrap() and widget.text():
        if widget.heightForWidth(widget.width()) > widget.height() + 1:
            yield f"lines do not fit: {_name(widget)}"
    elif isinstance(widget, QPushButton | QCheckBox | QRadioButton | QToolButton):
        if widget.text() and widget.width() < widget.sizeHint().width() - 4 and widget.maximumWidth() > widget.width():
            yield f"text does not fit: {_name(widget)}"
    elif isinstance(widget, QComboBox):
        if _text_width(widget, widget.currentText()) > widget.width() - 22:
            yield f"choice does not fit: {_name(widget)} {widget.currentText()!r}"
    elif isinstance(widget, QTabBar):
        for at in range(widget.count()):
            if widget.tabText(at) and widget.tabRect(at).width() < _text_width(widget, widget.tabText(at)):
                yield f"tab does not fit: {widget.tabText(at)!r}"
        if widget.count() and widget.tabRect(widget.count() - 1).right() > widget.width():
            yield f"not all tabs fit: {widget.tabText(0)!r} ..."
    elif isinstance(widget, QGroupBox):
        if _text_width(widget, widget.title()) > widget.width():
            yield f"title does not fit: {widget.title()!r}"
    elif isinstance(widget, QScrollBar) and isinstance(area := widget.parentWidget(), QWidget):
        owner = area.parentWidget()
        if isinstance(owner, QAbstractScrollArea) and widget is owner.horizontalScrollBar() and not _may_scroll(owner):
            yield f"scrolls sideways: {_name(owner)}"
    height = QFontMetrics(widget.font()).height()
    if (
        isinstance(widget, QLabel | QAbstractButton | QComboBox)
        and 0 < widget.height() < height - 3
        and _has_text(widget)
    ):
        yield f"lower than its text: {_name(widget)}"


def _may_scroll(area: QWidget) -> bool:
    return area.accessibleName() == "TOML"


def _has_text(widget: QWidget) -> bool:
    return bool(widget.text()) if isinstance(widget, QLabel | QAbstractButton) else True


def _overlaps(parent: QWidget) -> Iterator[str]:
    """Find children that lie over each other, or out of their parent."""
    if isinstance(parent, pg.PlotWidget | QComboBox | QMainWindow) or parent.layout() is None:
        return
    layout = parent.layout()
    assert layout is not None
    items = [layout.itemAt(at) for at in range(layout.count())]
    children = [item.widget() for item in items if item is not None and item.widget() is not None]
    children = [child for child in children if child is not None and _is_seen(child)]
    inside = QRect(0, 0, parent.width(), parent.height())
    in_scroll = isinstance(parent.parentWidget(), QWidget) and isinstance(
        parent.parentWidget().parentWidget() if parent.parentWidget() else None, QScrollArea
    )
    for at, child in enumerate(children):
        if not in_scroll and not inside.adjusted(-2, -2, 2, 2).contains(child.geometry()):
            yield f"reaches out of its {type(parent).__name__}: {_name(child)}"
        for other in children[at + 1 :]:
            both = child.geometry().intersected(other.geometry())
            if both.width() > 2 and both.height() > 2:
                yield f"overlap: {_name(child)} and {_name(other)}"
