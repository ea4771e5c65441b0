"""Mistakes, and what is not known yet, in the editor."""

from typing import Any

from tests.gui.editor.acting import settled, tab, type_into


def test_a_cursor_of_70_m_is_a_mistake_and_its_field_shows_what_the_file_says(page: Any, qtbot: Any) -> None:
    """A radius of 7000 cm was "no mistake"."""
    shown = page()
    tab(shown, "Task")
    radius = shown.form.editor("task.cursor_radius_cm")
    shown.text.setPlainText(shown.text.toPlainText().replace("[task]\n", "[task]\ncursor_radius_cm = 7000\n"))
    qtbot.waitUntil(lambda: radius.value() == 7000)
    settled(qtbot, shown)
    section = next(form for _, forms in shown.form.pages for form in forms if getattr(form, "path", "") == "task")
    assert "allowed: a number above 0 to 500" in section._wrongs["task.cursor_radius_cm"].text()
    assert shown.state.text().startswith("✕ 1 mistake, shown at the fields")
    type_into(qtbot, radius, "0.5")
    settled(qtbot, shown)
    assert shown.state.text().startswith("✔ No mistake found.")
    assert radius.maximum() == 500  # what is typed is bounded again
