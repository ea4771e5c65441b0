"""Rigs that are started together are told apart by their source ids, and a rig that sends already needs no lead."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pylsl
import pytest

from bmi_app.rt.records import Flag
from tests.session.conftest import PATIENCE_S, Session

pytestmark = pytest.mark.realtime

SAID = re.compile(r"rig '(.*)' \(source_id (\S+)\): ")


@pytest.fixture
def start_rig() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    running: list[subprocess.Popen[str]] = []

    def start(*options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "bmi_app.cli.app", "rig", "center_out", *options]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def named(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return the name and the source id that a rig says, once it sends."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := SAID.match(line):
            return found[1], found[2]
    pytest.fail("the rig has ended")


def test_rigs_of_one_second_have_source_ids_of_their_own_which_stay_and_need_no_lead(
    start_rig: Callable[..., "subprocess.Popen[str]"], start_session: Callable[..., Session], source_id: str
) -> None:
    one, other = f"{source_id}-one", f"{source_id}-other"  # the streams' names
    rigs = [start_rig("--name", name) for name in (one, one, other)]
    rigs.append(start_rig("--name", one, "--source-id", f"{source_id}-mine"))
    said = [named(rig) for rig in rigs]
    assert [name for name, _ in said] == [one, one, other, one]
    ids = [rig_id for _, rig_id in said]
    assert len(set(ids)) == 4
    assert ids[3] == f"{source_id}-mine"
    for rig, rig_id in zip(rigs[:3], ids, strict=False):
        assert re.fullmatch(rf"bmi-rig-center_out-[A-Za-z0-9_-]+\.{rig.pid}\.[0-9a-f]{{8}}", rig_id)

    def offered() -> dict[str, str]:
        streams = [pylsl.resolve_byprop("source_id", rig_id, 1, PATIENCE_S) for rig_id in ids]
        return {stream.source_id(): stream.name() for (stream,) in streams}

    assert offered() == {rig_id: name for name, rig_id in said}

    session = start_session("center_out", "session.duration_s=1", match=f"source_id={ids[1]}")
    summary, recording = session.summary(), session.recording()
    assert recording.session["source"]["source_id"] == ids[1]
    assert offered() == {rig_id: name for name, rig_id in said}  # a session changes none of them
    # It has sent all along: the first bins are as full as all others, and what came before them is counted by name.
    frames = recording.frames
    assert not np.any(frames["flags"] & Flag.SOURCE_LOST)
    assert frames["spikes"][:10].sum() == pytest.approx(96 * 20 * 0.1, rel=0.4)
    assert summary["before_spikes"] > 0
    for rig in rigs:
        rig.send_signal(signal.SIGINT)
    assert [rig.wait(PATIENCE_S) for rig in rigs] == [0] * 4
