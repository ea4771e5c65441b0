"""Fit decoders to recorded sessions, or to arrays of a lab's own; score them, save them, decode with them."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from bmi_app import plugins
from bmi_app.api.errors import BmiError, in_words
from bmi_app.api.kernels import Decoder, settings_of
from bmi_app.decoders.contract import FitError, Fitted, Samples
from bmi_app.record.damage import JournalError
from bmi_app.rt.memory import length, named_parts
from bmi_app.session.engine.build import BuildError
from bmi_app.session.recompute import fit as fits
from bmi_app.session.recompute import fit_samples
from bmi_app.session.recompute.fit_samples import Training
from bmi_app.session.recompute.rates import plain_features, smoothed_rates
from protocols.problems import ProtocolError

if TYPE_CHECKING:
    from bmi_app.api.recorded import Session

_SCORE_FOLDS = 5


class FittedDecoder(Decoder):
    """Hold a decoder that was fitted; it decodes step by step as any decoder does, or whole recordings of counts.

    Attributes
    ----------
    fitted_to : str
        What it was fitted to, in words.
    score : dict
        Of the cross-validation: `r2` and `correlation` for each axis, over trials that it was not fitted to; where nothing
        could be held out, `not_scored` says why.
    feature_offset, feature_scale : f8[unit]
        How a unit's rate becomes its feature: ``(rate - offset) * scale``.
    """

    def __init__(
        self, kind: str, settings: BaseModel, training: Training, fitted: Fitted, score: dict[str, Any]
    ) -> None:
        n_axes, n_units = training.mask.shape
        self._training, self._fitted = training, fitted
        layout = plugins.load("decoders", kind).layout(settings, n_units, n_axes)
        memory = np.zeros(max(length(layout), 1))
        super().__init__(
            kind,
            settings,
            np.zeros((n_axes, n_units)),
            np.zeros(n_axes),
            training.mask,
            training.model["gain"],
            memory,
        )
        self.module.start(settings, np.where(training.mask != 0, 1.0, 0.0), named_parts(memory, layout))
        self.adopt(fitted)
        self._fresh = memory.copy()
        self.fitted_to = training.what
        self.score = score
        self.feature_offset = training.model["feature_offset"]
        self.feature_scale = training.model["feature_scale"]

    def restart(self) -> None:
        """Forget what was decoded: the next step is a first one."""
        self.memory[:] = self._fresh

    def features(self, counts: np.ndarray, begin_hz: np.ndarray | None = None) -> np.ndarray:
        """Return what a tick makes of counts, f8[t, unit]: smoothed rates less baselines, scaled.

        Parameters
        ----------
        counts : [t, unit]
            Spikes of each unit in bins as long as those that the decoder was fitted to.
        begin_hz : f8[unit], optional
            Smoothed rates before the first bin; 0 without it, as when a session begins.
        """
        counts = np.asarray(counts, np.float64)
        if counts.ndim != 2 or counts.shape[1] != self.weights.shape[1]:
            raise BmiError(f"counts: have the shape {counts.shape}; this decoder reads [time, {self.weights.shape[1]}]")
        rates = smoothed_rates(counts, self._training.made_from, begin_hz)
        features: np.ndarray = (rates - self.feature_offset) * self.feature_scale
        return features

    def decode(
        self, counts: np.ndarray, pieces: np.ndarray | None = None, begin_hz: np.ndarray | None = None
    ) -> np.ndarray:
        """Decode counts to velocities, f8[t, axis] in cm/s; the object itself stays as it is.

        Decoders that know the place of the cursor are told 0.

        Parameters
        ----------
        counts : [t, unit]
            Spikes of each unit in bins as long as those that the decoder was fitted to.
        pieces : i8[t], optional
            Equal for bins that follow on each other; each piece begins anew. All of them are one without it.
        begin_hz : f8[unit], optional
            Smoothed rates with which each piece begins; 0 without it, as when a session begins.
        """
        counts = np.asarray(counts)
        labels = np.zeros(len(counts), np.int64) if pieces is None else np.asarray(pieces)
        if labels.shape != (len(counts),):
            raise BmiError(f"pieces: have the shape {labels.shape}; these counts need ({len(counts)},)")
        velocities = np.zeros((len(counts), len(self.gain)))
        for first, last in _runs(labels):
            decoder = self.copy()
            decoder.memory[:] = self._fresh
            for t, x in enumerate(self.features(counts[first:last], begin_hz), start=first):
                velocities[t] = decoder.step(x)
        return velocities

    def save(self, path: str | Path, *, replace: bool = False) -> Path:
        """Save the decoder to a file, for `decoder.start_from` in a protocol or the command `load`.

        Parameters
        ----------
        path : str or Path
        replace : bool
            Whether a file that is there may be replaced.

        Raises
        ------
        BmiError
            If it cannot be written.
        """
        try:
            fits.save(Path(path), self.kind, self.module, self.settings, self._training, self._fitted, replace=replace)
        except fits.FittingError as error:
            raise BmiError(
                *(line.replace("--out ", "").replace("--replace", "replace=True") for line in error.lines)
            ) from error
        return Path(path)


def fit(
    sessions: "Session | str | Path | Sequence[Session | str | Path] | None" = None,
    decoder: str = "linear",
    *,
    to: str | None = None,
    folds: int = _SCORE_FOLDS,
    counts: np.ndarray | None = None,
    velocity: np.ndarray | None = None,
    position: np.ndarray | None = None,
    pieces: np.ndarray | None = None,
    dt_s: float | None = None,
    smoothing_ms: float | None = 100.0,
    **settings: Any,
) -> FittedDecoder:
    """Fit a decoder, and score it on trials that it was not fitted to.

    Parameters
    ----------
    sessions : Session, str, Path, or a sequence of them, optional
        Recorded sessions of the same units, axes and features. The baselines are those of the last one.
    decoder : str
        `linear`, `population_vector`, `wiener`, `kalman`, `refit_kalman`, or a plugin.
    to : {"intent", "refit", "velocity"}, optional
        What the decoder of a session should have said: the intention modelled there; the speed of the cursor, turned toward
        the target; or the velocity of the cursor. Without it: what the decoder's traits say (`fitted_to`).
    folds : int
        Into how many parts the trials are cut for the score.
    counts : [t, unit], optional
        In the place of sessions: spikes of each unit in each bin.
    velocity : f8[t, axis], optional
        With `counts`: what the decoder should make of each bin (cm/s).
    position : f8[t, axis], optional
        With `counts`: the place before each bin (cm); without it, the sum of the velocities of a piece from 0.
    pieces : i8[t], optional
        With `counts`: equal for bins that follow on each other, such as a trial; all of them without it.
    dt_s : float, optional
        With `counts`: length of a bin (s).
    smoothing_ms : float or None
        With `counts`: time constant of the exponential smoothing of rates (ms); None for none. Each piece begins with the mean rates.
    **settings
        Of the decoder.

    Raises
    ------
    BmiError
        If there is no such decoder, a setting or an array is wrong, or there is too little to fit to.

    Examples
    --------
    >>> decoder = bmi_app.fit("last", "kalman")
    >>> decoder.score["r2"]
    >>> decoder = bmi_app.fit(decoder="linear", counts=counts, velocity=velocity, pieces=trial, dt_s=0.02)
    """
    try:
        module = fits.module_of(decoder)
    except fits.FittingError as error:
        raise BmiError(*(line.removeprefix("--") for line in error.lines)) from error
    chosen = settings_of(module, settings)
    if folds < 2:
        raise BmiError(f"folds: {folds}: must be 2 or more")
    if counts is not None:
        if sessions is not None:
            raise BmiError("sessions and counts: give one of them")
        training = _of_arrays(counts, velocity, position, pieces, dt_s, smoothing_ms)
    else:
        training = training_of(_listed(sessions), to or module.TRAITS.fitted_to)
    try:
        fitted = module.TRAITS.fit(chosen, training.samples, training.mask)
    except (FitError, np.linalg.LinAlgError) as error:
        raise in_words(error) from error
    return FittedDecoder(decoder, chosen, training, fitted, fits.scores(module, chosen, training, folds))


def training_of(sessions: "Sequence[Session | str | Path]", to: str) -> Training:
    """Return the samples of several sessions as those of one."""
    if to not in fit_samples.WANTED:
        raise BmiError(f"to: {to!r}; allowed: {', '.join(fit_samples.WANTED)}")
    found = []
    for session in sessions:
        try:
            found.append(fit_samples.of_session(_loaded(session).folder, to))  # type: ignore[arg-type]
        except (JournalError, BuildError, ProtocolError) as error:
            raise in_words(error) from error
    try:
        return fit_samples.joined(found)
    except ValueError as error:
        raise in_words(error) from error


def _listed(sessions: Any) -> "list[Session | str | Path]":
    if sessions is None:
        raise BmiError("sessions: name at least one session, or give counts, velocity and dt_s")
    listed = [sessions] if isinstance(sessions, str | Path) or not isinstance(sessions, Sequence) else list(sessions)
    if not listed:
        raise BmiError("sessions: is an empty list; name at least one session")
    return listed


def _loaded(session: "Session | str | Path") -> "Session":
    from bmi_app.api.recorded import Session, load

    return session if isinstance(session, Session) else load(session)


def _of_arrays(
    counts: Any, velocity: Any, position: Any, pieces: Any, dt_s: float | None, smoothing_ms: float | None
) -> Training:
    """Return a lab's own arrays as samples, having checked their shapes."""
    if velocity is None or dt_s is None:
        raise BmiError("counts: need velocity f8[t, axis] (cm/s) and dt_s, the length of a bin (s)")
    if not dt_s > 0:
        raise BmiError(f"dt_s: {dt_s}: must be above 0")
    counts, velocity = np.asarray(counts, np.float64), np.asarray(velocity, np.float64)
    n = len(counts)
    if counts.ndim != 2 or n == 0:
        raise BmiError(f"counts: have the shape {counts.shape}; must have [time, unit]")
    if velocity.ndim != 2 or len(velocity) != n or velocity.shape[1] not in (1, 2):
        raise BmiError(f"velocity: has the shape {velocity.shape}; must have ({n}, 1) or ({n}, 2)")
    labels = np.zeros(n, np.int64) if pieces is None else np.asarray(pieces)
    if labels.shape != (n,):
        raise BmiError(f"pieces: have the shape {labels.shape}; must have ({n},)")
    runs = _runs(labels)
    piece = np.repeat(np.arange(len(runs)), [last - first for first, last in runs])
    if position is None:
        place = np.concatenate([np.cumsum(velocity[a:b], axis=0) - velocity[a:b] for a, b in runs]) * dt_s
    else:
        place = np.asarray(position, np.float64)
    if place.shape != velocity.shape:
        raise BmiError(f"position: has the shape {place.shape}; must have {velocity.shape}, as velocity has")
    for name, array in (("counts", counts), ("velocity", velocity), ("position", place)):
        if not np.isfinite(array).all():
            raise BmiError(f"{name}: must hold finite numbers only")
    made_from = plain_features(dt_s, None if smoothing_ms is None else smoothing_ms / 1e3)
    mean_hz = counts.mean(axis=0) / dt_s
    rates = np.concatenate([smoothed_rates(counts[a:b], made_from, mean_hz) for a, b in runs])
    samples = Samples(rates - mean_hz, velocity, place, piece, dt_s)
    n_axes, n_units = velocity.shape[1], counts.shape[1]
    model = {"gain": np.ones(n_axes), "feature_offset": mean_hz, "feature_scale": np.ones(n_units)}
    return Training(samples, np.ones((n_axes, n_units)), model, made_from, f"{n} bins of {dt_s:g} s")


def _runs(labels: np.ndarray) -> list[tuple[int, int]]:
    """Return the first row and the row behind the last one of each run of equal labels."""
    edges = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(labels)]
    return list(itertools.pairwise(edges)) if len(labels) else []
