"""Calibration from end to end: watch, fit, assisted, fit, free, with the shipped protocol and its one command."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bmi_app.cli.app import app
from bmi_app.record import reading
from bmi_app.rt.records import EventKind, Outcome, UpdateCause, UpdateVerdict
from bmi_app.session.recompute.replay import verify

WATCH_END, ASSISTED_END = 5_000, 11_000  # ticks: rest 5 s, observation 45 s, assisted 60 s


@pytest.mark.parametrize("kind", ["linear", "kalman", "wiener"])
def test_a_decoder_that_knew_nothing_is_fitted_twice_and_serves(kind: str, tmp_path: Path) -> None:
    given = ["run", "calibrate", "--speed", "max", "--duration", "200", "--seed", "2", "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, [*given, "--set", f"decoder.kind={kind}"])
    assert result.exit_code == 0, result.output
    folder = Path(json.loads(result.stdout)["session"])
    recording = reading.read(folder)
    fits = recording.updates[recording.updates["cause"] == UpdateCause.FIT]
    assert np.abs(fits["tick"] - (WATCH_END, ASSISTED_END)).max() < 20
    assert (fits["verdict"] == UpdateVerdict.ACCEPTED).all()
    assert recording.blob_ids() == [1, 2]
    stored = recording.weight_rows[recording.weights["cause"] == UpdateCause.FIT]
    adopted = np.array([recording.blob(blob_id)["blob"][: stored.shape[1]] for blob_id in (1, 2)])
    fitted = ~np.isnan(adopted)
    np.testing.assert_array_equal(stored[fitted], adopted[fitted])
    ends = recording.events[recording.events["kind"] == EventKind.TRIAL_END]
    free = ends[(ends["tick"] > ASSISTED_END) & (ends["code"] != Outcome.BLOCK_ENDED)]
    assert len(free) >= 20
    assert (free["code"] == Outcome.SUCCESS).mean() >= 0.9
    assert verify(folder).is_exact
