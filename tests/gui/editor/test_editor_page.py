from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QPoint, Qt

from bmi_app.gui.editor.protocol_document import ABSENT, ProtocolDocument
from bmi_app.gui.shell.theme import theme_of
from protocols.load import SHIPPED_FOLDER, load
from tests.gui.editor.acting import choose, settled, tab, type_into


@pytest.mark.parametrize("protocol", ["center_out", "left_right", "four_target", "random_pursuit"])
def test_opening_changes_nothing(page: Any, qtbot: Any, protocol: str, keep_picture: Any) -> None:
    shown = page(protocol)
    assert shown.text.toPlainText() == (SHIPPED_FOLDER / f"{protocol}.toml").read_text()
    assert not shown.is_dirty
    assert shown.state.text().startswith("✔ No mistake found.")
    keep_picture(shown, f"editor_{protocol}")


def test_the_form_writes_the_text_and_keeps_comments(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    tab(shown, "Task")
    hold = shown.form.editor("task.hold_ms")
    assert hold.suffix() == " ms"
    assert "<i>task.hold_ms</i>" in hold.toolTip()
    type_into(qtbot, hold, "500")
    assert "hold_ms = 500\n" in shown.text.toPlainText()
    order = shown.form.editor("task.order")
    order.setFocus()
    qtbot.keyClick(order, Qt.Key.Key_Down)
    order.activated.emit(order.currentIndex())
    assert 'order = "sequential"' in shown.text.toPlainText()
    assert '"tick", "trial" or "reward" lets the decoder adapt' in shown.text.toPlainText()
    settled(qtbot, shown)
    assert shown.state.text() == "✔ No mistake found. Not saved yet."
    keep_picture(shown, "editor_task")


def test_mistakes_stand_at_their_fields(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    tab(shown, "Task")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "305")
    settled(qtbot, shown)
    section = next(form for _, forms in shown.form.pages for form in forms if getattr(form, "path", "") == "task")
    assert "305 is not a whole number of ticks" in section.wrongs["task.hold_ms"].text()
    assert section.wrongs["task.hold_ms"].isVisible()
    assert shown.form.tabText(4) == "Task ✕"
    assert shown.state.text().startswith("✕ 1 mistake")
    assert len(shown.text.extraSelections()) == 1
    keep_picture(shown, "editor_mistake")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "310")
    settled(qtbot, shown)
    assert not section.wrongs["task.hold_ms"].isVisible()


def test_the_text_writes_the_form(page: Any, qtbot: Any) -> None:
    shown = page()
    text = shown.text.toPlainText()
    shown.text.setPlainText(text.replace("count = 8", "count = 6"))
    qtbot.waitUntil(lambda: shown.form.editor("task.count").value() == 6)
    shown.text.setPlainText("this is no TOML [")
    qtbot.waitUntil(lambda: not shown.form.isEnabled())
    settled(qtbot, shown)
    assert "line 1 is not valid TOML" in shown.state.text()
    assert "shown at the fields" not in shown.state.text()
    shown.text.setPlainText(text)
    qtbot.waitUntil(shown.form.isEnabled)


def test_what_cannot_run_is_saved_with_a_word_and_not_taken_to_the_start(page: Any, qtbot: Any) -> None:
    shown = page()
    asked: list[Path] = []
    shown.run_asked.connect(asked.append)
    tab(shown, "Task")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "305")
    settled(qtbot, shown)
    qtbot.mouseClick(shown.run, Qt.MouseButton.LeftButton)
    settled(qtbot, shown)
    assert not shown.is_dirty
    assert asked == []
    assert f"✕ 1 mistake, shown at the fields. Saved in {shown.path}; it cannot run yet." in shown.state.text()
    type_into(qtbot, shown.form.editor("task.hold_ms"), "310")
    settled(qtbot, shown)
    qtbot.mouseClick(shown.run, Qt.MouseButton.LeftButton)
    assert asked == [shown.path]


def test_what_is_not_set_says_what_holds_then(page: Any, qtbot: Any) -> None:
    shown = page()
    rate = shown.form.editor("learning.rate")
    assert rate.text() == "not set: the rule's own: 0.002"
    choose(shown.form.editor("learning.rule"), "batched")
    settled(qtbot, shown)
    assert rate.text() == "not set: the rule's own: 0.02"
    assert shown.form.editor("session.duration_s").text() == "not set: until its blocks or trials are over"
    assert shown.form.outputs.about.text().startswith("What moments of the session set off outside of the program")
    labels = [label.text() for label in shown.form.pages[4][1][0].labels.values()]
    assert {"Reward lasts", "Failure lasts", "Between trials"} <= set(labels)


def test_the_population_that_takes_units_is_framed(page: Any, qtbot: Any) -> None:
    shown = page()
    tab(shown, "Units")
    populations = shown.form.populations

    def framed() -> list[str]:
        colour = theme_of(shown.palette()).cursor
        return [name for name, frame in populations.frames.items() if frame.palette().windowText().color() == colour]

    assert framed() == ["horizontal"]
    qtbot.mouseClick(populations.brushes["vertical"], Qt.MouseButton.LeftButton)
    assert framed() == ["vertical"]


def test_units_are_dragged_to_another_population(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    tab(shown, "Units")
    populations = shown.form.populations
    qtbot.mouseClick(populations.brushes["vertical"], Qt.MouseButton.LeftButton)
    assert populations.map.brush == "vertical"

    def at(unit: int) -> QPoint:
        return populations.map.unit_centre(unit).toPoint()

    qtbot.mousePress(populations.map, Qt.MouseButton.LeftButton, pos=at(4))
    qtbot.mouseMove(populations.map, at(4))
    qtbot.mouseRelease(populations.map, Qt.MouseButton.LeftButton, pos=at(4))
    text = shown.text.toPlainText()
    assert 'horizontal = "0-3, 5-31"' in text
    assert 'vertical = "4, 32-63"' in text
    assert 'control = "rest"' in text
    settled(qtbot, shown)
    assert shown.state.text().startswith("✔")
    title = populations.names["horizontal"]
    type_into(qtbot, title, "across")
    assert 'across = "0-3, 5-31"' in shown.text.toPlainText()
    assert 'population = "across"' in shown.text.toPlainText()
    keep_picture(shown, "editor_units")


def test_blocks_are_added_moved_and_removed(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    tab(shown, "Blocks")
    qtbot.mouseClick(shown.form.blocks.add, Qt.MouseButton.LeftButton)
    assert len(shown.form.blocks.forms) == 3
    shown.form.entry_moved.emit("blocks", 2, 1)
    settled(qtbot, shown)
    assert shown.state.text().startswith("✔"), shown.state.text()
    keep_picture(shown, "editor_blocks")
    shown.form.entry_removed.emit("blocks", 0)
    settled(qtbot, shown)
    assert [block["kind"] for block in shown.document.get("blocks")] == ["closed_loop", "closed_loop"]


def test_the_list_of_blocks_is_chosen_from_copied_and_sorted(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    tab(shown, "Blocks")
    blocks = shown.form.blocks
    assert [blocks.entries.item(at).text() for at in range(2)] == ["1   rest · 5 s", "2   closed loop · until the end"]
    assert blocks.forms[0].isVisible()
    assert not blocks.forms[1].isVisible()
    assert not blocks.up.isEnabled()
    blocks.choose(1)
    assert blocks.forms[1].isVisible()
    type_into(qtbot, shown.form.editor("blocks.1.trials"), "12")
    assert blocks.entries.item(1).text() == "2   closed loop · 12 trials"
    qtbot.mouseClick(blocks.copy, Qt.MouseButton.LeftButton)
    assert blocks.entries.currentRow() == 2
    type_into(qtbot, shown.form.editor("blocks.2.assist"), "0.5")
    assert blocks.entries.item(2).text() == "3   closed loop · 12 trials · assist 0.5"
    qtbot.mouseClick(blocks.up, Qt.MouseButton.LeftButton)
    assert blocks.entries.currentRow() == 1
    assert [block.get("assist") for block in shown.document.get("blocks")] == [None, 0.5, None]
    blocks._dragged(None, 0, 0, None, 3)  # what the list tells when its first row is dropped below the last
    assert [block["kind"] for block in shown.document.get("blocks")] == ["closed_loop", "closed_loop", "rest"]
    assert blocks.entries.currentRow() == 2
    qtbot.mouseClick(blocks.remove, Qt.MouseButton.LeftButton)
    assert len(blocks.forms) == 2
    type_into(qtbot, shown.form.editor("blocks.1.name"), "baseline, third")
    assert "baseline, third (closed loop)" in blocks.entries.item(1).text()
    type_into(qtbot, shown.form.editor("blocks.0.assist"), "7")
    settled(qtbot, shown)
    assert blocks.entries.item(0).text().endswith("✕")
    assert not blocks.entries.item(1).text().endswith("✕")


def test_the_settings_of_a_plugin_are_a_form_of_their_own(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    tab(shown, "Rig")
    driver = shown.form.settings[2]
    assert driver.form.title() == "Settings of simulated"
    choose(shown.form.editor("driver.kind"), "lsl")
    settled(qtbot, shown)
    assert driver.form.title() == "Settings of lsl"
    buffer = shown.form.editor("driver.settings.buffer_s")
    assert buffer.suffix() == " s"
    assert "liblsl" in buffer.toolTip()
    type_into(qtbot, buffer, "30")
    assert "settings.buffer_s = 30" in shown.text.toPlainText() or "buffer_s = 30" in shown.text.toPlainText()
    settled(qtbot, shown)
    assert shown.state.text().startswith("✔"), shown.state.text()
    type_into(qtbot, shown.form.editor("driver.settings.event_types"), '["Spikes"]')
    settled(qtbot, shown)
    assert shown.state.text().startswith("✔"), shown.state.text()
    keep_picture(shown, "editor_driver_settings")
    choose(shown.form.editor("driver.kind"), "simulated")  # which has no such settings: said at the plugin's form
    settled(qtbot, shown)
    assert shown.state.text().startswith("✕")
    assert "buffer_s" in shown.state.text()


def test_outputs_have_the_settings_of_their_plugin(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    tab(shown, "Outputs")
    outputs = shown.form.outputs
    qtbot.mouseClick(outputs.add, Qt.MouseButton.LeftButton)
    assert outputs.entries.item(0).text() == "1   reward → null"
    choose(shown.form.editor("outputs.0.kind"), "serial")
    settled(qtbot, shown)
    assert outputs.entries.item(0).text() == "1   reward → serial   ✕"
    assert "is missing" in outputs.settings[0].form.wrongs["outputs.0.settings.port"].text()
    type_into(qtbot, shown.form.editor("outputs.0.settings.port"), "/dev/ttyUSB0")
    type_into(qtbot, shown.form.editor("outputs.0.settings.pulse_ms"), "20")
    choose(shown.form.editor("outputs.0.settings.signal"), "dtr")
    settled(qtbot, shown)
    assert shown.state.text().startswith("✔"), shown.state.text()
    assert shown.document.get("outputs.0.settings") == {"port": "/dev/ttyUSB0", "pulse_ms": 20, "signal": "dtr"}
    keep_picture(shown, "editor_output_settings")


def test_what_has_no_effect_is_not_offered(page: Any, qtbot: Any) -> None:
    shown = page()
    tab(shown, "Task")
    count, positions, margin = (shown.form.editor(f"task.{key}") for key in ("count", "positions_cm", "margin_cm"))
    assert count.isVisible()
    assert not positions.isVisible()
    choose(shown.form.editor("task.pattern"), "uniform")
    settled(qtbot, shown)
    assert margin.isVisible()
    assert margin.isEnabled()
    assert count.isVisible()  # the file has it, so it must be seen
    assert not count.isEnabled()
    task = next(form for _, forms in shown.form.pages for form in forms if getattr(form, "path", "") == "task")
    assert "has no effect with pattern" in task.wrongs["task.count"].text()  # the check says it more exactly
    task.resets["task.count"].click()
    assert not count.isVisible()
    tab(shown, "Learning")
    assert not shown.form.editor("learning.rate").isVisible()
    choose(shown.form.editor("learning.when"), "trial")
    assert shown.form.editor("learning.rate").isVisible()
    tab(shown, "Axes")
    assert not shown.form.editor("axes.x.push").isVisible()
    choose(shown.form.editor("decoder.smoothing"), "none")
    assert not shown.form.editor("decoder.smoothing_ms").isVisible()


def test_a_file_is_chosen(page: Any, qtbot: Any, tmp_path: Path) -> None:
    shown = page()
    tab(shown, "Axes")
    start_from = shown.form.editor("decoder.start_from")
    qtbot.mouseClick(start_from.browse, Qt.MouseButton.LeftButton)
    assert start_from.dialog.isVisible()
    start_from.dialog.fileSelected.emit(str(tmp_path / "weights.npz"))
    start_from.dialog.done(0)
    assert shown.document.get("decoder.start_from") == str(tmp_path / "weights.npz")
    type_into(qtbot, start_from.line, "other.npz")
    assert shown.document.get("decoder.start_from") == "other.npz"
    start_from.line.clear()
    start_from.line.editingFinished.emit()
    assert shown.document.get("decoder.start_from") is ABSENT


def test_a_saved_protocol_can_be_run(page: Any, qtbot: Any, own_protocols: Path) -> None:
    shown = page()
    tab(shown, "Task")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "500")
    assert shown.name.text() == "my_center_out"
    with qtbot.waitSignal(shown.run_asked) as asked:
        qtbot.mouseClick(shown.run, Qt.MouseButton.LeftButton)
    saved = own_protocols / "my_center_out.toml"
    assert asked.args == [saved]
    protocol = load("my_center_out")
    assert (protocol.name, protocol.task.hold_ms) == ("my_center_out", 500)
    assert "# Center-out: eight targets" in saved.read_text()
    assert not shown.is_dirty
    shown.open(SHIPPED_FOLDER / "center_out.toml")
    qtbot.mouseClick(shown.run, Qt.MouseButton.LeftButton)  # unchanged: it needs no saving
    type_into(qtbot, shown.form.editor("task.hold_ms"), "700")
    qtbot.mouseClick(shown.save, Qt.MouseButton.LeftButton)
    next(button for button in shown.question.box.buttons() if button.text() == "&Cancel").click()
    assert load("my_center_out").task.hold_ms == 500  # nothing is overwritten without a question
    shown.ask_to_open(SHIPPED_FOLDER / "left_right.toml")
    next(button for button in shown.question.box.buttons() if button.text() == "&Keep editing").click()
    assert shown.path.stem == "center_out"
    shown.ask_to_open(SHIPPED_FOLDER / "left_right.toml")
    next(button for button in shown.question.box.buttons() if button.text() == "&Discard").click()
    assert shown.path.stem == "left_right"


def test_a_document_is_changed_key_by_key() -> None:
    text = "# head\n[a]\nx = 1 # one\n\n# about b\n[b]\ny = 2\n"
    document = ProtocolDocument(text)
    document.set("a.z", 3)
    document.set("c.d.e", [1, 2])
    document.unset("b.y")
    assert document.get("b.y") is ABSENT
    assert document.get("c.d.e") == [1, 2]
    assert document.text.startswith("# head\n[a]\nx = 1 # one\nz = 3\n\n# about b\n[b]\n")
    with pytest.raises(ValueError, match="line 1"):
        ProtocolDocument("no [")


def test_a_subject_s_choices_are_those_of_its_plugin(page: Any, qtbot: Any) -> None:
    shown = page("learning_subject")

    def words(key: str) -> list[str]:
        editor = shown.form.editor(key)
        return [editor.itemData(index) for index in range(editor.count())]

    assert words("subject.learner") == ["none", "regression", "lms", "batched", "gated", "reinforcement"]
    assert words("subject.intent") == [None, "target", "mouse"]
    choose(shown.form.editor("subject.learner"), "regression")
    settled(qtbot, shown)
    assert shown.document.get("subject.learner") == "regression"
    choose(shown.form.editor("subject.kind"), "plain")
    settled(qtbot, shown)
    assert words("subject.prior")[0] == "nominal"
    assert "regression" in words("subject.learner")  # the file says so, and the check what is wrong with it
