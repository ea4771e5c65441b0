"""What the editor's fields are called, take and show; and the rows of populations."""

from typing import Any

import pytest
from PyQt6.QtCore import Qt

from bmi_app.gui.shell.theme import population_colours, theme_of
from protocols.load import load
from protocols.problems import ProtocolError
from tests.gui.editor.acting import choose, settled, tab, type_into


def labels_of(page: Any, path: str) -> list[str]:
    for _, forms in page.form.pages:
        for form in forms:
            inner = getattr(form, "form", form)
            if getattr(inner, "path", "") == path:
                return [label.text() for label in inner.labels.values()]
    raise AssertionError(path)


def test_no_two_fields_of_a_form_have_the_same_name(page: Any, qtbot: Any) -> None:
    """There were two fields "Sight noise", one "Hz per n", and one "Rule" that took "a table"."""
    shown = page()
    for kind in ("plain", "autonomous", "arm"):
        choose(shown.form.editor("subject.kind"), kind)
        settled(qtbot, shown)
        labels = labels_of(shown, "subject.settings")
        assert len(set(labels)) == len(labels), labels
        assert not [label for label in labels if label.startswith("Hz per n")]
        if kind == "autonomous":
            assert {"Sight noise (cm)", "Sight noise (cm/s)", "Hz per N", "Settings of its rule"} <= set(labels)
            assert "{" in shown.form.editor("subject.settings.rule").placeholderText()


def test_a_description_is_read_whole_and_may_have_lines(page: Any, qtbot: Any, keep_picture: Any) -> None:
    """It was one cut line."""
    shown = page()
    description = shown.form.editor("description")
    text = description.toPlainText()
    assert text.startswith("One population moves the cursor along x")
    assert description.viewport().height() >= description.fontMetrics().lineSpacing() * 3
    assert description.document().size().height() <= 4  # lines that it takes at this width
    description.setFocus()
    description.selectAll()
    qtbot.keyClicks(description, "Two lines,")
    qtbot.keyClick(description, Qt.Key.Key_Return)
    qtbot.keyClicks(description, "this is the second.")
    shown.form.editor("title").setFocus()
    assert 'description = """' in shown.text.toPlainText()
    settled(qtbot, shown)
    assert shown.document.get("description") == "Two lines,\nthis is the second."
    assert shown.state.text().startswith("✔")
    keep_picture(shown, "editor_description")


def test_a_new_population_has_the_focus_and_is_no_mistake_before_it_has_units(
    page: Any, qtbot: Any, keep_picture: Any
) -> None:
    """*Add population* did not focus its row, and flagged it at once."""
    shown = page()
    shown.activateWindow()
    qtbot.waitUntil(shown.isActiveWindow)
    tab(shown, "Units")
    populations = shown.form.populations
    qtbot.mouseClick(populations.add, Qt.MouseButton.LeftButton)
    settled(qtbot, shown)
    name = populations.names["population_1"]
    assert name.hasFocus()
    assert name.selectedText() == "population_1"
    assert shown.state.text().startswith("✔ No mistake found.")
    assert not shown.is_dirty
    qtbot.keyClicks(name, "spare")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    assert populations.map.brush == "spare"
    keep_picture(shown, "editor_new_population")
    qtbot.mouseClick(populations.map, Qt.MouseButton.LeftButton, pos=populations.map.unit_centre(4).toPoint())
    settled(qtbot, shown)
    assert shown.document.get("populations.spare") == "4"
    assert shown.state.text().startswith("✔ No mistake found.")
    qtbot.mouseClick(populations.add, Qt.MouseButton.LeftButton)
    assert list(populations.names)[-1] == "population_1"
    remove = populations.frames["population_1"].layout().itemAt(4).widget()
    remove.click()
    assert "population_1" not in populations.names


def test_the_mistake_of_a_pair_that_does_not_fit_names_the_rules_that_do() -> None:
    """It named "a rule that adapts 'model'"."""
    wrong = ("decoder.kind=kalman", "learning.rule=reward_gated", "learning.when=trial")
    with pytest.raises(ProtocolError, match="does not offer; allowed: 'rml', 'smoothbatch'"):
        load("center_out", wrong)


@pytest.mark.parametrize("name", ["vertical", "control"])
def test_colours_follow_the_axes_and_not_the_list(page: Any, qtbot: Any, name: str) -> None:
    """With *vertical* first, x's weights were orange and "decoded velocity x" blue."""
    shown = page()
    tab(shown, "Units")
    swatches = shown.form.populations.swatches
    at_first = {name: swatch.styleSheet() for name, swatch in swatches.items()}
    assert theme_of(shown.palette()).cursor.name() in at_first["horizontal"]
    text = shown.text.toPlainText()
    begin = text.index("[populations]")
    lines = text[begin:].splitlines()
    named = [line for line in lines if line.split(" = ")[0] in swatches]
    first = next(line for line in named if line.startswith(name))
    others = [line for line in named if line != first]
    moved = text.replace("\n".join(named), "\n".join([first, *others]))
    assert moved != text
    shown.text.setPlainText(moved)
    settled(qtbot, shown)
    swatches = shown.form.populations.swatches
    assert next(iter(swatches)) == name
    assert {name: swatch.styleSheet() for name, swatch in swatches.items()} == at_first


@pytest.mark.parametrize("is_dark", [False, True])
def test_no_two_of_seven_populations_have_one_colour(is_dark: bool) -> None:
    for drives in (("x", "y", ""), ("", "y", "x"), ("x", "-x", "y", "-y", ""), ("", "", "x", "y", "-y", "-x")):
        colours = [colour.name() for colour in population_colours(len(drives), is_dark, drives)[1:]]
        assert len(set(colours)) == len(drives)
        plain = dict(zip(("x", "y"), [colour.name() for colour in population_colours(2, is_dark)[1:]], strict=True))
        for drive, colour in zip(drives, colours, strict=True):
            if drive in plain:
                assert colour == plain[drive]


def test_a_mistake_comes_and_goes_without_moving_a_field(page: Any, qtbot: Any, keep_picture: Any) -> None:
    """Mistakes were inserted above later fields, which then jumped under the mouse."""
    shown = page()
    tab(shown, "Task")
    section = next(form for _, forms in shown.form.pages for form in forms if getattr(form, "path", "") == "task")

    def places() -> dict[str, int]:
        return {key: editor.y() for key, editor in section.editors.items() if editor.isVisible()}

    qtbot.waitUntil(lambda: section.height() == section.sizeHint().height())  # laid out
    before = places()
    assert len(before) > 10
    type_into(qtbot, shown.form.editor("task.hold_ms"), "305")
    settled(qtbot, shown)
    wrong = section.wrongs["task.hold_ms"]
    assert wrong.isVisible()
    assert "305 is not a whole number of ticks" in wrong.text()
    assert "305 is not a whole number of ticks" in wrong.toolTip()
    assert "task.hold_ms: 305 is not a whole number of ticks" in shown.state.text()  # whole, where the line may be cut
    assert places() == before
    keep_picture(shown, "editor_mistake_in_its_room")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "310")
    settled(qtbot, shown)
    assert not wrong.isVisible()
    assert places() == before


def test_a_list_with_one_entry_says_why(page: Any, qtbot: Any, keep_picture: Any) -> None:
    """Kind *plain* offered only the learner "none", without a word."""
    shown = page()
    tab(shown, "Subject")
    said = shown.form.subject.wrongs["subject.learner"]
    assert said.isVisible()
    assert said.text().startswith('The kind "plain" has no other choice here. Other kinds: arm, autonomous')
    assert not said.isEnabled()  # it is no mistake
    keep_picture(shown, "editor_subject")
    choose(shown.form.editor("subject.kind"), "autonomous")
    settled(qtbot, shown)
    assert not said.isVisible()
