"""Define the traits of each kind of plugin: what it offers beside what every plugin of its kind must define."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from bmi_app.traits.fields import Function, PluginError, Takes, Traits

Part = Literal["model", "readout"]


@dataclass(frozen=True, kw_only=True)
class DecoderTraits(Traits):
    """Say what a decoder offers.

    Attributes
    ----------
    adaptable
        What learning rules may adapt in it: a set of "readout" (its weights) and "model" (the part `model` of its memory); empty: nothing.
    needs_map
        Whether every axis must name a population.
    fit
        `fit(settings, samples, mask) -> Fitted`: it can be fitted, by `bmi fit`, in calibration blocks and by staged rules.
    fitted_to
        What `bmi fit` fits it to where nobody says: "intent", "velocity" or "refit".
    has_dynamics
        A fit means samples one tick apart, because how one follows on another is part of it.
    reach
        `reach(settings) -> int`: how many samples at the beginning of a piece lack a part of their past; a cross-validation does not score them.
    from_model
        `from_model(settings, parts, mask, dt_s) -> Fitted`: derives the rest of the memory from its model; needed where "model" is adaptable.
    model_acts
        The settings, and the values, with which DECODE acts at once on a model that is changed in the tick; others are refused for such rules.
    flip
        `flip(memory, signs)`: flips the sign of the per-unit numbers in its memory, for `decoder.scramble`.
    smoothing_hurts
        Why exponentially smoothed rates do not suit it, in words; the protocol check cautions.
    cautions
        `cautions(protocol)`: yields a line `key: what and why` for each thing that is allowed beside it, but may not be what was meant.
    one_scale
        Why its fit is the same in other units of features only where all units change alike; for the laws.
    needs_firing
        Why its fit refuses a recording without a single spike; for the laws.
    shared_noise
        The settings, and the values, with which a fit needs more samples than units; for the laws.
    carries_on
        The settings, and the values, with which a movement goes on without firing; for the laws.
    """

    required: ClassVar[tuple[str, ...]] = ("DECODE", "Settings", "layout", "start")

    adaptable: frozenset[Part]
    needs_map: bool
    fit: Annotated[Function | None, Takes(("settings", "samples", "mask"))] = None
    fitted_to: Literal["intent", "velocity", "refit"] = "intent"
    has_dynamics: bool = False
    reach: Annotated[Function | None, Takes(("settings",))] = None
    from_model: Annotated[Function | None, Takes(("settings", "parts", "mask", "dt_s"))] = None
    model_acts: Mapping[str, object] = field(default_factory=dict)
    flip: Annotated[Function | None, Takes(("memory", "signs"))] = None
    smoothing_hurts: str = ""
    cautions: Annotated[Function | None, Takes(("protocol",))] = None
    one_scale: str = ""
    needs_firing: str = ""
    shared_noise: Mapping[str, object] = field(default_factory=dict)
    carries_on: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse traits that contradict each other."""
        if "model" in self.adaptable and self.from_model is None:
            raise PluginError('TRAITS: adaptable has "model", so that from_model must be given; or leave "model" out')


@dataclass(frozen=True, kw_only=True)
class SubjectRole(Traits):
    """Say how the autonomous subject learns its tool by a learning rule.

    Attributes
    ----------
    learner
        The rule's name in `subject.learner`; empty: the plugin's own.
    rate
        The rate where `subject.settings.learning_rate` is absent.
    settings
        Settings of the rule in which the subject differs from the rule's own defaults.
    learns_actions
        The rule learns Theta, what to fire for a direction, f8[unit, axis], from exploration and reward; else a model of the tool.
    replays_awake
        Name of a setting above 0 of which the rule replays in trials too, so that it needs no rest; empty: there is none.
    """

    learner: str = ""
    rate: float
    settings: Mapping[str, object] = field(default_factory=dict)
    learns_actions: bool = False
    replays_awake: str = ""


@dataclass(frozen=True, kw_only=True)
class LearningTraits(Traits):
    """Say how a learning rule wants to be called, and what suits it.

    Attributes
    ----------
    adapts
        What it can adapt: a set of "readout" and "model"; where a decoder offers both, its model is adapted.
    default_rate
        `learning.rate` where the protocol has none; above 0.
    in_order
        It takes samples one by one: where many are due it gets a slice of about 0.2 ms of work a tick; else it gets whole trials, one a tick.
    needs_position
        Where the decoder's memory has a part `position_tuning`, C of the position, those of the rule's memory are kept equal to it.
    at_rest
        All through rest blocks it is called without samples, to replay what it has stored.
    refit
        `refit(settings, job) -> Fitted | None`: it is too slow for a tick and is computed beside it; `LEARN` is then `NO_LEARN`.
    cost
        How the work of a sample grows with units: "linear" or "quadratic"; the protocol check refuses what would make ticks late.
    confidence
        `confidence(memory) -> width[axis, unit]`: half of each weight's 95 % interval.
    needs_exploration
        It learns from `learning.exploration_cm_s` only; the protocol check cautions where that is 0.
    pointless
        Values of `learning.when` that do not suit it, each with the reason; the protocol check cautions.
    cautions
        `cautions(protocol)`: yields a line `key: what and why` for each thing that is allowed beside it, but may not be what was meant.
    for_subject
        A `SubjectRole`: the autonomous subject can learn its tool by this rule, too.
    acts_soon
        Settings in which it acts within the few samples of a test; for the laws.
    in_feature_power
        Name of a setting that is measured in squares of features; for the laws.
    divided_by_all
        It divides by |x|^2 of all units: how strongly those outside the mask fire makes a step shorter, and no more than that; for the laws.
    """

    required: ClassVar[tuple[str, ...]] = ("LEARN", "Settings", "layout", "start")

    adapts: frozenset[Part]
    default_rate: float
    in_order: bool = False
    needs_position: bool = False
    at_rest: bool = False
    refit: Annotated[Function | None, Takes(("settings", "job"))] = None
    cost: Literal["linear", "quadratic"] = "linear"
    confidence: Annotated[Function | None, Takes(("memory",))] = None
    needs_exploration: bool = False
    pointless: Mapping[str, str] = field(default_factory=dict)
    cautions: Annotated[Function | None, Takes(("protocol",))] = None
    for_subject: SubjectRole | None = None
    acts_soon: Mapping[str, object] = field(default_factory=dict)
    in_feature_power: str = ""
    divided_by_all: bool = False

    @property
    def staged(self) -> bool:
        """Tell whether the rule is computed beside the tick."""
        return self.refit is not None

    def __post_init__(self) -> None:
        """Refuse traits that contradict each other."""
        if not self.adapts:
            raise PluginError('TRAITS: adapts is empty; allowed: a set of "readout" and "model", at least one')
        if not self.default_rate > 0:
            raise PluginError(f"TRAITS: default_rate is {self.default_rate!r}; allowed: a number above 0")
        if self.for_subject is not None and (self.staged or "readout" not in self.adapts):
            raise PluginError(
                'TRAITS: for_subject needs a rule in the tick (without refit) whose adapts has "readout"; remove for_subject'
            )


@dataclass(frozen=True, kw_only=True)
class DriverTraits(Traits):
    """Say what kind of source a driver is, and which optional methods its class has; plain values, read without running its file.

    Attributes
    ----------
    title
        What it is, in a few words, beside its name in the list of drivers.
    real_time_only
        It has no `--speed max`: a live source runs in real time.
    needs_network
        Its spikes come over a network; else `outlets.publish` is false where the protocol does not say.
    is_finite
        It ends by itself, so that a session at full speed needs no other end.
    takes_recording
        Its setting `path` names a recording; the start page asks for one.
    takes_stream
        It takes an LSL stream, which `driver.stream`, `type`, `source_id`, `host` and `clock` choose; its settings have `kind`, `event_types` and `count_types`.
    simulates_subject
        It simulates the protocol's subject: the class has an attribute `act` and a method `learnt(already)`.
    has_clock
        The source has a clock of its own: the class has `read_clock()` and `why_no_clock()`.
    begins_at_once
        A driver from before `connect` was apart: the class has `begin(start_s, manual_clock)` and `clock_offset_s()` instead of `connect` and `start`.
    """

    required: ClassVar[tuple[str, ...]] = ("Driver", "Settings", "POLL")

    title: str = ""
    real_time_only: bool = False
    needs_network: bool = True
    is_finite: bool = False
    takes_recording: bool = False
    takes_stream: bool = False
    simulates_subject: bool = False
    has_clock: bool = False
    begins_at_once: bool = False


@dataclass(frozen=True, kw_only=True)
class SubjectTraits(Traits):
    """Say what a simulated subject can do beside firing.

    Attributes
    ----------
    has_arm
        It has a hand of its own, which moves the cursor in arm, isometric and drawing blocks.
    reaches
        `reaches(settings, x_cm, y_cm) -> bool`: whether its hand comes to a place; the protocol check names targets out of reach.
    cautions
        `cautions(protocol)`: yields a line `key: what and why` for each thing that is allowed beside it, but may not be what was meant.
    """

    required: ClassVar[tuple[str, ...]] = ("ACT", "Settings", "layout", "start")

    has_arm: bool = False
    reaches: Annotated[Function | None, Takes(("settings", "x_cm", "y_cm"))] = None
    cautions: Annotated[Function | None, Takes(("protocol",))] = None


@dataclass(frozen=True, kw_only=True)
class OutputTraits(Traits):
    """Say how an output reaches the world.

    Attributes
    ----------
    needs_network
        What it sends is on a network; the operator is told.
    why_not
        `why_not(settings) -> str`: why its device cannot be used now, without opening it; an empty text where it can. The start page asks every second.
    """

    required: ClassVar[tuple[str, ...]] = ("Output", "Settings")

    needs_network: bool = True
    why_not: Annotated[Function | None, Takes(("settings",))] = None
