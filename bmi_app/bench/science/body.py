"""Check what neurons that drive muscles look like to those who record them (Todorov 2000, Nat. Neurosci. 3, 391)."""

import math
from typing import Any, NamedTuple

import numpy as np

from bmi_app.bench.science.checks import Check, report
from bmi_app.subject.body import (
    ACCELERATION_X,
    ENCODINGS,
    FORCE_X,
    MASS_KG,
    N_MOTION,
    PLACE_X,
    STIFFNESS_N_M,
    VELOCITY_X,
    draw_directions,
    encode_into,
    new_body,
)

_TODOROV = ENCODINGS.index("todorov")
_N_CELLS, _DT_S = 400, 0.005
_MOVEMENT_S = 0.5  # of a reach
_NOISE_HZ = 2.0  # of a cell's mean rate over trials
_ASYMMETRY = 0.5


def measure(seed: int = 1) -> dict[str, Any]:
    """Make every check; return a report ready for JSON."""
    cells = _Cells(seed)
    checks = [
        _reversal(cells),
        *(_lead(cells, omega) for omega in (2.0, math.sqrt(STIFFNESS_N_M / MASS_KG), 15.0)),
        _classes(cells),
        _multiplicative(cells),
        *_isometric(cells),
        *_lags(),
    ]
    return report("Neurons that drive muscles", checks)


class _Cells:
    """Cells with directions spread over the circle, low rates at rest, and noise."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        self.directions = draw_directions(_N_CELLS, 2, self.generator)
        self.baseline_hz = self.generator.uniform(5.0, 25.0, _N_CELLS)
        self.depth = self.generator.uniform(3.0, 9.0, _N_CELLS)  # Hz/N

    def rates(self, motion: np.ndarray, asymmetry: float = 0.0, stiffness_n_m: float = STIFFNESS_N_M) -> np.ndarray:
        """Return the rates that encode a motion, f8[t, cell]."""
        body = new_body(asymmetry)
        body[2] = stiffness_n_m
        out = np.zeros((len(motion), _N_CELLS))
        for row, words in zip(out, motion, strict=True):
            encode_into(row, _TODOROV, body, words, self.directions, self.baseline_hz, self.depth)
        return out

    def vector(self, rates: np.ndarray) -> np.ndarray:
        """Return the population vector, f8[t, 2]: least squares, since drawn directions are not spread evenly.

        Directions, depths and rates at rest are taken as known, as those who record would have to measure them.
        """
        found: np.ndarray = np.linalg.lstsq(
            self.directions * self.depth[:, None], (rates - self.baseline_hz).T, rcond=None
        )[0].T
        return found


def _motion(place: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray) -> np.ndarray:
    words = np.zeros((len(place), N_MOTION))
    for at, values in ((PLACE_X, place), (VELOCITY_X, velocity), (ACCELERATION_X, acceleration)):
        words[:, at : at + 2] = values
    return words


def _reach(angle: float, distance_m: float, tau: np.ndarray, duration_s: float) -> np.ndarray:
    """Return the motion of a minimum-jerk reach at some parts of its duration."""
    t = np.clip(tau, 0.0, 1.0)
    along = distance_m * np.array([[math.cos(angle), math.sin(angle)]])
    place = (10 * t**3 - 15 * t**4 + 6 * t**5)[:, None] * along
    velocity = (30 * t**2 * (1 - t) ** 2)[:, None] * along / duration_s
    acceleration = (60 * t * (1 - t) * (1 - 2 * t))[:, None] * along / duration_s**2
    return _motion(place, velocity, acceleration)


def _reversal(cells: _Cells) -> Check:
    tau = np.linspace(0.01, 0.99, 981)
    vector = cells.vector(cells.rates(_reach(0.0, 0.1, tau, 0.5), stiffness_n_m=0.0))[:, 0]
    found = float(tau[np.flatnonzero(vector < 0)[0]])
    holds = abs(found - 0.740) < 0.002
    return Check("reach with k = 0, bT/m = 5: the population vector reverses at", "0.740 T", f"{found:.3f} T", holds)


def _lead(cells: _Cells, omega: float) -> Check:
    t = np.arange(0.0, 2 * math.pi / omega, 2 * math.pi / omega / 200)
    circle = 0.01 * np.exp(1j * omega * t)
    places, velocities = (np.stack([z.real, z.imag], axis=1) for z in (circle, 1j * omega * circle))
    vector = cells.vector(cells.rates(_motion(places, velocities, -(omega**2) * places)))
    turned = (vector[:, 0] + 1j * vector[:, 1]) / (velocities[:, 0] + 1j * velocities[:, 1])
    found, expected = math.degrees(np.angle(turned.mean())), math.degrees(math.atan((omega - 50 / omega) / 10))
    what = f"circle at {omega:.3g} rad/s: the population vector leads the velocity by"
    return Check(what, f"{expected:.1f} deg", f"{found:.1f} deg", abs(found - expected) < 1.0)


def _reaches(distances_m: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the motions of reaches in eight directions, f8[t, word], and each one's angle, f8[t]."""
    tau = np.arange(0.0, 1.0, _DT_S / _MOVEMENT_S)
    angles = np.arange(8) * math.pi / 4
    motions = [_reach(angle, distance, tau, _MOVEMENT_S) for distance in distances_m for angle in angles]
    return np.concatenate(motions), np.repeat(np.tile(angles, len(distances_m)), len(tau))


def _explained(rates: np.ndarray, *regressors: np.ndarray) -> np.ndarray:
    """Return r^2 of the regression of each cell on some columns and a constant."""
    x = np.column_stack([np.ones(len(rates)), *regressors])
    residual = rates - x @ np.linalg.lstsq(x, rates, rcond=None)[0]
    found: np.ndarray = 1.0 - residual.var(axis=0) / rates.var(axis=0)
    return found


def _classes(cells: _Cells) -> Check:
    """Classify every cell by what explains most of its rate, as recordings have been: all of them drive muscles."""
    motion, angle = _reaches((0.1,))
    rates = cells.rates(motion) + _NOISE_HZ * cells.generator.standard_normal((len(motion), _N_CELLS))
    models = {
        "direction": _explained(rates, np.cos(angle), np.sin(angle)),
        "velocity": _explained(rates, motion[:, VELOCITY_X : VELOCITY_X + 2]),
        "acceleration": _explained(rates, motion[:, ACCELERATION_X : ACCELERATION_X + 2]),
        "place": _explained(rates, motion[:, PLACE_X : PLACE_X + 2]),
    }
    best = np.argmax(list(models.values()), axis=0)
    shares = np.bincount(best, minlength=len(models)) / _N_CELLS
    obtained = ", ".join(f"{name} {100 * share:.0f} %" for name, share in zip(models, shares, strict=True))
    return Check(
        "reaches: cells are classified by r^2 as coding", "mostly direction", obtained, int(np.argmax(shares)) == 0
    )


def _multiplicative(cells: _Cells) -> Check:
    """Compare two models of as many parameters on reaches of three lengths."""
    motion, angle = _reaches((0.05, 0.1, 0.15))
    rates = cells.rates(motion) + _NOISE_HZ * cells.generator.standard_normal((len(motion), _N_CELLS))
    speed = np.hypot(motion[:, VELOCITY_X], motion[:, VELOCITY_X + 1])
    additive = _explained(rates, speed, np.cos(angle), np.sin(angle))
    multiplied = _explained(rates, speed, speed * np.cos(angle), speed * np.sin(angle))
    obtained = f"r^2 {multiplied.mean():.2f} against {additive.mean():.2f}; in {100 * (multiplied > additive).mean():.0f} % of cells"
    return Check(
        "reaches of three lengths: speed x direction beside speed + direction",
        "fits better",
        obtained,
        bool(multiplied.mean() > additive.mean()),
    )


def _isometric(cells: _Cells) -> list[Check]:
    angles, newtons = np.meshgrid(np.arange(16) * math.pi / 8, [0.5, 1.0, 1.5])
    motion = np.zeros((angles.size, N_MOTION))
    motion[:, FORCE_X], motion[:, FORCE_X + 1] = (newtons * np.cos(angles)).ravel(), (newtons * np.sin(angles)).ravel()
    rates = cells.rates(motion)
    direction = np.median(_explained(rates.reshape(3, 16, -1)[2], np.cos(angles[2]), np.sin(angles[2])))
    preferred = rates.reshape(3, 16, -1).max(axis=1) - cells.baseline_hz
    slope = np.median(preferred[2] / preferred[0])
    return [
        Check(
            "isometric force: cosine tuning to its direction, median r^2", "1.00", f"{direction:.3f}", direction > 0.99
        ),
        Check(
            "isometric force: modulation by 1.5 N beside 0.5 N, median",
            "3.00 times",
            f"{slope:.2f} times",
            abs(slope - 3) < 0.02,
        ),
    ]


class Spiral(NamedTuple):
    """Hold a spiral drawn inward: its motion f8[t, word], curvature f8[t] (1/m) and turning f8[t] (rad/s)."""

    motion: np.ndarray
    curvature: np.ndarray
    turning: np.ndarray


def spiral() -> Spiral:
    """Return a spiral drawn inward.

    The speed follows the two-thirds power law: 0.15 m/s at a radius of 9 cm, 0.07 m/s at 1 cm.
    """
    turned = np.linspace(0.0, 5 * 2 * math.pi, 4000)
    path = np.linspace(0.09, 0.01, 4000) * np.exp(1j * turned)
    tangent = np.gradient(path)
    curvature = np.gradient(np.unwrap(np.angle(tangent))) / np.abs(tangent)
    speed = 0.33 * curvature ** (-1 / 3)
    t = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(path)) / ((speed[:-1] + speed[1:]) / 2))])
    even = np.arange(0.0, t[-1], _DT_S)
    place = np.interp(even, t, path.real) + 1j * np.interp(even, t, path.imag)
    velocity = np.gradient(place, _DT_S)
    acceleration = np.gradient(velocity, _DT_S)
    inside = slice(40, -40)
    parts = [np.stack([z.real, z.imag], axis=1)[inside] for z in (place, velocity, acceleration)]
    turning = np.gradient(np.unwrap(np.angle(velocity)), _DT_S)
    return Spiral(_motion(*parts), np.interp(even, t, curvature)[inside], turning[inside])


def even_cells(rest_hz: float) -> _Cells:
    """Return cells whose directions are spread evenly, since a drawn set of them has a bias of its own."""
    cells = _Cells(1)
    angles = np.arange(_N_CELLS) * 2 * math.pi / _N_CELLS
    cells.directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    cells.baseline_hz, cells.depth = np.full(_N_CELLS, rest_hz), np.full(_N_CELLS, 6.0)
    return cells


def lags_ms(drawn: Spiral, cells: _Cells, asymmetry: float, stiffness_n_m: float) -> tuple[float, float]:
    """Return by how much the movement lags behind the population vector, where it is straight and where it is bent (ms)."""
    low, high = _outer_fifths(drawn.curvature)
    heading = drawn.motion[:, VELOCITY_X] + 1j * drawn.motion[:, VELOCITY_X + 1]
    vector = cells.vector(cells.rates(drawn.motion, asymmetry, stiffness_n_m))
    lag_ms = 1e3 * np.angle((vector[:, 0] + 1j * vector[:, 1]) / heading) / drawn.turning
    return float(np.median(lag_ms[low])), float(np.median(lag_ms[high]))


def _lags() -> list[Check]:
    """Draw a spiral; see by how much the movement lags behind the population vector.

    The cells rest at low rates, so that they fall silent: else the asymmetry cancels between opposite directions.
    """
    drawn, cells = spiral(), even_cells(0.5)
    checks = []
    for stiffness in (0.0, STIFFNESS_N_M):
        grown_ms = []
        for asymmetry in (0.0, _ASYMMETRY):
            straight, bent = lags_ms(drawn, cells, asymmetry, stiffness)
            grown_ms.append(bent - straight)
            damping = "symmetric" if asymmetry == 0 else "asymmetric"
            what = f"spiral, k = {stiffness:g}, damping {damping}: lag of the movement behind the vector"
            obtained = f"{straight:.0f} ms where straight, {bent:.0f} ms where bent"
            if asymmetry:
                obtained += f": {grown_ms[1] - grown_ms[0]:+.0f} ms by the asymmetry"
                checks.append(Check(what, "grows with curvature by the asymmetry", obtained, grown_ms[1] > grown_ms[0]))
            else:
                is_stiff = stiffness > 0
                expected = (
                    "(for comparison: the springs make it grow)" if is_stiff else "does not grow (for comparison)"
                )
                checks.append(Check(what, expected, obtained, bool(grown_ms[0] > 0) == is_stiff))
    return checks


def _outer_fifths(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where values are among the lowest fifth, and where among the highest."""
    low, high = np.quantile(values, [0.2, 0.8])
    return values <= low, values >= high
