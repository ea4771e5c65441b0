"""A source whose clock cannot be measured, because UDP is really blocked: the session is refused, or timed by arrivals.

Streams are found over UDP too, but on another port, and sent over TCP: what is blocked here is only the exchange of packets by which
liblsl measures clocks. Where a machine cannot block it, the test is skipped, and says why.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.reading import read
from bmi_app.rt.records import Stamping
from bmi_app.session.recompute.report import verify
from tests.session.conftest import PATIENCE_S

pytestmark = [pytest.mark.realtime, pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")]

PORTS = "16572-16573"  # where the first source of a machine answers, over IPv4 and IPv6; it is found on 16571
# A rule of routing blocks as a firewall does: what is asked is refused at once, or no answer ever comes.
RULES = {"questions refused": f"dport {PORTS} prohibit", "answers dropped": f"sport {PORTS} blackhole"}
NAMESPACE = """
set -e
ip link set lo up
for family in -4 -6; do
    ip $family rule add pref 10 ipproto udp $1
    ip $family rule add pref 20 lookup local
    ip $family rule del pref 0
done
echo ready
exec cat
"""
SOURCE = """
import sys, time, pylsl
info = pylsl.StreamInfo("behind a firewall", "SpikeEvents", 2, pylsl.IRREGULAR_RATE, pylsl.cf_int32, sys.argv[1])
outlet = pylsl.StreamOutlet(info)
print("ready", flush=True)
unit = 0
while True:
    outlet.push_sample([unit % 96, 0])
    unit += 1
    time.sleep(0.001)
"""
MUTE = "source is mute"  # by what it preloads
OPTIONS = ("--driver", "lsl", "--duration", "1.5", "--headless", "--json", "--set")
COMMAND = (sys.executable, "-m", "bmi_app.cli.app", "run", "center_out", *OPTIONS)
Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def behind_firewall(request: pytest.FixtureRequest, source_id: str, tmp_path: Path) -> Iterator[Run]:
    """Start a source, and return what starts processes that reach it, but cannot measure its clock."""
    running: list[subprocess.Popen[str]] = []

    def start(*command: str, **environment: str) -> "subprocess.Popen[str]":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen(command, text=True, env=os.environ | environment, **pipes))  # type: ignore[call-overload]
        return running[-1]

    def ready(process: "subprocess.Popen[str]") -> bool:
        assert process.stdout is not None
        return process.stdout.readline() == "ready\n"

    inside: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    try:
        if request.param in RULES:
            if missing := [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]:
                pytest.skip(f"UDP cannot be blocked by rules of routing here: there is no {missing[0]}")
            namespace = start("unshare", "--map-root-user", "--net", "sh", "-c", NAMESPACE, "sh", RULES[request.param])
            if not ready(namespace):
                _, errors = namespace.communicate()
                pytest.skip(f"UDP cannot be blocked by rules of routing here: {errors.strip()}")
            inside = ("nsenter", "--preserve-credentials", "--user", "--net", "--target", str(namespace.pid))
        else:
            if shutil.which("cc") is None:
                pytest.skip("UDP cannot be blocked in the source here: there is no C compiler")
            library = tmp_path / "mute_clock.so"
            code = Path(__file__).parent / "mute_clock.c"
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(code), "-ldl"], check=True)
            environment = {"LD_PRELOAD": str(library)}
        assert ready(start(*inside, sys.executable, "-c", SOURCE, source_id, **environment))
        yield lambda *command: start(*inside, *command)
    finally:
        for process in running:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("behind_firewall", [*RULES, MUTE], indirect=True)
def test_a_session_whose_source_is_behind_a_firewall_is_refused_with_the_remedy(
    behind_firewall: Run, source_id: str, sessions_folder: Path
) -> None:
    process = behind_firewall(*COMMAND, f"driver.source_id={source_id}")
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, errors
    assert said == ""
    assert "Traceback" not in errors
    line = errors.strip().splitlines()[-1]
    assert "the clock of stream 'behind a firewall' on host " in line
    assert "UDP and TCP on ports 16572-16604 and UDP on port 16571" in line
    assert line.endswith('or set driver.clock = "arrival" to take arrivals for stamps')
    assert not list(sessions_folder.glob("*/session.toml"))


@pytest.mark.parametrize("behind_firewall", ["answers dropped", MUTE], indirect=True)
def test_with_arrivals_for_stamps_it_runs_and_says_so(behind_firewall: Run, source_id: str) -> None:
    process = behind_firewall(*COMMAND, f"driver.source_id={source_id}", "--set", "driver.clock=arrival")
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert "is timed by the arrival of its samples here (driver.clock = 'arrival')" in errors
    summary = json.loads(said)
    recording = read(Path(summary["session"]))
    assert 'clock = "arrival"' in recording.protocol_text
    spikes = recording.spikes
    counted = (spikes["tick"] >= 0) & (spikes["tick"] <= recording.frames["tick"][-1])
    assert np.count_nonzero(counted) == summary["spikes"] > 1000
    assert np.all(spikes["stamping"] == Stamping.ARRIVAL)
    np.testing.assert_allclose(spikes["stamp_s"] + spikes["offset_s"], spikes["arrival_s"], rtol=0, atol=1e-6)
    assert verify(Path(summary["session"]))["exact"]
