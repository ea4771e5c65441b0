"""Save a plot as PNG or SVG, and what is drawn in it as CSV."""

import csv
import errno
import io
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyqtgraph as pg
from PyQt6.QtCore import QBuffer, QDir, QIODevice, QPoint, QRectF, QSettings, Qt
from PyQt6.QtGui import QImage, QPainter, QTextDocument
from PyQt6.QtSvg import QSvgGenerator
from PyQt6.QtWidgets import QFileDialog, QMenu, QMessageBox, QToolTip, QWidget

from bmi_app.gui.shell.plain_label import plain_box, plain_tip
from bmi_app.gui.shell.question import Answer, Question
from bmi_app.record import new_file

_PNG_SCALE = 3  # times the size on the screen: 300 dots an inch where the screen has 100
_KEPT_FOLDER = "figures/folder"


class Drawn(NamedTuple):
    """Hold what a plot shows, as a table: the names of the columns with their units, and the rows."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]


class Figure(Protocol):
    """Describe a plot that is saved: a widget of pyqtgraph that knows its texts, and what it shows where curves do not say so."""

    tabled: Callable[[], Drawn] | None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Return the title and the names of the axes, left and bottom, with their units."""


class FigureExport:
    """Offer to save one plot.

    Parameters
    ----------
    plot : Figure and pg.PlotWidget
    """

    def __init__(self, plot: Any) -> None:
        self._plot = plot
        self.question = Question(plot)
        self.trouble: QMessageBox | None = None

    def offer(self, menu: QMenu) -> None:
        """Put the ways to save the plot into a menu."""
        menu.setToolTipsVisible(True)
        for text, suffix, tip in (
            ("Save figure as PNG…", "png", f"A picture of {_PNG_SCALE} times the size on the screen"),
            ("Save figure as SVG…", "svg", "Lines and letters that stay sharp at every size"),
            ("Save data as CSV…", "csv", "The numbers that are drawn, with the units in the first line"),
        ):
            action = menu.addAction(text, lambda suffix=suffix: self.ask(suffix))
            if action is not None:
                action.setToolTip(tip)

    def ask(self, suffix: str) -> None:
        """Ask for the file, and save to it."""
        folder = Path(str(QSettings("bmi_app", "bmi").value(_KEPT_FOLDER) or QDir.homePath()))
        title = plain_title(self._plot.texts[0]) or self._plot.accessibleName() or self._plot.texts[1] or "figure"
        name = re.sub(r"\W+", "_", title).strip("_") or "figure"
        # What stands there already is asked for below, with the suffix that the dialog does not know.
        found, _ = QFileDialog.getSaveFileName(
            self._plot,
            "Save the data" if suffix == "csv" else "Save the figure",
            str(folder / f"{name}.{suffix}"),
            f"{suffix.upper()} (*.{suffix})",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )
        if found:
            path = Path(found)
            self.save(path if path.suffix.lower() == f".{suffix}" else path.with_name(f"{path.name}.{suffix}"))

    def save(self, path: Path, *, replace: bool = False) -> None:
        """Save to a file, whole or not at all; ask before one is replaced, and say what is wrong in a box."""
        makes = {".png": png_bytes, ".svg": svg_bytes, ".csv": csv_bytes}
        try:
            new_file.write(path, makes[path.suffix.lower()](self._plot), replace=replace)
        except OSError as error:
            if error.errno == errno.EEXIST and not replace:
                self.question.ask(
                    f"Replace {path.name}?",
                    f"It is in {path.parent} already.",
                    Answer("&Replace", lambda: self.save(path, replace=True)),
                    stay="&Keep it",
                )
            else:
                self._tell(f"{path}: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - pyqtgraph and Qt raise plain ones where they cannot draw
            self._tell(f"The figure cannot be saved: {error}")
        else:
            QSettings("bmi_app", "bmi").setValue(_KEPT_FOLDER, str(path.parent))
            QToolTip.showText(self._plot.mapToGlobal(QPoint(8, 8)), plain_tip(f"Saved: {path}"), self._plot)

    def _tell(self, what: str) -> None:
        self.trouble = plain_box(QMessageBox.Icon.Warning, "The file was not written.", what, self._plot)
        self.trouble.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.trouble.destroyed.connect(self._forget)
        self.trouble.open()

    def _forget(self) -> None:
        self.trouble = None


def plain_title(title: str) -> str:
    """Return a title without the marks of its colours."""
    if "<" not in title and "&" not in title:
        return title
    document = QTextDocument()
    document.setHtml(title)
    return document.toPlainText()


def png_bytes(plot: QWidget) -> bytes:
    """Return a plot as it is seen, title and all, as PNG."""
    picture = QImage(plot.size() * _PNG_SCALE, QImage.Format.Format_RGB32)
    picture.setDevicePixelRatio(_PNG_SCALE)
    QWidget.render(plot, picture)  # a view has another `render`, of its scene alone
    return _saved(picture)


def _saved(picture: QImage) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not picture.save(buffer, "PNG"):
        raise ValueError("the picture is empty")
    return bytes(buffer.data().data())


def svg_bytes(plot: Any) -> bytes:
    """Return a plot as it is seen, title and all, as SVG; what lies outside of its axes is cut off.

    pyqtgraph's exporter reads what Qt writes, and fails with Qt 6.11. Qt itself leaves clipping out of an SVG, so that the
    curves are drawn apart from their frame, and cut off here.
    """
    item = plot.getPlotItem()
    box, curves = item.getViewBox(), item.getViewBox().childGroup
    frame = [item.getAxis(side) for side in ("left", "bottom", "right", "top")]
    curves.setOpacity(0.0)  # an item that is hidden would change the layout
    try:
        head, around = _drawn_svg(plot, lambda painter: QWidget.render(plot, painter))
    finally:
        curves.setOpacity(1.0)
    for axis in frame:
        axis.setOpacity(0.0)
    try:
        seen = QRectF(plot.viewport().rect())
        _, inside = _drawn_svg(plot, lambda painter: plot.scene().render(painter, seen, seen))
    finally:
        for axis in frame:
            axis.setOpacity(1.0)
    room = box.mapRectToScene(box.rect())
    clip = (
        f'<clipPath id="axes"><rect x="{room.x():g}" y="{room.y():g}" width="{room.width():g}" height="{room.height():g}"/>'
        f'</clipPath>\n<g clip-path="url(#axes)">\n'
    )
    return f"{head}{around}{clip}{inside}</g>\n</svg>\n".encode()


def _drawn_svg(plot: Any, paint: Callable[[QPainter], object]) -> tuple[str, str]:
    """Return the head of an SVG, and what stands in it."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    svg = QSvgGenerator()
    svg.setOutputDevice(buffer)
    svg.setSize(plot.size())
    svg.setViewBox(plot.rect())
    svg.setResolution(plot.logicalDpiX())
    svg.setTitle(plain_title(plot.texts[0]) or plot.accessibleName())
    painter = QPainter(svg)
    paint(painter)
    painter.end()
    found = re.fullmatch(r"(.*?<svg[^>]*>)(.*)</svg>\s*", buffer.data().data().decode(), re.DOTALL)
    if found is None:
        raise ValueError("Qt wrote no SVG")
    return found[1], found[2]


def csv_bytes(plot: Figure) -> bytes:
    """Return what is drawn as CSV in UTF-8; a number that is not known, such as between two curves, is empty."""
    drawn = plot.tabled() if plot.tabled is not None else drawn_in(plot)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(drawn.columns)
    for row in drawn.rows:
        writer.writerow(_written(value) for value in row)
    return text.getvalue().encode()


def drawn_in(plot: Any) -> Drawn:
    """Return the points of every curve and every cloud of points, with the names they have."""
    title, left, bottom = plot.texts
    rows: list[tuple[Any, ...]] = []
    series = [item for item in plot.getPlotItem().items if isinstance(item, pg.PlotDataItem | pg.ScatterPlotItem)]
    for number, item in enumerate(series, 1):
        x, y = item.getOriginalDataset() if isinstance(item, pg.PlotDataItem) else item.getData()
        if x is None or y is None or not item.isVisible():
            continue
        name = item.name() or f"{number}"
        rows += [(name, *point) for point in zip(np.asarray(x).tolist(), np.asarray(y).tolist(), strict=False)]
    return Drawn(("series", bottom or "x", left or plain_title(title) or "y"), rows)


def _written(value: Any) -> Any:
    return "" if isinstance(value, float) and not math.isfinite(value) else value
