"""Give decoders and learning rules as plain objects, which compute what a tick computes, for notebooks and offline studies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from bmi_app import plugins
from bmi_app.api.errors import BmiError, in_words
from bmi_app.decoders.contract import Fitted, adapted_part
from bmi_app.rt.contracts import CHANGED, REFUSED
from bmi_app.rt.memory import length, named_parts
from bmi_app.session.engine import kept_inputs
from bmi_app.session.engine.build import BuildError, Core, build
from protocols.load import parse
from protocols.problems import ProtocolError
from protocols.schema import Protocol
from protocols.wording import describe_errors


class Decoder:
    """Decode features step by step, with the kernel that a session's tick calls.

    Attributes
    ----------
    kind : str
        Name of the plugin.
    settings : BaseModel
        Its settings.
    weights : f8[axis, unit]
    bias : f8[axis]
    mask : f8[axis, unit]
        0 where a weight must stay 0.
    gain : f8[axis]
        Multiplies what the kernel says.
    parts : dict of ndarray
        The decoder's memory by name: views, so that a change acts at the next step.
    """

    def __init__(
        self,
        kind: str,
        settings: BaseModel,
        weights: np.ndarray,
        bias: np.ndarray,
        mask: np.ndarray,
        gain: np.ndarray,
        memory: np.ndarray,
    ) -> None:
        self.kind = kind
        self.settings = settings
        self.weights = np.ascontiguousarray(weights, np.float64)
        self.bias = np.ascontiguousarray(bias, np.float64)
        self.mask = np.ascontiguousarray(mask, np.float64)
        self.gain = np.ascontiguousarray(gain, np.float64)
        self.module = plugins.load("decoders", kind)
        n_axes, n_units = self.weights.shape
        layout = self.module.layout(settings, n_units, n_axes)
        self.memory = memory
        self.parts = named_parts(memory, layout)
        self._velocity = np.zeros(n_axes)

    def step(self, features: Sequence[float] | np.ndarray, cursor_cm: Sequence[float] | None = None) -> np.ndarray:
        """Decode one tick's features to a velocity, f8[axis] in cm/s, the gain included; the memory moves on by a tick.

        Parameters
        ----------
        features : f8[unit]
            Rates less baselines, scaled: `Session.features` has those of a recording.
        cursor_cm : f8[axis], optional
            Where the cursor stands before the step (cm); only decoders that know the place ask for it.

        Raises
        ------
        BmiError
            If there are not as many features as units.
        """
        x = np.ascontiguousarray(features, np.float64)
        if x.shape != (self.weights.shape[1],):
            raise BmiError(f"features: have the shape {x.shape}; this decoder reads ({self.weights.shape[1]},)")
        place = self.parts.get("cursor", self._velocity[:0])
        if place.size:
            given = np.zeros(len(self.gain)) if cursor_cm is None else np.asarray(cursor_cm, np.float64)
            place[:] = given[: len(place)] / self.gain[: len(place)]
        self.module.DECODE(self.weights, self.bias, self.memory, x, self._velocity)
        return self._velocity * self.gain

    def copy(self) -> "Decoder":
        """Return a decoder that goes on from here by itself."""
        return Decoder(
            self.kind,
            self.settings,
            self.weights.copy(),
            self.bias.copy(),
            self.mask.copy(),
            self.gain.copy(),
            self.memory.copy(),
        )

    def adopt(self, fitted: Fitted) -> None:
        """Take over what a fit says."""
        self.weights[:], self.bias[:] = fitted.weights, fitted.bias
        for name, part in fitted.parts.items():
            self.parts[name][:] = part


class Rule:
    """Update a decoder by samples, with the kernel that a session's tick calls.

    The limits of a session (`learning.max_step`, `weight_min`, `weight_max`) and its guard belong to the tick and are not
    applied here.

    Attributes
    ----------
    kind : str
        Name of the plugin.
    settings : BaseModel
        Its settings.
    rate : float
        Rate of the learning.
    parts : dict of ndarray
        The rule's memory by name: views.
    """

    def __init__(self, kind: str, settings: BaseModel, rate: float, memory: np.ndarray, layout: Any) -> None:
        self.kind = kind
        self.settings = settings
        self.rate = rate
        self.module = plugins.load("learning", kind)
        self.memory = memory
        self.parts = named_parts(memory, layout)

    def update(
        self,
        decoder: Decoder,
        features: np.ndarray,
        intent: np.ndarray,
        noise: np.ndarray | None = None,
        position: np.ndarray | None = None,
        *,
        reward: float = 0.0,
        rate: float | None = None,
    ) -> bool:
        """Teach the decoder some samples; tell whether it changed.

        Parameters
        ----------
        decoder : Decoder
            Its weights, or its model, are changed in place.
        features : f8[t, unit]
        intent : f8[t, axis]
            Velocity that was wanted (cm/s), divided by the gain of the axis: `Session.samples().velocity`.
        noise : f8[t, axis], optional
            Exploration that was added (cm/s), divided by the gain; none without it.
        position : f8[t, axis], optional
            Where the cursor stood before (cm), divided by the gain: `Session.samples().position`. Only rules that know the place
            (`rml`) read it.
        reward : float
            That the samples ended with.
        rate : float, optional
            In the place of `Rule.rate`.

        Raises
        ------
        BmiError
            If shapes do not fit, or the rule refuses what it would have made.
        """
        n_axes, n_units = decoder.weights.shape
        x, wanted = np.ascontiguousarray(features, np.float64), np.ascontiguousarray(intent, np.float64)
        added = np.zeros(wanted.shape) if noise is None else np.ascontiguousarray(noise, np.float64)
        place = np.zeros(wanted.shape) if position is None else np.ascontiguousarray(position, np.float64)
        of_axes = (("intent", wanted, n_axes), ("noise", added, n_axes), ("position", place, n_axes))
        for name, array, width in (("features", x, n_units), *of_axes):
            if array.ndim != 2 or array.shape != (len(x), width):
                raise BmiError(f"{name}: have the shape {array.shape}; this update needs ({len(x)}, {width})")
        adapted = decoder.parts["model"] if self.adapts(decoder) == "model" else decoder.weights
        result = self.module.LEARN(
            adapted,
            decoder.bias,
            decoder.mask,
            self.memory,
            x,
            wanted,
            added,
            place,
            self.rate if rate is None else rate,
            float(reward),
        )
        if result == REFUSED:
            raise BmiError(f"{self.kind}: the rule refuses the update that these samples make")
        return bool(result == CHANGED)

    def adapts(self, decoder: Decoder) -> str:
        """Return what the rule changes of a decoder: its "readout" or its "model".

        Raises
        ------
        BmiError
            If the rule changes nothing of this decoder, or is computed beside the tick.
        """
        part = adapted_part(self.module.TRAITS.adapts, decoder.module.TRAITS.adaptable)
        if part is None:
            raise BmiError(f"{self.kind}: changes nothing that the decoder {decoder.kind!r} lets rules change")
        if self.module.TRAITS.staged:
            raise BmiError(
                f"{self.kind}: is computed beside the tick from many samples; bmi_app.fit fits a decoder to samples"
            )
        return part


def decoder(
    kind: str,
    n_units: int,
    n_axes: int = 2,
    *,
    axis_map: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    gain: Sequence[float] | float = 1.0,
    **settings: Any,
) -> Decoder:
    """Return a decoder by its name, without a session.

    Parameters
    ----------
    kind : str
        `linear`, `groupweight`, `kalman`, ..., or a plugin.
    n_units, n_axes : int
    axis_map : f8[axis, unit], optional
        The sign with which each unit drives each axis, 0 for not at all; without it every unit drives every axis with 1.
    weights : f8[axis, unit], optional
        Those to begin with; without them, those with which the decoder starts for the map.
    bias : f8[axis], optional
    gain : float or f8[axis]
    **settings
        Of the decoder.

    Raises
    ------
    BmiError
        If there is no such decoder, or a setting is wrong.
    """
    module = _plugin("decoders", kind)
    chosen = settings_of(module, settings)
    layout = module.layout(chosen, n_units, n_axes)
    memory = np.zeros(max(length(layout), 1))
    shape = (n_axes, n_units)
    signs = _shaped("axis_map", np.ones(shape) if axis_map is None else axis_map, shape)
    try:
        first, first_bias = module.start(chosen, signs, named_parts(memory, layout))
    except ValueError as error:
        raise in_words(error) from error
    return Decoder(
        kind,
        chosen,
        _shaped("weights", first if weights is None else weights, shape),
        _shaped("bias", first_bias if bias is None else bias, (n_axes,)),
        (signs != 0).astype(np.float64),
        np.broadcast_to(np.asarray(gain, np.float64), (n_axes,)),
        memory,
    )


def rule(kind: str, n_units: int, n_axes: int = 2, *, rate: float | None = None, **settings: Any) -> Rule:
    """Return a learning rule by its name, without a session.

    Parameters
    ----------
    kind : str
        `lms`, `regression`, `reinforcement`, ..., or a plugin.
    n_units, n_axes : int
    rate : float, optional
        Its own default without it.
    **settings
        Of the rule.

    Raises
    ------
    BmiError
        If there is no such rule, or a setting is wrong.
    """
    module = _plugin("learning", kind)
    chosen = settings_of(module, settings)
    layout = module.layout(chosen, n_units, n_axes)
    memory = np.zeros(max(length(layout), 1))
    module.start(chosen, named_parts(memory, layout))
    return Rule(kind, chosen, module.TRAITS.default_rate if rate is None else rate, memory, layout)


def decoder_of(protocol: Protocol, folder: Path) -> Decoder:
    """Return a recorded session's decoder as it was when the session began."""
    arrays = _begun(protocol, folder).arrays
    chosen = plugins.load("decoders", protocol.decoder.kind).Settings(**protocol.decoder.settings)
    return Decoder(
        protocol.decoder.kind,
        chosen,
        arrays["weights"].copy(),
        arrays["bias"].copy(),
        arrays["mask"].copy(),
        arrays["gain"].copy(),
        arrays["decoder_memory"].copy(),
    )


def rule_of(protocol: Protocol, folder: Path) -> Rule:
    """Return a recorded session's learning rule as it was when the session began."""
    core = _begun(protocol, folder)
    module = plugins.load("learning", protocol.learning.rule)
    chosen = module.Settings(**protocol.learning.settings)
    layout = module.layout(chosen, protocol.units.count, protocol.n_axes)
    rate = float(core.state[0]["learning_rate"])
    return Rule(protocol.learning.rule, chosen, rate, core.arrays["rule_memory"].copy(), layout)


def settings_of(module: Any, given: dict[str, Any]) -> BaseModel:
    """Return a plugin's settings.

    Raises
    ------
    BmiError
        With every setting that is wrong.
    """
    try:
        settings: BaseModel = module.Settings(**given)
    except ValidationError as error:
        raise BmiError(*(f"{key}: {message}" for key, message in describe_errors(module.Settings, error))) from error
    return settings


def _plugin(kind: plugins.Kind, name: str) -> Any:
    try:
        return plugins.load(kind, name)
    except LookupError as error:
        raise BmiError(str(error.args[0])) from error


def _shaped(name: str, array: Any, shape: tuple[int, ...]) -> np.ndarray:
    found = np.array(array, np.float64)
    if found.shape != shape:
        raise BmiError(f"{name}: have the shape {found.shape}; must have {shape}")
    return found


def _begun(protocol: Protocol, folder: Path) -> Core:
    """Build a session's arrays as they were before its first tick, from the files that it keeps."""
    try:
        text = protocol.to_toml()
        whole = parse(text, str(folder / "protocol.toml"), kept_inputs.overrides(folder), recorded=True)
        return build(whole, frame_slots=1 << 10, spike_slots=1 << 10)
    except (ProtocolError, BuildError) as error:
        raise in_words(error) from error
