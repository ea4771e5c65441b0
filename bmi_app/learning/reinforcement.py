"""Reinforcement: weights follow the exploration that preceded a better trial than usual.

    W += rate * (R - Rbar) * sum_t gamma^(T - t) n_t x_t^T / (eps + |x_t|^2)
    W_a *= |W_a before| / |W_a|
    Rbar <- 0.8 Rbar + 0.2 R

n_t is the exploratory velocity that the program itself added and recorded (`learning.exploration_cm_s`; without it
nothing is learnt), R is 0 or 1 (node perturbation; Williams 1992, Legenstein et al. 2010 equation 13 for the averages).

Each axis keeps the length of its weights: the rule turns them, the protocol's gain says how fast the cursor is. Without
this the estimate's noise makes them longer and longer, and after half an hour of success the cursor is lost again.
A step longer than `max_turn` times that length is shortened before; if only `learning.max_step` did it, it would cut the
turn straight, each time the weights would become shorter, and at high rates the cursor would come to rest.

With `keep_length = false`, `normalised = false` and `discount = 1` it is the exploration-weighted Hebbian rule of a subject
without a model (hypothesis 5 of the five): dTheta_ij = rate (R - Rbar) sum_t x_j (a_i - abar_i). Theta[unit, context] then
stands in the place of the weights, the context (direction to the target) in that of the features, and a - abar in that of
the noise.
"""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.learning.normalise import divisor
from bmi_app.rt.contracts import CHANGED, NOTHING, learn_signature
from bmi_app.rt.jit import kernel, part
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import LearningTraits, SubjectRole


class Settings(BaseModel):
    """Set how far back the reward reaches, and how fast the expected reward follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    normalised: bool = Field(default=True, description="whether each sample is divided by epsilon + |x|^2")
    epsilon: float = Field(
        default=1.0, gt=0, description="added to |x|^2, which keeps the step finite when no unit fires"
    )
    discount: float = Field(
        default=0.995, gt=0, le=1, description="gamma: weight of a sample for each sample before the end"
    )
    keep: float = Field(default=0.8, ge=0, lt=1, description="share of the expected reward kept at each trial")
    keep_length: bool = Field(default=True, description="whether each axis keeps the length of its weights")
    max_turn: float = Field(
        default=0.4, gt=0, description="longest step relative to the length of an axis's weights, where it is kept"
    )


layout = MemoryLayout(
    {
        "epsilon": (),
        "discount": (),
        "keep": (),
        "expected": (),
        "normalised": (),
        "keep_length": (),
        "max_turn": (),
        "before": ("axes", "units"),
    }
)


def start(settings: Settings, memory: dict[str, np.ndarray]) -> None:
    """Fill the rule's memory; the expected reward starts at 0."""
    layout.fill(memory, **settings.model_dump())


@part
def _length(row):
    """Return the Euclidean length of an axis's weights."""
    total = 0.0
    for u in range(row.shape[0]):
        total += row[u] * row[u]
    return math.sqrt(total)


@part
def _turn(row, before, max_turn):
    """Give an axis's weights the length that they had before, after a step that was not longer than allowed."""
    kept, distance = _length(before), 0.0
    for u in range(row.shape[0]):
        distance += (row[u] - before[u]) ** 2
    distance = math.sqrt(distance)
    if kept == 0.0:
        return
    if distance > max_turn * kept:
        for u in range(row.shape[0]):
            row[u] = before[u] + (row[u] - before[u]) * max_turn * kept / distance
    length = _length(row)
    if length > 0.0:
        for u in range(row.shape[0]):
            row[u] *= kept / length


@kernel(learn_signature)
def LEARN(weights, bias, mask, memory, features, intent, noise, position, rate, reward):
    """Reinforce, or weaken, what the exploration of this trial did."""
    n_units = weights.shape[1]
    m = layout.named(memory, axes=weights.shape[0], units=n_units)
    obtained = 1.0 if reward > 0.0 else 0.0
    surprise = obtained - m.expected
    m.expected = m.keep * m.expected + (1.0 - m.keep) * obtained
    if features.shape[0] == 0 or rate == 0.0 or surprise == 0.0:
        return NOTHING
    before = m.before
    for a in range(weights.shape[0]):
        for u in range(n_units):  # one by one: a slice that is assigned allocates, in case both overlap
            before[a, u] = weights[a, u]
    weight = 1.0
    for back in range(features.shape[0]):
        t = features.shape[0] - 1 - back
        power = divisor(features[t], m.epsilon, m.normalised)
        for a in range(weights.shape[0]):
            step = rate * surprise * weight * noise[t, a] / power
            for u in range(n_units):
                weights[a, u] += step * features[t, u] * mask[a, u]
        weight *= m.discount
    if m.keep_length != 0.0:
        for a in range(weights.shape[0]):
            _turn(weights[a], before[a], m.max_turn)
    return CHANGED


TRAITS = LearningTraits(
    adapts=frozenset({"readout"}),
    default_rate=0.1,
    needs_exploration=True,
    pointless={
        "tick": 'a sample alone carries no reward, so nothing is reinforced; take "trial"',
        "reward": 'it learns from failures too, which it would never see; take "trial"',
    },
    for_subject=SubjectRole(
        rate=0.03,
        settings={"keep_length": False, "normalised": False, "discount": 1.0},
        learns_actions=True,
    ),
    in_feature_power="epsilon",
    divided_by_all=True,
)
