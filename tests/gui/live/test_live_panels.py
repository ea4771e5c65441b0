import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtWidgets import QApplication

from bmi_app.analysis.feed import Feed
from bmi_app.analysis.session_source import LiveSource
from bmi_app.analysis.trials import Trials, smoothed
from bmi_app.analysis.unit_statistics import UnitStatistics
from bmi_app.gui.live.reward_sound import RewardSound
from bmi_app.gui.live.window import OperatorWindow
from bmi_app.gui.panels.docks import is_seen
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.gui.panels.timing_panel import TimingPanel
from bmi_app.gui.panels.tuning_panel import TuningPanel
from bmi_app.gui.shell.shortcuts import SHORTCUTS
from bmi_app.rt.records import FRAME, EventKind, TaskState, UpdateCause
from bmi_app.session.view.attachment import Attachment


def refresh(shown: OperatorWindow, times: int = 40) -> None:
    """Redraw every panel that is seen: some are due only every second."""
    for panel in shown.docks.panels:
        shown.docks.due_s[panel] = 0.0
    for _ in range(times):
        shown.refresh()
        QApplication.processEvents()


def test_every_panel_is_shown_in_both_appearances(
    stepped: Any, window: Callable[..., OperatorWindow], appearance: str, keep_picture: Callable[[Any, str], Any]
) -> None:
    session = stepped("center_out", "learning.when=trial", "decoder.scramble=0.3", "session.duration_s=120")
    session.time_health(120.0, 0.0)
    session.step(3900)
    session.event(EventKind.UPDATE_REJECTED, UpdateCause.TRIAL)
    shown = window(session.folder)
    shown.hold()
    for title in shown.docks.panels:
        for width, height in ((1280, 720), (1400, 900)):
            shown.resize(width, height)
            shown.docks.docks[title].raise_()
            refresh(shown)
            assert is_seen(shown.docks.panels[title])
            keep_picture(shown, f"{title.lower()}_{appearance}_{height}")
    shown.docks.arrange_all()
    QApplication.processEvents()
    refresh(shown)
    assert all(is_seen(panel) for panel in shown.docks.panels.values())
    keep_picture(shown, f"all_{appearance}_900")


def test_spikes_stand_where_and_when_they_were(stepped: Any, window: Callable[..., OperatorWindow]) -> None:
    session = stepped("center_out")
    session.step(1100)
    shown = window(session.folder)
    shown.hold()
    session.step(300)
    refresh(shown)
    panel = shown.live.of(RasterPanel)
    image = panel.spike_image.image
    frames_head = int(session.ctl[0])
    counts = session.core.arrays["counts"][(np.arange(frames_head - 200, frames_head)) & 4095]
    columns = counts.reshape(-1, 2, counts.shape[1]).sum(axis=1).T  # two ticks of 10 ms a column
    assert np.array_equal(image[:, -100:] > 0, columns[panel.order] > 0)
    assert panel.rates.isVisible()


def test_a_silent_and_a_noisy_unit_are_flagged() -> None:
    rng = np.random.default_rng(1)
    statistics = UnitStatistics(40, 0.01)
    frames = np.zeros(1500, FRAME)
    frames["tick"] = np.arange(1500)
    counts = rng.poisson(0.2, (1500, 40)).astype(np.float32)
    counts[:, 7] = 0
    counts[:, 9] = rng.poisson(3.0, 1500)
    for begin in range(0, 1500, 37):
        statistics.take(frames[begin : begin + 37], counts[begin : begin + 37])
    assert statistics.silent().tolist() == [7]
    assert statistics.unusual().tolist() == [9]
    assert statistics.rates_hz[9] == pytest.approx(300, rel=0.15)


def test_flags_tell_every_unit(stepped: Any, window: Callable[..., OperatorWindow], monkeypatch: Any) -> None:
    session = stepped("center_out", "units.count=160")
    session.step(200)
    shown = window(session.folder)
    shown.hold()
    silent = np.array([3, 5, 6, *range(96, 128)])
    monkeypatch.setattr(shown.live.statistics, "silent", lambda: silent)
    panel = shown.live.of(RasterPanel)
    panel.redraw(whole=True)
    assert panel.flags.text() == "silent: 3, 5-6, 96-127"
    shown.live.selection.select(20)
    assert panel.chosen.text().endswith(" Hz · x, y, c move it")
    monkeypatch.setattr(shown.live.statistics, "silent", lambda: np.arange(0, 160, 2))
    panel.redraw(whole=True)
    assert panel.flags.text().endswith("…")  # cut, and seen to be
    assert panel.flags.fontMetrics().horizontalAdvance(panel.flags.text()) <= panel.flags.width()
    assert panel.flags.toolTip().splitlines()[0] == f"silent: {', '.join(map(str, range(0, 160, 2)))}"


def test_correlations_find_what_a_unit_follows() -> None:
    rng = np.random.default_rng(2)
    statistics = UnitStatistics(3, 0.05)
    frames = np.zeros(2000, FRAME)
    frames["tick"] = np.arange(2000)
    frames["state"] = TaskState.MOVE
    slow = np.repeat(rng.normal(size=(50, 2)), 40, axis=0)
    frames["velocity_x_cm_s"], frames["velocity_y_cm_s"] = slow.T
    frames["target_x_cm"], frames["target_y_cm"] = -slow.T
    counts = np.stack((5 + 2 * slow[:, 0], 5 - 2 * slow[:, 1], np.full(2000, 4.0)), axis=1).astype(np.float32)
    statistics.take(frames, counts)
    velocity, target = statistics.correlation("velocity"), statistics.correlation("target")
    assert velocity[0, 0] > 0.9
    assert velocity[1, 1] < -0.9
    assert abs(velocity[0, 1]) < 0.5
    assert target[0, 0] < -0.6
    assert (velocity[:, 2] == 0).all()


def test_trials_are_what_the_session_counts(stepped: Any) -> None:
    session = stepped("center_out", "blocks.0.duration_s=1")
    feed, trials = Feed(Attachment(session.folder)), Trials(0.01)
    for _ in range(40):
        session.step(50)
        trials.take(feed.fresh())
    state = session.core.state[0]
    assert len(trials.ended) == state["trials_done"] > 3
    assert sum(trial.is_success for trial in trials.ended) == state["successes"]
    for trial in trials.ended:
        assert 0.3 < trial.efficiency <= 1.0
        assert 0.2 < trial.time_s < 6.0
        end_cm = np.array(session.protocol.target_positions_cm()[trial.target])
        assert np.hypot(*(trial.path_cm[-1] - end_cm)) < 1.6


def test_means_of_the_last_trials_leave_out_what_is_not_known() -> None:
    found = smoothed(np.array([1.0, np.nan, 3.0, 5.0]), 2)
    assert found.tolist() == [1.0, 1.0, 3.0, 4.0]
    assert np.isnan(smoothed(np.array([np.nan]), 2)).all()


def test_a_panel_that_is_not_seen_is_not_redrawn(
    stepped: Any, window: Callable[..., OperatorWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stepped()
    session.step(800)
    shown = window(session.folder)
    shown.hold()
    drawn: list[str] = []
    for title, panel in shown.docks.panels.items():
        monkeypatch.setattr(panel, "redraw", lambda whole=False, title=title: drawn.append(title))
    shown.docks.docks["Tuning"].raise_()
    shown.docks.docks["Decoder"].close()
    QApplication.processEvents()
    drawn.clear()
    refresh(shown)
    assert "Tuning" in drawn
    assert not {"Spikes", "Decoder", "Trials"} & set(drawn)


def test_the_layout_is_remembered(stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any) -> None:
    session = stepped()
    session.step(10)
    first = window(session.folder)
    first.docks.docks["Timing"].close()
    first.leave()
    second = window(session.folder)
    assert second.docks.docks["Timing"].isHidden()
    assert not second.docks.docks["Spikes"].isHidden()
    second.docks.arrange_tabs()
    assert not second.docks.docks["Timing"].isHidden()


def test_every_dock_comes_back_at_its_size(stepped: Any, qtbot: Any) -> None:
    session = stepped()
    session.step(10)

    def show() -> OperatorWindow:
        shown = OperatorWindow(Attachment(session.folder), False)
        qtbot.addWidget(shown, before_close_func=OperatorWindow.leave)
        shown.resize(1390, 860)
        shown.show()
        qtbot.waitExposed(shown)
        for _ in range(5):
            QApplication.processEvents()
        return shown

    def sizes(shown: OperatorWindow) -> dict[str, tuple[int, int]]:
        return {title: (dock.width(), dock.height()) for title, dock in shown.docks.docks.items()}

    first = show()
    first.docks.arrange_all()
    QApplication.processEvents()
    spikes, tuning = first.docks.docks["Spikes"], first.docks.docks["Tuning"]
    first.resizeDocks([spikes, tuning], [spikes.height() + 60, tuning.height() - 40], Qt.Orientation.Vertical)
    QApplication.processEvents()
    arranged = sizes(first)
    qtbot.waitUntil(lambda: not first.docks._saving.isActive(), timeout=60_000)
    second = show()  # the first was not closed: it may as well have been killed
    assert sizes(second) == arranged


def test_the_subject_sees_the_task_and_the_photodiode_each_target(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any, keep_picture: Callable[[Any, str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    beeps: list[bool] = []
    monkeypatch.setattr(RewardSound, "play", lambda sound: beeps.append(True))
    session = stepped("center_out", "blocks.0.duration_s=1")
    session.step(50)
    shown = window(session.folder)
    shown.hold()
    shown.refresh()
    qtbot.keyClick(shown, Qt.Key.Key_F11)
    subject = shown.subject
    assert subject is not None
    screen = subject.screen().availableGeometry()
    assert subject.width() == subject.height() <= min(screen.width(), screen.height())
    shown.sound.trigger()
    flips = []
    monkeypatch.setattr(subject.patch, "flip", lambda: flips.append(True))
    for _ in range(60):
        session.step(25)
        shown.refresh()
    assert len(flips) == int(session.last["trial"]) + 1
    n_beeps = len(beeps)
    assert n_beeps == session.core.state[0]["successes"] > 2
    monkeypatch.undo()
    subject.patch.flip()
    keep_picture(subject, "subject")
    assert subject.grab().toImage().pixelColor(5, subject.height() - 5).name() == "#ffffff"
    qtbot.keyClick(subject, Qt.Key.Key_F11)
    assert subject.isFullScreen()
    qtbot.keyClick(subject, Qt.Key.Key_Escape)
    assert not subject.isFullScreen()
    subject.close()
    assert shown.subject is None
    monkeypatch.setattr(RewardSound, "play", lambda sound: beeps.append(True))
    session.step_until(lambda frame: frame["state"] == TaskState.REWARD)
    shown.refresh()
    assert len(beeps) == n_beeps + 1  # the sound does not need the subject's window


def test_every_key_is_listed(
    stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any, keep_picture: Callable[[Any, str], Any]
) -> None:
    session = stepped()
    session.step(10)
    shown = window(session.folder)
    qtbot.keyClick(shown, "?")
    assert shown.keys is not None
    assert shown.keys.isVisible()
    keep_picture(shown.keys, "keys")
    assert {"Space", "Ctrl+Q", "F11", "?"} <= set(SHORTCUTS)


def test_timing_is_measured_and_what_is_wrong_stands_out(
    stepped: Any, window: Callable[..., OperatorWindow], keep_picture: Callable[[Any, str], Any]
) -> None:
    session = stepped("center_out", "session.duration_s=60")
    session.step(1000)
    session.core.arrays["health"]["missed_ticks"] = 3
    session.time_health(150.0, time.monotonic())
    shown = window(session.folder)
    shown.hold()
    shown.docks.docks["Timing"].raise_()
    shown.refresh_figures()
    refresh(shown)
    values = {name: label.text() for name, label in shown.live.of(TimingPanel).values.items()}
    assert values["p50"] == values["p99.9"] == "150 µs"
    assert values["missed ticks"] == "3"
    assert "700" in shown.live.of(TimingPanel).values["missed ticks"].styleSheet()
    assert shown.live.of(TimingPanel).values["late spikes"].styleSheet() == ""
    assert values["journal"].startswith("12.3 MB")
    assert values["last sync"].endswith(" ago")
    keep_picture(shown, "timing_late")


def test_a_dot_of_the_tuning_selects_its_unit(stepped: Any, window: Callable[..., OperatorWindow], qtbot: Any) -> None:
    session = stepped("center_out", "blocks.0.duration_s=1")
    session.step(2000)
    shown = window(session.folder)
    shown.hold()
    shown.docks.docks["Tuning"].raise_()
    refresh(shown)
    along = shown.live.statistics.correlation("velocity")
    assert np.abs(along).max() > 0.2
    unit = int(np.argmax(along[0]))
    plot = shown.live.of(TuningPanel).plots["velocity"]
    at = plot.mapFromScene(plot.getViewBox().mapViewToScene(QPointF(*along[:, unit])))
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert shown.live.selection.unit == unit


def test_rest_is_explained_to_the_operator_and_not_to_the_subject(
    stepped: Any, window: Callable[..., OperatorWindow], keep_picture: Callable[[Any, str], Any]
) -> None:
    session = stepped("center_out")
    session.step(120)
    shown = window(session.folder)
    shown.hold()
    shown.refresh()
    assert shown.task_view.words == "Measuring baselines: the cursor waits in the centre, 4 s left"
    scale, top = shown.task_view.px_per_cm(), shown.task_view.area().top()
    picture = shown.task_view.grab().toImage()
    text = shown.task_view.palette().windowText().color().lightness()
    top_px, bottom_px = round(top + 2), round(top + 3.6 * scale)  # the target at the top, y from 6.5 to 9.5 cm
    middle = range(picture.width() // 2 - 60, picture.width() // 2 + 60)
    assert all(
        abs(picture.pixelColor(x, y).lightness() - text) > 60 for x in middle for y in range(top_px, bottom_px)
    )  # no words lie over it
    keep_picture(shown, "rest")
    shown.show_subject()
    session.step(200)
    shown.refresh()
    assert shown.task_view.words.endswith(", 2 s left")
    assert shown.subject is not None
    assert shown.subject.view.words == ""
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE)
    shown.refresh()
    assert shown.task_view.words == ""
    shown.subject.close()


def test_each_reward_s_change_is_listed_when_learning_each_tick(stepped: Any) -> None:
    session = stepped("center_out", "learning.when='tick'", "decoder.scramble=0.3", "blocks.0.duration_s=1")
    source = LiveSource(Attachment(session.folder))
    for _ in range(20):
        session.step(100)
        source.fresh()
    session.step_until(lambda frame: frame["state"] == TaskState.MOVE and frame["state_ticks"] > 20)
    session.command(do="reward")
    session.step(1)
    source.fresh()
    by_operator = int(session.last["tick"])
    rewards = [change for change in source.changes.listed if change.cause == "reward"]
    succeeded = [trial for trial in source.trials.ended if trial.is_success]
    assert len(succeeded) > 2
    assert [change.tick for change in rewards] == [*(trial.end_tick for trial in succeeded), by_operator]
    assert all(change.norm > 0 for change in rewards)
    failed = [trial.end_tick for trial in source.trials.ended if not trial.is_success]
    listed = {change.tick: change.cause for change in source.changes.listed}
    assert all(listed[tick] == "tick by tick" for tick in failed if tick in listed)
