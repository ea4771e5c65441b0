"""Define the tables from the source to the cursor: workspace, tick, units, axes, decoder and learning."""

from typing import Annotated, Any, Literal

from pydantic import Field

from protocols.section import CM, MAX_SEED, MOMENT, MOST_SIDE_CM, MS, PER_S, SPEED, ChannelUnit, S, Section
from protocols.units import MAX_UNITS

TICK_MS = (1.0, 100.0)  # shortest and longest

Length = Annotated[float, Field(gt=0)]


class Workspace(Section):
    """Say how large the plane is in which the cursor moves."""

    size_cm: tuple[Length, Length] = Field(
        (20.0, 20.0),
        strict=False,
        description="Width and height; the plane is centred on 0.",
        json_schema_extra={**CM, "most": MOST_SIDE_CM, "allowed": "[width, height], both above 0 to 1000"},
    )


class Tick(Section):
    """Say when the loop runs."""

    period_ms: float = Field(
        10.0, ge=TICK_MS[0], le=TICK_MS[1], description="Length of a bin and of a tick.", json_schema_extra=MS
    )
    source: Literal["clock", "stream"] = Field(
        "clock", description="What makes a tick: the clock, or each sample of a stream of binned counts."
    )
    grace_ms: float = Field(
        2.0,
        ge=0,
        le=50,
        description="How long after a bin's end it is evaluated, so that transport delay loses no spike.",
        json_schema_extra=MS,
    )


class Units(Section):
    """Say how many units the decoder sees, and how a (channel, unit) pair of the source becomes an index."""

    count: int = Field(ge=1, le=MAX_UNITS, description="Number of units; indices run from 0.", examples=[96])
    map: Literal["channel", "channel_unit", "table"] = Field(
        "channel",
        description="How a pair becomes an index. `channel`: channel - first_channel, the sorted unit is ignored. "
        "`channel_unit`: (channel - first_channel) * units_per_channel + unit - first_unit. "
        "`table`: the row of `table`.",
    )
    first_channel: int = Field(0, ge=0, le=1_000_000, description="Number of the source's first channel.")
    first_unit: int = Field(0, ge=0, le=1_000_000, description="Number of a channel's first sorted unit.")
    units_per_channel: int = Field(1, ge=1, le=1000, description="Sorted units per channel, for `channel_unit`.")
    table: tuple[ChannelUnit, ...] | None = Field(
        None,
        strict=False,
        description="One [channel, unit] row per index, for `table`.",
        json_schema_extra={"allowed": "[[channel, unit], ...], every row different"},
    )
    exclude: tuple[int, ...] = Field(
        (),
        strict=False,
        description="Units that drive nothing and teach nothing, dead or noisy ones; they are still counted and recorded.",
        json_schema_extra={"allowed": "[index, ...], each from 0 to count - 1, none twice"},
    )
    ignore_units: tuple[int, ...] = Field(
        (),
        strict=False,
        description="Sorted units, on every channel, whose spikes are counted and dropped: many systems call noise 255 and "
        "unsorted spikes 0.",
        json_schema_extra={"allowed": "[number, ...], each 0 or above, none twice"},
    )
    ignore_unknown: bool = Field(
        True, description="Count and drop spikes of pairs that are not mapped; else such a spike ends the session."
    )

    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Return the (channel, unit) pair of every index; where the sorted unit is ignored, the first one."""
        if self.map == "table":
            return tuple((channel, unit) for channel, unit in self.table or ())
        per_channel = self.units_per_channel if self.map == "channel_unit" else 1
        first_unit = self.first_unit if self.map == "channel_unit" else 0
        places = (divmod(index, per_channel) for index in range(self.count))
        return tuple((self.first_channel + channel, first_unit + unit) for channel, unit in places)

    def index(self, channel: int, unit: int) -> int | None:
        """Return the index of a pair of the source, or None where the protocol does not name it."""
        if self.map == "table":
            pairs = self.table or ()
            return pairs.index((channel, unit)) if (channel, unit) in pairs else None
        if self.map == "channel":
            index = channel - self.first_channel
        else:
            # Without this test a fourth unit of a channel of three would pass for the first of the next channel.
            if not 0 <= unit - self.first_unit < self.units_per_channel:
                return None
            index = (channel - self.first_channel) * self.units_per_channel + unit - self.first_unit
        return index if 0 <= index < self.count else None


class Axis(Section):
    """Say what drives one axis of the cursor: a population, or a push-pull pair of populations."""

    population: str | None = Field(None, description="Population whose summed firing moves the cursor along the axis.")
    push: str | None = Field(None, description="Population that moves the cursor forward; together with `pull`.")
    pull: str | None = Field(None, description="Population that moves the cursor back; together with `push`.")
    gain: float = Field(
        1.0,
        gt=0,
        description="Velocity per summed firing above baseline; to be given where a population drives the axis.",
        json_schema_extra={"unit": "cm/s per Hz"},
    )

    @property
    def populations(self) -> dict[str, str]:
        """Return the populations that drive the axis, by the key that names each."""
        named = {"population": self.population, "push": self.push, "pull": self.pull}
        return {key: name for key, name in named.items() if name is not None}


class Axes(Section):
    """Name the cursor's axes; without `y` the cursor moves along a line."""

    x: Axis = Field(
        description="The horizontal axis.",
        examples=[{"population": "horizontal", "gain": 0.08}],
    )
    y: Axis | None = Field(None, description="The vertical axis; absent: the cursor stays at y = 0.")

    def items(self) -> list[tuple[str, Axis]]:
        """Return the axes that exist with their names."""
        return [("x", self.x)] if self.y is None else [("x", self.x), ("y", self.y)]


class Decoder(Section):
    """Say how firing becomes velocity."""

    kind: str = Field("groupweight", description="Decoder plugin.", json_schema_extra={"plugin": "decoders"})
    input: Literal["rate_hz", "counts"] = Field(
        "rate_hz", description="What the decoder reads: rates, or counts per bin."
    )
    smoothing: Literal["exponential", "boxcar", "none"] = Field("exponential", description="How counts are smoothed.")
    smoothing_ms: float = Field(
        100.0,
        gt=0,
        le=10_000,
        title="Smoothing time",
        description="Time constant, or length of the boxcar.",
        json_schema_extra=MS,
    )
    square_root: bool = Field(
        False, description="Whether features are made of the square roots of the rates, which evens out their variance."
    )
    zscore: bool = Field(
        False,
        title="Z-score",
        description="Whether features are in units of their standard deviation, which rest blocks measure and freeze with the "
        "baselines, and a fit anew.",
    )
    scramble: float = Field(0.0, ge=0, le=1, description="Fraction of the weights whose sign is flipped.")
    scramble_seed: int | None = Field(
        None, ge=0, le=MAX_SEED, description="Which weights are flipped; absent: the session's seed."
    )
    fit_to: Literal["intent", "velocity"] = Field(
        "intent",
        description="What a fit takes for the velocity that was meant: the model of the intention (`learning.intent`), or the "
        "cursor's own.",
    )
    start_from: str | None = Field(
        None,
        min_length=1,
        description="File of a saved decoder to start from; relative to the protocol file.",
        json_schema_extra={"path": True},
    )
    settings: dict[str, Any] = Field({}, description="Settings of the plugin.")


class Learning(Section):
    """Say whether, when and how the decoder adapts, and the model of what the subject intends."""

    rule: str = Field("lms", description="Learning rule plugin.", json_schema_extra={"plugin": "learning"})
    when: Literal["off", "tick", "trial", "reward", "block", "seconds"] = Field(
        "off",
        description="When the rule acts. `tick`: with every sample; `trial`, `reward`: with those of the trial; `block`: at a "
        "block's end, with those of its trials; `seconds`: between trials, every `every_s`.",
    )
    every_s: float = Field(
        60.0,
        gt=0,
        le=86_400,
        description='Time between two updates with `when = "seconds"`; a multiple of the tick.',
        json_schema_extra=S,
    )
    rate: float | None = Field(None, ge=0, description="Learning rate; absent: the rule's own.")
    weight_min: float = Field(-10.0, description="Smallest weight allowed; an update below it is rejected.")
    weight_max: float = Field(10.0, description="Largest weight allowed; an update above it is rejected.")
    max_step: float = Field(
        0.5,
        ge=0,
        description="Largest norm of one update, relative to the norm of what it changes; a larger one is shortened to it. "
        "0: no limit.",
    )
    on_divergence: Literal["return", "freeze", "off"] = Field(
        "return",
        description="What happens when success falls or the cursor runs wild after an update. `return`: back to the last good "
        "weights, and learning waits until they have been tried; `freeze`: back to them, and learning is switched off.",
    )
    sample_ms: float = Field(
        10.0,
        gt=0,
        description="Spacing of the samples of a trial that are kept to learn from; a multiple of the tick.",
        json_schema_extra=MOMENT,
    )
    history_s: float | None = Field(
        None,
        gt=0,
        le=86_400,
        description="How much of the trials' time is kept for fits and for rules that reach back further than one trial; "
        "absent: as much as the protocol needs, 2 minutes at most (`every_s` if that is longer).",
        json_schema_extra=S,
    )
    intent: Literal["speed_model", "refit", "target_position", "assisted_blend", "recorded"] = Field(
        "speed_model",
        description="Model of the intended velocity. `speed_model`: straight to the target at min(intent_speed, intent_gain x "
        "distance), 0 while holding; `refit`: the decoded speed, turned toward the target (for fits; it shrinks with online "
        "rules); `target_position`: intent_gain x distance, however fast; `assisted_blend`: what computer and decoder make of "
        "the movement together; `recorded`: the velocity of the hand.",
    )
    exploration_cm_s: float = Field(
        0.0, ge=0, description="Standard deviation of the velocity noise that is added.", json_schema_extra=SPEED
    )
    exploration_tau_ms: float = Field(
        300.0, gt=0, description="Correlation time of that noise.", json_schema_extra=MOMENT
    )
    intent_speed_cm_s: float = Field(
        12.0, gt=0, description="Greatest speed that the subject is taken to intend.", json_schema_extra=SPEED
    )
    intent_gain_per_s: float = Field(
        3.0, gt=0, description="Intended speed per distance to the target, up to that speed.", json_schema_extra=PER_S
    )
    settings: dict[str, Any] = Field({}, description="Settings of the plugin.")
