"""What stands in the way of a session is said before it is started, and not by a start that fails."""

from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.session import readiness
from bmi_app.session.engine import saved_decoder
from bmi_app.session.request import SessionRequest


class NoStreams:
    def found(self) -> list[Any]:
        return []


def obstacles(tmp_path: Path, *overrides: str) -> list[str]:
    request = SessionRequest(
        protocol="center_out",
        overrides=overrides,
        out=tmp_path,
    )
    return readiness.check(request, NoStreams()).obstacles  # type: ignore[arg-type]


def test_nothing_stands_in_the_way_of_the_simulated_rig(tmp_path: Path) -> None:
    assert obstacles(tmp_path) == []


def test_a_recording_must_be_chosen_be_there_and_be_one(tmp_path: Path) -> None:
    def found(path: str) -> str:
        (only,) = obstacles(tmp_path, "driver.kind=replay", f'driver.settings.path="{path}"')
        return only

    assert found("") == "choose a recording to replay"
    assert "there is no such file or folder" in found(str(tmp_path / "nothing"))
    (tmp_path / "notes.txt").write_text("no spikes")
    assert "the format is not known" in found(str(tmp_path / "notes.txt"))
    assert "no session" in found(str(tmp_path))


def test_a_saved_decoder_must_fit(tmp_path: Path) -> None:
    path = tmp_path / "decoder.npz"
    shapes = {"weights": (2, 32), "bias": 2, "gain": 2, "feature_offset": 32, "feature_scale": 32}
    saved_decoder.save(path, "groupweight", {name: np.zeros(shape) for name, shape in shapes.items()}, {})
    (only,) = obstacles(tmp_path, f"decoder.start_from={path}")
    assert "weights has shape (2, 32); this protocol needs (2, 96)" in only
    path.write_bytes(b"nonsense")
    (only,) = obstacles(tmp_path, f"decoder.start_from={path}")
    assert "cannot be read as a saved decoder" in only


def test_a_serial_port_must_be_there(tmp_path: Path) -> None:
    output = '[{on="reward", kind="serial", settings={port="/dev/nowhere"}}]'
    (only,) = obstacles(tmp_path, f"outputs={output}")
    assert only == "outputs.0: serial: there is no port /dev/nowhere; is the device connected?"
