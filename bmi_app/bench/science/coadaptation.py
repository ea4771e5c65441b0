"""Measure what comes of it when both sides learn: each subject's learner with each of the decoder's rules.

The tool is scrambled. Success says whether the two have found each other, the worst two minutes of the last third whether
they stay together, and the length of the decoder's weights whether it runs away or dies down.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.api.simulation import run_trials
from bmi_app.rt import cells
from bmi_app.rt.records import UpdateVerdict
from drivers import simulated
from protocols.load import load

PROTOCOL = "learning_subject"
BIN_MIN = 2.0
BLOCK_MIN, REST_S = 10.0, 60.0  # each block begins with a rest, in which `batched` replays
STAYS = 0.5  # a session whose worst two minutes fall below has lost its way
LEARNERS = ("regression", "lms", "batched", "gated", "reinforcement")
# The decoder's rules, each as docs/learning.md recommends it.
RULES: dict[str, tuple[str, ...]] = {
    "off": ("learning.when=off",),
    "lms": ("learning.when=tick",),
    "reward_gated": ("learning.when=reward",),
    "reinforcement": ("learning.when=trial", "learning.exploration_cm_s=1.5"),
    "regression": ("learning.when=tick", "learning.settings.forgetting=0.9999"),
}
_BACK = (UpdateVerdict.RETURNED, UpdateVerdict.FROZEN)


def measure(
    seeds: int,
    minutes: float,
    prior: str,
    rate_factor: float,
    decoder_waits: bool,
    jobs: int,
    say: Callable[[str], object],
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Measure every pair; return a report ready for JSON.

    Parameters
    ----------
    seeds
        Sessions of each pair.
    minutes
        Length of a session, in blocks of ten minutes.
    prior
        What the subject knows at first: `nothing`, or `nominal`, the tool before it was scrambled.
    rate_factor
        By which the decoder's rates are multiplied; `regression`, which has none, is left out unless it is 1.
    decoder_waits
        Whether the decoder begins to learn in the second block only.
    jobs
        Sessions at once.
    say
        Told what is measured now.
    more
        Overrides of the protocol, for every session.
    """
    pairs = []
    with ThreadPoolExecutor(jobs) as pool:
        for learner in LEARNERS:
            for rule in RULES:
                if rule == "regression" and rate_factor != 1.0:
                    continue
                say(f"subject {learner}, decoder {rule}")
                pair = *more, *overrides(learner, rule, prior, rate_factor)
                sessions = list(
                    pool.map(lambda seed, given=pair: run(given, seed, minutes, decoder_waits), range(1, seeds + 1))
                )
                pairs.append(
                    {"learner": learner, "rule": rule, **{key: [s[key] for s in sessions] for key in sessions[0]}}
                )
    return {
        "seeds": seeds,
        "minutes": minutes,
        "prior": prior,
        "rate_factor": rate_factor,
        "decoder_waits": decoder_waits,
        "pairs": pairs,
    }


def overrides(learner: str, rule: str, prior: str, rate_factor: float) -> tuple[str, ...]:
    """Return the overrides of the protocol that make a pair."""
    subject = (f"subject.learner={learner}", f"subject.prior={prior}")
    if rule == "off":
        return *subject, *RULES[rule]
    rate = rate_factor * plugins.load("learning", rule).TRAITS.default_rate
    return *subject, f"learning.rule={rule}", f"learning.rate={rate:g}", *RULES[rule]


def blocks(minutes: float, decoder_waits: bool) -> str:
    """Return the override of the protocol's blocks."""
    work_s = BLOCK_MIN * 60 - REST_S
    found = []
    for index in range(max(round(minutes / BLOCK_MIN), 1)):
        learns = "false" if decoder_waits and index == 0 else "true"
        found.append(f"{{kind='rest',duration_s={REST_S:g}}}")
        found.append(f"{{kind='closed_loop',duration_s={work_s:g},learning={learns}}}")
    return f"blocks=[{','.join(found)}]"


def run(pair: tuple[str, ...], seed: int, minutes: float, decoder_waits: bool = False) -> dict[str, float]:
    """Run a session; return its success, the worst two minutes of the last third, the weights' length, the returns.

    The length is 1 at the start, where every weight is 1 or -1; returns are how often the guard against divergence took
    good weights back.
    """
    given = ("decoder.scramble=0.5", f"session.seed={seed}", blocks(minutes, decoder_waits), *pair)
    verdicts: list[int] = []
    tail = 0

    def watch(core: Any, _: simulated.Driver) -> None:
        nonlocal tail
        updates, head = core.arrays["updates"], int(core.arrays["ctl"][cells.UPDATES_HEAD])
        verdicts.extend(updates["verdict"][np.arange(max(tail, head - len(updates)), head) % len(updates)].tolist())
        tail = head

    trials = run_trials(load(PROTOCOL, given), watch)
    last = minutes * 2 / 3
    shares = [trials.success_between(at, at + BIN_MIN) for at in np.arange(last, minutes - BIN_MIN / 2, BIN_MIN)]
    weights, mask = trials.core.arrays["weights"], trials.core.arrays["mask"]
    return {
        "success": trials.success_between(last, minutes),
        "lowest": float(np.nanmin(shares)),
        "length": float(np.linalg.norm(weights) / np.sqrt(mask.sum())),
        "returns": sum(verdict in _BACK for verdict in verdicts),
    }
