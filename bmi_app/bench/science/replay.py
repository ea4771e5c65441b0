"""Look at what replay makes of units that drive nothing, in their counts as an electrode would have them.

Gulati et al. (2017, Nat. Neurosci. 20, 1277) found that units without effect on the tool were modulated less after sleep. Here
the subject `batched` believes at first that every unit drives the cursor, control units as much as others, and half of the
signs are wrong; it uses the tool for ten minutes, replays, and uses it again. How much of it is unlearnt depends on how fast it
replays, so that this is measured at several rates.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bmi_app.api.simulation import run_trials
from bmi_app.bench.markdown import table
from bmi_app.bench.science.checks import Check, report
from bmi_app.bench.science.learners import BLOCK_MIN, REST_S, modulation
from bmi_app.rt import cells
from bmi_app.rt.records import TaskState
from drivers import simulated
from protocols.load import load
from protocols.tool import axis_map

_WEIGHT = 0.08  # cm/s per Hz: what it believes of every unit, and the protocol's gain
_REACTED_MS = 300.0
_CHECKS = 4  # of each case
RATES = (0.0005, 0.0015, 0.005, 0.015, 0.05)  # of the replay; 0.015 is the learner's own


def measure(seeds: int, rates: tuple[float, ...], say: Callable[[str], object]) -> dict[str, Any]:
    """Compare the tuning before the rest with that after it, at each rate; return a report ready for JSON."""
    checks = []
    cases = [(f"rate {rate:g}, it believed that every unit drives", True, rate) for rate in rates]
    cases.append((f"rate {rates[-1]:g}, it knew the nominal tool", False, rates[-1]))
    for what, all_count, rate in cases:
        found = []
        for seed in range(1, seeds + 1):
            say(f"{what}, seed {seed} of {seeds}")
            found.append(run(seed, all_count, rate))
        depth_hz, asked_hz, success = (np.array([one[key] for one in found]) for key in range(3))
        driving, control = depth_hz[:, :, 0], depth_hz[:, :, 1]
        checks += [
            Check(f"{what}: success before and after the rest", "rises", _change(success), _rises(success)),
            Check(
                f"{what}: tuning of recorded counts, control units (Hz)",
                "(for comparison: all are tuned more deeply)" if all_count else "none to lose",
                _change(control),
                all_count or bool(control[:, 0].max() < 0.2 * driving[:, 0].min()),
            ),
            Check(
                f"{what}: the same, control / driving units",
                "falls" if all_count else "(for comparison)",
                _change(control / driving),
                bool((np.diff(control / driving, axis=1) < 0).all()) if all_count else True,
            ),
            Check(
                f"{what}: what the inverse asks for, control / driving units",
                "falls" if all_count else "(for comparison)",
                _change(asked_hz[:, :, 1] / asked_hz[:, :, 0]),
                bool((np.diff(asked_hz[:, :, 1] / asked_hz[:, :, 0], axis=1) < 0).all()) if all_count else True,
            ),
        ]
    return report(f"Replay and control units, {seeds} seeds: before -> after the rest, mean (least-most)", checks)


def markdown(found: dict[str, Any]) -> str:
    """Return the report of `measure` as a table, a case a row."""
    heads = ["case", "success", "tuning of control units (Hz)", "control / driving units", "what the inverse asks for"]
    checks = found["checks"]
    cases = [checks[at : at + _CHECKS] for at in range(0, len(checks), _CHECKS)]
    rows = [[case[0]["what"].rpartition(":")[0], *(check["obtained"] for check in case)] for case in cases]
    return f"{found['title']}.\n\n{table(heads, rows)}"


def run(seed: int, all_count: bool, rate: float) -> tuple[list[list[float]], list[list[float]], list[float]]:
    """Return tuning depth, what the inverse asks for (Hz; driving and control units) and success, before and after the rest.

    Parameters
    ----------
    all_count
        Whether the subject believes at first that control units drive the cursor as well.
    rate
        Of its replay.
    """
    work_s = BLOCK_MIN * 60
    pair = f"{{kind='rest',duration_s={REST_S}}},{{kind='closed_loop',duration_s={work_s}}}"
    protocol = load(
        "learning_subject",
        [
            "subject.learner=batched",
            "subject.prior=nominal",
            f"subject.settings.learning_rate={rate}",
            "decoder.scramble=0.5",
            f"session.seed={seed}",
            f"blocks=[{pair},{pair}]",
        ],
    )
    control = ~axis_map(protocol).any(axis=0)
    counts: list[np.ndarray] = []
    frames: list[np.ndarray] = []
    models: list[np.ndarray] = []
    times_s: list[np.ndarray] = []
    tail = already = 0

    def believe(driver: simulated.Driver) -> None:
        if not all_count:
            return
        weights = driver.subject["weights"]
        generator = np.random.default_rng([seed, 17])
        units = np.flatnonzero(control)
        weights[generator.integers(0, 2, len(units)), units] = _WEIGHT * generator.choice([-1.0, 1.0], len(units))
        model = weights[:, :-1]
        ridge = protocol.subject.settings["inversion_lambda"] * np.eye(2)
        driver.subject["inverse"][:] = model.T @ np.linalg.inv(model @ model.T + ridge)

    def watch(core: Any, driver: simulated.Driver) -> None:
        nonlocal tail, already
        head = int(core.arrays["ctl"][cells.FRAMES_HEAD])
        at = np.arange(tail, head) % len(core.arrays["frames"])
        tail = head
        seen = core.arrays["frames"][at]
        these = (seen["state"] == TaskState.MOVE) & (seen["state_ticks"] * protocol.tick.period_ms > _REACTED_MS)
        frames.append(seen[these].copy())
        counts.append(core.arrays["counts"][at][these].astype(float))
        _, models_, logged_s, already = driver.learnt(already)
        models.append(models_.copy())
        times_s.append(logged_s.copy())

    trials = run_trials(protocol, watch, believe)
    seen, fired = np.concatenate(frames), np.concatenate(counts)
    asked_hz, logged_s = modulation(protocol, np.concatenate(models)), np.concatenate(times_s)
    depth_hz, asked, success = [], [], []
    for block, (begin_s, end_s) in ((1, (0.0, REST_S + work_s)), (3, (2 * REST_S + work_s, np.inf))):
        these = seen["block"] == block
        toward = np.arctan2(*(seen[f"target_{a}_cm"][these] - seen[f"cursor_{a}_cm"][these] for a in "yx"))
        depth = tuning_hz(fired[these], toward, protocol.tick.period_ms / 1e3)
        depth_hz.append([_size(depth[~control]), _size(depth[control])])
        asked.append(asked_hz[(logged_s >= begin_s) & (logged_s < end_s)].mean(axis=0).tolist())
        success.append(trials.success_between(begin_s / 60, end_s / 60))
    return depth_hz, asked, success


def tuning_hz(counts: np.ndarray, angle: np.ndarray, bin_s: float) -> np.ndarray:
    """Return the square of each unit's cosine tuning to a direction (Hz^2), less what chance adds: unbiased, so not always positive.

    Parameters
    ----------
    counts : f8[bin, unit]
    angle : f8[bin]
        Direction to the target (rad).
    """
    x = np.column_stack([np.ones(len(angle)), np.cos(angle), np.sin(angle)])
    fitted, *_ = np.linalg.lstsq(x, counts, rcond=None)
    noise = ((counts - x @ fitted) ** 2).sum(axis=0) / (len(x) - 3)
    by_chance = noise * np.trace(np.linalg.inv(x.T @ x)[1:, 1:])
    found: np.ndarray = ((fitted[1:] ** 2).sum(axis=0) - by_chance) / bin_s**2
    return found


def _size(squares: np.ndarray) -> float:
    """Return the root of the mean of some squared depths (Hz)."""
    return float(np.sqrt(max(squares.mean(), 0.0)))


def _rises(values: np.ndarray) -> bool:
    return bool((values[:, 1] > values[:, 0]).all())


def _change(values: np.ndarray) -> str:
    """Name mean, least and most of f8[seed, before or after]."""
    parts = [f"{v.mean():.2f} ({v.min():.2f}-{v.max():.2f})" for v in values.T]
    return " -> ".join(parts)
