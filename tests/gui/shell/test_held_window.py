import gc
import weakref
from collections.abc import Callable
from typing import Any

from PyQt6.QtWidgets import QApplication

from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.shell.held_window import HeldWindow


def test_a_shown_window_that_nobody_holds_is_not_taken_apart(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any
) -> None:
    """The collector took the window apart while it was shown: its process ended, and its thread of commands stayed."""
    session = stepped()
    session.step(10)
    seen = weakref.ref(window(session.folder))
    gc.collect()
    shown = seen()
    assert shown is not None
    assert shown.isVisible()
    thread = shown.commands._thread
    shown.leave()
    del shown
    QApplication.processEvents()
    gc.collect()
    assert not thread.is_alive()
    assert seen() is None


def test_a_window_is_let_go_once_it_is_hidden_and_is_held_anew_when_it_is_shown_again(qtbot: Any) -> None:
    shown = HeldWindow()
    seen = weakref.ref(shown)
    shown.show()
    shown.hide()
    shown.show()
    QApplication.processEvents()
    shown.showMinimized()
    QApplication.processEvents()
    del shown
    gc.collect()
    again = seen()
    assert again is not None
    again.hide()  # without a cycle, it goes with the last that holds it
    del again
    QApplication.processEvents()
    assert seen() is None
