"""Write down where every widget is on the screen, for a test that uses only a mouse and a keyboard.

Only where `$BMI_WIDGET_MAP` names a file: a few times a second it is written anew, a JSON list of all that can be seen.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QPoint, QRect, QTimer
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QHeaderView,
    QListView,
    QTabBar,
    QWidget,
)

_PERIOD_MS = 150
_MOST_ITEMS = 200  # of one list or table


def install(parent: QObject) -> None:
    """Keep the map as long as `parent` lives, where one is asked for."""
    named = os.environ.get("BMI_WIDGET_MAP")
    if not named:
        return
    path = Path(named)
    timer = QTimer(parent)
    timer.timeout.connect(lambda: _write(path))
    timer.start(_PERIOD_MS)


def widgets() -> list[dict[str, Any]]:
    """List what can be seen: every widget, every tab of a bar, every row of a list or table.

    Returns
    -------
    list of dict
        ``kind`` (the class, or "tab", "row"), ``name`` (the accessible one), ``text``, ``rect`` (x, y, width, height on
        the screen), ``window`` (its title), ``enabled``, ``checked``.
    """
    found: list[dict[str, Any]] = []
    for widget in QApplication.allWidgets():
        if widget.isVisible() and not (shown := _shown_of(widget)).isEmpty():
            found += _entries(widget, shown)
    return found


def _shown_of(widget: QWidget) -> QRect:
    """Return the part of a widget that can be seen; what scrolls is covered by its own viewport, and is seen with it."""
    port = widget.viewport() if isinstance(widget, QAbstractScrollArea) else None
    if port is None:
        return widget.visibleRegion().boundingRect()
    return port.visibleRegion().boundingRect().translated(port.pos())


def _entries(widget: QWidget, shown: QRect) -> Iterator[dict[str, Any]]:
    window = widget.window()
    title = window.windowTitle() if window is not None else ""
    whole = {"window": title, "enabled": widget.isEnabled(), "name": widget.accessibleName()}
    checked = bool(getattr(widget, "isChecked", bool)())
    yield whole | {
        "kind": type(widget).__name__,
        "text": _text(widget),
        "rect": _on_screen(widget, shown),
        "checked": checked,
    }
    if isinstance(widget, QTabBar):
        for index in range(widget.count()):
            rect = widget.tabRect(index) & shown
            if not rect.isEmpty():
                is_chosen = index == widget.currentIndex()
                tab = {"kind": "tab", "text": widget.tabText(index), "rect": _on_screen(widget, rect)}
                yield whole | tab | {"checked": is_chosen}
    elif isinstance(widget, QAbstractItemView) and not isinstance(widget, QHeaderView):
        yield from (whole | row for row in _rows(widget))


def _rows(view: QAbstractItemView) -> Iterator[dict[str, Any]]:
    model, port = view.model(), view.viewport()
    if model is None or port is None:
        return
    n_columns = 1 if isinstance(view, QListView) else model.columnCount()
    for row in range(min(model.rowCount(), _MOST_ITEMS)):
        first = model.index(row, 0)
        of_columns = (view.visualRect(model.index(row, column)) for column in range(n_columns))
        rect = next((rect for rect in of_columns if not rect.isEmpty()), QRect()) & port.rect()  # some may be hidden
        if rect.isEmpty():
            continue
        cells = [model.index(row, column).data() for column in range(n_columns)]
        text = " | ".join("" if cell is None else str(cell) for cell in cells)
        selection = view.selectionModel()
        is_chosen = selection is not None and selection.isSelected(first)
        yield {"kind": "row", "text": text, "rect": _on_screen(port, rect), "checked": is_chosen}


def _text(widget: QWidget) -> str:
    for getter in ("text", "currentText", "toPlainText", "title", "windowTitle"):
        read = getattr(widget, getter, None)
        if callable(read) and isinstance(text := read(), str) and text:
            return text
    return ""


def _on_screen(widget: QWidget, rect: QRect) -> list[int]:
    corner: QPoint = widget.mapToGlobal(rect.topLeft())
    return [corner.x(), corner.y(), rect.width(), rect.height()]


def _write(path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(widgets()))
    temporary.replace(path)
