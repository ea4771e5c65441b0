"""Fitts throughput of a session on the grid, whose keys sometimes appear under the cursor."""

from pathlib import Path

import pytest

from bmi_app.record import reading
from bmi_app.record.movements import Movements
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest
from bmi_app.session.store.printing import summary


def test_throughput_of_the_grid_counts_movements_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the targets under the cursor (up to 30 bits/s in one tick) the mean was 2.16 bits/s."""
    request = SessionRequest(
        protocol="grid",
        overrides=["session.seed=3", "session.duration_s=300"],
        out=tmp_path,
        speed="max",
        source_timeout_s=5.0,
    )
    found = run_fast(request, lambda _: None, lambda _: None)
    movement = found["movement"]
    assert movement["under_cursor_at_onset"] == 5
    assert movement["fitts_throughput_bits_s"] == pytest.approx(1.77, abs=0.01)
    assert movement["fitts_ratio_of_sums_bits_s"] == pytest.approx(1.55, abs=0.01)

    recording, again = reading.read(Path(found["session"]), kinds=("frames",)), Movements()
    again.add_frames(recording.frames)
    with_all = [trial["difficulty_bits"] / (trial["ticks"] * float(recording.session["dt_s"])) for trial in again._done]
    assert sum(with_all) / len(with_all) == pytest.approx(2.16, abs=0.01)
    assert max(with_all) > 30

    summary(found)
    assert "1.77 bits/s as mean of ID/MT, 1.55 as sum ID / sum MT (without 5 under the" in " ".join(
        capsys.readouterr().out.split()
    )
