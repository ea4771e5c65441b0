"""Compute a session's learning curve from its events, keep it in the user's cache, and draw it small."""

import json
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QPointF, QSize, Qt
from PyQt6.QtGui import QPainter, QPen, QPixmap, QPolygonF

from bmi_app.analysis.trials import UNJUDGED
from bmi_app.gui.shell.theme import Theme
from bmi_app.record import reading
from bmi_app.record.kinds import file_name
from bmi_app.rt.records import EventKind, Outcome

THUMBNAIL = QSize(120, 34)
_WINDOW_TRIALS = 10
_MOST_POINTS = 60  # more cannot be seen


def success_curve(folder: Path, cache: Path) -> list[float]:
    """Return the success rate over the trials of a session, each over the ten trials that end there.

    It is kept under the size and time of the events' file, so that a session that goes on or is recovered is read again.

    Raises
    ------
    JournalError
        If the folder holds no session.
    """
    events = folder / file_name("events")
    stamp = events.stat() if events.exists() else None
    key = f"{stamp.st_size}-{stamp.st_mtime_ns}" if stamp is not None else "none"
    kept = cache / f"{folder.name}.json"
    try:
        found = json.loads(kept.read_text())
        if found["key"] == key and found["folder"] == str(folder):
            return [float(rate) for rate in found["curve"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is none, or an old one
    curve = _curve(folder)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"folder": str(folder), "key": key, "curve": curve}))
    except OSError:
        pass  # it will be computed again
    return curve


def thumbnail(curve: list[float], theme: Theme, ratio: float) -> QPixmap:
    """Draw a curve from 0 at the bottom to 1 at the top, with a line at one half."""
    picture = QPixmap(THUMBNAIL * ratio)
    picture.setDevicePixelRatio(ratio)
    if not curve:
        picture.fill(Qt.GlobalColor.transparent)
        return picture
    picture.fill(theme.workspace)  # read on a selected row as well
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    width, height = THUMBNAIL.width() - 6, THUMBNAIL.height() - 8
    painter.setPen(QPen(theme.border, 1, Qt.PenStyle.DotLine))
    painter.drawLine(QPointF(3, 4 + height / 2), QPointF(3 + width, 4 + height / 2))
    steps = max(len(curve) - 1, 1)
    points = [QPointF(3 + width * i / steps, 4 + height * (1 - rate)) for i, rate in enumerate(curve)]
    painter.setPen(QPen(theme.cursor, 2))
    if len(points) == 1:
        painter.drawPoint(points[0])
    else:
        painter.drawPolyline(QPolygonF(points))
    painter.end()
    return picture


def _curve(folder: Path) -> list[float]:
    events = reading.read(folder, kinds=("events",)).events
    ends = events[(events["kind"] == EventKind.TRIAL_END) & ~np.isin(events["code"], UNJUDGED)]
    if not len(ends):
        return []
    succeeded = np.concatenate([[0.0], np.cumsum(ends["code"] == Outcome.SUCCESS)])
    last = np.arange(1, len(succeeded))
    first = np.maximum(last - _WINDOW_TRIALS, 0)
    rates = (succeeded[last] - succeeded[first]) / (last - first)
    seen = np.unique(np.linspace(0, len(rates) - 1, _MOST_POINTS).round().astype(int))
    return [round(float(rate), 3) for rate in rates[seen]]
