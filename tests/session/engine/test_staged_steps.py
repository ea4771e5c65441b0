"""A staged step beyond `learning.max_step` is shortened whole: what acts belongs to the model that was adopted."""

import json
from pathlib import Path

import numpy as np
import pytest

from bmi_app.decoders import kalman, refit_kalman
from bmi_app.learning import rml
from bmi_app.record import audit, reading
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import UpdateCause, UpdateVerdict
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute import replay
from bmi_app.session.request import SessionRequest

STAGED = (
    "learning.rule=smoothbatch",
    "learning.when=seconds",
    "learning.every_s=15",
    "learning.settings.half_life_s=5",
    "decoder.scramble=0.3",
)


def run(out: Path, *overrides: str, duration_s: float = 40.0) -> Path:
    request = SessionRequest(
        protocol="learn_the_tool",
        overrides=[*overrides, f"session.duration_s={duration_s:g}"],
        out=out,
        speed="max",
        source_timeout_s=5.0,
    )
    return Path(run_fast(request, lambda _: None, lambda _: None)["session"])


@pytest.mark.parametrize("module", [kalman, refit_kalman])
def test_what_acts_after_a_shortened_step_follows_from_its_model(module, tmp_path: Path) -> None:
    kind = module.__name__.rpartition(".")[2]
    given = (f"decoder.kind={kind}", "decoder.settings.gain=steady", "learning.max_step=0.02")
    folder = run(tmp_path, *STAGED, *given)
    recording = reading.read(folder)
    updates = recording.updates[recording.updates["cause"] == UpdateCause.STAGED]
    assert len(updates) >= 2
    assert (updates["verdict"] == UpdateVerdict.SHORTENED).all()
    rows = recording.weight_rows
    core, _ = replay.features_of(recording)
    stored = named_parts(rows, core.sizes.row)
    stood = np.hstack([stored["model"].reshape(len(rows), -1), stored["bias"]])
    sizes, steps = np.linalg.norm(stood, axis=1), np.linalg.norm(np.diff(stood, axis=0), axis=1)
    staged = np.flatnonzero(recording.weights["cause"] == UpdateCause.STAGED)
    np.testing.assert_allclose(steps[staged - 1], 0.02 * sizes[staged - 1], rtol=1e-6)
    np.testing.assert_allclose(updates["norm"], steps[staged - 1], rtol=1e-6)
    for blob_id, row in zip(recording.blob_ids(), staged, strict=True):
        blob = recording.blob(blob_id)["blob"]
        memory = named_parts(blob, core.sizes.blob)["decoder_memory"]
        parts = named_parts(memory.copy(), core.decoder_layout)
        stands = named_parts(core.arrays["decoder_memory"].copy(), core.decoder_layout)
        whole = {name: np.where(np.isnan(part), stands[name], part) for name, part in parts.items()}
        follows = module.from_model(module.Settings(gain="steady"), whole, core.arrays["mask"], 0.01)
        np.testing.assert_allclose(stored["weights"][row], follows.weights, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(whole["steady"], follows.parts["steady"], rtol=1e-9, atol=1e-12)
    assert {row["error_unit"] for row in audit.rows(folder)[1]} == {"hz"}
    assert replay.verify(folder).is_exact


def test_the_errors_of_readouts_are_in_cm_per_s(tmp_path: Path) -> None:
    folder = run(tmp_path, "learning.rule=lms", "learning.when=trial", duration_s=20.0)
    rows = audit.rows(folder)[1]
    assert rows
    assert {row["error_unit"] for row in rows} == {"cm_s"}
    assert rows[0]["error_before"] > 0


def test_rml_hears_of_the_positions_tuning_that_a_fit_brings(tmp_path: Path) -> None:
    blocks = [
        {"kind": "rest", "duration_s": 2},
        {"kind": "observation", "duration_s": 20, "fit": True},
        {"kind": "closed_loop"},
    ]
    toml = ",".join(
        "{" + ",".join(f"{key}={json.dumps(value)}" for key, value in block.items()) + "}" for block in blocks
    )
    given = ("decoder.kind=refit_kalman", "learning.rule=rml", "learning.when=trial", f"blocks=[{toml}]")
    folder = run(tmp_path, *given, duration_s=45.0)
    assert replay.verify(folder).is_exact
    core, _ = replay.features_of(reading.read(folder))
    layout = rml.layout(rml.Settings(), core.sizes.n_units, core.sizes.n_axes)
    told = named_parts(core.arrays["rule_memory"], layout)["position_tuning"]
    stands = named_parts(core.arrays["decoder_memory"], core.decoder_layout)["position_tuning"]
    assert np.abs(stands).max() > 0
    np.testing.assert_array_equal(told, stands)
