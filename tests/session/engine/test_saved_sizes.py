"""A saved decoder whose memory says other sizes than the protocol is refused: its kernel would read beyond the memory."""

from pathlib import Path

import numpy as np
import pytest

from bmi_app.rt.memory import named_parts
from bmi_app.session.engine import saved_decoder
from bmi_app.session.engine.build import BuildError, build
from protocols.load import load


@pytest.mark.parametrize(
    ("decoder", "part", "at", "value", "said"),
    [
        ("wiener", "lags", 0, 1e9, "lags = 1e\\+09; this protocol needs 5"),
        ("wiener", "spacing", 0, -3.0, "spacing = -3; this protocol needs 5"),
        ("kalman", "flags", 3, 2.0, "position = 2; this protocol needs 0"),
    ],
)
def test_a_memory_of_another_size_is_refused(
    decoder: str, part: str, at: int, value: float, said: str, tmp_path: Path
) -> None:
    chosen = [f"decoder.kind={decoder}"]
    core = build(load("center_out", chosen), frame_slots=1 << 10, spike_slots=1 << 10)
    memory = {
        name: np.array(array) for name, array in named_parts(core.arrays["decoder_memory"], core.decoder_layout).items()
    }
    path = tmp_path / "saved.npz"
    saved_decoder.save(path, decoder, core.arrays, memory)
    start = [*chosen, f"decoder.start_from={path}"]
    build(load("center_out", start), frame_slots=1 << 10, spike_slots=1 << 10)
    memory[part][at] = value
    saved_decoder.save(path, decoder, core.arrays, memory, replace=True)
    with pytest.raises(BuildError, match=said):
        build(load("center_out", start), frame_slots=1 << 10, spike_slots=1 << 10)
