"""The mouse over the task is a person's hand, where a session has a use for one."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from bmi_app.gui.live.hand_sender import takes_hand
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.panels.task_view import TaskView
from bmi_app.rt.records import Flag
from bmi_app.session.view.attachment import Attachment
from protocols.load import load

ARM = 'blocks=[{kind="arm"}]'
MOUSE = (
    "subject.kind=autonomous",
    "subject.intent=mouse",
    "subject.exploration=none",
    'blocks=[{kind="rest",duration_s=8},{kind="free",duration_s=600}]',  # with the baselines of a short rest it drifts
)
PATIENCE_MS = 60_000
PLACES_CM = ((5.0, 3.0), (-4.0, 6.0), (0.0, -7.0))


@pytest.fixture(autouse=True)
def _not_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmi_app.session.priority.lower_view", lambda: None)


def over(view: TaskView, x_cm: float, y_cm: float) -> QPoint:
    scale = view.px_per_cm()
    return (view.area().center() + QPointF(x_cm * scale, -y_cm * scale)).toPoint()


def distance_cm(session: Attachment, place_cm: tuple[float, float]) -> float:
    latest = session.latest()
    assert latest is not None
    return math.hypot(latest["cursor_x_cm"] - place_cm[0], latest["cursor_y_cm"] - place_cm[1])


@pytest.mark.parametrize(
    ("overrides", "near_cm"), [((ARM,), 0.1), (MOUSE, 2.5)], ids=["the cursor is the hand", "the subject wants it"]
)
def test_the_cursor_comes_to_where_the_mouse_is(
    engine: Any, window: Callable[..., OperatorWindow], qtbot: Any, overrides: tuple[str, ...], near_cm: float
) -> None:
    _, folder = engine(*overrides)
    shown = window(folder)
    session = Attachment(folder)
    for place_cm in PLACES_CM:
        qtbot.mouseMove(shown.task_view, over(shown.task_view, *place_cm))
        qtbot.waitUntil(lambda place_cm=place_cm: distance_cm(session, place_cm) < near_cm, timeout=PATIENCE_MS)
    QApplication.sendEvent(shown.task_view, QEvent(QEvent.Type.Leave))
    shown.leave()


def test_the_subjects_window_moves_it_as_well(engine: Any, window: Callable[..., OperatorWindow], qtbot: Any) -> None:
    _, folder = engine(ARM)
    shown = window(folder)
    shown.show_subject()
    assert shown.subject is not None
    qtbot.waitUntil(shown.subject.isVisible)
    qtbot.wait(50)
    session = Attachment(folder)
    # To the window itself: by the place on the screen, the operator's window would get it, which lies there too.
    QTest.mouseMove(shown.subject.windowHandle(), over(shown.subject.view, 3.0, -2.0))
    qtbot.waitUntil(lambda: distance_cm(session, (3.0, -2.0)) < 0.1, timeout=PATIENCE_MS)
    latest = session.latest()
    assert latest is not None
    assert latest["flags"] & Flag.HAND
    shown.leave()


@pytest.mark.parametrize(
    ("overrides", "takes"),
    [([], False), ([ARM], True), (list(MOUSE), True), (["learning.rule=lms", "learning.intent=recorded"], True)],
)
def test_only_a_session_that_has_a_use_for_it_takes_a_hand(overrides: list[str], takes: bool) -> None:
    assert takes_hand(load("center_out", overrides)) is takes
