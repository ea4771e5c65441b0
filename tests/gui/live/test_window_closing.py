"""A window is closed, and its session goes on, is stopped, or has ended."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QMessageBox, QWidget

from bmi_app.gui.live import window as window_module
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.session.view.attachment import AttachError
from bmi_app.session.view.observer import Phase
from tests.gui.questions import press

pytestmark = pytest.mark.usefixtures("not_lowered")


Show = Callable[..., OperatorWindow]


def test_closing_asks_and_never_ends_the_session_by_itself(stepped: Any, window: Show, qtbot: Any) -> None:
    session = stepped()
    session.step(10)
    shown = window(session.folder)
    sent: list[dict[str, Any]] = []
    shown.commands.send = sent.append  # type: ignore[method-assign]
    shown.close()
    assert shown.isVisible()
    press(shown, "Cancel")
    assert shown.isVisible()
    assert shown.question.box is None
    shown.close()
    press(shown, "Leave it running")
    qtbot.waitUntil(lambda: not shown.isVisible())
    assert sent == []


def test_closing_can_stop_the_session_and_waits_for_its_end(stepped: Any, window: Show, qtbot: Any) -> None:
    session = stepped()
    session.step(10)
    shown = window(session.folder)
    sent: list[dict[str, Any]] = []
    shown.commands.send = sent.append  # type: ignore[method-assign]
    shown.close()
    press(shown, "Stop the session")
    assert sent == [{"do": "stop"}]
    assert shown.isVisible()
    session.end()
    qtbot.waitUntil(lambda: not shown.isVisible())


def test_a_question_that_is_open_goes_when_the_session_ends(stepped: Any, window: Show, qtbot: Any) -> None:
    session = stepped()
    session.step(10)
    shown = window(session.folder)
    shown.ask_to_stop()
    assert isinstance(shown.question.box, QMessageBox)
    session.end()
    qtbot.waitUntil(lambda: shown.phase == Phase.ENDED)
    assert shown.question.box is None
    assert shown.isVisible()  # it was not told to close
    assert "complete" in shown.notice.message.text()
    shown.close()
    assert not shown.isVisible()


@pytest.fixture
def another_window(qtbot: Any) -> QWidget:
    """A window of somebody else in this process: Qt itself would wait for that one, too, before it quits."""
    other = QWidget()
    qtbot.addWidget(other)
    other.show()
    return other


@pytest.mark.usefixtures("another_window")
def test_run_returns_when_the_session_is_complete(stepped: Any) -> None:
    session = stepped()
    session.step(10)
    session.end()
    assert window_module.run(session.folder, close_at_end=True) == 0


def test_ctrl_c_closes_the_window_and_leaves_the_decision_to_the_caller(stepped: Any, another_window: QWidget) -> None:
    session = stepped()
    session.step(10)
    QTimer.singleShot(100, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        window_module.run(session.folder, close_at_end=True)
    visible = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    assert visible == [another_window]


def test_a_session_that_does_not_run_is_refused(stepped: Any) -> None:
    session = stepped()
    moved = session.path.with_suffix(".gone")
    session.path.rename(moved)
    try:
        with pytest.raises(AttachError, match="is not running"):
            window_module.run(session.folder, close_at_end=True)
    finally:
        moved.rename(session.path)
