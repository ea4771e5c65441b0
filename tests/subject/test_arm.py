"""The subject with an arm reaches, pushes and draws in real sessions, which replay bit for bit; its neurons encode that."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.reading import read
from bmi_app.rt.records import Flag, Outcome, TaskState
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.recompute.replay import verify
from bmi_app.session.request import SessionRequest

REST = '{kind="rest",duration_s=1}'
ARM = ("subject.kind=arm", "session.duration_s=40", "task.timeout_ms=3000")
PATH = ("task.path_size_cm=[12,8]", "task.path_ms=3000", "task.hold_ms=2500", "task.timeout_ms=6000")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Run a session as fast as the machine can; return its folder."""

    def run(*overrides: str, protocol: str = "center_out") -> Path:
        request = SessionRequest(
            protocol=protocol,
            overrides=[*ARM, *overrides],
            out=tmp_path,
            speed="max",
            source_timeout_s=1.0,
        )
        return Path(run_fast(request, lambda _: None, lambda _: None)["session"])

    return run


def success(frames: np.ndarray) -> float:
    outcomes = frames["outcome"][(frames["outcome"] != Outcome.NONE) & (frames["outcome"] != Outcome.BLOCK_ENDED)]
    assert len(outcomes) >= 5
    return float((outcomes == Outcome.SUCCESS).mean())


@pytest.mark.parametrize(
    ("kind", "overrides"),
    [
        ("arm", ()),
        ("arm", ('subject.settings.arm="links"', "subject.neurons=srm", "neurons.shared_cv=0.2")),
        ("isometric", ("subject.encoding=magnitude",)),
        ("drawing", PATH),
        (
            "drawing",
            (
                *PATH,
                "task.path_cycles=[1,2]",
                "task.path_phase_deg=0",
                "task.path_ms=4500",
                "subject.settings.asymmetry=0.5",
            ),
        ),
    ],
)
def test_it_succeeds_and_the_session_replays(kind: str, overrides: tuple[str, ...], run) -> None:
    folder = run(f'blocks=[{REST},{{kind="{kind}"}}]', *overrides)
    recording = read(folder)
    frames = recording.frames
    by_hand = frames[frames["block"] == 1][15:]  # it has seen by then what block this is
    assert success(frames) > 0.9
    assert np.all(by_hand["flags"] & (Flag.FORCE if kind == "isometric" else Flag.HAND))
    np.testing.assert_array_equal(by_hand["cursor_x_cm"], np.clip(by_hand["hand_x_cm"], -12, 12))
    assert np.isnan(frames["hand_x_cm"][frames["state"] == TaskState.REST]).all()
    speed = np.hypot(by_hand["velocity_x_cm_s"], by_hand["velocity_y_cm_s"])
    assert 5 < speed.max() < 250
    found = verify(folder)
    assert found.is_exact, found.difference


def test_one_seed_is_one_session(run) -> None:
    first, second = (read(run('blocks=[{kind="arm"}]', "session.duration_s=5")).frames for _ in range(2))
    np.testing.assert_array_equal(first["hand_x_cm"], second["hand_x_cm"])


def test_a_target_out_of_reach_is_missed_and_those_within_reach_are_not(run) -> None:
    frames = read(
        run(
            'blocks=[{kind="arm"}]',
            'subject.settings.arm="links"',
            "workspace.size_cm=[80,80]",
            "task.distance_cm=26",
            "session.duration_s=60",
        )
    ).frames[15:]  # it has seen by then what block this is
    assert np.isfinite(frames["hand_x_cm"]).all()
    assert np.isfinite(frames["hand_y_cm"]).all()
    ends = frames[(frames["outcome"] != Outcome.NONE) & (frames["outcome"] != Outcome.BLOCK_ENDED)]
    assert len(ends) > 16
    too_far = ends["target_y_cm"] > 25
    assert 1 < too_far.sum() < len(ends) / 4
    assert (ends["outcome"][too_far] == Outcome.TIMEOUT_NOT_REACHED).all()
    assert (ends["outcome"][~too_far] == Outcome.SUCCESS).mean() > 0.9


def test_on_a_line_it_reaches_along_the_line(run) -> None:
    frames = read(run('blocks=[{kind="arm"}]', protocol="left_right")).frames
    assert success(frames) > 0.9
    assert not frames["cursor_y_cm"].any()


def explained(counts: np.ndarray, wanted: np.ndarray) -> float:
    """Return how much of the second half a linear readout of smoothed counts explains that is fitted to the first."""
    smooth = np.apply_along_axis(lambda c: np.convolve(c, np.ones(10) / 10, "same"), 0, counts)
    x, half = np.column_stack([smooth, np.ones(len(smooth))]), len(smooth) // 2
    fitted, *_ = np.linalg.lstsq(x[:half], wanted[:half], rcond=None)
    return float(1 - (wanted[half:] - x[half:] @ fitted).var() / wanted[half:].var())


@pytest.mark.parametrize("encoding", ["cosine", "todorov", "magnitude"])
def test_its_neurons_tell_what_it_does(encoding: str, run) -> None:
    recording = read(run('blocks=[{kind="arm"}]', f"subject.encoding={encoding}", "session.duration_s=120"))
    frames = recording.frames
    velocity = 0.01 * np.column_stack([frames["velocity_x_cm_s"], frames["velocity_y_cm_s"]])
    place = 0.01 * np.column_stack([frames["cursor_x_cm"], frames["cursor_y_cm"]])
    force = np.gradient(velocity, 0.01, axis=0) + 10 * velocity + 50 * place
    assert explained(recording.counts, force if encoding == "todorov" else velocity) > 0.5


@pytest.mark.parametrize("kind", ["closed_loop", "observation"])
def test_where_a_decoder_moves_the_cursor_it_imagines_and_keeps_its_arm_still(kind: str, run) -> None:
    recording = read(run(f'blocks=[{{kind="{kind}"}}]', "subject.encoding=cosine", "session.duration_s=120"))
    frames = recording.frames
    assert np.isnan(frames["hand_x_cm"]).all()
    away = np.column_stack([frames[f"target_{a}_cm"] - frames[f"cursor_{a}_cm"] for a in "xy"])
    moving = frames["state"] == TaskState.MOVE
    assert explained(recording.counts[moving], away[moving]) > 0.15
