"""A session at full speed saves all that it makes, however short its trials are."""

from pathlib import Path

from bmi_app.record.reading import read
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest

SHORTEST_TRIALS = (
    "units.count=4",
    'populations={horizontal="0",vertical="1",control="rest"}',
    "tick.period_ms=100",
    "tick.grace_ms=0",
    'blocks=[{kind="closed_loop"}]',
    "task.distance_cm=4",
    "task.target_radius_cm=3",
    "task.hold_ms=0",
    "task.timeout_ms=400",
    "task.reward_ms=100",
    "task.failed_ms=100",
    "task.inter_trial_ms=0",
    "learning.sample_ms=100",
    "session.duration_s=1200",
)


def run(folder: Path, *overrides: str) -> dict:
    request = SessionRequest(
        protocol="center_out",
        overrides=[*SHORTEST_TRIALS, *overrides],
        out=folder,
        speed="max",
        source_timeout_s=1.0,
    )
    return run_fast(request, lambda _: None, lambda _: None)


def test_weights_stored_after_every_short_trial_are_all_saved(tmp_path: Path) -> None:
    summary = run(tmp_path, 'learning.when="trial"')
    assert summary["stop_reason"] == "DURATION"
    assert summary["weight_updates"] == summary["trials"] > 1500
    stored = read(Path(summary["session"]), kinds=("weights",)).weights
    assert len(stored) == summary["trials"] + 1  # and those of the start


def test_updates_rejected_in_every_tick_are_all_saved(tmp_path: Path) -> None:
    summary = run(tmp_path, 'learning.when="tick"', "learning.weight_max=0.5", "learning.weight_min=0.4")
    assert summary["stop_reason"] == "DURATION"
    assert summary["rejected_updates"] > 5000
