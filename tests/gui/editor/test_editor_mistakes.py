"""Mistakes, and what is not known yet, in the editor."""

import threading
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence

from bmi_app.gui.editor import editor_page
from bmi_app.gui.editor.editor_page import EditorPage
from bmi_app.gui.shell.theme import theme_of
from bmi_app.gui.widgets.verdict import Tone
from protocols.load import SHIPPED_FOLDER
from tests.gui.editor.acting import CHECK_MS, choose, settled, tab, type_into


def press(page: EditorPage, label: str) -> None:
    assert page.question.box is not None
    next(button for button in page.question.box.buttons() if button.text() == label).click()


def test_a_cursor_of_70_m_is_a_mistake_and_its_field_shows_what_the_file_says(page: Any, qtbot: Any) -> None:
    """A radius of 7000 cm was "no mistake"."""
    shown = page()
    tab(shown, "Task")
    radius = shown.form.editor("task.cursor_radius_cm")
    shown.text.setPlainText(shown.text.toPlainText().replace("[task]\n", "[task]\ncursor_radius_cm = 7000\n"))
    qtbot.waitUntil(lambda: radius.value() == 7000)
    settled(qtbot, shown)
    section = next(form for _, forms in shown.form.pages for form in forms if getattr(form, "path", "") == "task")
    assert "allowed: a number above 0 to 500" in section.wrongs["task.cursor_radius_cm"].text()
    assert shown.state.text().startswith("✕ 1 mistake, shown at the fields")
    type_into(qtbot, radius, "0.5")
    settled(qtbot, shown)
    assert shown.state.text().startswith("✔ No mistake found.")
    assert radius.maximum() == 500  # what is typed is bounded again


def test_what_is_not_checked_yet_is_not_called_right(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fresh cache of kernels the editor said "no mistake" in green for 38 s of another text."""
    shown = page()
    assert shown.state.tone == Tone.GOOD
    checked, may_check = editor_page.check_text, threading.Event()

    def slow(*text: Any) -> Any:
        assert may_check.wait(60)
        return checked(*text)

    monkeypatch.setattr(editor_page, "check_text", slow)
    monkeypatch.setattr(editor_page, "_SLOW_MS", 1)
    tab(shown, "Subject")
    choose(shown.form.editor("subject.kind"), "autonomous")
    assert shown.state.text() == "Checking…"
    assert shown.state.tone == Tone.UNKNOWN
    assert theme_of(shown.palette()).held.name() not in shown.state.said.styleSheet()
    qtbot.waitUntil(lambda: "about a minute" in shown.state.text())
    may_check.set()
    qtbot.waitUntil(lambda: shown.state.tone == Tone.GOOD, timeout=CHECK_MS)
    settled(qtbot, shown)
    shown.text.setPlainText(shown.text.toPlainText() + "\n")  # typed: it is looked at a moment later
    assert shown.state.tone == Tone.UNKNOWN


def test_a_caution_is_amber_beside_a_verdict_in_green(
    page: Any, qtbot: Any, keep_picture: Any, appearance: str
) -> None:
    shown = page()
    tab(shown, "Learning")
    choose(shown.form.editor("learning.when"), "reward")
    choose(shown.form.editor("learning.rule"), "reinforcement")
    settled(qtbot, shown)
    theme = theme_of(shown.palette())
    assert "learns from this noise only" in shown.state.cautions.text()
    assert theme.caution.name() in shown.state.cautions.styleSheet()
    assert theme.held.name() in shown.state.said.styleSheet()
    keep_picture(shown, f"editor_caution_{appearance}")


def test_edits_of_the_form_and_of_the_text_are_undone_and_redone(page: Any, qtbot: Any) -> None:
    shown = page()
    at_first = shown.text.toPlainText()
    assert not shown.bar.undo.isEnabled()
    tab(shown, "Task")
    hold = shown.form.editor("task.hold_ms")
    type_into(qtbot, hold, "500")
    shown.text.setFocus()
    qtbot.keyClicks(shown.text, "x")
    typed = shown.text.toPlainText()
    qtbot.keyClick(shown.text, "z", Qt.KeyboardModifier.ControlModifier)
    assert "hold_ms = 500" in shown.text.toPlainText()
    assert shown.text.toPlainText() != typed
    shown.activateWindow()
    qtbot.waitUntil(shown.isActiveWindow)
    hold.setFocus()
    qtbot.keyClick(hold, "z", Qt.KeyboardModifier.ControlModifier)  # the field has nothing to undo itself
    qtbot.waitUntil(lambda: shown.text.toPlainText() == at_first)
    qtbot.waitUntil(lambda: hold.value() == 300)
    assert not shown.is_dirty
    assert not shown.bar.undo.isEnabled()
    qtbot.mouseClick(shown.bar.redo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hold.value() == 500)
    assert QKeySequence(QKeySequence.StandardKey.Undo).toString() in shown.bar.undo.toolTip()
    shown.open(SHIPPED_FOLDER / "grid.toml")  # without a question, as after Discard
    assert not shown.bar.undo.isEnabled()
    assert not shown.bar.redo.isEnabled()


def test_the_text_stays_where_it_is_read_when_an_edit_appends(page: Any, qtbot: Any) -> None:
    """The text jumped to the top."""
    shown = page()
    shown.text.verticalScrollBar().setValue(shown.text.verticalScrollBar().maximum())
    before = shown.text.verticalScrollBar().value()
    assert before > 0
    tab(shown, "Rig")
    type_into(qtbot, shown.form.editor("safety.max_speed_cm_s"), "30")
    assert "max_speed_cm_s = 30" in shown.text.toPlainText()
    assert shown.text.verticalScrollBar().value() >= before
    last = shown.text.document().blockCount() - 1
    seen = shown.text.firstVisibleBlock().blockNumber(), last
    assert seen[0] <= shown.text.textCursor().blockNumber() <= seen[1]


def test_choosing_another_protocol_offers_to_save(page: Any, qtbot: Any, own_protocols: Path) -> None:
    shown = page()
    tab(shown, "Task")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "500")
    shown.ask_to_open(SHIPPED_FOLDER / "grid.toml")
    press(shown, "&Save")
    assert "hold_ms = 500" in (own_protocols / "my_center_out.toml").read_text()
    assert shown.path == SHIPPED_FOLDER / "grid.toml"
    shown.open(SHIPPED_FOLDER / "center_out.toml")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "600")
    shown.ask_to_open(SHIPPED_FOLDER / "grid.toml")
    press(shown, "&Save")
    assert shown.path.stem == "center_out"  # not before the next question is answered
    press(shown, "&Replace")
    assert "hold_ms = 600" in (own_protocols / "my_center_out.toml").read_text()
    assert shown.path == SHIPPED_FOLDER / "grid.toml"


def test_the_editor_opens_what_the_start_page_shows(qtbot: Any, page: Any) -> None:
    """It opened *calibrate* while Start showed *center_out*."""
    fresh = EditorPage(page()._checks)
    qtbot.addWidget(fresh)
    assert fresh.path.stem == "center_out"
    settled(qtbot, fresh)
