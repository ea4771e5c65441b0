"""Decoders and rules as plain objects compute what the tick computes, bit for bit."""

from pathlib import Path

import numpy as np
import pytest

import bmi_app
from bmi_app.rt.records import Outcome, TaskState

DECODERS = {
    "groupweight": {},
    "linear": {},
    "population_vector": {},
    "wiener": {"lags": 3},
    "kalman": {},
    "refit_kalman": {},
}


def recorded(out: Path, **changes: object) -> "bmi_app.Session":
    given = {"decoder__scramble": 0.2, "session__duration_s": 25, "session__seed": 4} | changes
    asked = bmi_app.protocol("learn_the_tool", **given)
    return bmi_app.run(asked, speed="max", out=out, progress=False)


def place_before(frames: np.ndarray, k: int) -> np.ndarray:
    return np.array([frames[f"cursor_{axis}_cm"][k - 1] if k else 0.0 for axis in "xy"])


def decoded(frames: np.ndarray, k: int) -> np.ndarray:
    return np.array([frames[f"decoded_{axis}_cm_s"][k] for axis in "xy"])


@pytest.mark.parametrize("kind", DECODERS)
def test_step_by_step_a_decoder_says_what_the_tick_said(kind: str, tmp_path: Path) -> None:
    changes = {f"decoder__settings__{key}": value for key, value in DECODERS[kind].items()}
    session = recorded(tmp_path, decoder__kind=kind, learning__when="off", **changes)
    decoder, frames = session.decoder(), session.frames
    assert decoder.kind == kind
    for k, x in enumerate(session.features):
        np.testing.assert_array_equal(decoder.step(x, place_before(frames, k)), decoded(frames, k))
    assert (frames["decoded_x_cm_s"] != 0).any()


def samples_at(
    session: "bmi_app.Session", k: int, decoder: "bmi_app.Decoder"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the tick keeps of a frame: features, intention and exploration, the latter two divided by the gain."""
    frame = session.frames[k]
    intent = [frame[f"intent_{axis}_cm_s"] for axis in "xy"] / decoder.gain
    noise = [frame[f"noise_{axis}_cm_s"] for axis in "xy"] / decoder.gain
    return session.features[k], intent, noise


def test_sample_by_sample_lms_makes_the_weights_that_the_session_stored(tmp_path: Path) -> None:
    session = recorded(
        tmp_path, learning__rule="lms", learning__when="tick", learning__sample_ms=10, learning__max_step=0
    )
    decoder, rule, frames = session.decoder(), session.rule(), session.frames
    stored = {int(row["tick"]): row for row in session.weights}
    compared = 0
    for k, x in enumerate(session.features):
        np.testing.assert_array_equal(decoder.step(x, place_before(frames, k)), decoded(frames, k))
        if k and frames["state"][k - 1] in (TaskState.MOVE, TaskState.HOLD):
            features, intent, noise = samples_at(session, k, decoder)
            rule.update(decoder, features[None], intent[None], noise[None], reward=float(frames["reward"][k]))
        if k in stored:
            np.testing.assert_array_equal(decoder.weights, stored[k]["weights"])
            np.testing.assert_array_equal(decoder.bias, stored[k]["bias"])
            compared += 1
    assert compared > 5


def test_trial_by_trial_reinforcement_makes_the_weights_that_the_session_stored(tmp_path: Path) -> None:
    session = recorded(
        tmp_path,
        learning__rule="reinforcement",
        learning__when="trial",
        learning__sample_ms=10,
        learning__exploration_cm_s=2.0,
        learning__max_step=0,
    )
    decoder, rule, frames = session.decoder(), session.rule(), session.frames
    stored = {int(row["tick"]): row for row in session.weights}
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    compared = 0
    for k, x in enumerate(session.features):
        np.testing.assert_array_equal(decoder.step(x, place_before(frames, k)), decoded(frames, k))
        if k and frames["state"][k - 1] in (TaskState.MOVE, TaskState.HOLD):
            kept.append(samples_at(session, k, decoder))
        outcome = frames["outcome"][k]
        if outcome and outcome not in (Outcome.BLOCK_ENDED, Outcome.OPERATOR):
            features, intent, noise = (np.array(part) for part in zip(*kept, strict=True))
            rule.update(decoder, features, intent, noise, reward=float(frames["reward"][k]))
        kept = [] if outcome else kept
        if k in stored:
            np.testing.assert_array_equal(decoder.weights, stored[k]["weights"])
            compared += 1
    assert compared > 5


def test_trial_by_trial_rml_makes_the_model_that_the_session_stored(tmp_path: Path) -> None:
    """A rule that changes a decoder's model, and knows the place of the cursor."""
    session = recorded(
        tmp_path,
        decoder__kind="kalman",
        session__duration_s=60,
        decoder__settings__model="position_velocity",
        learning__rule="rml",
        learning__when="tick",
        learning__sample_ms=10,
        learning__max_step=0,
    )
    decoder, rule, frames = session.decoder(), session.rule(), session.frames
    stored = {int(row["tick"]): row for row in session.weights}
    compared = 0
    for k, x in enumerate(session.features):
        place = place_before(frames, k)
        np.testing.assert_array_equal(decoder.step(x, place), decoded(frames, k))
        if k and frames["state"][k - 1] in (TaskState.MOVE, TaskState.HOLD):
            features, intent, _ = samples_at(session, k, decoder)
            rule.update(decoder, features[None], intent[None], position=(place / decoder.gain)[None])
        if k in stored:
            np.testing.assert_array_equal(decoder.parts["model"], stored[k]["model"])
            compared += 1
    assert compared > 5
    assert (session.weights["model"][-1] != session.weights["model"][0]).any()


def test_mistakes_are_told_in_words() -> None:
    with pytest.raises(bmi_app.BmiError, match=r"there is no decoder 'kalmann'.*did you mean 'kalman'"):
        bmi_app.decoder("kalmann", 4)
    with pytest.raises(bmi_app.BmiError, match="lagss"):
        bmi_app.decoder("wiener", 4, lagss=3)
    with pytest.raises(bmi_app.BmiError, match=r"weights: have the shape \(2, 3\); must have \(2, 4\)"):
        bmi_app.decoder("linear", 4, weights=np.zeros((2, 3)))
    decoder, rule = bmi_app.decoder("linear", 4, gain=2.0), bmi_app.rule("lms", 4)
    with pytest.raises(bmi_app.BmiError, match=r"features: have the shape \(3,\); this decoder reads \(4,\)"):
        decoder.step(np.zeros(3))
    with pytest.raises(bmi_app.BmiError, match=r"intent: have the shape \(2, 1\); this update needs \(2, 2\)"):
        rule.update(decoder, np.zeros((2, 4)), np.zeros((2, 1)))
    with pytest.raises(bmi_app.BmiError, match="beside the tick"):
        bmi_app.rule("smoothbatch", 4).update(decoder, np.zeros((2, 4)), np.zeros((2, 2)))


def test_lms_finds_a_readout_offline() -> None:
    """A study without a session: the rule pulls a decoder to the readout that made the samples."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(2, 6))
    x = rng.normal(size=(4000, 6))
    decoder, rule = bmi_app.decoder("linear", 6, weights=np.zeros((2, 6))), bmi_app.rule("lms", 6, rate=0.2)
    before = decoder.copy()
    assert rule.update(decoder, x, x @ truth.T)
    np.testing.assert_allclose(decoder.weights, truth, atol=1e-3)
    np.testing.assert_array_equal(before.weights, np.zeros((2, 6)))
    np.testing.assert_allclose(decoder.step(x[0]), truth @ x[0], atol=1e-2)
