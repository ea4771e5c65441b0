from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QApplication

from bmi_app.analysis.playback import Playback
from bmi_app.analysis.recorded_session import RecordedSession, read_session
from bmi_app.analysis.unit_statistics import UnitStatistics
from bmi_app.gui.panels.curves_panel import CurvesPanel
from bmi_app.gui.panels.decoder_panel import DecoderPanel
from bmi_app.gui.panels.docks import is_seen
from bmi_app.gui.panels.learning_panel import LearningPanel
from bmi_app.gui.panels.raster_panel import RasterPanel
from bmi_app.gui.panels.timing_panel import TimingPanel
from bmi_app.gui.panels.trajectories_panel import TrajectoriesPanel
from bmi_app.gui.panels.trial_table import TrialTable
from bmi_app.gui.panels.tuning_panel import TuningPanel
from bmi_app.gui.replay.replay_page import ReplayPage
from bmi_app.gui.replay.what_if_path import what_if_path
from bmi_app.gui.shell.worker import Worker
from bmi_app.record.recovery import recover
from bmi_app.rt.records import EVENT, EventKind, TaskState
from bmi_app.session.engine.build import BuildError
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute import replay
from bmi_app.session.request import SessionRequest
from tests.gui.layout_faults import layout_faults


def record(root: Path, *overrides: str) -> Path:
    request = SessionRequest(
        protocol="center_out",
        overrides=["session.duration_s=120", "decoder.scramble=0.3", *overrides],
        out=root,
        speed="max",
        source_timeout_s=1.0,
    )
    return Path(run_fast(request, lambda text: None, lambda ticks: None)["session"])


@pytest.fixture
def folder(sessions_folder: Path) -> Path:
    return record(sessions_folder, "learning.when='trial'")


@pytest.fixture
def page(qtbot: Any, folder: Path) -> Iterator[Callable[[], ReplayPage]]:
    workers = [Worker("reads"), Worker("computes")]

    def show() -> ReplayPage:
        page = ReplayPage(workers[0], workers[1])
        qtbot.addWidget(page)
        page.resize(1280, 690)
        page.show()
        qtbot.waitExposed(page)
        page.open(folder)
        qtbot.waitUntil(lambda: page.panels is not None and is_seen(page.panels.of(RasterPanel)), timeout=60_000)
        return page

    yield show
    for worker in workers:
        worker.close()


def test_a_session_is_played_sought_and_paused(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    assert shown.clock.text() == "00:05 of 02:00"  # at the first trial, after the rest
    assert shown.session.frames["trial"][shown.playback.at - 1 : shown.playback.at + 1].tolist() == [-1, 0]
    n_trials = len(shown.session.outcomes)
    assert shown.heading.text().startswith(f"{shown.session.folder.name}: {n_trials} trials, ")
    shown.speed.setCurrentIndex(shown.speed.findText("× 20"))
    qtbot.mouseClick(shown.play, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.time_s > 8)
    assert shown.play.text() == "Pause"
    qtbot.mouseClick(shown.play, Qt.MouseButton.LeftButton)
    stood_s = shown.time_s
    assert int(shown.task_view.frame["tick"]) == shown.session.at(stood_s)
    at = QPoint(round(shown.timeline.x_of(100.0)), 30)
    qtbot.mouseClick(shown.timeline, Qt.MouseButton.LeftButton, pos=at)
    assert abs(shown.time_s - 100) < 0.2
    shown.seek(30.0)
    assert int(shown.task_view.frame["tick"]) == 3000
    keep_picture(shown, "replay")
    shown.speed.setCurrentIndex(shown.speed.findText("× 50"))
    qtbot.mouseClick(shown.play, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not shown.is_playing)  # it ends by itself
    assert shown.time_s == pytest.approx(120)


def test_what_if_and_verify(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    panel = shown.what_if
    panel.rule.setCurrentIndex(panel.rule.findData("lms"))
    panel.when.setCurrentIndex(panel.when.findData("off"))
    qtbot.mouseClick(panel.compute, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(panel.compute.isEnabled, timeout=60_000)
    assert "with the rule lms, learning off. Error of the velocity " in panel.score.text()
    assert "0 updates" in panel.score.text()
    shown.seek(90.0)
    (_, recorded), (_, changed) = panel.recorded[0].getData(), panel.what_if[0].getData()
    assert recorded.shape == changed.shape
    assert not np.array_equal(recorded, changed)
    qtbot.mouseClick(shown.verify, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(shown.verify.isEnabled, timeout=60_000)
    exact, standing = shown.verdict.text().splitlines()
    assert exact == "✔ Bit-exact: all 12,000 ticks recomputed, every bit the same"
    assert standing.startswith("The session is complete, checked 20")
    keep_picture(shown, "replay_what_if")
    assert layout_faults(shown) == []
    for width_px, is_cut in ((1280, False), (1000, True)):
        shown.resize(width_px, 690)
        QApplication.processEvents()
        assert shown.heading.text().endswith("…") == is_cut  # cut, and seen to be
        assert shown.heading.fontMetrics().horizontalAdvance(shown.heading.text()) <= shown.heading.width()
    assert f"{len(shown.session.outcomes)} trials, " in shown.heading.toolTip()  # whole


def test_every_panel_shows_the_session_at_the_playhead(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    session, panels = shown.session, shown.panels
    shown.seek(61.0)
    tick = session.at(61.0)
    image = panels.of(RasterPanel).spike_image.image
    assert tick % 2 == 0
    columns = session.counts[tick - 198 : tick + 1].sum(axis=0)
    assert np.array_equal(image[:, -100:].any(axis=1), columns[panels.of(RasterPanel).order] > 0)
    ended = [trial for trial in session.trials if trial.end_tick <= tick]
    assert 3 < len(panels.trials.ended) == len(ended) < len(session.trials)
    stored = session.weights["tick"] <= tick
    recorded = session.weights_rows[stored][-1]
    assert np.array_equal(shown.playback.model().weights.ravel(), recorded[: 2 * session.counts.shape[1]])
    for title, dock in shown.docks.docks.items():
        dock.raise_()
        QApplication.processEvents()
        assert title not in shown.docks.panels or is_seen(shown.docks.panels[title])
        keep_picture(shown, f"replay_{title.lower().replace(' ', '_')}")
    assert panels.of(LearningPanel).updates.topLevelItemCount() == sum(c.tick <= tick for c in session.changes)
    assert not panels.of(LearningPanel).rate.isEnabled()
    for title in ("Trials", "Learning"):
        shown.docks.docks[title].raise_()
    QApplication.processEvents()
    shown.seek(0.0)  # back: nothing of later stays
    assert panels.trials.ended == []
    assert panels.of(TrialTable).model.rowCount() == 0
    assert panels.of(LearningPanel).updates.topLevelItemCount() == 1
    shown.docks.docks["Decoder"].raise_()
    QApplication.processEvents()
    assert all(bar.image.any() for bar in panels.of(DecoderPanel).bars)  # the weights of the start
    shown.docks.docks["Spikes"].raise_()
    QApplication.processEvents()
    assert not panels.of(RasterPanel).spike_image.image[:, :-1].any()
    assert panels.of(TimingPanel).n_latencies <= 1


def test_a_tab_that_is_raised_while_nothing_plays_is_filled(page: Any) -> None:
    shown = page()
    shown.seek(61.0)
    panels = shown.panels
    filled = {
        "Trials": lambda: panels.of(TrialTable).model.rowCount() > 3,
        "Curves": lambda: all(len(dots.getData()[0]) > 3 for dots in panels.of(CurvesPanel).dots.values()),
        "Timing": lambda: panels.of(TimingPanel).values["missed ticks"].text() != "–",
        "Tuning": lambda: all(
            sum(len(d.getData()[0]) for d in plot) == 96 for plot in panels.of(TuningPanel).dots.values()
        ),
        "Learning": lambda: (
            panels.of(LearningPanel).updates.topLevelItemCount() > 3 and panels.of(LearningPanel).gains["x"].value() > 0
        ),
        "Trajectories": lambda: any(
            way.xData is not None and len(way.xData) > 3 for way in panels.of(TrajectoriesPanel).ways[0]
        ),
        "Decoder": lambda: len(panels.of(DecoderPanel).norms.getData()[0]) > 3,
    }
    for title, is_filled in filled.items():
        if title != "Decoder":  # it is in front from the beginning
            assert not is_filled(), title
        shown.docks.docks[title].raise_()
        QApplication.processEvents()
        QApplication.processEvents()
        assert is_filled(), title


def test_a_jump_shows_what_playing_there_shows(folder: Path) -> None:
    session = read_session(folder)
    played, jumped = (UnitStatistics(session.protocol.units.count, session.dt_s) for _ in range(2))
    there = Playback(session)
    for at in range(0, 9000, 7):
        rows = there.advance_to(at)
        played.take(rows.frames, rows.counts)
    rows = Playback(session).jump_to(there.at)
    jumped.take(rows.frames, rows.counts)
    assert len(rows.frames) == there.at + 1 < 12_000  # all of it: two minutes are remembered
    for name in ("velocity", "target"):
        assert np.abs(played.correlation(name)).max() > 0.2
        assert jumped.correlation(name) == pytest.approx(played.correlation(name), abs=1e-9)
    assert jumped.rates_hz == pytest.approx(played.rates_hz, rel=1e-9)
    assert jumped.silent().tolist() == played.silent().tolist()


def test_the_open_loop_path_of_the_recording_is_the_recorded_path(folder: Path) -> None:
    session = read_session(folder)
    checked = 0
    for at in range(600, len(session.frames), 731):
        path_cm = what_if_path(session, session.frames, at)
        if int(session.frames["state"][at]) not in (TaskState.MOVE, TaskState.HOLD):
            assert len(path_cm) == 0
            continue
        cursor_cm = np.stack((session.frames["cursor_x_cm"], session.frames["cursor_y_cm"]), axis=1)
        assert path_cm == pytest.approx(cursor_cm[at + 1 - len(path_cm) : at + 1], abs=1e-9)
        checked += len(path_cm)
    assert checked > 500


def test_units_moved_by_hand_are_another_mapping(page: Any, qtbot: Any, keep_picture: Any) -> None:
    shown = page()
    panels, what_if = shown.panels, shown.what_if
    panels.selection.select(5)
    shown.setFocus()
    qtbot.keyClick(shown, Qt.Key.Key_C)
    panels.selection.select(40)
    qtbot.keyClick(shown, Qt.Key.Key_X)
    assert what_if.mapping.moved == {5: "control", 40: "horizontal"}
    assert what_if.edit_mapping.text() == "2 units moved"
    assert shown.playback.unit_population[5] == 0  # the recording stays as it is
    qtbot.mouseClick(what_if.compute, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(what_if.compute.isEnabled, timeout=60_000)
    assert "with unit 5 to control, 40 to horizontal" in what_if.score.text()
    written = ["populations.horizontal=0-4,6-31,40", "populations.vertical=32-39,41-63"]
    other = replay.what_if(shown.session.folder, written)
    assert what_if.changed_frames.tobytes() == other.frames.tobytes()  # NaN, where there is no hand, included
    at = int(np.flatnonzero(shown.session.frames["state"] == TaskState.HOLD)[-1])
    shown.seek(at * shown.session.dt_s)
    assert len(shown.task_view.other_path_cm) > 20
    qtbot.mouseClick(what_if.edit_mapping, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(what_if.mapping.brushes["vertical"], Qt.MouseButton.LeftButton)
    at_unit = what_if.mapping.map.unit_centre(7).toPoint()
    qtbot.mousePress(what_if.mapping.map, Qt.MouseButton.LeftButton, pos=at_unit)
    qtbot.mouseRelease(what_if.mapping.map, Qt.MouseButton.LeftButton, pos=at_unit)
    assert what_if.mapping.moved == {5: "control", 7: "vertical", 40: "horizontal"}
    keep_picture(what_if.mapping, "replay_mapping")
    keep_picture(shown, "replay_moved")
    panels.selection.select(5)
    panels.selection.move_by_key("x")  # back where it was
    assert 5 not in what_if.mapping.moved
    qtbot.mouseClick(what_if.mapping.reset, Qt.MouseButton.LeftButton)
    assert what_if.mapping.moved == {}
    assert what_if.edit_mapping.text() == "as recorded"


def test_a_mapping_that_cannot_be_is_refused(folder: Path) -> None:
    with pytest.raises(BuildError, match="no population 'sideways'; populations: horizontal, vertical, control"):
        replay.what_if(folder, [], {1: "sideways"})
    with pytest.raises(BuildError, match="units run from 0 to 95"):
        replay.what_if(folder, [], {96: "control"})
    with pytest.raises(BuildError, match="no unit is left in population 'vertical'"):
        replay.what_if(folder, [], dict.fromkeys(range(32, 64), "control"))


def test_keys_move_the_playhead(page: Any, qtbot: Any) -> None:
    shown = page()
    shown.setFocus()
    qtbot.keyClick(shown, Qt.Key.Key_End)
    assert shown.time_s == pytest.approx(120)
    qtbot.keyClick(shown, Qt.Key.Key_Left)
    assert shown.time_s == pytest.approx(119)
    qtbot.keyClick(shown, Qt.Key.Key_Right)
    qtbot.keyClick(shown, Qt.Key.Key_Home)
    assert shown.time_s == 0
    qtbot.keyClick(shown, Qt.Key.Key_BracketRight)
    assert shown.speed.currentData() == 2.0
    qtbot.keyClick(shown, Qt.Key.Key_Space)
    assert shown.is_playing
    qtbot.keyClick(shown, Qt.Key.Key_Space)
    assert not shown.is_playing


def test_a_second_session_takes_the_place_of_the_first(page: Any, qtbot: Any, sessions_folder: Path) -> None:
    shown = page()
    other = record(sessions_folder, "units.count=40", "populations.vertical='32-36'", "session.duration_s=20")
    first = shown.session
    shown.open(other)
    qtbot.waitUntil(lambda: shown.session is not first, timeout=60_000)
    assert len(shown.playback.unit_population) == 40
    qtbot.waitUntil(shown.what_if.isVisible)  # Qt shows what was laid out in the next turn of its loop
    assert shown.clock.text() == "00:05 of 00:20"


def test_timing_is_that_of_the_recording(folder: Path) -> None:
    session = read_session(folder)
    events = np.zeros(2, EVENT)
    events["kind"], events["tick"], events["value"] = EventKind.JOURNAL_SYNCED, (1000, 2000), (1e6, 2e6)
    events["time_s"] = session.frames["edge_s"][[1000, 2000]] + 0.25
    session.health["missed_ticks"][1500:] = 2
    timed = RecordedSession(**{**vars(session), "events": events})
    playback = Playback(timed)
    playback.jump_to(900)
    assert playback.timing().sync_age_s is None
    playback.jump_to(1600)
    found = playback.timing()
    assert (found.missed_ticks, found.saved_bytes) == (2, 1_000_000)
    assert found.sync_age_s == pytest.approx(5.75)
    assert found.data_age_s is not None
    assert 0 <= found.data_age_s < 0.1


def test_a_verdict_has_the_room_of_its_text_at_once(page: Any) -> None:
    """On a busy machine the page was looked at before its row was laid out anew, and the verdict was cut."""
    shown = page()
    for text in ("✓ Identical", "✕ The session is damaged: spikes.arrows from 0:54 on and 2 more", ""):
        shown._verifier.told.emit(shown.session.folder, text, True, True)
        assert shown.verdict.text() == text
        assert layout_faults(shown) == []


def test_a_damaged_session_is_called_so_while_it_is_played(
    page: Any, qtbot: Any, sessions_folder: Path, keep_picture: Any
) -> None:
    """Issue 11, A1: playback said nothing of spikes that were gone."""
    shown = page()
    damaged, recovered = record(sessions_folder), record(sessions_folder)
    path = damaged / "spikes.arrows"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    path = recovered / "commands.arrows"
    path.write_bytes(path.read_bytes()[:-8])
    for name in ("frames", "health"):
        path = recovered / f"{name}.arrows"
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    recover(recovered, to_common_tick=True)  # half the bytes of each are not the same ticks
    shown.open(damaged)
    qtbot.waitUntil(lambda: shown.session.folder == damaged and shown.verdict.text() != "", timeout=60_000)
    assert shown.verdict.text().startswith("✕ The session is damaged: spikes.arrows from ")
    assert "CRC" in shown.verdict.toolTip()
    assert layout_faults(shown) == []
    keep_picture(shown, "replay_damaged")
    shown.open(recovered)
    qtbot.waitUntil(lambda: "recovered, cut at " in shown.verdict.text(), timeout=60_000)
    assert " of 2:00, checked 20" in shown.verdict.text()
    shown.open(
        sessions_folder / next(path.name for path in sessions_folder.iterdir() if path not in (damaged, recovered))
    )
    qtbot.waitUntil(lambda: shown.session.folder not in (damaged, recovered), timeout=60_000)
    assert shown.verdict.text() == ""
