from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QPoint, Qt

from bmi_app.gui.editor_page import EditorPage
from bmi_app.gui.protocol_document import ABSENT, ProtocolDocument
from bmi_app.gui.worker import Worker
from protocols.load import SHIPPED_FOLDER, load

CHECK_MS = 20_000


@pytest.fixture(autouse=True)
def own_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "protocols"
    for module in ("protocols.load", "bmi_app.gui.editor_page", "bmi_app.gui.session_form"):
        monkeypatch.setattr(f"{module}.user_folder", lambda: folder)
    return folder


@pytest.fixture
def page(qtbot: Any) -> Iterator[Callable[..., EditorPage]]:
    worker = Worker("edits")

    def show(protocol: str = "center_out") -> EditorPage:
        page = EditorPage(worker)
        qtbot.addWidget(page)
        page.resize(1280, 690)
        page.open(SHIPPED_FOLDER / f"{protocol}.toml")
        page.show()
        qtbot.waitExposed(page)
        settled(qtbot, page)
        return page

    yield show
    worker.close()


def settled(qtbot: Any, page: EditorPage) -> None:
    def is_checked() -> bool:
        return not page._later.isActive() and page._checks._jobs.empty()

    qtbot.waitUntil(is_checked)
    done: list[bool] = []
    page._checks.submit(lambda: True, done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=CHECK_MS)


def tab(page: EditorPage, title: str) -> None:
    titles = [page.form.tabText(index).removesuffix(" ✕") for index in range(page.form.count())]
    page.form.setCurrentIndex(titles.index(title))


def type_into(qtbot: Any, editor: Any, text: str) -> None:
    editor.setFocus()
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)


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
    assert "305 is not a whole number of ticks" in section._wrongs["task.hold_ms"].text()
    assert section._wrongs["task.hold_ms"].isVisible()
    assert shown.form.tabText(4) == "Task ✕"
    assert shown.state.text().startswith("✕ 1 mistake")
    assert len(shown.text.extraSelections()) == 1
    keep_picture(shown, "editor_mistake")
    type_into(qtbot, shown.form.editor("task.hold_ms"), "310")
    settled(qtbot, shown)
    assert not section._wrongs["task.hold_ms"].isVisible()


def test_the_text_writes_the_form(page: Any, qtbot: Any) -> None:
    shown = page()
    text = shown.text.toPlainText()
    shown.text.setPlainText(text.replace("count = 8", "count = 6"))
    qtbot.waitUntil(lambda: shown.form.editor("task.count").value() == 6)
    shown.text.setPlainText("this is no TOML [")
    qtbot.waitUntil(lambda: not shown.form.isEnabled())
    settled(qtbot, shown)
    assert "is not valid TOML" in shown.state.text()
    shown.text.setPlainText(text)
    qtbot.waitUntil(shown.form.isEnabled)


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
    assert [block["kind"] for block in shown._document.get("blocks")] == ["closed_loop", "closed_loop"]


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
    next(button for button in shown.question.buttons() if button.text() == "&Cancel").click()
    assert load("my_center_out").task.hold_ms == 500  # nothing is overwritten without a question
    shown.ask_to_open(SHIPPED_FOLDER / "left_right.toml")
    next(button for button in shown.question.buttons() if button.text() == "&Keep editing").click()
    assert shown.path.stem == "center_out"
    shown.ask_to_open(SHIPPED_FOLDER / "left_right.toml")
    next(button for button in shown.question.buttons() if button.text() == "&Discard").click()
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
