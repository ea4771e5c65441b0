import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynwb
import pytest
from PyQt6.QtCore import QSettings, Qt

from bmi_app.gui.browser.learning_curve import success_curve
from bmi_app.gui.browser.recent_folders import RecentFolders
from bmi_app.gui.browser.result_card import ResultCard, summary_text
from bmi_app.gui.browser.sessions_page import _STATUS, SessionsPage
from bmi_app.gui.shell.worker import Worker
from bmi_app.record.kinds import file_name
from bmi_app.record.session_folder import read_summary, sessions, sessions_root
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest
from bmi_app.session.store.standing import outcome_of


def record(root: Path, protocol: str, duration_s: float, *overrides: str, subject: str = "", label: str = "") -> Path:
    request = SessionRequest(
        protocol=protocol,
        overrides=[f"session.duration_s={duration_s}", *overrides],
        out=root,
        speed="max",
        source_timeout_s=1.0,
        subject=subject,
        session_name=label,
    )
    return Path(run_fast(request, lambda text: None, lambda ticks: None)["session"])


@pytest.fixture
def page(qtbot: Any, tmp_path: Path) -> Iterator[Callable[[], SessionsPage]]:
    workers = [Worker("reads"), Worker("computes")]

    def show() -> SessionsPage:
        folders = RecentFolders(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
        page = SessionsPage(workers[0], workers[1], tmp_path / "cache", folders)
        qtbot.addWidget(page)
        page.resize(1280, 680)
        page.show()
        qtbot.waitExposed(page)
        return page

    yield show
    for worker in workers:
        worker.close()


def names(page: SessionsPage) -> list[str]:
    return [
        page.table.item(row, 0).text()  # type: ignore[union-attr]
        for row in range(page.table.rowCount())
        if not page.table.isRowHidden(row)
    ]


def test_sessions_are_listed_searched_verified_and_removed(
    page: Any, qtbot: Any, sessions_folder: Path, keep_picture: Any
) -> None:
    first = record(sessions_folder, "center_out", 90, subject="M1")
    second = record(sessions_folder, "left_right", 60, subject="K2", label="day 3, morning")
    third = record(sessions_folder, "center_out", 300, "decoder.scramble=0.5", "learning.when='trial'", subject="K2")
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 3)
    assert names(shown) == sorted((first.name, second.name, third.name), reverse=True)
    qtbot.waitUntil(lambda: all(not shown.table.item(row, 9).icon().isNull() for row in range(3)))
    qtbot.keyClicks(shown.search, "left k2")
    assert names(shown) == [second.name]
    assert shown.count.text() == "1 of 3 sessions"
    row = next(row for row in range(3) if not shown.table.isRowHidden(row))
    utc = datetime.strptime(second.name[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert shown.table.item(row, 1).text() == f"{utc.astimezone():%Y-%m-%d %H:%M}"
    assert shown.table.item(row, 2).text() == "day 3, morning"
    shown.search.clear()
    row = names(shown).index(third.name)
    shown.table.selectRow(row)
    assert "300.0 s, ended by: duration" in shown.detail.text()
    qtbot.mouseClick(shown.buttons["Verify"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.verdict.text().startswith("✔ Bit-exact: all 30,000 ticks"), timeout=60_000)
    keep_picture(shown, "sessions")
    qtbot.mouseClick(shown.buttons["Remove…"], Qt.MouseButton.LeftButton)
    next(button for button in shown.acts.question.box.buttons() if button.text() == "&Keep").click()
    assert third in sessions(sessions_folder)
    qtbot.mouseClick(shown.buttons["Remove…"], Qt.MouseButton.LeftButton)
    next(button for button in shown.acts.question.box.buttons() if button.text() == "&Delete").click()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 2)
    assert third not in sessions(sessions_folder)


def test_an_interrupted_session_is_recovered(page: Any, engine: Any, qtbot: Any, keep_picture: Any) -> None:
    process, folder = engine("session.duration_s=60")
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 1)
    shown.table.selectRow(0)
    assert shown.buttons["Attach"].isEnabled()
    assert not shown.buttons["Remove…"].isEnabled()
    with qtbot.waitSignal(shown.attach_asked) as asked:
        qtbot.mouseClick(shown.buttons["Attach"], Qt.MouseButton.LeftButton)
    assert asked.args == [folder]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    shown.look()
    qtbot.waitUntil(shown.buttons["Recover"].isEnabled)
    keep_picture(shown, "sessions_interrupted")
    qtbot.mouseClick(shown.buttons["Recover"], Qt.MouseButton.LeftButton)
    assert not shown.buttons["Recover"].isEnabled()  # once is enough
    qtbot.waitUntil(lambda: shown.verdict.text().startswith("✔ Recovered"), timeout=60_000)
    qtbot.waitUntil(shown.buttons["Verify"].isEnabled)


def test_the_curve_is_kept_until_the_session_changes(sessions_folder: Path, tmp_path: Path) -> None:
    folder = record(sessions_folder, "center_out", 60)
    curve = success_curve(folder, tmp_path)
    assert curve
    assert all(0 <= rate <= 1 for rate in curve)
    kept = tmp_path / f"{folder.name}.json"
    kept.write_text(kept.read_text().replace('"curve": [', '"curve": [0.125, '))
    assert success_curve(folder, tmp_path)[0] == 0.125
    os.utime(folder / file_name("events"))
    assert success_curve(folder, tmp_path) == curve


def test_sessions_of_every_folder_that_was_used_are_listed(page: Any, qtbot: Any, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    here, there = record(sessions_root(), "center_out", 10), record(elsewhere, "left_right", 10)
    shown = page()
    qtbot.waitUntil(lambda: names(shown) == [here.name])
    shown.folders.add(elsewhere)
    shown.list_folders()
    shown.look()
    qtbot.waitUntil(lambda: set(names(shown)) == {here.name, there.name})
    shown.folder.setCurrentIndex(shown.folder.findText(str(elsewhere)))
    shown.folder.activated.emit(shown.folder.currentIndex())
    qtbot.waitUntil(lambda: names(shown) == [there.name])
    shown.hide()
    shown.show()  # the choice is kept
    assert shown.folder.currentText() == str(elsewhere)


def test_folders_are_remembered_once_the_newest_first_and_only_while_they_are_there(tmp_path: Path) -> None:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    many = [tmp_path / f"folder {number}" for number in range(20)]
    for folder in many:
        folder.mkdir()
        RecentFolders(settings).add(folder)
    RecentFolders(settings).add(many[15])
    RecentFolders(settings).add(sessions_root())
    found = RecentFolders(settings).all()
    assert found[:3] == [sessions_root(), many[15], many[19]]
    assert len(found) == len(set(found)) == 13
    many[15].rmdir()
    assert many[15] not in RecentFolders(settings).all()


def test_a_running_session_is_stopped_after_a_question(page: Any, engine: Any, qtbot: Any) -> None:
    process, folder = engine("session.duration_s=60")
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 1)
    shown.table.selectRow(0)
    qtbot.mouseClick(shown.buttons["Stop…"], Qt.MouseButton.LeftButton)
    next(button for button in shown.acts.question.box.buttons() if button.text() == "&Go on").click()
    assert shown.acts.question.box is None
    assert process.poll() is None
    qtbot.mouseClick(shown.buttons["Stop…"], Qt.MouseButton.LeftButton)
    next(button for button in shown.acts.question.box.buttons() if button.text() == "&Stop the session").click()
    qtbot.waitUntil(lambda: shown.verdict.text() == "✔ Stopped", timeout=60_000)
    assert process.wait(10) == 0
    assert read_summary(folder)["stop_reason"] == "OPERATOR"
    qtbot.waitUntil(shown.buttons["Export NWB…"].isEnabled)


def test_a_session_is_exported(
    page: Any, qtbot: Any, sessions_folder: Path, tmp_path: Path, keep_picture: Callable[[Any, str], Path]
) -> None:
    folder = record(sessions_folder, "center_out", 20, subject="M1")
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 1)
    shown.table.selectRow(0)
    qtbot.mouseClick(shown.buttons["Export NWB…"], Qt.MouseButton.LeftButton)
    dialog = shown.acts.dialog
    assert dialog.isVisible()
    dialog.age.setText("8 years")
    assert not dialog.export.isEnabled()
    assert "P8Y" in dialog.wrong.text()
    dialog.age.setText("P8Y")
    dialog.species.setEditText("Macaca mulatta")
    assert dialog.wrong.text() == ""
    dialog.where.setText(str(tmp_path))
    keep_picture(dialog, "export")
    qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.verdict.text().startswith("✔ Exported to "), timeout=60_000)
    (file,) = tmp_path.glob("*.nwb")
    assert file.name.startswith("sub-M1_ses-")
    with pynwb.NWBHDF5IO(str(file), "r") as reading:
        subject = reading.read().subject
        assert (subject.species, subject.age) == ("Macaca mulatta", "P8Y")
    assert shown.chosen().folder == folder
    qtbot.mouseClick(shown.buttons["Export NWB…"], Qt.MouseButton.LeftButton)
    assert (shown.acts.dialog.species.currentText(), shown.acts.dialog.age.text()) == ("Macaca mulatta", "P8Y")
    shown.acts.dialog.reject()


def test_a_damaged_session_is_called_so_and_never_exact(
    page: Any, qtbot: Any, sessions_folder: Path, tmp_path: Path, keep_picture: Callable[[Any, str], Path]
) -> None:
    """Issue 11, A1: spikes cut in half were *complete* in the browser, and *Bit-exact* after Verify."""
    folder = record(sessions_folder, "center_out", 20)
    whole = record(sessions_folder, "center_out", 20)
    path = folder / file_name("spikes")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 2)
    words = {name: shown.table.item(row, _STATUS).text() for row, name in enumerate(names(shown))}
    assert words == {folder.name: "damaged: spikes.arrows", whole.name: "complete, not checked"}
    shown.table.selectRow(names(shown).index(folder.name))
    assert "Damaged: spikes.arrows." in shown.detail.text()
    assert shown.buttons["Recover"].isEnabled()
    qtbot.mouseClick(shown.buttons["Verify"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.verdict.text().startswith("✕ Not exact: spikes.arrows from 0:0"), timeout=60_000)
    qtbot.waitUntil(
        lambda: "from 0:0" in shown.table.item(names(shown).index(folder.name), _STATUS).text(), timeout=60_000
    )
    keep_picture(shown, "damaged_session")
    qtbot.mouseClick(shown.buttons["Export NWB…"], Qt.MouseButton.LeftButton)
    dialog = shown.acts.dialog
    assert not dialog.export.isEnabled()
    assert "The session is damaged: spikes.arrows from 0:0" in dialog.wrong.text()
    dialog.where.setText(str(tmp_path))
    dialog.damaged_too.click()
    keep_picture(dialog, "export_damaged")
    qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "exported" in shown.verdict.text(), timeout=60_000)
    assert shown.verdict.text().startswith("Only what is whole was exported to ")
    assert "damaged: spikes.arrows from 0:0" in shown.verdict.text()
    (file,) = tmp_path.glob("*.nwb")
    with pynwb.NWBHDF5IO(str(file), "r") as reading:
        assert "Damaged: spikes.arrows from 0:0" in reading.read().session_description
    qtbot.mouseClick(shown.buttons["Recover"], Qt.MouseButton.LeftButton)
    lost = "✕ Recovered, up to tick 1,999; lost: spikes from tick "  # not `complete up to tick 1,999`
    qtbot.waitUntil(lambda: shown.verdict.text().startswith(lost), timeout=60_000)


def test_damage_that_only_the_export_finds_is_refused_unless_asked_for(
    page: Any, qtbot: Any, sessions_folder: Path, tmp_path: Path
) -> None:
    folder = record(sessions_folder, "center_out", 20)
    path = folder / file_name("spikes")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # which a quick look does not find
    path.write_bytes(content)
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 1)
    shown.table.selectRow(0)
    qtbot.mouseClick(shown.buttons["Export NWB…"], Qt.MouseButton.LeftButton)
    dialog = shown.acts.dialog
    dialog.where.setText(str(tmp_path))
    qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown.verdict.text().startswith("✕ Cannot be exported: "), timeout=60_000)
    assert "is damaged: spikes.arrows from 0:" in shown.verdict.text()
    assert list(tmp_path.glob("*.nwb")) == []
    qtbot.waitUntil(lambda: "damaged" in shown.table.item(0, _STATUS).text(), timeout=60_000)


def test_nothing_is_said_of_what_a_summary_does_not_hold(sessions_folder: Path) -> None:
    """`0 spikes, 0 dropped, 0 of 0 ticks missed` was said where the summary had no such numbers, or an infinite sum."""
    whole = outcome_of(record(sessions_folder, "center_out", 20)).summary
    assert whole is not None
    said = summary_text(whole)
    assert f"{whole['spikes']:,} spikes, 0 dropped · 0 of 2,000 ticks missed" in said
    assert "not known" not in said
    assert "number of spikes not known, 0 dropped" in summary_text(whole | {"spikes": None})
    assert "success" not in summary_text(whole | {"success_rate": None})
    assert "to the target" not in summary_text(whole | {"median_time_to_target_s": None})
    assert "latency" not in summary_text(whole | {"latency_us": dict.fromkeys(("p50", "p99", "p999", "max"))})
    for lacking in ("dropped_spikes", "missed_ticks", "duration_s", "spikes"):
        partial = {key: value for key, value in whole.items() if key != lacking}
        assert summary_text(partial) == f"Its summary lacks {lacking}"
        assert summary_text(partial | {"error": "no room"}) == f"Its summary lacks {lacking} · error: no room"


def test_the_result_card_says_that_its_session_is_damaged(qtbot: Any, sessions_folder: Path) -> None:
    folder = record(sessions_folder, "center_out", 20)
    worker = Worker("computes")
    card = ResultCard(worker)
    qtbot.addWidget(card)
    card.show_outcome(outcome_of(folder))
    assert card.text.text().startswith("Complete, not checked\n20.0 s")
    (folder / file_name("spikes")).write_bytes(b"")
    card.show_outcome(outcome_of(folder))
    assert card.heading.text() == f"Last session: {folder.name}, damaged"
    assert card.text.text().startswith("Damaged: spikes.arrows\n20.0 s")
    card._verify()
    qtbot.waitUntil(lambda: card.verdict.text().startswith("✕ Not exact: spikes.arrows from 0:00 on"), timeout=60_000)
    card.show_outcome(outcome_of(folder))
    assert card.verdict.text().startswith("✕ Not exact")
    worker.close()


def test_a_recovery_that_mends_nothing_is_not_called_one(page: Any, qtbot: Any, sessions_folder: Path) -> None:
    """`✔ Recovered, complete up to tick 1,999` was said of a session whose protocol was changed after its end, and still is."""
    folder = record(sessions_folder, "center_out", 20)
    with (folder / "protocol.toml").open("a") as file:
        file.write("# changed\n")
    shown = page()
    qtbot.waitUntil(lambda: shown.table.rowCount() == 1)
    shown.table.selectRow(0)
    qtbot.mouseClick(shown.buttons["Recover"], Qt.MouseButton.LeftButton)
    said = "✕ Recovered, up to tick 1,999; the session is damaged: protocol.toml"
    qtbot.waitUntil(lambda: shown.verdict.text() == said, timeout=60_000)


@pytest.mark.parametrize("failure", ["", "x: the engine has died; there is no folder x any more"])
def test_stopped_is_said_only_where_it_is_so(
    page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: str
) -> None:
    monkeypatch.setattr(
        "bmi_app.session.view.attachment.Attachment", lambda folder: SimpleNamespace(close=lambda: None)
    )
    monkeypatch.setattr("bmi_app.session.view.observer.stop_and_wait", lambda attachment, timeout_s: failure)
    shown = page()
    with qtbot.waitSignals([shown.acts.told, shown.acts.told], timeout=60_000) as told:
        shown.acts.stop(tmp_path)
    assert told.all_signals_and_args[-1].args[1] == (f"✕ {failure}" if failure else "✔ Stopped")
