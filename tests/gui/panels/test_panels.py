import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtGui import QColor, QImage
from PyQt6.QtWidgets import QApplication

from bmi_app.gui.panels.task_view import TaskView
from bmi_app.gui.shell.theme import notice_colours, theme_of
from bmi_app.gui.widgets.log_panel import LogPanel
from bmi_app.gui.widgets.plots import round_up
from bmi_app.rt.records import EventKind, StopReason, TaskState, UpdateCause
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.narrator import Narrator
from bmi_app.session.view.observer import Observer, local_clock


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}


def contrast(one: QColor, other: QColor) -> float:
    """WCAG 2.1, contrast ratio."""

    def luminance(colour: QColor) -> float:
        parts = [colour.redF(), colour.greenF(), colour.blueF()]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_task_is_drawn_in_both_appearances(
    stepped: Any, qtbot: Any, appearance: str, tmp_path: Path, keep_picture: Any
) -> None:
    session = stepped()
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE)
    view = TaskView(session.protocol)
    qtbot.addWidget(view)
    view.resize(400, 400)
    observer = Observer(Attachment(session.folder))
    session.step(60)
    view.take(observer.fresh_frames())
    theme = theme_of(view.palette())
    assert theme.is_dark == (appearance == "dark")
    found = colours(view.grab().toImage())
    assert {theme.workspace.name(), theme.cursor.name()} <= found
    assert len(view.trail) > 20
    waiting = found
    session.step_until(lambda frame: frame["hold_fraction"] > 0.5)
    view.take(observer.fresh_frames())
    held = colours(view.grab().toImage())
    assert theme.held.name() in held - waiting
    session.step_until(lambda frame: frame["state"] == TaskState.REWARD)
    session.step(5)
    view.take(observer.fresh_frames())
    keep_picture(view, f"task_{appearance}")
    session.step_until(lambda frame: frame["state"] == TaskState.INTER_TRIAL)
    session.step(1)
    view.take(observer.fresh_frames())
    assert len(view.trail) <= 2  # the cursor was put back: that is no movement


def test_text_is_read_well_in_both_appearances(qapp: QApplication, appearance: str) -> None:
    theme = theme_of(qapp.palette())
    for level in ("calm", "good", "warning", "alarm"):
        back, text = notice_colours(level, theme)
        assert contrast(QColor(back), QColor(text)) > 3.0, level  # large, bold text
    window = qapp.palette().window().color()
    assert contrast(theme.failed, window) > 3.0
    for colour in (theme.cursor, theme.failed, theme.held):
        assert contrast(colour, theme.workspace) > 3.0


@pytest.mark.parametrize("protocol", ["left_right", "random_pursuit"])
def test_workspaces_of_every_kind_are_drawn(stepped: Any, qtbot: Any, protocol: str) -> None:
    session = stepped(protocol)
    view = TaskView(session.protocol)
    qtbot.addWidget(view)
    view.resize(500, 300)
    assert not view.grab().isNull()  # before the first frame
    observer = Observer(Attachment(session.folder))
    session.step(900)
    view.take(observer.fresh_frames())
    assert theme_of(view.palette()).cursor.name() in colours(view.grab().toImage())
    view.resize(10, 10)
    assert not view.grab().isNull()


def test_commands_of_every_view_and_events_are_told_with_their_tick(stepped: Any) -> None:
    session = stepped("center_out", "learning.when=reward")
    session.step(5)
    session.command(do="pause")
    session.step(5)
    session.command(do="resume")
    session.command(do="assist", value=0.25)
    session.command(do="assist", value=None)
    session.command(do="learning", on=False)
    session.command(do="learning", on=False)  # the same again
    session.command(do="move_unit", unit=7, population="control")
    session.step(1)
    for kind, code in (
        (EventKind.SOURCE_LOST, 0),
        (EventKind.SOURCE_BACK, 0),
        (EventKind.UPDATE_REJECTED, UpdateCause.REWARD),
        (EventKind.SESSION_STOP, StopReason.SOURCE_ENDED),
    ):
        session.event(kind, code)
    narrator = Narrator(Attachment(session.folder))
    assert narrator.fresh_lines() == [
        "block 1: rest · tick 0 (0.01 s)",
        "pause · tick 5 (0.06 s)",
        "resume · tick 10 (0.11 s)",
        "assist 0.25 · tick 10 (0.11 s)",
        "assist as the block says · tick 10 (0.11 s)",
        "learning off, frozen · tick 10 (0.11 s)",
        "learning off, frozen: did nothing: it was so already, or learning.when is off · tick 10 (0.11 s)",
        "move unit 7 to control · tick 10 (0.11 s)",
        "source lost · tick 10 (0.11 s)",
        "source is back · tick 10 (0.11 s)",
        "weight update rejected (reward) · tick 10 (0.11 s)",
        "session ends: source ended · tick 10 (0.11 s)",
    ]
    assert narrator.fresh_lines() == []


def test_what_was_before_a_view_attached_is_told_with_the_time_at_which_it_was(stepped: Any, qtbot: Any) -> None:
    session = stepped()
    now_s = time.time()
    session.core.arrays["config"][0]["start_s"] = local_clock()() - 240.0  # four minutes ago
    session.step(99)
    session.command(do="pause")
    session.step(1)
    log = LogPanel()
    qtbot.addWidget(log)
    (block_s, _), (pause_s, pause) = told = Narrator(Attachment(session.folder)).fresh()
    assert pause == "pause · tick 99 (1.00 s)"
    assert block_s == pytest.approx(now_s - 239.99, abs=2.0)
    assert pause_s - block_s == pytest.approx(0.99)
    for time_s, line in told:
        log.say(line, time_s)
    first = log.toPlainText().splitlines()[0]
    assert first == f"{time.strftime('%H:%M:%S', time.localtime(block_s))}  block 1: rest · tick 0 (0.01 s)"


def test_a_line_that_repeats_is_counted(qtbot: Any) -> None:
    log = LogPanel()
    qtbot.addWidget(log)
    for text in ("one", "two\nlines", "two\nlines", "two\nlines", "three"):
        log.say(text)
    lines = [line[10:] if line[2:3] == ":" else line for line in log.toPlainText().splitlines()]
    assert lines == ["one", "two", "lines (×3)", "three"]


@given(st.floats(1e-6, 1e9))
def test_the_range_of_an_axis_is_one_of_a_few_and_hardly_larger(most: float) -> None:
    shown = round_up(most)
    assert most * (1 - 1e-9) <= shown <= 1.25 * most * (1 + 1e-9)
    assert round_up(shown) == pytest.approx(shown)
    assert len({round_up(value) for value in np.linspace(1.0, 9.999, 500)}) <= 37


def test_an_axis_without_values_has_a_range() -> None:
    assert round_up(0.0) == round_up(float("nan")) == round_up(-1.0) == 1.0
