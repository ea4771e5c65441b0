"""Sessions and saved decoders of before a filter's position had a constant: its absence is a constant of 0."""

import json
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import reading
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import CommandKind
from bmi_app.session.engine.build import build
from bmi_app.session.recompute.replay import verify
from protocols.load import load
from tests.support.places import NO_DRIFT, unpacked


@pytest.mark.parametrize("gain", ["running", "steady"])
def test_a_session_whose_blob_lacks_the_constant_is_recomputed_to_the_last_bit(gain: str, tmp_path: Path) -> None:
    name = f"kalman-position_velocity-{gain}"
    folder = unpacked(name, tmp_path, NO_DRIFT)
    recording = reading.read(folder)
    assert (recording.commands["kind"] == CommandKind.ADOPT).sum() == 1
    found = verify(folder)
    assert found.is_exact, found.difference
    assert found.ticks == 4000


def test_a_saved_decoder_that_lacks_the_constant_begins_with_0() -> None:
    file = NO_DRIFT / "saved.npz"
    with np.load(file) as archive:
        assert "memory_drift" not in archive.files
        transition = archive["memory_transition"]
    given = (
        "units.count=12",
        'populations={horizontal="0-4",vertical="5-9",control="rest"}',
        "decoder.kind=kalman",
        "decoder.settings.model=position_velocity",
        f"decoder.start_from={json.dumps(str(file))}",
    )
    core = build(load("calibrate", given), frame_slots=1 << 10)
    parts = named_parts(core.arrays["decoder_memory"], core.decoder_layout)
    np.testing.assert_array_equal(parts["drift"], np.zeros(4))
    np.testing.assert_array_equal(parts["transition"], transition)


def test_a_part_that_is_not_known_to_be_new_is_still_missed(tmp_path: Path) -> None:
    with np.load(NO_DRIFT / "saved.npz") as archive:
        content = dict(archive)
    del content["memory_process"]
    np.savez(tmp_path / "lacking.npz", **content)
    given = (
        "units.count=12",
        'populations={horizontal="0-4",vertical="5-9",control="rest"}',
        "decoder.kind=kalman",
        "decoder.settings.model=position_velocity",
        f"decoder.start_from={json.dumps(str(tmp_path / 'lacking.npz'))}",
    )
    with pytest.raises(Exception, match="memory_process has shape none"):
        build(load("calibrate", given), frame_slots=1 << 10)
