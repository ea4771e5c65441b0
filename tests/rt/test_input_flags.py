"""Every input flag is one definition: replay, what-if and feature log hand it to the tick, and the frame tells it again."""

import re
from pathlib import Path

import numpy as np
import pytest

from bmi_app.rt import records
from bmi_app.rt.loop import run_recorded
from bmi_app.rt.records import FRAME, HOLDING_FLAGS, INPUT_FLAGS, CatchUpCause, CommandKind, EventKind, Flag, TaskState
from bmi_app.rt.what_if import log_features, run_what_if
from tests.rt.ticker import QUICK, ticker

E, S = EventKind, TaskState
SOURCES = Path(records.__file__).parents[1]
CATCHING_UP = Flag.CATCHING_UP | Flag.ENGINE_STOPPED


def declared() -> set[Flag]:
    """Return the flags of which their declaration says that they are inputs."""
    text = Path(records.__file__).read_text()
    body = text[text.index("class Flag(") : text.index("INPUT_FLAGS =")]
    return {Flag[name] for name in re.findall(r"^    ([A-Z_]+) = \d+  # input", body, re.MULTILINE)}


def test_what_is_declared_an_input_is_one() -> None:
    assert declared() == set(INPUT_FLAGS)
    assert set(HOLDING_FLAGS) < set(INPUT_FLAGS)


@pytest.mark.parametrize("flag", sorted(declared()))
def test_every_way_of_recomputing_takes_it(flag: Flag) -> None:
    for recompute in ("replay", "what-if", "feature log"):
        made = ticker(QUICK)
        core, counts = made.core, np.zeros((3, 96), np.float32)
        recorded = np.zeros(3, FRAME)
        recorded["flags"] = [0, flag, 0]
        if recompute == "replay":
            run_recorded(core.decode, core.learn, core.session, recorded, counts)
        elif recompute == "what-if":
            run_what_if(core.decode, core.learn, core.session, recorded, counts)
        else:
            log_features(core.decode, core.learn, core.session, recorded, counts, np.zeros((3, 96)))
        assert (made.frames()["flags"] & int(INPUT_FLAGS)).tolist() == [0, flag, 0], recompute


def test_nobody_else_says_what_the_inputs_are() -> None:
    """Sums of input flags stand in `records` only; else the next one would be missing there."""
    names = "|".join(flag.name or "" for flag in declared())
    for path in SOURCES.rglob("*.py"):
        if path.name != "records.py":
            found = re.search(rf"Flag\.({names}) \| Flag\.({names})", path.read_text())
            assert found is None or path.name == "bins.py", f"{path}: {found}"


@pytest.mark.parametrize("flags", [Flag.CATCHING_UP, CATCHING_UP])
def test_ticks_that_are_caught_up_count_but_hold_everything_else(flags: Flag) -> None:
    learning = ('learning.when="tick"', "learning.exploration_cm_s=3", "learning.rate=0.1")
    made = ticker([*QUICK, *learning, 'decoder.smoothing="none"', "task.timeout_ms=2000"])
    made.ticks(8, np.ones(96))
    assert made.state["state"] == S.MOVE
    clocks = ("block_ticks", "trial_ticks", "state_ticks", "state", "trial", "cursor_x_cm", "cursor_y_cm")
    held = (*clocks, "n_samples", "weights_hash", "moving_ticks", "rest_ticks")
    before, noise = [made.state[name].item() for name in held], made.arrays["vectors"][3].copy()
    frames = made.ticks(40, np.full(96, 2), flags)
    assert [made.state[name].item() for name in held] == before
    np.testing.assert_array_equal(made.arrays["vectors"][3], noise)
    assert (frames["flags"] & int(INPUT_FLAGS) == flags).all()
    assert (frames["spikes"] == 192).all()
    assert (made.arrays["rates"] == 200.0).all()
    assert (frames["velocity_x_cm_s"] == 0).all()
    made.tick(np.ones(96))
    assert made.state["trial_ticks"] == before[1] + 1
    cause = CatchUpCause.ENGINE_STOPPED if flags & Flag.ENGINE_STOPPED else CatchUpCause.SOURCE_LATE
    assert made.events(E.CATCHING_UP, E.CAUGHT_UP) == [
        (8, E.CATCHING_UP, cause, 0.0),
        (48, E.CAUGHT_UP, cause, pytest.approx(0.4)),
    ]


def test_baselines_are_not_measured_while_ticks_are_caught_up() -> None:
    made = ticker([*QUICK, 'blocks=[{kind="rest",duration_s=0.2},{kind="closed_loop"}]'])
    made.ticks(11, np.ones(96))
    made.ticks(50, np.full(96, 9), CATCHING_UP)
    made.ticks(12, np.ones(96))
    assert made.frames()["block"][-1] == 1
    assert (made.arrays["feature_offset"] == 100.0).all()


def test_a_reward_of_the_operator_waits_until_the_ticks_are_caught_up() -> None:
    made = ticker(QUICK)
    made.ticks(8)
    made.command(CommandKind.REWARD)
    made.command(CommandKind.REWARD)
    assert made.ticks(5, None, CATCHING_UP)["reward"].tolist() == [0.0] * 5
    assert made.commands_done()["acted"].tolist() == [1, 0]
    assert made.ticks(2)["reward"].tolist() == [1.0, 0.0]
    assert made.events(E.REWARD) == [(13, E.REWARD, 1, 1.0)]


def test_a_regular_source_that_leaves_out_samples_holds_the_cursor_before_the_watchdog_can() -> None:
    """Of a steady push, 0.3 s of silence decoded: with the flag from the fourth tick on a tenth of that jerk is left."""
    jerks_cm = []
    for flags in (Flag(0), Flag.SOURCE_SILENT):
        made = ticker(
            [*QUICK, "task.timeout_ms=2000", "axes.x.gain=0.02", "axes.y.gain=0.02", "decoder.smoothing_ms=50"]
        )
        made.run(np.full((3, 96), 0))
        made.arrays["feature_offset"][:] = 20.0  # at rest a unit fires 20 spikes/s
        made.ticks(60, 0.2)
        assert made.state["state"] == S.MOVE
        made.put_cursor(0.0, 0.0)
        made.ticks(3)
        made.ticks(27, None, flags)
        jerks_cm.append(float(np.hypot(made.state["cursor_x_cm"], made.state["cursor_y_cm"])))
        assert made.arrays["rates"].max() > (10.0 if flags else -1.0)
    decoded, held = jerks_cm
    assert held < 0.1 * decoded
    assert decoded > 1.0
