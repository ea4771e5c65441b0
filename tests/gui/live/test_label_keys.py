"""Issue 14, 7: F1 to F8 stamp labelled events in the window; a key that is held stamps once."""

from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QShortcut

from bmi_app.gui.live.window import OperatorWindow
from bmi_app.rt.records import EventKind
from tests.gui.layout_faults import layout_faults


def test_function_keys_stamp_labels_and_the_tick_is_echoed(
    engine: Any, window: Callable[..., OperatorWindow], qtbot: Any, keep_picture: Any
) -> None:
    _, folder = engine("session.duration_s=60", "session.event_labels=['artefact','subject moved','juice refilled']")
    shown = window(folder)
    qtbot.waitUntil(lambda: shown.attachment.head > 10, timeout=60_000)
    shown.controls.note.setFocus()  # also while a note is written
    qtbot.keyClick(shown.controls.note, Qt.Key.Key_F2)
    qtbot.waitUntil(lambda: "label subject moved (F2) · tick " in shown.log.toPlainText())
    bound = {shortcut.key().toString(): shortcut for shortcut in shown.findChildren(QShortcut)}
    assert [bound[key].autoRepeat() for key in ("F1", "F2", "F3")] == [False] * 3
    assert "F4" not in bound
    qtbot.keyClick(shown, Qt.Key.Key_F8)  # names nothing
    qtbot.mouseClick(shown.controls.labels["F3"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "label juice refilled (F3) · tick " in shown.log.toPlainText())
    _, events = shown.attachment.events_since(0)
    assert events["code"][events["kind"] == EventKind.LABELLED].tolist() == [1, 2]
    assert [button.accessibleName() for button in shown.controls.labels.values()] == [
        "label artefact",
        "label subject moved",
        "label juice refilled",
    ]
    keep_picture(shown, "labels")
    assert layout_faults(shown) == []
