"""What a number field refuses it does not swallow: it says what it takes."""

from typing import Any

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDoubleSpinBox, QToolTip

from bmi_app.gui.editor.field_editors import NumberEditor
from bmi_app.gui.widgets.number_field import NumberField, range_text
from protocols.schema import Task


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda place, text, widget: said.append(text))
    return said


def typed(field: QDoubleSpinBox, qtbot: Any, text: str) -> None:
    qtbot.addWidget(field)
    field.show()
    qtbot.waitExposed(field)
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def test_a_live_knob_says_what_it_takes(qtbot: Any, told: list[str]) -> None:
    field = NumberField(0.0, 1e6, 6)
    field.setValue(0.5)
    typed(field, qtbot, "abc")
    assert field.value() == 0.5
    assert set(told) == {"a number, 0 or more"}
    told.clear()
    typed(field, qtbot, "0.25")
    assert field.value() == 0.25
    assert told == []


def test_a_field_of_the_editor_says_what_the_schema_allows(qtbot: Any, told: list[str]) -> None:
    field = NumberEditor(Task.model_fields["target_radius_cm"], "cm")
    field.show_value(1.5)
    typed(field, qtbot, "-3")
    assert told
    assert set(told) == {"a number from 0 to 500"}


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (0.0, 1.0, "a number from 0 to 1"),
        (1.0, 1e12, "a number, 1 or more"),
        (-1e12, 5.0, "a number, 5 or less"),
        (-1e12, 1e12, "a number"),
    ],
)
def test_the_range_in_words(least: float, most: float, said: str) -> None:
    assert range_text(least, most) == said
