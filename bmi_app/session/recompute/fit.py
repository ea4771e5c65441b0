"""Fit a decoder to what was recorded, judge it on trials that it was not fitted to, and save it to start from."""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from bmi_app import plugins
from bmi_app.decoders.contract import FitError, Fitted, Samples
from bmi_app.record.damage import JournalError
from bmi_app.record.formats import RecordingError
from bmi_app.rt.memory import length, named_parts
from bmi_app.session.engine import saved_decoder
from bmi_app.session.engine.build import BuildError
from bmi_app.session.recompute import fit_samples
from bmi_app.session.recompute.fit_samples import Training, Wanted
from protocols.overrides import parse_value
from protocols.problems import ProtocolError
from protocols.wording import describe_errors

_PREFIX = "decoder.settings."
_GAP_S = 0.5  # five time constants of the usual smoothing


class FittingError(Exception):
    """Tell in one line a mistake why no decoder was fitted."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def fit(
    source: Path,
    kind: str,
    out: Path | None,
    given: list[str],
    wanted: str | None = None,
    n_folds: int = 5,
    *,
    replace: bool = False,
) -> dict[str, Any]:
    """Fit a decoder; return a report ready for JSON.

    Parameters
    ----------
    source : Path
        A session folder, or a recording with kinematics.
    kind : str
        The decoder.
    out : Path, optional
        File to save it to.
    given : list of str
        Its settings, as `key=value`.
    wanted : str, optional
        To what it is fitted; see `fit_samples.of_session`. Without it: what the decoder's traits say.
    n_folds : int
        Into how many parts the samples are cut for the cross-validation.
    replace : bool
        Whether `out` may replace a file that is there.

    Returns
    -------
    dict
        What was fitted to what; the scores of `cross_validate`. A fit that succeeds is kept, also where it cannot be scored.

    Raises
    ------
    FittingError
        If something is wrong; each line is for the user.
    """
    module = module_of(kind)
    settings = _settings(module, kind, given)
    chosen = wanted or module.TRAITS.fitted_to
    if chosen not in fit_samples.WANTED:
        raise FittingError(f"--to {chosen}: must be one of {', '.join(fit_samples.WANTED)}")
    try:
        training = _training(source, chosen)  # type: ignore[arg-type]
        fitted = module.TRAITS.fit(settings, training.samples, training.mask)
        scored = scores(module, settings, training, n_folds)
    except (FitError, RecordingError, JournalError, BuildError) as error:
        raise FittingError(str(error)) from error
    except ProtocolError as error:
        raise FittingError(*(str(problem) for problem in error.problems)) from error
    if out is not None:
        save(out, kind, module, settings, training, fitted, replace=replace)
    return {
        "decoder": kind,
        "settings": settings.model_dump(mode="json"),
        "fitted_to": training.what,
        "samples": len(training.samples.features),
        "trials": len(np.unique(training.samples.piece)),
        "units": int(training.mask.any(axis=0).sum()),
        **scored,
        "file": None if out is None else str(out),
    }


def module_of(kind: str) -> Any:
    """Return the module of a decoder that can be fitted.

    Raises
    ------
    FittingError
        If there is none of this name, or it cannot be fitted.
    """
    try:
        module = plugins.load("decoders", kind)
    except (LookupError, ImportError) as error:
        raise FittingError(f"--decoder {kind}: {error}") from error
    if module.TRAITS.fit is None:
        able = plugins.having("decoders", lambda traits: traits.fit is not None)
        raise FittingError(f"--decoder {kind}: cannot be fitted; those that can: {', '.join(able)}")
    return module


def _settings(module: Any, kind: str, given: list[str]) -> BaseModel:
    values = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise FittingError(f"--set {text}: is not key=value")
        values[key.strip().removeprefix(_PREFIX)] = parse_value(value.strip())
    try:
        settings: BaseModel = module.Settings(**values)
    except ValidationError as error:
        lines = (f"--set {key}: {message}" for key, message in describe_errors(module.Settings, error))
        raise FittingError(*lines) from error
    return settings


def _training(source: Path, wanted: Wanted) -> Training:
    if (source / "session.toml").is_file():
        return fit_samples.of_session(source, wanted)
    return fit_samples.of_recording(source)


def scores(module: Any, settings: BaseModel, training: Training, n_folds: int) -> dict[str, Any]:
    """Return what the cross-validation says, or why it says nothing: what is left of few samples may not suffice for a fit."""
    try:
        found = cross_validate(module, settings, training, n_folds)
    except (FitError, np.linalg.LinAlgError) as error:
        return _no_score(training, f"the fits without a fold failed ({error}); record longer")
    return found


def _no_score(training: Training, why: str) -> dict[str, Any]:
    letters = "xy"[: training.samples.velocity.shape[1]]
    return {"folds": 0, "r2": dict.fromkeys(letters), "correlation": dict.fromkeys(letters), "not_scored": why}


def cross_validate(module: Any, settings: BaseModel, training: Training, n_folds: int) -> dict[str, Any]:
    """Score the decoding of trials by fits to the other ones.

    A fold is a run of neighbouring trials, and what lies within `_GAP_S` of it is fitted to in no other: smoothed firing
    and slow drifts would tell of it. Samples without neighbours (each a piece) are dealt in turn. Samples whose past
    the decoder does not have yet (a Wiener filter's, at the beginning of a trial) are not scored, as they are not fitted to.

    Returns
    -------
    dict
        `folds`; `r2` and `correlation` of each axis, over all trials: decoded against wanted velocity. None where nothing moved,
        or nothing could be scored: then `not_scored` says why.

    Raises
    ------
    FitError
        If too few samples are left without a fold.
    """
    samples = training.samples
    pieces = np.unique(samples.piece)
    n_folds = min(n_folds, len(pieces))
    letters = "xy"[: samples.velocity.shape[1]]
    if n_folds < 2:
        return _no_score(training, "fewer than two trials or folds: nothing can be held out")
    has_neighbours = bool(samples.follows().any())
    fold = np.arange(len(pieces)) * n_folds // len(pieces) if has_neighbours else np.arange(len(pieces)) % n_folds
    gap = round(_GAP_S / samples.dt_s) if has_neighbours else 0
    decoded = np.full(samples.velocity.shape, np.nan)
    for k in range(n_folds):
        held_out = np.isin(samples.piece, pieces[fold == k])
        near = np.convolve(held_out, np.ones(2 * gap + 1))[gap : gap + len(held_out)] > 0.5
        fitted = module.TRAITS.fit(settings, samples.part(~near), training.mask)
        for piece in pieces[fold == k]:
            rows = np.flatnonzero(samples.piece == piece)
            told = decode(module, settings, fitted, samples.part(rows))
            first = module.TRAITS.reach(settings) if module.TRAITS.reach is not None else 0
            decoded[rows[first:]] = told[first:]
    scored = np.isfinite(decoded).all(axis=1)
    if not scored.any():
        return _no_score(training, "no trial is longer than what the decoder looks back over")
    decoded, wanted = decoded[scored], samples.velocity[scored]
    wrong = ((decoded - wanted) ** 2).sum(axis=0)
    spread = ((wanted - wanted.mean(axis=0)) ** 2).sum(axis=0)
    return {
        "folds": n_folds,
        "r2": {letter: float(1 - wrong[a] / spread[a]) if spread[a] > 0 else None for a, letter in enumerate(letters)},
        "correlation": {letter: _correlation(decoded[:, a], wanted[:, a]) for a, letter in enumerate(letters)},
    }


def decode(module: Any, settings: BaseModel, fitted: Fitted, samples: Samples) -> np.ndarray:
    """Return the velocities f8[t, axis] that a fitted decoder makes of one piece, beginning at rest."""
    n_axes, n_units = fitted.weights.shape
    layout = module.layout(settings, n_units, n_axes)
    memory = np.zeros(max(length(layout), 1))
    parts = named_parts(memory, layout)
    module.start(settings, np.where(fitted.weights != 0, 1.0, 0.0), parts)
    for name, part in fitted.parts.items():
        parts[name][:] = part
    features = np.ascontiguousarray(samples.features)
    velocities = np.zeros((len(features), n_axes))
    for t, velocity in enumerate(velocities):
        if parts.get("cursor", samples.position[:0]).size:
            parts["cursor"][:] = samples.position[t]
        module.DECODE(fitted.weights, fitted.bias, memory, features[t], velocity)
    return velocities


def _correlation(left: np.ndarray, right: np.ndarray) -> float | None:
    return float(np.corrcoef(left, right)[0, 1]) if np.ptp(left) > 0 and np.ptp(right) > 0 else None


def save(
    out: Path,
    kind: str,
    module: Any,
    settings: BaseModel,
    training: Training,
    fitted: Fitted,
    *,
    replace: bool = False,
) -> None:
    """Write a fitted decoder to a file to start from; one that is there is replaced only if told so.

    Raises
    ------
    FittingError
        If it cannot be written.
    """
    n_axes, n_units = training.mask.shape
    layout = module.layout(settings, n_units, n_axes)
    parts = named_parts(np.zeros(length(layout)), layout)
    module.start(settings, np.where(training.mask != 0, 1.0, 0.0), parts)
    parts |= fitted.parts
    arrays = {"weights": fitted.weights, "bias": fitted.bias, **training.model}
    made_for = saved_decoder.MadeFor(settings.model_dump(mode="json", exclude_none=True), training.made_from)
    try:
        saved_decoder.save(out, kind, arrays, parts, made_for, replace=replace)
    except FileExistsError as error:
        raise FittingError(f"--out {out}: exists already; --replace replaces it") from error
    except OSError as error:
        raise FittingError(f"--out {out}: cannot be written: {error.strerror}") from error
