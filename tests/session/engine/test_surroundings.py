"""What stands around a session and may fail: the disk, the outputs, the protocol, the source."""

import json
import os
import pty
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pylsl
import pytest

from bmi_app.record import integrity
from bmi_app.record.reading import read
from bmi_app.rt.records import EventKind, StopReason
from bmi_app.session.recompute.replay import verify
from bmi_app.session.store import catalogue
from bmi_app.session.view.launch import LaunchError, launch

from .conftest import PATIENCE_S, SHORT, Live, bmi, request

Start = Callable[..., Live]
SETTINGS = [part for override in SHORT for part in ("--set", override)]


def test_a_folder_that_cannot_be_written_is_a_mistake_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    places = (("real", tmp_path / "file", "is not a folder"), ("max", Path("/proc/nowhere"), "cannot be created"))
    for speed, out, reason in places:
        done = bmi("run", "center_out", "--headless", "--duration", "1", "--speed", speed, "--out", str(out))
        assert done.returncode == 2
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("bmi: ")]
        assert str(out) in line
        assert reason in line
        assert "Traceback" not in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 600 kB, where we may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_session_which_says_so_and_keeps_what_was_written(small_disk: Path) -> None:
    for speed in ("real", "max"):
        done = bmi(
            "run", "center_out", "--json", "--duration", "60", "--speed", speed, "--out", str(small_disk), *SETTINGS
        )
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        summary = json.loads(done.stdout)
        assert summary["stop_reason"] == "JOURNAL_FAILED"
        assert summary["error"].endswith("cannot be written: No space left on device")
        folder = Path(summary["session"])
        assert integrity.verify(folder) == []
        recording = read(folder)
        assert len(recording.frames) == summary["ticks"] > 100
        found = verify(folder)
        assert found.is_exact, found.difference
        assert catalogue.entries(small_disk)[0].status == "complete"
        catalogue.remove(folder)


def test_a_file_that_may_not_grow_ends_the_session_as_well(engine: Start) -> None:
    live = engine()
    live.wait_for_tick(60)
    grown = max(path.stat().st_size for path in live.folder.iterdir()) + 10_000
    resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (grown, grown))
    summary = live.end(exit_code=1)
    assert summary["stop_reason"] == "JOURNAL_FAILED"
    assert summary["error"].endswith("cannot be written: File too large")
    seen = live.view.events_since(0)[1]  # the disk takes no word of it, but every view is told
    assert seen["code"][seen["kind"] == EventKind.SESSION_STOP].tolist() == [StopReason.JOURNAL_FAILED]
    assert summary["ticks"] == len(live.recording().frames) >= 60
    assert integrity.verify(live.folder) == []
    assert verify(live.folder).is_exact


OUTPUTS = """outputs=[{{on="reward",kind="serial",settings={{port="{port}",bytes_on="52",bytes_off="72"}}}},\
{{on="trial_start",kind="lsl_marker",settings={{stream="{stream}"}}}},{{on="session",kind="null"}},\
{{on="trial_end",kind="serial",settings={{port="{port2}",bytes_on="45"}}}}]"""


def test_outputs_fire_and_their_delay_is_journaled_also_when_one_is_unplugged(engine: Start) -> None:
    other_end, port = pty.openpty()
    other_end_2, port_2 = pty.openpty()
    stream = f"markers-{os.getpid()}"
    live = engine(OUTPUTS.format(port=os.ttyname(port), stream=stream, port2=os.ttyname(port_2)))
    (found,) = pylsl.resolve_byprop("name", stream, timeout=PATIENCE_S)
    inlet = pylsl.StreamInlet(found)
    inlet.open_stream(PATIENCE_S)
    live.wait_for_event(EventKind.TRIAL_END, 2)
    live.did("reward")
    os.close(other_end_2), os.close(port_2)
    seen_before = int((live.view.events_since(0)[1]["kind"] == EventKind.TRIAL_END).sum())
    live.wait_for_event(EventKind.TRIAL_END, seen_before + 2)
    markers = inlet.pull_chunk(timeout=1.0)[0]
    live.stop()
    pulses = os.read(other_end, 1 << 16)
    os.close(other_end), os.close(port)
    recording = live.recording()
    events, texts = recording.events, recording.event_texts
    fired = events[events["kind"] == EventKind.OUTPUT_FIRED]
    n = {kind: int((events["kind"] == kind).sum()) for kind in EventKind}
    n_rewards = int((events["value"][events["kind"] == EventKind.REWARD] > 0).sum())
    assert pulses.replace(b"r", b"") == b"R" * n_rewards
    assert (fired["code"] == 0).sum() == n_rewards >= 1
    assert (fired["code"] == 1).sum() == n[EventKind.TRIAL_START]
    assert len(markers) >= 1
    assert (fired["code"] == 2).sum() == 2
    assert 2 <= (fired["code"] == 3).sum() < n[EventKind.TRIAL_END]
    failed = [text for kind, text in zip(events["kind"], texts, strict=True) if kind == EventKind.OUTPUT_FAILED]
    assert len(failed) >= 1
    assert failed[0].startswith(f"outputs.3 (trial_end): serial: {'/dev/pts/'}")
    assert "check the cable" in failed[0]
    assert np.all(fired["value"] > 0)
    assert np.median(fired["value"]) < 1.0
    assert verify(live.folder).is_exact


def test_an_output_that_is_not_there_is_a_mistake_in_one_line_and_nothing_is_made(sessions_folder: Path) -> None:
    with pytest.raises(LaunchError) as raised:
        launch(request('outputs=[{on="reward",kind="serial",settings={port="/dev/ttyNONE"}}]'), lambda _: None)
    assert raised.value.exit_code == 2
    (line,) = raised.value.lines
    assert line.startswith("serial: /dev/ttyNONE: cannot be opened")
    assert list(sessions_folder.iterdir()) == []


def test_a_wrong_protocol_starts_nothing(tmp_path: Path, sessions_folder: Path) -> None:
    (tmp_path / "mine.toml").write_text("[units\ncount = 3")
    for asked, keys in (
        (request("task.hold_mss=5", "units.count=20", "driver.kind=oscilloscope"), ("task.hold_mss", "driver.kind")),
        (request(protocol=str(tmp_path / "mine.toml")), ("mine.toml:1: is not valid TOML",)),
    ):
        with pytest.raises(LaunchError) as raised:
            launch(asked, lambda _: None)
        assert raised.value.exit_code == 2
        for key in keys:
            assert sum(key in line for line in raised.value.lines) == 1, raised.value.lines
    assert not sessions_folder.exists()
