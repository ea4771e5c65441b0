"""Turn a protocol into the arrays and kernels of a session: allocate once, here, and never in a tick."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from bmi_app import plugins
from bmi_app.decoders.contract import adapted_part
from bmi_app.rt import cells, random
from bmi_app.rt.arrays import Sizes, allocate, power_of_two
from bmi_app.rt.contracts import bundle
from bmi_app.rt.log import hash_weights
from bmi_app.rt.memory import Layout, length, named_parts
from bmi_app.rt.records import BlockKind, UpdateCause
from bmi_app.rt.state import Intent, LearnWhen, OnDivergence, Smoothing, TargetOrder, TargetPattern
from bmi_app.rt.task import TRANSITIONS
from bmi_app.session.engine import saved_decoder
from bmi_app.session.engine.config_fields import by_name, ticks_of
from protocols.schema import Protocol
from protocols.tool import axis_map, gains, population_axis, unit_population

_RING_S = 16.0  # how long the journal may be held up before a frame is lost
_HISTORY_S = 120.0
_SLICE_OPERATIONS = 1 << 18  # in one tick: about 0.2 ms


class BuildError(Exception):
    """Tell in one line why a protocol that is well formed cannot be run."""


@dataclass(frozen=True)
class Core:
    """Hold all that a tick needs, and what Python calls its parts.

    Attributes
    ----------
    arrays : dict of ndarray
        As `bmi_app.rt.arrays.describe` names them.
    session : tuple
        The same arrays as the kernels take them.
    decode, learn : kernel
        Of the protocol's decoder and rule.
    """

    protocol: Protocol
    sizes: Sizes
    arrays: dict[str, np.ndarray]
    session: tuple[Any, ...]
    decode: Any
    learn: Any
    decoder_layout: Layout

    @property
    def state(self) -> np.ndarray:
        """Return the one state record, as an array of length 1."""
        return self.arrays["state"]

    @property
    def config(self) -> np.ndarray:
        """Return the one configuration record, as an array of length 1."""
        return self.arrays["config"]


def build(
    protocol: Protocol,
    *,
    frame_slots: int | None = None,
    spike_slots: int = 1 << 19,
    allocator: Callable[[Sizes], dict[str, np.ndarray]] = allocate,
) -> Core:
    """Allocate a session's arrays and fill them from the protocol.

    Parameters
    ----------
    frame_slots, spike_slots : int, optional
        Lengths of the rings, powers of two.
    allocator : callable
        Where the arrays lie: ordinary memory, or a live file.

    Raises
    ------
    BuildError
        If a decoder's matrices or a saved decoder do not fit.
    """
    decoder = plugins.load("decoders", protocol.decoder.kind)
    rule = plugins.load("learning", protocol.learning.rule)
    decoder_settings = decoder.Settings(**protocol.decoder.settings)
    rule_settings = rule.Settings(**protocol.learning.settings)
    n_units, n_axes = protocol.units.count, protocol.n_axes
    decoder_layout: Layout = decoder.layout(decoder_settings, n_units, n_axes)
    rule_layout: Layout = rule.layout(rule_settings, n_units, n_axes)
    adapts_model = adapted_part(rule.TRAITS.adapts, decoder.TRAITS.adaptable) == "model"
    model_rows = decoder_layout["model"][0] if adapts_model else 0
    sizes = _sizes(protocol, length(decoder_layout), length(rule_layout), model_rows, rule, frame_slots, spike_slots)
    arrays = allocator(sizes)
    _fill_config(protocol, arrays, rule, sizes)
    _fill_task(protocol, arrays)
    _fill_model(protocol, arrays, decoder, decoder_settings, decoder_layout)
    _fill_rule(protocol, arrays, rule, rule_settings, rule_layout, decoder_layout if adapts_model else {})
    adapted = named_parts(arrays["decoder_memory"], decoder_layout)["model"] if model_rows else arrays["weights"]
    arrays["adapted"] = adapted
    _fill_good(arrays, sizes)
    session = bundle(arrays)
    arrays["state"]["weights_hash"] = hash_weights(arrays["weights"], arrays["bias"], arrays["gain"], adapted)
    core = Core(protocol, sizes, arrays, session, decoder.DECODE, rule.LEARN, decoder_layout)
    _store_first_weights(core)
    return core


def check_decoder(protocol: Protocol) -> None:
    """Read what the decoder starts from, as `build` would, into arrays of no session.

    Raises
    ------
    BuildError
        If a decoder's matrices or a saved decoder do not fit.
    """
    decoder = plugins.load("decoders", protocol.decoder.kind)
    settings = decoder.Settings(**protocol.decoder.settings)
    n_units, n_axes = protocol.units.count, protocol.n_axes
    layout: Layout = decoder.layout(settings, n_units, n_axes)
    arrays = {
        "weights": np.zeros((n_axes, n_units)),
        "bias": np.zeros(n_axes),
        "gain": np.zeros(n_axes),
        "feature_offset": np.zeros(n_units),
        "feature_scale": np.zeros(n_units),
        "mask": np.ones((n_axes, n_units)),
    }
    parts = named_parts(np.zeros(length(layout)), layout)
    try:
        decoder.start(settings, _first_map(protocol), parts)
        if protocol.decoder.start_from is not None:
            saved_decoder.load_into(protocol.decoder.start_from, protocol, arrays, parts)
    except ValueError as error:
        raise BuildError(str(error)) from error


def _sizes(
    protocol: Protocol,
    decoder_words: int,
    rule_words: int,
    model_rows: int,
    rule: Any,
    frame_slots: int | None,
    spike_slots: int,
) -> Sizes:
    tick_s = protocol.tick.period_ms / 1e3
    boxcar = protocol.decoder.smoothing == "boxcar"
    trial_samples = ticks_of(protocol, protocol.task.timeout_ms) // _sample_ticks(protocol) + 2
    return Sizes(
        n_units=protocol.units.count,
        n_axes=protocol.n_axes,
        n_populations=max(len(protocol.populations), 1),
        n_targets=len(protocol.target_positions_cm()),
        n_blocks=len(protocol.blocks),
        n_transitions=len(TRANSITIONS),
        decoder_words=decoder_words,
        rule_words=rule_words,
        boxcar_ticks=max(ticks_of(protocol, protocol.decoder.smoothing_ms), 1) if boxcar else 0,
        trial_samples=trial_samples,
        sample_rows=trial_samples + round(history_s(protocol, rule) / tick_s) // _sample_ticks(protocol),
        model_rows=model_rows,
        frame_slots=frame_slots or power_of_two(max(_RING_S / tick_s, 1024)),
        spike_slots=spike_slots,
    )


def _sample_ticks(protocol: Protocol) -> int:
    return max(ticks_of(protocol, protocol.learning.sample_ms), 1)


def history_s(protocol: Protocol, rule: Any) -> float:
    """Return how much of the trials' time is kept beside the running trial (s); 0 where nothing needs it."""
    learning = protocol.learning
    if learning.history_s is not None:
        return learning.history_s
    longest = 0.0
    if any(block.fit for block in protocol.blocks) or learning.when == "block":
        longest = _HISTORY_S
    if learning.when == "seconds":
        longest = max(longest, _HISTORY_S, learning.every_s)
    if learning.when == "trial" and rule.TRAITS.in_order:
        longest = max(longest, protocol.task.timeout_ms / 1e3)  # the next trial begins while this one is taught
    return longest


def slice_samples(protocol: Protocol, rule: Any) -> int:
    """Return how many samples a rule can be taught in one tick: about a quarter of a millisecond's work."""
    operations = 4 * protocol.units.count * protocol.n_axes
    if rule.TRAITS.cost == "quadratic":
        operations += 4 * protocol.n_axes * protocol.units.count**2
    return int(max(_SLICE_OPERATIONS // operations, 1))


def _fill_config(protocol: Protocol, arrays: dict[str, np.ndarray], rule: Any, sizes: Sizes) -> None:
    config, state = arrays["config"][0], arrays["state"][0]
    decoder, learning, task, tick = protocol.decoder, protocol.learning, protocol.task, protocol.tick
    tick_s = tick.period_ms / 1e3
    path_cm = task.path_size_cm or (0.0, 0.0)
    values: dict[str, float] = by_name(protocol) | {
        "n_units": protocol.units.count,
        "n_axes": protocol.n_axes,
        "model_rows": sizes.model_rows,
        "decoder_words": sizes.decoder_words,
        "model_version": protocol.model_version,
        "tick_s": tick_s,
        "stream_ticks": tick.source == "stream",
        "max_ticks": math.ceil((protocol.session.duration_s or 0.0) / tick_s - 1e-6),  # the last tick is made whole
        "max_trials": protocol.session.trials or 0,
        "smoothing": Smoothing[decoder.smoothing.upper()],
        "smoothing_ticks": max(ticks_of(protocol, decoder.smoothing_ms), 1),
        "smoothing_keep": math.exp(-tick.period_ms / decoder.smoothing_ms),
        "rate_scale": 1.0 / tick_s if decoder.input == "rate_hz" else 1.0,
        "half_width_cm": protocol.workspace.size_cm[0] / 2,
        "half_height_cm": protocol.workspace.size_cm[1] / 2,
        "target_pattern": TargetPattern.UNIFORM if task.pattern == "uniform" else TargetPattern.LIST,
        "target_order": TargetOrder[task.order.upper()],
        "start_at_centre": task.start == "center",
        "path_half_width_cm": path_cm[0] / 2,
        "path_half_height_cm": path_cm[1] / 2,
        "path_cycles_x": task.path_cycles[0],
        "path_cycles_y": task.path_cycles[1],
        "path_phase": math.radians(task.path_phase_deg),
        "learn_when": LearnWhen[learning.when.upper()],
        "learn_staged": rule.TRAITS.staged,
        "learn_in_order": rule.TRAITS.in_order,
        "learn_at_rest": rule.TRAITS.at_rest,
        "learn_ticks": ticks_of(protocol, learning.every_s * 1e3),
        "slice_samples": slice_samples(protocol, rule),
        "trial_rows": sizes.trial_samples,
        "sample_rows": sizes.sample_rows,
        "silent_rest_freezes": protocol.model_version < 2,
        "keep_samples": rule.TRAITS.staged
        or learning.history_s is not None
        or any(block.fit for block in protocol.blocks),
        "on_divergence": OnDivergence[learning.on_divergence.upper()],
        "intent": Intent[learning.intent.upper()],
        "sample_ticks": _sample_ticks(protocol),
        "exploration_keep": math.exp(-tick.period_ms / learning.exploration_tau_ms),
    }
    for name, value in values.items():
        config[name] = value
    state["block"] = state["trial"] = state["target"] = -1
    state["fed_trial"] = -2  # in none so far
    state["assist_override"] = -1.0
    for name in ("hand_x_cm", "hand_y_cm", "hand_was_x_cm", "hand_was_y_cm"):
        state[name] = math.nan
    state["learning_on"] = 1
    state["learning_rate"] = rule.TRAITS.default_rate if learning.rate is None else learning.rate
    state["learn_block"] = -1
    state["next_update"] = config["learn_ticks"]
    state["recent_error"] = state["best_error"] = 1.0


def _fill_task(protocol: Protocol, arrays: dict[str, np.ndarray]) -> None:
    targets = protocol.target_positions_cm()
    if targets:
        arrays["targets"][:] = targets
    arrays["transitions"][:] = TRANSITIONS
    for record, block in zip(arrays["blocks"], protocol.blocks, strict=True):
        start, end = block.assist if isinstance(block.assist, tuple) else (block.assist, block.assist)
        record["kind"] = BlockKind[block.kind.upper()]
        record["ticks"] = ticks_of(protocol, (block.duration_s or 0.0) * 1e3)
        record["trials"] = block.trials or 0
        record["assist_from"], record["assist_to"] = start, end
        record["learning"] = block.learning
        record["fit"] = block.fit


def _fill_model(
    protocol: Protocol, arrays: dict[str, np.ndarray], decoder: Any, settings: BaseModel, layout: Layout
) -> None:
    signs = axis_map(protocol)
    parts = named_parts(arrays["decoder_memory"], layout)
    arrays["config"]["cursor_word"] = _place(layout, "cursor")
    arrays["feature_scale"][:] = 1.0
    arrays["gain"][:] = gains(protocol)
    arrays["unit_population"][:] = unit_population(protocol)
    if protocol.populations:
        arrays["population_axis"][:] = population_axis(protocol)
    # Where no population is declared, every unit may drive every axis.
    arrays["mask"][:] = signs != 0.0 if signs.any() else 1.0
    excluded = list(protocol.units.exclude)
    arrays["mask"][:, excluded] = 0.0
    try:
        weights, bias = decoder.start(settings, _first_map(protocol), parts)
        # Control units drive nothing, whatever the decoder's matrices say.
        arrays["weights"][:], arrays["bias"][:] = np.where(arrays["mask"] != 0.0, weights, 0.0), bias
        if protocol.decoder.start_from is not None:
            saved_decoder.load_into(protocol.decoder.start_from, protocol, arrays, parts)
            arrays["state"][0]["scales_known"] = 1
    except ValueError as error:
        raise BuildError(str(error)) from error
    signs = _scrambled(protocol, arrays["mask"])
    arrays["weights"][:] *= signs
    if decoder.TRAITS.flip is not None:
        decoder.TRAITS.flip(parts, signs)
    arrays["feature_scale"][excluded] = 0.0


def _fill_rule(
    protocol: Protocol,
    arrays: dict[str, np.ndarray],
    rule: Any,
    settings: BaseModel,
    layout: Layout,
    decoder_layout: Layout,
) -> None:
    """Fill the rule's memory: with what it asks for by name of the session and of the decoder's model, and by itself."""
    config, parts = arrays["config"][0], named_parts(arrays["rule_memory"], layout)
    if "sample_s" in layout:
        parts["sample_s"][0] = protocol.tick.period_ms / 1e3 * _sample_ticks(protocol)
    config["tuning_word"] = config["rule_tuning_word"] = -1
    if rule.TRAITS.needs_position and _place(decoder_layout, "position_tuning") >= 0:
        config["tuning_word"] = _place(decoder_layout, "position_tuning")
        config["rule_tuning_word"] = _place(layout, "position_tuning")
        parts["has_position"][0] = 1.0
        parts["position_tuning"][:] = named_parts(arrays["decoder_memory"], decoder_layout)["position_tuning"]
    rule.start(settings, parts)


def _first_map(protocol: Protocol) -> np.ndarray:
    """Return the map that the decoder starts from, f8[axis, unit]; every unit drives where it is loaded and nothing else is said."""
    signs = axis_map(protocol)
    return signs if signs.any() or protocol.decoder.start_from is None else np.ones(signs.shape)


def _place(layout: Layout, name: str) -> int:
    """Return the word at which a part of a memory begins; -1 where there is none, or it is empty."""
    if math.prod(layout.get(name, (0,))) == 0:
        return -1
    return length(dict(list(layout.items())[: list(layout).index(name)]))


def _scrambled(protocol: Protocol, mask: np.ndarray) -> np.ndarray:
    """Return -1 for the units whose weights are flipped, and 1 for the others."""
    flips = np.ones(mask.shape[1])
    driving = np.flatnonzero(mask.any(axis=0))
    seed = protocol.decoder.scramble_seed
    generator = np.random.default_rng([protocol.session.seed if seed is None else seed, random.SCRAMBLE])
    flips[generator.permutation(driving)[: round(protocol.decoder.scramble * len(driving))]] = -1.0
    return flips


def _fill_good(arrays: dict[str, np.ndarray], sizes: Sizes) -> None:
    """Write what the guard comes back to before any trial has succeeded."""
    parts = named_parts(arrays["good"], sizes.good)
    parts["adapted"][:], parts["bias"][:] = arrays["adapted"], arrays["bias"]
    if sizes.model_rows:
        parts["weights"][:] = arrays["weights"]
        parts["derived"][:] = named_parts(arrays["decoder_memory"], sizes.model)["derived"]


def _store_first_weights(core: Core) -> None:
    """Put the weights that act in the first tick at the head of the log, as cause START."""
    arrays = core.arrays
    log = arrays["weights_log"][0]
    log["tick"] = log["trial"] = log["id"] = -1
    log["cause"], log["hash"] = UpdateCause.START, core.state[0]["weights_hash"]
    names = {"model": "adapted", "population": "unit_population"}
    for name, part in named_parts(arrays["weights_rows"][0], core.sizes.row).items():
        if part.size:
            part[...] = arrays[names.get(name, name)]
    arrays["ctl"][cells.WEIGHTS_HEAD] = 1
