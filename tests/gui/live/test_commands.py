from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtWidgets import QFileDialog

from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.panels.docks import is_seen
from bmi_app.gui.panels.learning_panel import LearningPanel
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.gui.panels.trial_table import TrialTable
from bmi_app.rt.records import CommandKind, Outcome
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.observer import Phase

LEARNS = ("session.duration_s=90", "learning.when=trial", "learning.rule=lms", "blocks.0.duration_s=1")


@pytest.fixture(autouse=True)
def _not_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmi_app.session.priority.lower_view", lambda: None)


@pytest.fixture
def running(engine: Any, window: Callable[..., OperatorWindow], qtbot: Any) -> OperatorWindow:
    _, folder = engine(*LEARNS)
    shown = window(folder)
    qtbot.waitUntil(lambda: shown.phase == Phase.RUNNING and shown.figures.trial > 0, timeout=60_000)
    return shown


def click_unit(
    shown: OperatorWindow, qtbot: Any, unit: int, button: Qt.MouseButton = Qt.MouseButton.LeftButton
) -> None:
    plot = shown.live.of(RasterPanel).raster
    place = plot.getViewBox().mapViewToScene(QPointF(-5.0, shown.live.of(RasterPanel).row_of(unit)))
    qtbot.mouseClick(plot.viewport(), button, pos=plot.mapFromScene(place))


def show(shown: OperatorWindow, title: str) -> None:
    shown.docks.docks[title].raise_()


def test_units_are_moved_by_keys_and_by_the_menu(running: OperatorWindow, qtbot: Any) -> None:
    shown, attachment = running, running.attachment
    names = list(attachment.protocol.population_indices())
    click_unit(shown, qtbot, 5)
    assert shown.live.selection.unit == 5
    for key, name in ((Qt.Key.Key_C, "control"), (Qt.Key.Key_Y, "vertical"), (Qt.Key.Key_X, "horizontal")):
        qtbot.keyClick(shown, key)
        qtbot.waitUntil(lambda name=name: attachment.arrays["unit_population"][5] == names.index(name))
        qtbot.waitUntil(lambda name=name: f"move unit 5 to {name} · tick " in shown.log.toPlainText())
        qtbot.waitUntil(lambda name=name: f"unit 5 · {name}" in shown.live.of(RasterPanel).chosen.text())
    click_unit(shown, qtbot, 40, Qt.MouseButton.RightButton)
    menu = shown.live.selection.menu
    assert menu is not None
    offered = {action.text(): action for action in menu.actions() if not action.isSeparator()}
    exports = ["Save figure as PNG…", "Save figure as SVG…", "Save data as CSV…"]
    assert list(offered) == ["horizontal (x)", "vertical (y)", "control (c)", *exports]
    assert not offered["vertical (y)"].isEnabled()  # it is there already
    offered["control (c)"].trigger()
    menu.close()
    qtbot.waitUntil(lambda: attachment.arrays["unit_population"][40] == names.index("control"))
    qtbot.waitUntil(lambda: shown.live.of(RasterPanel).row_of(40) > 63)  # the raster groups it anew
    click_unit(shown, qtbot, 40)
    assert shown.live.selection.unit == 40


def test_learning_is_steered_undone_and_saved(
    running: OperatorWindow, qtbot: Any, tmp_path: Path, keep_picture: Callable[[Any, str], Path]
) -> None:
    shown, attachment, learning = running, running.attachment, running.live.of(LearningPanel)
    state = attachment.arrays["state"]
    show(shown, "Learning")
    qtbot.waitUntil(lambda: learning.updates.topLevelItemCount() >= 3, timeout=60_000)  # start and two trials
    learning.learning.click()
    qtbot.waitUntil(lambda: state[0]["learning_on"] == 0)
    qtbot.waitUntil(lambda: "learning off, frozen · tick " in shown.log.toPlainText())
    oldest = learning.updates.topLevelItem(learning.updates.topLevelItemCount() - 2)
    assert oldest.text(2) == "trial"
    assert float(oldest.text(3)) > 0
    qtbot.mouseClick(
        learning.updates.viewport(), Qt.MouseButton.LeftButton, pos=learning.updates.visualItemRect(oldest).center()
    )
    before = attachment.arrays["weights_rows"][0][: attachment.arrays["weights"].size]
    assert not np.array_equal(attachment.arrays["weights"].ravel(), before)
    learning.undo.click()
    qtbot.waitUntil(lambda: np.array_equal(attachment.arrays["weights"].ravel(), before))
    trial = oldest.text(1)
    qtbot.mouseMove(shown.status)  # what is new is listed while the mouse is away
    qtbot.waitUntil(lambda: learning.updates.topLevelItem(0).text(2) == f"↶ before trial {trial}")
    rows = [learning.updates.topLevelItem(at) for at in range(learning.updates.topLevelItemCount())]
    said = f"weights back to before trial {trial}; undone: {len(rows) - 2} x trial · tick "
    qtbot.waitUntil(lambda: said in shown.log.toPlainText())
    undone = [row.font(2).strikeOut() for row in rows]
    assert undone == [False, *[True] * (len(rows) - 2), False]  # all but the undo itself, and the start
    learning.rate.setValue(0.05)
    qtbot.waitUntil(lambda: state[0]["learning_rate"] == 0.05)
    qtbot.keyClick(shown, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: state[0]["learning_on"] == 1)
    qtbot.waitUntil(lambda: learning.learning.isChecked())
    learning.assist.setValue(30)
    qtbot.waitUntil(lambda: state[0]["assist_override"] == 0.3)
    qtbot.waitUntil(lambda: not learning.follow.isChecked())
    learning.follow.click()
    qtbot.waitUntil(lambda: state[0]["assist_override"] < 0)
    learning.gains["y"].setValue(0.1)
    qtbot.waitUntil(lambda: attachment.arrays["gain"].tolist() == [0.08, 0.1])
    qtbot.waitUntil(lambda: "gain y 0.1 · tick " in shown.log.toPlainText())
    keep_picture(shown, "learning")
    file = tmp_path / "kept.npz"
    learning.save.click()
    assert isinstance(learning.dialog, QFileDialog)
    learning.dialog.fileSelected.emit(str(file))
    learning.dialog.reject()
    qtbot.waitUntil(file.exists)
    qtbot.waitUntil(lambda: f"weights saved to {file}" in shown.log.toPlainText())
    learning.gains["y"].setValue(0.2)
    qtbot.waitUntil(lambda: attachment.arrays["gain"][1] == 0.2)
    learning.load.click()
    learning.dialog.fileSelected.emit(str(file))
    learning.dialog.reject()
    qtbot.waitUntil(lambda: attachment.arrays["gain"][1] == 0.1)
    learning.save.click()  # over the same file: the dialog has asked
    assert not learning.dialog.testOption(QFileDialog.Option.DontConfirmOverwrite)
    learning.dialog.fileSelected.emit(str(file))
    learning.dialog.reject()
    said = f"weights saved to {file}"  # the log folds lines that follow each other
    qtbot.waitUntil(lambda: shown.log.toPlainText().count(said) == 2 or f"{said} (×2)" in shown.log.toPlainText())


def test_rewards_skips_blocks_and_notes_are_commanded_and_echoed(running: OperatorWindow, qtbot: Any) -> None:
    shown, attachment = running, running.attachment
    done = attachment.arrays["commands_done"]
    qtbot.mouseClick(shown.controls.plain["reward"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: CommandKind.REWARD in done["kind"][done["id"] > 0])
    qtbot.waitUntil(lambda: "reward by the operator · tick " in shown.log.toPlainText())
    qtbot.waitUntil(lambda: int(attachment.latest()["state"]) == 2, timeout=60_000)
    qtbot.keyClick(shown, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: any(trial.outcome == Outcome.OPERATOR for trial in shown.live.trials.ended))
    qtbot.keyClick(shown, Qt.Key.Key_N)
    assert shown.focusWidget() is shown.controls.note
    qtbot.keyClicks(shown.controls.note, "xylophone, k")  # keys of the window are letters here
    qtbot.keyClick(shown.controls.note, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "note: xylophone, k · tick " in shown.log.toPlainText())
    assert shown.controls.note.text() == ""
    show(shown, "Trials")
    qtbot.waitUntil(lambda: "skipped" in reasons(shown))
    qtbot.mouseClick(shown.controls.plain["next_block"], Qt.MouseButton.LeftButton)
    question = shown.question.box
    assert question is not None  # it is the last block: what is left is the session's end
    yes = next(button for button in question.buttons() if button.text() == "&Stop the session")
    qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.phase == Phase.ENDED, timeout=60_000)
    assert CommandKind.NEXT_BLOCK not in done["kind"][done["id"] > 0]
    learning = shown.live.of(LearningPanel)
    knobs = (learning.rate, learning.assist, learning.follow, learning.undo, learning.save, learning.load)
    assert not any(knob.isEnabled() for knob in (*knobs, learning.learning, *learning.gains.values()))
    assert learning.updates.isEnabled()  # it can still be read
    assert not shown.controls.plain["reward"].isEnabled()


def test_the_next_block_begins_at_once_and_the_last_one_ends_after_a_question(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stepped("center_out", "blocks.0.duration_s=1")
    session.step(20)
    shown = window(session.folder)
    shown.hold()
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(shown.commands, "send", sent.append)
    qtbot.keyClick(shown, Qt.Key.Key_B)
    assert sent == [{"do": "next_block"}]
    session.step(200)
    shown.refresh()
    shown.refresh_figures()
    qtbot.keyClick(shown, Qt.Key.Key_B)
    assert sent == [{"do": "next_block"}]
    assert shown.question.box is not None


def reasons(shown: OperatorWindow) -> list[str]:
    model = shown.live.of(TrialTable).model
    return [model.index(row, 5).data() for row in range(model.rowCount())]


def test_rows_stay_where_they_are_while_the_mouse_is_over_them(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stepped("center_out", "learning.when=trial", "blocks.0.duration_s=1")
    session.step(600)
    shown = window(session.folder)
    shown.hold()
    shown.refresh()
    show(shown, "Learning")
    updates = shown.live.of(LearningPanel).updates
    qtbot.waitUntil(lambda: updates.topLevelItemCount() > 2)
    before = updates.topLevelItem(0).text(0)
    assert shown.live.of(LearningPanel).hint.text() == "choose one above"
    monkeypatch.setattr(updates, "underMouse", lambda: True)
    session.step(900)
    shown.refresh()
    shown.live.of(LearningPanel).redraw()
    assert updates.topLevelItem(0).text(0) == before
    assert shown.live.of(LearningPanel).hint.text().endswith(" newer, listed later")
    monkeypatch.setattr(updates, "underMouse", lambda: False)
    shown.live.of(LearningPanel).redraw()
    assert updates.topLevelItem(0).text(0) != before
    assert updates.topLevelItemCount() == len(shown.source.changes.listed)
    assert shown.live.of(LearningPanel).hint.text() == "choose one above"


def test_the_assist_goes_to_where_it_is_clicked_and_says_how_much(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any
) -> None:
    session = stepped("center_out")
    session.step(10)
    shown = window(session.folder)
    shown.hold()
    sent: list[dict[str, Any]] = []
    shown.commands.send = sent.append  # type: ignore[method-assign]
    show(shown, "Learning")
    learning = shown.live.of(LearningPanel)
    qtbot.waitUntil(lambda: is_seen(learning))
    assert learning.why_off.isVisible()  # this protocol does not learn
    slider = learning.assist
    place = QPoint(round(0.6 * slider.width()), slider.height() // 2)
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=place)
    percent = slider.sliderPosition()
    assert abs(percent - 60) <= 3
    assert sent == []
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=place)
    assert sent == [{"do": "assist", "value": percent / 100}]
    session.command(do="assist", value=percent / 100)
    session.step(5)
    shown.refresh()
    learning.redraw()
    assert learning.percent.text() == f"{percent} %"


@pytest.mark.parametrize("leave", [Qt.Key.Key_Return, Qt.Key.Key_Escape], ids=["enter", "escape"])
def test_a_field_that_was_edited_gives_the_keys_back(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any, leave: Qt.Key
) -> None:
    session = stepped("center_out", "learning.when=trial")
    session.step(10)
    shown = window(session.folder)
    sent: list[dict[str, Any]] = []
    shown.commands.send = sent.append  # type: ignore[method-assign]
    show(shown, "Learning")
    learning = shown.live.of(LearningPanel)
    shown.live.selection.select(5)
    for field in (learning.rate, learning.gains["x"]):
        qtbot.mouseClick(field.lineEdit(), Qt.MouseButton.LeftButton)
        field.selectAll()
        qtbot.keyClicks(field, "0.09")
        for key, asked in (("r", "reward"), ("c", "move_unit")):  # no number has these: they are the window's at once
            qtbot.keyClick(field, key)
            assert sent.pop()["do"] == asked
        before = field.value()
        qtbot.keyClick(field, leave)
        if leave == Qt.Key.Key_Return:
            assert sent.pop()["value"] == 0.09
        assert field.value() == (0.09 if leave == Qt.Key.Key_Return else before)
        assert sent == []
        qtbot.keyClick(shown.focusWidget() or shown, Qt.Key.Key_Space)
        assert sent.pop() == {"do": "pause"}
    shown.controls.note.setFocus()
    qtbot.keyClicks(shown.controls.note, "x")
    qtbot.keyClick(shown.controls.note, leave)
    assert sent == ([{"do": "note", "text": "x"}] if leave == Qt.Key.Key_Return else [])
    sent.clear()
    qtbot.keyClick(shown.focusWidget() or shown, Qt.Key.Key_Space)
    assert sent == [{"do": "pause"}]


def test_a_second_window_sees_what_the_first_commanded(
    running: OperatorWindow, window: Callable[..., OperatorWindow], qtbot: Any
) -> None:
    click_unit(running, qtbot, 3)
    qtbot.keyClick(running, Qt.Key.Key_C)
    qtbot.waitUntil(lambda: running.attachment.arrays["unit_population"][3] == 2)
    other = window(running.attachment.folder)
    assert "move unit 3 to control · tick " in other.log.toPlainText()
    assert Attachment(running.attachment.folder).arrays["unit_population"][3] == 2


def test_a_fit_at_one_click_is_told_of_whatever_came_of_it(engine: Any, window: Any, qtbot: Any) -> None:
    _, folder = engine("decoder.kind=linear", "learning.history_s=60", "decoder.scramble=0.3", "blocks.0.duration_s=3")
    shown = window(folder)
    qtbot.mouseClick(shown.live.of(LearningPanel).fit, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "no fit: " in shown.log.toPlainText(), timeout=60_000)  # nothing to fit to yet
    before = shown.source.model().weights
    qtbot.waitUntil(lambda: len(shown.source.trials.ended) > 1, timeout=60_000)
    qtbot.mouseClick(shown.live.of(LearningPanel).fit, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "fitted decoder adopted · tick " in shown.log.toPlainText(), timeout=60_000)
    qtbot.waitUntil(lambda: "fit" in [change.cause for change in shown.source.changes.listed], timeout=60_000)
    fit = next(change for change in shown.source.changes.listed if change.cause == "fit")
    assert fit.error_after < fit.error_before
    assert not np.array_equal(shown.source.model().weights, before)
    shown.leave()
