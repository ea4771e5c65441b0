"""Issue 14, 7: no plot could be saved, neither as a figure nor as numbers."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QContextMenuEvent, QImage
from PyQt6.QtWidgets import QApplication, QFileDialog
from PyQt6.QtXml import QDomDocument

from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.widgets.figure_export import csv_bytes
from bmi_app.gui.widgets.plots import Plot
from bmi_app.rt.records import TaskState


@pytest.fixture
def plot(qtbot: Any) -> Plot:
    made = Plot('velocity of <b style="color: #0072B2">x</b>', "cm/s", "time (s)")
    qtbot.addWidget(made)
    made.resize(400, 240)
    made.plot([0.0, 0.25, 0.5, 1.0], [1.0, 0.5, float("nan"), -2.25], name="decoded, x", pen="r")
    made.show()
    qtbot.waitExposed(made)
    return made


def choose(monkeypatch: Any, path: Path | None) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path) if path else "", ""))


def test_the_data_are_what_is_drawn_with_units_in_the_header(plot: Plot, tmp_path: Path) -> None:
    plot.exports.save(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == (
        'series,time (s),cm/s\n"decoded, x",0.0,1.0\n"decoded, x",0.25,0.5\n"decoded, x",0.5,\n"decoded, x",1.0,-2.25\n'
    )


def test_the_menu_saves_a_picture_and_lines(plot: Plot, tmp_path: Path, monkeypatch: Any) -> None:
    QApplication.sendEvent(
        plot, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(9, 9), plot.mapToGlobal(QPoint(9, 9)))
    )
    assert plot.menu is not None
    acts = {action.text(): action for action in plot.menu.actions()}
    assert list(acts) == ["Save figure as PNG…", "Save figure as SVG…", "Save data as CSV…"]
    assert all(action.toolTip() != action.text() for action in acts.values())
    plot.menu.close()
    choose(monkeypatch, tmp_path / "figure")  # without its ending
    for action in acts.values():
        action.trigger()
        assert plot.exports.trouble is None, plot.exports.trouble.informativeText()
    assert sorted(path.name for path in tmp_path.glob("figure*")) == ["figure.csv", "figure.png", "figure.svg"]
    picture = QImage(str(tmp_path / "figure.png"))
    assert (picture.width(), picture.height()) == (1200, 720)
    colours = {picture.pixelColor(x, y).name() for x in range(0, 1200, 2) for y in range(0, 720, 2)}
    assert {"#ff0000"} < colours  # the curve
    title = {picture.pixelColor(x, y).name() for x in range(1200) for y in range(50)}
    assert "#0072b2" in title
    svg = (tmp_path / "figure.svg").read_text()
    document = QDomDocument()
    assert document.setContent(svg)
    texts = document.elementsByTagName("text")
    written = [texts.at(at).toElement().text().strip() for at in range(texts.count())]
    assert {"velocity of", "x", "cm/s", "time (s)", "0.6"} <= set(written)
    assert svg.index("clip-path=") < svg.index("#ff0000")  # the curve is cut off at the axes
    assert "<title>velocity of x</title>" in svg


def test_what_lies_outside_of_the_axes_is_in_no_picture(plot: Plot, tmp_path: Path) -> None:
    plot.getViewBox().setRange(xRange=(0.2, 0.4), yRange=(-1, 1), padding=0)
    plot.plot([0.0, 1.0], [0.0, 0.0], pen="g")
    plot.plot([0.0, 1.0], [30.0, -70.0], pen="b")  # crosses the axes steeply
    QApplication.processEvents()
    room = plot.getViewBox().mapRectToScene(plot.getViewBox().rect())
    for suffix in ("png", "svg"):
        plot.exports.save(tmp_path / f"a.{suffix}")
    picture = pg.functions.ndarray_from_qimage(QImage(str(tmp_path / "a.png")))[..., :3].astype(int)  # blue, green, red
    coloured = (picture.max(axis=2) == 255) & (picture.sum(axis=2) == 255)
    y, x = np.nonzero(coloured)
    assert len(x) > 300
    assert room.left() * 3 - 3 <= x.min() < x.max() <= room.right() * 3 + 3
    assert room.top() * 3 - 3 <= y.min() < y.max() <= room.bottom() * 3 + 3
    around, _, inside = (tmp_path / "a.svg").read_text().partition('<g clip-path="url(#axes)">')
    for colour in ("#ff0000", "#00ff00", "#0000ff"):
        assert colour not in around
        assert colour in inside
    assert "time (s)" in around
    (clip,) = re.findall(r'<clipPath id="axes"><rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"/>', around)
    expected = (room.x(), room.y(), room.width(), room.height())
    assert [float(number) for number in clip] == pytest.approx(expected, rel=1e-4)


def test_no_file_is_replaced_without_a_question(plot: Plot, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    plot.exports.save(path)
    assert path.read_text() == "mine"
    box = plot.exports.question.box
    assert box is not None
    assert box.text() == "Replace mine.csv?"
    next(button for button in box.buttons() if button.text() == "&Keep it").click()
    assert path.read_text() == "mine"
    plot.exports.save(path)
    box = plot.exports.question.box
    assert box is not None
    next(button for button in box.buttons() if button.text() == "&Replace").click()
    assert path.read_text().startswith("series,")
    assert [each for each in tmp_path.iterdir() if each.is_file()] == [path]  # nothing that was written aside is left


@pytest.mark.parametrize(
    ("where", "says"),
    [("no/such/folder/a.png", "No such file or directory"), ("link.svg", "is a link"), ("session/a.csv", "recording")],
)
def test_what_cannot_be_written_is_told_in_a_box(plot: Plot, where: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "link.svg").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "session").mkdir()
    (tmp_path / "session/session.toml").touch()
    plot.exports.save(tmp_path / where)
    box = plot.exports.trouble
    assert box is not None
    assert box.text() == "The file was not written."
    assert box.informativeText().startswith(str(tmp_path / where))
    assert says in box.informativeText()
    box.close()


def test_a_dialog_that_is_cancelled_writes_nothing(plot: Plot, monkeypatch: Any, tmp_path: Path) -> None:
    choose(monkeypatch, None)
    monkeypatch.chdir(tmp_path)
    plot.exports.ask("png")
    assert list(tmp_path.iterdir()) == []


def test_every_plot_of_a_session_is_saved_in_every_way(
    stepped: Any, window: Callable[..., OperatorWindow], tmp_path: Path, qtbot: Any
) -> None:
    session = stepped("center_out", "learning.when='trial'")
    session.step_until(lambda frame: frame["trial"] >= 2 and frame["state"] == TaskState.MOVE)
    shown = window(session.folder)
    shown.docks.arrange_all()
    shown.live.selection.select(5)
    QApplication.processEvents()
    shown.refresh()
    shown.docks.redraw_all()
    plots = shown.findChildren(Plot)
    assert len(plots) >= 12
    for number, plot in enumerate(plots):
        for suffix in ("png", "svg", "csv"):
            path = tmp_path / f"{number}.{suffix}"
            plot.exports.save(path)
            assert plot.exports.trouble is None, plot.exports.trouble.informativeText()
            assert path.stat().st_size > 0
        header, *rows = csv.reader(io.StringIO((tmp_path / f"{number}.csv").read_text()))
        assert all(len(row) == len(header) for row in rows)
        assert rows or plot.texts[0] == "journal", plot.texts  # which a session without a drain has not
    weights = next(plot for plot in plots if plot.texts[1] == "weight x")
    found = list(csv.reader(io.StringIO(csv_bytes(weights).decode())))
    assert found[0] == ["unit", "population", "weight x"]
    model = shown.source.model().weights[0]
    assert {int(unit): float(weight) for unit, _, weight in found[1:]} == dict(enumerate(model.tolist()))
    raster = next(plot for plot in plots if plot.accessibleName() == "spike raster")
    spikes = list(csv.reader(io.StringIO(csv_bytes(raster).decode())))[1:]
    fired = np.unique([int(unit) for unit, *_ in spikes])
    assert len(fired) > 20
    assert all(-10 <= float(row[2]) < 0 and 1 <= int(row[3]) <= 3 for row in spikes)
    QApplication.sendPostedEvents()
    qtbot.keyClick(shown, Qt.Key.Key_Escape)
