"""What of a session is on the network: measured with `ss`, which lists the sockets that a process listens on."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import PATIENCE_S, Live, bmi

Start = Callable[..., Live]
pytestmark = pytest.mark.skipif(shutil.which("ss") is None, reason="there is no `ss` here")


def ports(pid: int) -> list[tuple[str, str]]:
    """Return (protocol, local address) of every socket that a process has on the network."""
    listed = subprocess.run(["ss", "-H", "-lntup"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        (line.split()[0], line.split()[4].rpartition(":")[0]) for line in listed if re.search(rf"\bpid={pid}\b", line)
    ]


def test_a_simulated_session_has_no_port_unless_told(engine: Start) -> None:
    live = engine()
    live.wait_for_tick(5)
    assert ports(live.process.pid) == []
    live.stop()
    live = engine("outlets.publish=true")
    live.wait_for_tick(5)
    assert {"tcp", "udp"} <= {protocol for protocol, _ in ports(live.process.pid)}
    live.stop()


def test_a_live_session_publishes_nothing_where_told_so(engine: Start) -> None:
    live = engine("outlets.publish=false")
    live.wait_for_tick(5)
    assert ports(live.process.pid) == []
    live.stop()


def test_liblsl_binds_its_tcp_ports_to_every_network_whatever_its_configuration_says(tmp_path: Path) -> None:
    """This is why a simulated session has no outlets: where it fails one day, they can be bound to this machine alone."""
    (tmp_path / "loopback.cfg").write_text(
        "[ports]\nIPv6 = disable\n[multicast]\nResolveScope = machine\nListenAddress = 127.0.0.1\nMachineAddresses = {127.0.0.1}\n"
    )
    program = (
        "from bmi_app.rt.liblsl import pylsl\n"
        "outlet = pylsl.StreamOutlet(pylsl.StreamInfo('ports', 'test', 1, 1.0, 'float32', 'ports'))\n"
        "print('there', flush=True)\ninput()"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        env={"LSLAPICFG": str(tmp_path / "loopback.cfg"), "HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    bound = ports(process.pid)
    process.communicate("\n", timeout=PATIENCE_S)
    assert ("tcp", "0.0.0.0") in bound


def test_a_session_says_whether_it_is_on_the_network() -> None:
    said = {}
    for publish in ("false", "true"):
        done = bmi(
            "run", "center_out", "--json", "--no-verify", "--duration", "0.3", "--set", f"outlets.publish={publish}"
        )
        assert done.returncode == 0, done.stderr
        said[publish] = done.stderr
    assert "no LSL outlets: nothing of this session is on the network (outlets.publish)" in said["false"]
    assert "on every network of this machine, without authentication" in said["true"]
