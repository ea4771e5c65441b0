"""What the window says of things outside of it, what it remembers of them, and how a unit is chosen without the mouse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtGui import QDesktopServices, QGuiApplication

from bmi_app.gui.browser.result_card import ResultCard
from bmi_app.gui.main_window import MainWindow
from bmi_app.gui.panels.decoder_panel import DecoderPanel
from bmi_app.gui.panels.learning_panel import LearningPanel
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.gui.replay.what_if_panel import WhatIfPanel
from bmi_app.gui.shell.opened_folder import trouble_opening
from bmi_app.gui.shell.worker import Worker
from bmi_app.gui.start.session_form import SessionForm
from bmi_app.gui.widgets.populations import grouped
from bmi_app.record.session_folder import sessions_root
from bmi_app.session.readiness import _in_words
from protocols.load import load
from protocols.problems import ProtocolError


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


def test_a_launcher_that_fails_is_told_with_the_path(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """*Open folder* failed in silence."""
    asked: list[str] = []

    def refuse(url: Any) -> bool:
        asked.append(url.toLocalFile())
        return False

    monkeypatch.setattr(QDesktopServices, "openUrl", refuse)
    worker = Worker("verifies")
    card = ResultCard(worker)
    qtbot.addWidget(card)
    card.folder = tmp_path
    card.open.click()
    assert asked == [str(tmp_path)]
    assert "no program for folders" in card.verdict.text()
    assert str(tmp_path) in card.verdict.text()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == str(tmp_path)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: True)
    assert trouble_opening(tmp_path) == ""
    assert "is not there any more" in trouble_opening(tmp_path / "gone")
    worker.close()


def test_a_mistake_of_a_what_if_names_no_option_of_the_command_line(qtbot: Any, tmp_path: Path) -> None:
    """It printed `--set:`."""
    with pytest.raises(ProtocolError) as refused:
        load("center_out", ["learning.rate=-1", "learning.rule=no_such"])
    assert str(refused.value).startswith("--set: ")  # in a terminal it is right
    for problem in refused.value.problems:
        assert "--" not in _in_words(problem)
    worker = Worker("computes")
    panel = WhatIfPanel(worker)
    qtbot.addWidget(panel)
    panel._session = type("Session", (), {"folder": tmp_path})()  # type: ignore[assignment]
    panel._fail(tmp_path, refused.value)
    lines = panel.score.text().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("✕ learning.r") and "--" not in line for line in lines)
    assert "--" not in panel.other.toolTip()
    worker.close()


def test_the_stream_that_was_chosen_is_remembered(qtbot: Any, settings: QSettings) -> None:
    """It was forgotten after a restart."""
    form = SessionForm()
    qtbot.addWidget(form)
    form.driver.setCurrentIndex(form.driver.findData("lsl"))
    form.choose_source("source_id", "amplifier-7")
    form.remember(settings)
    again = SessionForm()
    qtbot.addWidget(again)
    again.recall(settings)
    assert again.source == ("source_id", "amplifier-7")
    assert 'driver.source_id="amplifier-7"' in again.request().overrides
    again.choose_source("", "")
    again.remember(settings)
    form.recall(settings)
    assert form.source is None


def test_a_blank_output_folder_says_where_sessions_are_kept(qtbot: Any) -> None:
    form = SessionForm()
    qtbot.addWidget(form)
    form.show_free(5_000_000_000)
    assert str(sessions_root()) not in form.free.text()
    form.folder.clear()
    form.show_free(5_000_000_000)
    assert f"5.0 GB free in {sessions_root()}" in form.free.text()
    assert str(sessions_root()) in form.folder.placeholderText()


def test_the_title_of_the_window_says_which_page_is_shown(qtbot: Any, settings: QSettings) -> None:
    """It was just "bmi"."""
    window = MainWindow(settings)
    qtbot.addWidget(window, before_close_func=MainWindow.leave)
    for at, name in enumerate(("Start", "Sessions", "Protocol", "Replay")):
        window.pages.setCurrentIndex(at)
        assert window.windowTitle() == f"{name} – bmi"


def test_a_unit_is_chosen_by_arrow_keys_and_by_its_number(
    stepped: Callable[..., Any], window: Callable[..., Any], qtbot: Any, keep_picture: Any
) -> None:
    """One of 96 could only be picked with the mouse."""
    session = stepped("center_out")
    session.step(1500)
    shown = window(session.folder)
    raster = shown.live.of(RasterPanel)
    selection = shown.live.selection
    order = grouped(selection.unit_population)
    raster.raster.setFocus()
    for keys, unit in (
        ([Qt.Key.Key_Down], order[0]),
        ([Qt.Key.Key_Down] * 3, order[3]),
        ([Qt.Key.Key_Up], order[2]),
        ([Qt.Key.Key_End], order[-1]),
        ([Qt.Key.Key_Down], order[-1]),
        ([Qt.Key.Key_Home], order[0]),
    ):
        for key in keys:
            qtbot.keyClick(raster.raster, key)
        assert selection.unit == int(unit)
        assert raster.number.value() == int(unit)
    raster.number.setFocus()
    raster.number.selectAll()
    qtbot.keyClicks(raster.number, "57")
    qtbot.keyClick(raster.number, Qt.Key.Key_Return)
    assert selection.unit == 57
    assert raster.chosen.text().startswith("unit 57")
    weights = shown.live.of(DecoderPanel).weights[0]
    qtbot.keyClick(weights, Qt.Key.Key_Right)
    assert selection.unit == int(order[list(order).index(57) + 1])
    selection.select(None)
    assert raster.number.text() == "no unit"
    keep_picture(shown, "unit_by_number")


def test_the_weights_of_the_start_have_no_tick_before_the_first(
    stepped: Callable[..., Any], window: Callable[..., Any], qtbot: Any
) -> None:
    """The start was listed at tick -1."""
    session = stepped("center_out")
    session.step(1500)
    shown = window(session.folder)
    shown.docks.docks["Learning"].raise_()
    learning = shown.live.of(LearningPanel)
    qtbot.waitUntil(lambda: learning.updates.topLevelItemCount() > 0)
    first = learning.updates.topLevelItem(learning.updates.topLevelItemCount() - 1)
    assert first.text(0) == "start"
    assert "-1" not in first.toolTip(0)


@pytest.mark.parametrize("first", ["vertical", "control"])
def test_weights_of_x_are_blue_and_its_velocity_too_whatever_the_order_of_the_list(
    stepped: Callable[..., Any], window: Callable[..., Any], first: str
) -> None:
    populations = {"horizontal": "0-31", "vertical": "32-63", "control": "rest"}
    named = [first, *(name for name in populations if name != first)]
    table = ", ".join(f'{name} = "{populations[name]}"' for name in named)
    session = stepped("center_out", f"populations={{{table}}}")
    session.step(500)
    panels = window(session.folder).live
    decoder, selection = panels.of(DecoderPanel), panels.selection
    of_x = selection.unit_population[0]
    assert selection.populations.names[of_x] == "horizontal"
    table_of_colours = decoder.bars[0].lut
    of_weights = tuple(int(part) for part in table_of_colours[of_x + 2][:3])
    assert of_weights == decoder.lines["x"].opts["pen"].color().getRgb()[:3]
    of_y = selection.unit_population[40]
    assert (
        tuple(int(part) for part in table_of_colours[of_y + 2][:3])
        == decoder.lines["y"].opts["pen"].color().getRgb()[:3]
    )
