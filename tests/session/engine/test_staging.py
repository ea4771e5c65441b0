"""The staging thread beside a live engine: what it computes is adopted at a recorded tick, undone, and replayed exactly."""

from collections.abc import Callable

import numpy as np
import pytest

from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import EventKind, UpdateCause, UpdateVerdict
from bmi_app.session.engine.build import build
from bmi_app.session.engine.prepare import recorded_protocol
from bmi_app.session.recompute.replay import verify

from .conftest import Live

SMOOTHBATCH = (
    "learning.rule=smoothbatch",
    "learning.when=seconds",
    "learning.every_s=0.5",
    "learning.settings.least_samples=10",
    "learning.settings.half_life_s=1",
)


@pytest.mark.parametrize(
    "decoder", [("decoder.kind=groupweight",), ("decoder.kind=kalman", "decoder.settings.gain=steady")]
)
def test_a_staged_rule_in_real_time(engine: Callable[..., Live], decoder: tuple[str, ...]) -> None:
    live = engine(*SMOOTHBATCH, *decoder)
    live.wait_for_event(EventKind.ADOPTED, 3)
    undone = live.did("undo", to_tick=0)
    live.wait_for_event(EventKind.ADOPTED, 5)
    summary = live.stop()
    assert "error" not in summary
    recording = live.recording()
    updates = recording.updates
    staged = updates[updates["cause"] == UpdateCause.STAGED]
    assert len(staged) >= 4
    assert set(staged["verdict"].tolist()) <= {UpdateVerdict.ACCEPTED, UpdateVerdict.SHORTENED}
    assert (staged["norm"] > 0).all()
    for update in staged:  # each acted at the tick that its command's record names
        done = recording.commands[recording.commands["aux"] == update["id"]]
        assert update["tick"] in done["tick"]
    row = recording.weight_rows[recording.weights["tick"] == undone][0]
    assert row.tobytes() == recording.weight_rows[0].tobytes()
    if "kalman" in decoder[0]:
        protocol = recorded_protocol(recording.protocol_text)
        core = build(protocol, frame_slots=1 << 10, spike_slots=1 << 10)
        first = named_parts(core.arrays["decoder_memory"], core.decoder_layout)
        blob = recording.blob(int(updates["id"][updates["tick"] == undone][0]))["blob"]
        memory = named_parts(blob, core.sizes.blob)["decoder_memory"]
        back = named_parts(np.array(memory), core.decoder_layout)
        for name in ("model", "steady", "steady_bias"):
            assert back[name].tobytes() == first[name].tobytes(), name
    assert verify(live.folder).is_exact
