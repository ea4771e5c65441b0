"""Compute beside the tick what is too slow for it: fits of the decoder, and updates by staged rules.

The tick says when one is due (`refits_due`, `fits_due`) and keeps the samples; what comes out is a blob, which is journaled
and adopted by a command. At full speed the loop stops at the tick that asks, so that the result follows from the tick alone.
"""

from dataclasses import dataclass, replace

import numpy as np

from bmi_app import plugins
from bmi_app.decoders.contract import FitError, Fitted, Refit, Samples
from bmi_app.rt.block_kinds import BY_HAND
from bmi_app.rt.memory import length, named_parts
from bmi_app.rt.records import BlockKind, UpdateCause
from bmi_app.rt.state import Intent
from bmi_app.session.engine.build import Core

_EXACT = 1e-13  # to which the share of a shortened step is found; the tick knows it by a norm at its limit


@dataclass(frozen=True)
class Staged:
    """Hold what is to be adopted, or why there is nothing.

    Attributes
    ----------
    blob : f8[words], optional
        As `bmi_app.session.engine.staging` orders it; None where nothing came out.
    text : str
        What was done, in words; why not, without a blob.
    """

    cause: UpdateCause
    blob: np.ndarray | None
    text: str


class Refitter:
    """Do what the ticks of one session ask for, on the one thread that calls `take`."""

    def __init__(self, core: Core) -> None:
        protocol = core.protocol
        self._core = core
        self._rule = plugins.load("learning", protocol.learning.rule)
        self._rule_settings = self._rule.Settings(**protocol.learning.settings)
        self._decoder = plugins.load("decoders", protocol.decoder.kind)
        self._decoder_settings = self._decoder.Settings(**protocol.decoder.settings)
        self._refits = self._fits = 0
        self._refit_tick = -1  # of the last update; its samples are not taught again
        self._asked = False

    @property
    def can_fit(self) -> bool:
        """Tell whether `ask_to_fit` can succeed: the decoder can be fitted, and samples are kept."""
        return self._decoder.TRAITS.fit is not None and bool(self._core.config[0]["keep_samples"])

    def ask_to_fit(self) -> None:
        """Have the decoder fitted to all samples that are kept; may be called from any thread."""
        self._asked = True

    def take(self) -> list[Staged]:
        """Do what is due, and return what is to be adopted, in order."""
        state = self._core.state[0]
        found: list[Staged | None] = []
        if int(state["fits_due"]) != self._fits:
            self._fits = int(state["fits_due"])
            block = int(state["fit_block"])
            found.append(self._fit(self._samples(-1, int(state["fit_tick"]), block), f"block {block + 1}"))
        if self._asked:
            self._asked = False
            found.append(self._fit(self._samples(-1, int(state["tick"]) - 1), "the samples kept"))
        if int(state["refits_due"]) != self._refits:
            self._refits = int(state["refits_due"])
            found.append(self._refit(int(state["refit_tick"])))
        return [staged for staged in found if staged is not None]

    def _samples(self, after_tick: int, until_tick: int, block: int | None = None) -> Samples:
        """Return the samples of the ticks from behind `after_tick` to `until_tick`, of one block or of all."""
        arrays, n_axes = self._core.arrays, self._core.sizes.n_axes
        place = arrays["trial_place"]
        kept = (place["block"] > 0) & (place["tick"] > after_tick) & (place["tick"] <= until_tick)
        if block is not None:
            kept &= place["block"] == block + 1
        rows = np.flatnonzero(kept)
        rows = rows[np.argsort(place["tick"][rows], kind="stable")]
        copied = place[rows]
        features, wanted = arrays["trial_features"][rows], arrays["trial_intent"][rows]
        # In real time the tick goes on beside: what it has overwritten meanwhile is left out.
        whole = place["tick"][rows] == copied["tick"]
        copied, features, wanted = copied[whole], features[whole], wanted[whole]
        gain = np.where(arrays["gain"] != 0, arrays["gain"], np.inf)
        if self._core.protocol.decoder.fit_to == "velocity":
            wanted = np.stack([copied["velocity_x_cm_s"], copied["velocity_y_cm_s"]], axis=1)[:, :n_axes] / gain
        position = np.stack([copied["cursor_x_cm"], copied["cursor_y_cm"]], axis=1)[:, :n_axes] / gain
        config = self._core.config[0]
        dt_s = float(config["tick_s"] * config["sample_ticks"])
        # A pause of the session or a block's end breaks a trial's samples in two.
        spaced = np.diff(copied["tick"]) == config["sample_ticks"]
        new_trial = (
            np.diff(copied["trial"], prepend=copied["trial"][:1]) != 0
        )  # what came before the oldest is not known
        breaks = new_trial | np.concatenate([[False], ~spaced])[: len(copied)]
        from_rest = new_trial & self._rests_before(copied)
        return Samples(features, wanted, position, np.cumsum(breaks).astype(np.int64), dt_s, from_rest)

    def _rests_before(self, place: np.ndarray) -> np.ndarray:
        """Tell of samples, bool[t], whether between trials what the decoder is fitted to was 0."""
        arrays, config = self._core.arrays, self._core.config[0]
        if (
            self._core.protocol.decoder.fit_to != "velocity"
        ):  # nothing is intended there, but what a hand or the cursor says
            rests = int(config["intent"]) not in (Intent.ASSISTED_BLEND, Intent.RECORDED)
            return np.full(len(place), rests)
        kinds = arrays["blocks"]["kind"][place["block"] - 1]
        by_hand = np.isin(kinds, BY_HAND)
        waits_at_centre = bool(config["start_at_centre"]) & ~by_hand
        rests_there: np.ndarray = (kinds == BlockKind.OBSERVATION) | waits_at_centre
        return rests_there

    def _fit(self, samples: Samples, what: str) -> Staged:
        core = self._core
        offset = scale = None
        try:
            if self._decoder.TRAITS.fit is None:
                raise FitError(f"decoder {core.protocol.decoder.kind!r} cannot be fitted")
            if self._decoder.TRAITS.has_dynamics and core.config[0]["sample_ticks"] > 1:
                raise FitError(
                    f"its samples are {samples.dt_s * 1e3:g} ms apart and decoder {core.protocol.decoder.kind!r} runs every "
                    f"{core.protocol.tick.period_ms:g} ms; set learning.sample_ms to the length of a tick"
                )
            if core.protocol.decoder.zscore and len(samples.features):
                samples, offset, scale = _rescaled(samples, core.arrays["feature_offset"], core.arrays["feature_scale"])
            fitted = self._decoder.TRAITS.fit(self._decoder_settings, samples, core.arrays["mask"].copy())
        except (FitError, np.linalg.LinAlgError) as error:
            return Staged(UpdateCause.FIT, None, f"the decoder was not fitted to {what}: {error}")
        text = f"decoder fitted to {what}: {len(samples.features)} samples"
        return Staged(UpdateCause.FIT, self._blob(fitted, offset, scale), text)

    def _refit(self, tick: int) -> Staged | None:
        core, arrays = self._core, self._core.arrays
        tick_s = float(core.config[0]["tick_s"])
        samples = self._samples(self._refit_tick, tick)
        job = Refit(
            samples=samples,
            mask=arrays["mask"].copy(),
            elapsed_s=(tick - max(self._refit_tick, 0)) * tick_s,
            weights=arrays["weights"].copy(),
            bias=arrays["bias"].copy(),
            parts={name: part.copy() for name, part in self._parts().items()},
            decoder=self._decoder,
            decoder_settings=self._decoder_settings,
        )
        try:
            fitted = self._rule.TRAITS.refit(self._rule_settings, job)
        except (FitError, np.linalg.LinAlgError) as error:
            return Staged(UpdateCause.STAGED, None, f"{core.protocol.learning.rule} did not update: {error}")
        self._refit_tick = tick
        if fitted is None:
            return None
        text = f"{core.protocol.learning.rule}: {len(samples.features)} samples"
        return Staged(UpdateCause.STAGED, self._blob(self._shortened(fitted, job)), text)

    def _shortened(self, fitted: Fitted, job: Refit) -> Fitted:
        """Return a model that is at most `learning.max_step` from the present one, with what is derived from it.

        The tick could shorten the model alone, and the gain that acts would be that of the whole step. A readout follows from
        nothing, and is shortened by the tick.
        """
        longest = float(self._core.config[0]["max_step"]) * _norm(job.parts.get("model"), job.bias)
        if "model" not in fitted.parts or longest == 0.0:
            return fitted
        derived = self._from_model({}, job).parts
        free = {name: part for name, part in fitted.parts.items() if name not in derived}

        def at(share: float) -> Fitted:
            model = {name: job.parts[name] + share * (part - job.parts[name]) for name, part in free.items()}
            rest = self._from_model(model, job)
            return Fitted(rest.weights, rest.bias, rest.parts | model)

        def beyond(share: float) -> float:
            step = at(share)
            return _norm(step.parts["model"] - job.parts["model"], step.bias - job.bias) - longest

        if not beyond(1.0) > 0.0:  # a step that is not finite is refused by the tick
            return fitted
        from scipy.optimize import brentq  # takes a third of a second to import, and most sessions fit nothing

        return at(float(brentq(beyond, 0.0, 1.0, xtol=_EXACT, rtol=_EXACT)))

    def _from_model(self, model: dict[str, np.ndarray], job: Refit) -> Fitted:
        rest: Fitted = self._decoder.TRAITS.from_model(
            self._decoder_settings, job.parts | model, job.mask, job.samples.dt_s
        )
        return rest

    def _parts(self) -> dict[str, np.ndarray]:
        return named_parts(self._core.arrays["decoder_memory"], self._core.decoder_layout)

    def _blob(self, fitted: Fitted, offset: np.ndarray | None = None, scale: np.ndarray | None = None) -> np.ndarray:
        """Lay a fit out as a blob; what it does not name keeps its present value."""
        shapes = self._core.sizes.blob
        blob = np.full(length(shapes), np.nan)
        parts = named_parts(blob, shapes)
        parts["weights"][:] = np.where(self._core.arrays["mask"] != 0, fitted.weights, 0.0)
        parts["bias"][:] = fitted.bias
        if offset is not None and scale is not None:
            parts["feature_offset"][:], parts["feature_scale"][:] = offset, scale
        memory = named_parts(parts["decoder_memory"], self._core.decoder_layout)
        for name, part in fitted.parts.items():
            memory[name][...] = part
        return blob


def _norm(*parts: np.ndarray | None) -> float:
    return float(np.sqrt(sum((part**2).sum() for part in parts if part is not None)))


def _rescaled(samples: Samples, offset: np.ndarray, scale: np.ndarray) -> tuple[Samples, np.ndarray, np.ndarray]:
    """Give every feature mean 0 and deviation 1 over the samples; return offsets and scales that keep it so.

    A unit that hardly varies gets a tenth of the mean deviation as its unit, and an excluded one (scale 0) stays out.
    """
    mean, deviation = samples.features.mean(axis=0), samples.features.std(axis=0)
    deviation = np.maximum(deviation, 0.1 * deviation.mean())
    used = (scale != 0) & (deviation > 0)
    safe = np.where(used, deviation, 1.0)
    features = np.where(used, (samples.features - mean) / safe, 0.0)
    new_offset = np.where(used, offset + mean / np.where(used, scale, 1.0), np.nan)
    new_scale = np.where(used, scale / safe, np.nan)
    return replace(samples, features=features), new_offset, new_scale
