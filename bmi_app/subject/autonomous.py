"""The autonomous subject: it learns a tool that it does not know, and acts by what it has learnt.

From its own firing and the delayed, noisy sight of the cursor it learns what its firing does (`tool_model`), by one of five
rules; it intends a velocity by feedback control across its delay (`intention`), asks its neurons for the firing that should
bring it about, and explores (`exploration`), the more the less it can foretell. Its neurons may instead encode the movement that
it wants as those of a body would (`encoded`). Every trial it notes what it has learnt (`model_log`).
"""

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bmi_app.rt import random
from bmi_app.rt.contracts import SEEN_RADIUS, act_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import length, named_parts
from bmi_app.rt.records import TaskState
from bmi_app.subject import body, curiosity, mind, noise
from bmi_app.subject.encoded import encoded_rates_into
from bmi_app.subject.exploration import CHANNELS, KINDS, explore, hold_still
from bmi_app.subject.intention import estimate, follow_hand, intend, notice_target, rest
from bmi_app.subject.manifold import draw_manifold, preferring_inverse
from bmi_app.subject.mind import BY_MOUSE, ENCODING, HEAD, HELD_NOISE, MAX_HZ, STATE, STEP, vector
from bmi_app.subject.model_log import write_row
from bmi_app.subject.simulate import delay_steps
from bmi_app.subject.tool_model import begin_trial, look, remember, tool_rates_into
from bmi_app.subject.tool_rules import NO_LEARNER, RULES, cautions
from bmi_app.traits import SubjectTraits

_REST = int(TaskState.REST)
_SPARE_STEPS = 12  # a tick of 100 ms holds ten steps, in which no new frame is seen
_SHORTEST_STEP_MS = 1.0
_SKILL_TAU_S = 30.0  # of movement
_SLOW = 0.25  # share of the greatest aimed speed below which the cursor may as well stand still


if TYPE_CHECKING:
    Learner = str
else:  # pydantic and the editor list what is found
    Learner = Literal[(NO_LEARNER, *RULES)]


class Settings(BaseModel):
    """Describe the subject."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: Literal["nothing", "nominal"] = Field(
        default="nominal", description="what it knows of the tool at the start: nothing, or the nominal map"
    )
    learner: Learner = Field(default=NO_LEARNER, description="rule by which it learns the tool")
    intent: Literal["target", "mouse"] = Field(
        default="target", description="what it wants: to reach the target that it sees, or a person's hand"
    )
    encoding: Literal["tool", "cosine", "todorov", "magnitude"] = Field(
        default="tool",
        description="what its neurons fire for: as its model of the tool needs it, or as a body that moves as wanted: "
        "velocity, all that its muscles do, or speed and direction",
    )
    exploration: Literal["none", "white", "slow", "low_dimensional", "curious"] = Field(
        default="slow", description="noise that it adds to its firing, and that it knows"
    )
    learning_rate: float | None = Field(default=None, ge=0, description="of the learner; absent: its own")
    rule: dict[str, Any] = Field(
        default={},
        title="Settings of its rule",
        description="settings of the learner's rule; see docs/learning.md",
        json_schema_extra={"allowed": "a table of that rule's settings, such as {normalised = false}"},
    )
    sample_ms: float = Field(
        default=50.0, gt=0, le=1000, description="time between two samples that it learns from (ms)"
    )
    delay_ms: float = Field(default=100.0, ge=0, le=1000, description="visual delay (ms)")
    lag_ms: float = Field(
        default=100.0, ge=0, le=2000, description="time constant with which it expects its firing to act (ms)"
    )
    reaction_ms: float = Field(
        default=80.0, ge=0, le=2000, description="time to react to a new target, beyond the delay (ms)"
    )
    lapse_probability: float = Field(
        default=0.0, ge=0, le=1, description="probability that it does not attend to a trial"
    )
    gain_per_s: float = Field(default=2.5, gt=0, description="aimed speed per distance to the target (1/s)")
    speed_cm_s: float = Field(default=12.0, gt=0, description="greatest aimed speed (cm/s)")
    damping: float = Field(
        default=0.3,
        ge=0,
        le=5,
        description="share of the difference between the speed aimed at and its own that it adds",
    )
    sight_noise_cm: float = Field(default=0.2, ge=0, description="error of the seen cursor, standard deviation (cm)")
    sight_noise_cm_s: float = Field(
        default=4.0, ge=0, description="error of the seen velocity from which it learns, standard deviation (cm/s)"
    )
    motor_noise_cm_s: float = Field(default=0.5, ge=0, description="slow error of the aim, standard deviation (cm/s)")
    baseline_hz: float = Field(default=15.0, gt=0, description="mean rate at rest (Hz); units differ")
    baseline_spread: float = Field(default=0.4, ge=0, le=2, description="spread of the rates at rest, of log rate")
    max_rate_hz: float = Field(default=100.0, gt=0, description="greatest rate of a unit (Hz)")
    hz_per_n: float = Field(default=6.0, ge=0, description="modulation of `todorov`, mean; units differ (Hz/N)")
    hz_per_m_s: float = Field(
        default=100.0, ge=0, description="modulation of `cosine` and `magnitude`, mean; units differ (Hz per m/s)"
    )
    asymmetry: float = Field(
        default=0.0, ge=0, le=1, description="how much stronger muscles are damped when they shorten (`todorov`)"
    )
    inversion_lambda: float = Field(
        default=0.01,
        gt=0,
        description="what weighs firing against speed when it inverts its model ((cm/s/Hz)^2)",
    )
    exploration_hz: float = Field(default=2.0, ge=0, description="exploration of a unit, standard deviation (Hz)")
    exploration_tau_ms: float = Field(default=300.0, gt=0, description="time constant of slow exploration (ms)")
    exploration_floor: float = Field(default=0.2, ge=0, le=1, description="share of it that the most confident keeps")
    exploration_patterns: int = Field(
        default=8, ge=1, le=256, description="patterns of exploration, low-dimensional or curious"
    )
    patterns: int = Field(
        default=0,
        ge=0,
        le=256,
        description="dimension of the manifold of patterns that it can make, with the encoding `tool`; 0: it can make any",
    )
    spread_deg: float = Field(
        default=0.0,
        ge=0,
        le=180,
        description="how far the direction that a unit prefers may lie from where the tool takes it (deg); needs `patterns`",
    )
    babble_ms: float = Field(
        default=400.0,
        gt=0,
        le=10_000,
        description="how long curiosity stays with a pattern (ms); more than the visual delay",
    )

    @model_validator(mode="after")
    def _check_rule(self) -> "Settings":
        """Refuse settings that the learner's rule does not take, or that have no effect."""
        if self.patterns > 0 and self.encoding != "tool":
            raise ValueError(f"patterns: encoding {self.encoding!r} asks for patterns of its own; leave patterns at 0")
        if self.spread_deg > 0 and self.patterns == 0:
            raise ValueError(
                "spread_deg: needs patterns of at least 2, since it is they that have preferred directions"
            )
        allowed = list(RULES[self.learner].module.Settings.model_fields) if self.learner in RULES else []
        unknown = [key for key in self.rule if key not in allowed]
        if unknown:
            raise ValueError(
                f"rule.{unknown[0]}: learner {self.learner!r} has no such setting; allowed: {', '.join(allowed) or 'none'}"
            )
        try:
            _rule_settings(self)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ValueError(f"rule.{first['loc'][0]}: {first['input']!r} is not allowed: {first['msg']}") from None
        return self


def _rule_settings(settings: Settings) -> Any:
    """Return the settings of the learner's rule; None for the learner `none`."""
    rule = RULES.get(settings.learner)
    return None if rule is None else rule.module.Settings(**{**rule.role.settings, **settings.rule})


def layout(settings: Settings, n_units: int, n_axes: int) -> dict[str, tuple[int, ...]]:
    """Return the named parts of the subject's memory.

    Of the model, `weights` f8[axis, unit + 1], the last column belongs to the constant; of a rule that learns actions they
    are Theta, f8[unit, axis].
    """
    rule, by_unit = RULES.get(settings.learner), _learns_actions(settings)
    weights = (n_units, n_axes) if by_unit else (n_axes, n_units + 1)
    rule_words = 1
    if rule is not None:
        parts = rule.module.layout(_rule_settings(settings), weights[1], weights[0])
        rule_words = sum(math.prod(shape) for shape in parts.values())
    steps = math.ceil(settings.delay_ms / _SHORTEST_STEP_MS) + _SPARE_STEPS
    n_patterns = settings.exploration_patterns if settings.exploration in ("low_dimensional", "curious") else 0
    n_latents = 0 if settings.exploration == "none" else n_patterns or n_units
    curious = settings.exploration == "curious"
    n_encoding = 0 if settings.encoding == "tool" else n_units
    n_samples, n_manifold = _trial_samples(settings), min(settings.patterns, n_units)
    shapes: dict[str, tuple[int, ...]] = {
        "offsets": (len(mind.PARTS) + 1,),
        "head": (mind.HEAD_WORDS,),
        "baseline_hz": (n_units,),
        "weights": weights,
        "bias": (weights[0],),
        "mask": weights,
        "inverse": (n_units, n_axes),
        "rule": (rule_words,),
        "copy": (n_units,),
        "copies": (steps, n_units + 1),
        "predicted": (steps, n_axes),
        "aimed": (steps,),
        "exploration": (n_units,),
        "patterns": (n_units, n_patterns),
        "latents": (n_latents,),
        "features": (n_samples, n_units if by_unit else n_units + 1),
        "targets": (n_samples, n_axes),
        "curiosity": (length(curiosity.layout(n_patterns, len(CHANNELS))) if curious else 0,),
        "babbled": (2, n_patterns if curious else 0),
        "views": (2, len(CHANNELS) if curious else 0),
        "body": (body.N_BODY,),
        "motion": (body.N_MOTION,),
        "imagined": (2,),
        "depth": (n_encoding,),
        "directions": (n_encoding, 2),
        "held_noise": (noise.words(2),),
        "manifold": (n_units, n_manifold),
        "in_manifold": (n_axes, n_manifold),
        "log": (mind.LOG_SLOTS, mind.LOG_WORDS + n_axes * (n_units + 1)),
    }
    assert tuple(shapes) == mind.PARTS
    return shapes


def _learns_actions(settings: Settings) -> bool:
    """Tell whether its rule learns what to fire for a direction, instead of a model of the tool."""
    return settings.learner in RULES and RULES[settings.learner].role.learns_actions


def _learns_at_once(settings: Settings) -> bool:
    """Tell whether no samples have to be kept: its rule takes them as they come, or it has none."""
    return settings.learner not in RULES or RULES[settings.learner].traits.in_order


def _trial_samples(settings: Settings) -> int:
    """Return how many samples of a trial are kept: one where the rule learns at once, else 20 s of them."""
    return 1 if _learns_at_once(settings) else max(math.ceil(20_000.0 / settings.sample_ms), 2)


def start(settings: Settings, tool: np.ndarray, step_s: float, seed: int, memory: dict[str, np.ndarray]) -> None:
    """Fill the subject's memory.

    Parameters
    ----------
    tool : ndarray, shape (n_axes, n_units)
        The nominal tool: velocity (cm/s) per rate above rest (Hz).
    step_s : float
        Time between two calls of ACT.
    """
    n_axes, n_units = tool.shape
    generator = np.random.default_rng([seed, random.SUBJECT])
    memory["offsets"].view(np.int64)[:] = np.cumsum([0, *(memory[name].size for name in mind.PARTS)])
    spread = settings.baseline_spread
    memory["baseline_hz"][:] = settings.baseline_hz * np.exp(
        spread * generator.standard_normal(n_units) - spread**2 / 2
    )
    memory["mask"][:] = 1.0
    memory["patterns"][:] = generator.standard_normal(memory["patterns"].shape) / math.sqrt(
        max(settings.exploration_patterns, 1)
    )
    if settings.exploration == "curious":
        layout_ = curiosity.layout(settings.exploration_patterns, len(CHANNELS))
        curiosity.start(settings.exploration_patterns, len(CHANNELS), seed, named_parts(memory["curiosity"], layout_))
    _start_encoding(settings, n_axes, generator, memory)
    noise.start(memory["held_noise"], step_s)
    inverse = preferring_inverse(tool, settings.spread_deg, generator)
    memory["manifold"][:] = draw_manifold(inverse, memory["manifold"].shape[1], generator)
    _fill_head(settings, memory["head"], n_units, n_axes, step_s)
    rule, rule_settings = RULES.get(settings.learner), _rule_settings(settings)
    rows, columns = memory["weights"].shape
    if rule is not None:
        parts = named_parts(memory["rule"], rule.module.layout(rule_settings, columns, rows))
        rule.module.start(rule_settings, parts)
        memory["head"].view(np.int64)[mind.LEARN_AT] = rule.address
    if settings.prior == "nominal" and tool.any():
        if _learns_actions(settings):
            memory["weights"][:] = settings.speed_cm_s * inverse
        else:
            memory["weights"][:, :n_units] = tool
    memory["inverse"][:] = inverse_of(settings, memory["weights"], memory["manifold"])


def _start_encoding(
    settings: Settings, n_axes: int, generator: np.random.Generator, memory: dict[str, np.ndarray]
) -> None:
    """Draw what each unit prefers, and how much it is modulated."""
    n_units = len(memory["depth"])
    mean = settings.hz_per_n if settings.encoding == "todorov" else settings.hz_per_m_s
    memory["body"][:] = body.new_body(settings.asymmetry)
    memory["depth"][:] = mean * generator.uniform(0.5, 1.5, n_units)
    memory["directions"][:] = body.draw_directions(n_units, n_axes, generator)


def inverse_of(settings: Settings, weights: np.ndarray, manifold: np.ndarray) -> np.ndarray:
    """Return what `tool_model.invert` makes of weights (without spikes, in numpy).

    Parameters
    ----------
    weights
        As they stand in the memory.
    manifold : ndarray, shape (n_units, n_patterns)
        The patterns that the subject can make; none: all.
    """
    if _learns_actions(settings):
        return np.asarray(weights / settings.speed_cm_s)
    model = weights[:, :-1]
    inside = model @ manifold if manifold.shape[1] else model
    inverse: np.ndarray = inside.T @ np.linalg.inv(inside @ inside.T + settings.inversion_lambda * np.eye(len(model)))
    return manifold @ inverse if manifold.shape[1] else inverse


def _fill_head(settings: Settings, head: np.ndarray, n_units: int, n_axes: int, step_s: float) -> None:
    rule = RULES.get(settings.learner)
    own_rate = 0.0 if rule is None else rule.role.rate
    rate = own_rate if settings.learning_rate is None else settings.learning_rate
    known, delay = settings.prior == "nominal", delay_steps(settings.delay_ms / 1e3, step_s)
    values = {
        mind.N_UNITS: n_units,
        mind.N_AXES: n_axes,
        mind.STEP_S: step_s,
        mind.GAIN_PER_S: settings.gain_per_s,
        mind.SPEED_CM_S: settings.speed_cm_s,
        mind.DAMPING: settings.damping,
        mind.SIGHT_CM: settings.sight_noise_cm,
        mind.SIGHT_CM_S: settings.sight_noise_cm_s,
        mind.MOTOR_CM_S: settings.motor_noise_cm_s,
        mind.MOTOR_KEEP: math.exp(-step_s / 0.3),  # forgets within 0.3 s: slower than feedback can follow
        mind.MAX_HZ: settings.max_rate_hz,
        mind.RIDGE: settings.inversion_lambda,
        mind.DELAY_STEPS: delay,
        mind.REACTION_STEPS: round(settings.reaction_ms / 1e3 / step_s),
        mind.LAG_KEEP: math.exp(-step_s * 1e3 / settings.lag_ms) if settings.lag_ms > 0 else 0.0,
        mind.SAMPLE_STEPS: max(round(settings.sample_ms / 1e3 / step_s, 6), 1.0),  # whole where it is meant to be
        mind.RATE: rate,
        mind.HAS_RULE: rule is not None,
        mind.AT_ONCE: _learns_at_once(settings),
        mind.AT_REST: rule is not None and rule.traits.at_rest,
        mind.ACTIONS: _learns_actions(settings),
        mind.BY_MOUSE: settings.intent == "mouse",
        mind.HOW_EXPLORES: KINDS.index(settings.exploration),
        mind.EXPLORATION_HZ: settings.exploration_hz,
        mind.EXPLORATION_KEEP: math.exp(-step_s * 1e3 / settings.exploration_tau_ms),
        mind.EXPLORATION_FLOOR: settings.exploration_floor,
        mind.N_PATTERNS: settings.exploration_patterns,
        mind.N_MANIFOLD: min(settings.patterns, n_units),
        mind.BABBLE_STEPS: max(round(settings.babble_ms / 1e3 / step_s), delay + 1),
        mind.ENCODING: 0 if settings.encoding == "tool" else 1 + body.ENCODINGS.index(settings.encoding),
        mind.JUDGED_CM_S: _SLOW * settings.speed_cm_s,
        mind.LAPSE: settings.lapse_probability,
        mind.SKILL_KEEP: math.exp(-settings.sample_ms / 1e3 / _SKILL_TAU_S),
        mind.TRIAL_SAMPLES: _trial_samples(settings),
        # As if it had seen the cursor move at 1 cm/s, and foretold all of it or nothing.
        mind.VELOCITY_SQUARE: 1.0,
        mind.ERROR_SQUARE: 1.0 - known,
        mind.CONFIDENCE: float(known),
    }
    for word, value in values.items():
        head[word] = value


@kernel(act_signature)
def ACT(memory, key, seen, rates_out):
    """Learn from what is newly seen, want a velocity, and ask the neurons for it (Hz)."""
    head = vector(memory, HEAD)
    if look(memory, key, seen):
        write_row(memory)
        begin_trial(head)
    held = noise.renew(vector(memory, HELD_NOISE), key)
    estimate(memory, seen)
    acts = follow_hand(head, seen) if head[BY_MOUSE] != 0.0 else notice_target(head, key, seen)
    if acts:
        intend(memory, key)
    else:
        rest(head)
    if (acts or seen[0, SEEN_RADIUS] > 0.0) and head[STATE] != _REST:
        explore(memory, key, seen, held)
    else:
        hold_still(memory)
    if head[ENCODING] != 0.0:
        encoded_rates_into(memory, acts, rates_out)
    else:
        tool_rates_into(memory, acts, rates_out)
    for u in range(rates_out.shape[0]):
        rates_out[u] = min(max(rates_out[u], 0.0), head[MAX_HZ])
    remember(memory, rates_out)
    head[STEP] += 1.0


TRAITS = SubjectTraits(cautions=cautions)
