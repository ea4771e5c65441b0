"""Each array that the tick fills has one meaning: noise is noise, a place is a place, an aim is not a velocity."""

import numpy as np
import pytest

from bmi_app.rt.cursor import AIM, DECODED, INTENT, NOISE, VELOCITY
from bmi_app.rt.records import FRAME, TaskState
from bmi_app.rt.what_if import run_what_if
from tests.rt.ticker import QUICK, Ticker, ticker

N = 10
NEEDS_PLACE = ('decoder.kind="refit_kalman"', 'learning.rule="rml"')


def moving(*overrides: str) -> Ticker:
    """Return a session in which a target is shown and the cursor explores."""
    more = ('learning.when="trial"', "learning.exploration_cm_s=2", "axes.y.gain=0.4", "task.timeout_ms=2000")
    made = ticker([*QUICK, *more, *overrides], "learn_the_tool")
    while made.state["state"] != TaskState.MOVE:
        made.tick()
    return made


@pytest.mark.parametrize("overrides", [(), NEEDS_PLACE])
def test_a_rule_is_given_the_noise_and_the_place_each_by_itself(overrides: tuple[str, ...]) -> None:
    """The place stood where the noise is, for a rule that needs the place."""
    made = moving(*overrides)
    assert (made.core.config[0]["tuning_word"] >= 0) == bool(overrides)
    gain = made.arrays["gain"]
    made.put_cursor(3.0, -2.0)
    noise, place = [], []
    for _ in range(N):
        place.append([float(made.state["cursor_x_cm"]), float(made.state["cursor_y_cm"])])
        frame = made.tick(np.arange(96) % 4)
        noise.append([frame["noise_x_cm_s"], frame["noise_y_cm_s"]])
    assert int(made.state["n_samples"]) == N
    np.testing.assert_array_equal(made.arrays["trial_noise"][:N], noise / gain)
    np.testing.assert_array_equal(made.arrays["trial_position"][:N], place / gain)
    assert np.abs(made.arrays["trial_noise"][:N]).min() > 0


def test_the_aim_has_a_row_of_its_own_beside_the_velocity() -> None:
    made = moving('blocks=[{kind="closed_loop",assist=0.5}]')
    frame = made.tick(np.ones(96))
    vectors = made.arrays["vectors"]
    assert len({AIM, DECODED, INTENT, NOISE, VELOCITY}) == len(vectors) == 5
    np.testing.assert_array_equal(vectors[AIM], vectors[INTENT])  # `speed_model`: the aim itself
    moved = 0.5 * (vectors[DECODED] + vectors[NOISE]) + 0.5 * vectors[AIM]
    np.testing.assert_allclose(vectors[VELOCITY], moved)
    np.testing.assert_array_equal(vectors[VELOCITY], [frame["velocity_x_cm_s"], frame["velocity_y_cm_s"]])


def test_a_what_if_tells_the_velocity_that_was_recorded() -> None:
    """It told the aim, which the tick kept in the row of the velocity until the cursor moved."""
    made = moving()
    recorded = np.zeros(3, FRAME)
    recorded["state"], recorded["target_x_cm"] = TaskState.MOVE, 8.0
    recorded["velocity_x_cm_s"], recorded["velocity_y_cm_s"] = [1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]
    run_what_if(made.core.decode, made.core.learn, made.core.session, recorded, np.ones((3, 96), np.float32))
    for name in ("velocity_x_cm_s", "velocity_y_cm_s"):
        np.testing.assert_array_equal(made.frames()[name][-3:], recorded[name])
