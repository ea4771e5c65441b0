"""Fit a Kalman model to samples, and derive from a model what the filter of `kalman_filter` needs to run.

Where the mask lets the axes use different units, each axis has a filter of its own; else one filter covers all axes.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from bmi_app.decoders.contract import FitError, Fitted, Samples
from bmi_app.decoders.kalman_filter import DRIFT, ESTIMATED_POSITION, KNOWN_POSITION, LAYOUT

_START_GAIN = 0.1  # share of the surprise that an unfitted filter takes over at each tick: it smooths over ten
_LEAST_VARIANCE = 1e-6  # of the median variance: a unit that the model explains wholly would outweigh all others
_MOST_STEPS = 100_000
_SETTLED = 1e-13
_HARDLY_ANYTHING = 1e-30


@dataclass(frozen=True)
class Form:
    """Say which of the forms of the filter is meant."""

    name: str
    has_position: bool = False
    is_position_known: bool = False
    is_full: bool = False
    is_steady: bool = False

    def flags(self, mask: np.ndarray) -> np.ndarray:
        """Return the words of `kalman_filter` that stand for this form, f8[flag]."""
        position = 0
        if self.has_position:
            position = KNOWN_POSITION if self.is_position_known else ESTIMATED_POSITION
        return LAYOUT.array(
            "flags",
            is_steady=self.is_steady,
            is_full=self.is_full,
            is_coupled=_is_coupled(mask),
            position=position,
        )

    @property
    def estimates_position(self) -> bool:
        """Tell whether the position is a part of the state."""
        return self.has_position and not self.is_position_known


def start(form: Form, axis_map: np.ndarray, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Fill an unfitted filter's memory: a groupweight, smoothed over ten ticks. Return weights f8[axis, unit], bias f8[axis].

    Every driving unit is taken to fire in proportion to the velocity, so that the summed firing of an axis is the velocity.
    """
    n_axes = len(axis_map)
    n_driving = np.maximum(np.abs(axis_map).sum(axis=1), 1.0)
    memory["model"][:n_axes] = axis_map / n_driving[:, None]
    memory["model"][-1] = 1.0
    memory["flags"][:] = form.flags(axis_map != 0)
    m = len(memory["transition"])
    memory["transition"][:] = np.eye(m)
    # The steady state of a random walk with gain g:  P- S = g / (1 - g),  W = g^2 / (1 - g) / S.
    process = _START_GAIN**2 / (1 - _START_GAIN) * n_driving
    memory["process"][m - n_axes :, m - n_axes :] = np.diag(process)
    fitted = from_model(form, memory, axis_map != 0)
    for name, part in fitted.parts.items():
        memory[name][:] = part
    return fitted.weights, fitted.bias


def flip(memory: dict[str, np.ndarray], signs: np.ndarray) -> None:
    """Change the sign of what the units with sign -1 of f8[unit] contribute."""
    memory["model"][:-1] *= signs
    for name in ("position_tuning", "position_gain", "information"):
        memory[name] *= signs


def fit(form: Form, samples: Samples, mask: np.ndarray) -> Fitted:
    """Fit A and W to the kinematics, C, c and Q to the features, and derive the rest.

    Raises
    ------
    FitError
        If there are too few samples.
    """
    n_axes = len(mask)
    velocity, follows = samples.velocity, samples.follows()
    state = np.hstack([samples.position, velocity]) if form.estimates_position else velocity
    known = np.hstack([samples.position, velocity]) if form.has_position else velocity
    least = known.shape[1] + 2
    if np.count_nonzero(follows) < least:
        raise FitError(
            f"{form.name}: {len(velocity)} samples with {np.count_nonzero(follows)} neighbours; {least} needed"
        )
    before, after = _transitions(samples, state, n_axes)
    transition, drift, process = _kinematics(before, after, n_axes, _is_coupled(mask), form.estimates_position)
    tuning, constant, residual = _tuning(samples.features, known, mask)
    used = (mask != 0).any(axis=0) & (np.ptp(samples.features, axis=0) > 0)
    variances = np.where(used, (residual**2).mean(axis=0), 1.0)
    if used.any():
        variances = np.maximum(variances, _LEAST_VARIANCE * np.median(variances[used]))
    tuning[:, ~used] = 0.0
    parts = {
        "model": np.vstack([tuning[-n_axes:], constant * used, variances]),
        "flags": form.flags(mask),
        "transition": transition,
        "process": process,
    }
    if form.has_position:
        parts["position_tuning"] = tuning[:n_axes]
    if form.estimates_position:
        parts[DRIFT] = drift
        parts["state"] = _first_state(samples, n_axes)
    rows = tuning if form.estimates_position else tuning[-n_axes:]
    information = _whitened(form, residual, rows, used, mask) if form.is_full else rows / variances
    derived = _derive(form, parts, information, mask)
    return Fitted(derived.weights, derived.bias, parts | derived.parts)


def from_model(form: Form, parts: dict[str, np.ndarray], mask: np.ndarray) -> Fitted:
    """Return the steady gain and all that follows from it, of a model in `parts`, with the variances in the model."""
    model, n_axes = parts["model"], len(mask)
    tuning = np.where(mask != 0, model[:n_axes], 0.0)
    if form.estimates_position:
        tuning = np.vstack([np.where(mask != 0, parts["position_tuning"], 0.0), tuning])
    variances = model[-1]
    information = np.where(variances > 0, tuning / np.where(variances > 0, variances, 1.0), 0.0)
    return _derive(form, parts, information, mask)


def _derive(form: Form, parts: dict[str, np.ndarray], information: np.ndarray, mask: np.ndarray) -> Fitted:
    """Return the steady gain and all that follows from it, of a model with D = Q^-1 C."""
    model = parts["model"]
    n_axes = len(model) - 2
    velocity_tuning, constant = np.where(mask != 0, model[:n_axes], 0.0), model[n_axes]
    position_tuning = np.where(mask != 0, parts["position_tuning"], 0.0) if form.has_position else None
    tuning = velocity_tuning
    if form.estimates_position:
        assert position_tuning is not None
        tuning = np.vstack([position_tuning, velocity_tuning])
    precision = information @ tuning.T
    if not _is_coupled(mask):
        precision *= _same_axis(len(tuning), n_axes)
    gain, remaining = steady_gain(parts["transition"], parts["process"], precision, information)
    # A weight of 0 cuts a unit off, so one that may drive and only has nothing to say yet gets a weight without effect.
    shown = np.where((mask != 0) & (gain[-n_axes:] == 0), _HARDLY_ANYTHING, gain[-n_axes:])
    bias = -gain @ constant
    drift = parts.get(DRIFT, np.zeros(0))
    if drift.any():
        bias += remaining @ drift
    found = {"steady": remaining @ parts["transition"], "steady_bias": bias, "information": information}
    if form.estimates_position:
        found["position_gain"] = gain[:n_axes]
    if form.is_position_known:
        assert position_tuning is not None
        found["feedback"] = gain @ position_tuning.T
    return Fitted(shown, bias[-n_axes:].copy(), found)


def steady_gain(
    transition: np.ndarray, process: np.ndarray, precision: np.ndarray, information: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gain K f8[m, unit] to which the filter settles, and I - K C f8[m, m].

    By walking the Riccati recursion until the part of it that acts, P S, stands still: a position that the firing does not show
    grows uncertain for ever, which changes nothing.
    """
    m = len(transition)
    covariance = np.zeros((m, m))
    acting = np.zeros((m, m))
    for _ in range(_MOST_STEPS):
        prior = transition @ covariance @ transition.T + process
        covariance = np.linalg.solve(np.eye(m) + prior @ precision, prior)
        covariance = (covariance + covariance.T) / 2
        before, acting = acting, covariance @ precision
        if np.abs(acting - before).max() <= _SETTLED * max(np.abs(acting).max(), 1e-300):
            break
    return covariance @ information, np.eye(m) - acting


def _is_coupled(mask: np.ndarray) -> bool:
    """Tell whether all axes use the same units."""
    return bool((mask != 0).all(axis=0)[(mask != 0).any(axis=0)].all())


def _same_axis(m: int, n_axes: int) -> np.ndarray:
    """Return f8[m, m]: 1 where two components of the state are of one axis, else 0."""
    axis = np.arange(m) % n_axes
    return np.asarray(axis[:, None] == axis, np.float64)


def _transitions(samples: Samples, state: np.ndarray, n_axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the states f8[n, m] before and after each step: of neighbouring samples, and from rest to where a movement begins."""
    follows, onsets = samples.follows(), samples.onsets()
    at_rest = state[onsets].copy()
    at_rest[:, -n_axes:] = 0.0
    return np.vstack([state[:-1][follows], at_rest]), np.vstack([state[1:][follows], state[onsets]])


def _first_state(samples: Samples, n_axes: int) -> np.ndarray:
    """Return where a filter begins: at rest, where the pieces begin on average, wherever coordinates have their origin."""
    first = np.concatenate([[True], ~samples.follows()])
    return np.concatenate([samples.position[first].mean(axis=0), np.zeros(n_axes)])


def _kinematics(
    before: np.ndarray, after: np.ndarray, n_axes: int, coupled: bool, drifts: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A f8[m, m], d f8[m], W f8[m, m] by least squares over steps of the state (Wu et al. 2002, equations 6 and 7).

    Where the state holds a position, d is free, so that the origin of coordinates does not matter; else it is 0.
    """
    m = before.shape[1]
    transition, drift, process = np.zeros((m, m)), np.zeros(m), np.zeros((m, m))
    # Fitted about the means, which is the same and keeps its digits far from the origin.
    mean_before, mean_after = (part.mean(axis=0) if drifts else np.zeros(m) for part in (before, after))
    before, after = before - mean_before, after - mean_after
    groups = [np.arange(m)] if coupled else [np.arange(a, m, n_axes) for a in range(n_axes)]
    for group in groups:
        found = np.linalg.lstsq(before[:, group], after[:, group], rcond=None)[0].T
        left = after[:, group] - before[:, group] @ found.T
        transition[np.ix_(group, group)] = found
        process[np.ix_(group, group)] = left.T @ left / len(left)
    if drifts:
        drift = mean_after - transition @ mean_before
    return transition, drift, process


def _tuning(features: np.ndarray, known: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return C f8[k, unit], c f8[unit] and the residuals f8[t, unit] of each unit, on the axes of its mask alone."""
    n_axes, n_units = mask.shape
    tuning, constant = np.zeros((known.shape[1], n_units)), np.zeros(n_units)
    residual = np.zeros(features.shape)
    patterns, which = np.unique(mask != 0, axis=1, return_inverse=True)
    for index, pattern in enumerate(patterns.T):
        if not pattern.any():
            continue
        units = np.flatnonzero(which.ravel() == index)
        columns = np.flatnonzero(np.tile(pattern, known.shape[1] // n_axes))
        regressors = np.column_stack([known[:, columns], np.ones(len(known))])
        found = np.linalg.lstsq(regressors, features[:, units], rcond=None)[0]
        tuning[np.ix_(columns, units)], constant[units] = found[:-1], found[-1]
        residual[:, units] = features[:, units] - regressors @ found
    return tuning, constant, residual


def _whitened(form: Form, residual: np.ndarray, tuning: np.ndarray, used: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return D = Q^-1 C, f8[m, unit], for noise that units share; each axis with the noise of its own units."""
    found = np.zeros(tuning.shape)
    for a, own in enumerate((mask != 0) & used):
        rows, n_own = np.arange(a, len(tuning), len(mask)), np.count_nonzero(own)
        try:
            if len(residual) <= n_own + len(tuning):
                raise np.linalg.LinAlgError
            noise = scipy.linalg.cho_factor(residual[:, own].T @ residual[:, own] / len(residual))
        except np.linalg.LinAlgError as error:
            raise FitError(
                f"{form.name}: {len(residual)} samples do not show how {n_own} units vary together; set "
                'decoder.settings.noise = "diagonal", or record longer'
            ) from error
        found[np.ix_(rows, own)] = scipy.linalg.cho_solve(noise, tuning[np.ix_(rows, own)].T).T
    return found
