"""Say which patterns of firing a subject can make, and which direction each of its units prefers.

A subject that knows its tool W fires r0 + M v for a velocity v, with W M = 1. The M of least firing, the pseudoinverse, has
every unit of a population prefer the direction in which the tool takes it. Real units of one population prefer many:
here each unit's row of M is turned by an angle of its own, units without effect prefer any direction, and M is then
corrected so that W M = 1 still holds.

A subject of `patterns` d can make the patterns r0 + B z only, with B f8[unit, d] orthonormal (Sadtler et al. 2014, Nature 512,
423: the intrinsic manifold). The columns of M lie in it, the others are drawn.
"""

import math

import numpy as np


def preferring_inverse(tool: np.ndarray, spread_deg: float, generator: np.random.Generator) -> np.ndarray:
    """Return M, f8[unit, axis]: firing above rest (Hz) per velocity (cm/s), with units that prefer many directions.

    Parameters
    ----------
    tool : ndarray, shape (n_axes, n_units)
        Velocity (cm/s) per rate above rest (Hz).
    spread_deg
        The preferred direction of a unit lies at most so far from where the tool takes it, any angle being as likely;
        0: the pseudoinverse. Without effect on one axis only.
    """
    n_axes, n_units = tool.shape
    inverse: np.ndarray = np.linalg.pinv(tool) if tool.any() else np.zeros((n_units, n_axes))
    if spread_deg == 0.0 or n_axes < 2 or not tool.any():
        return inverse
    angle = np.radians(spread_deg) * generator.uniform(-1.0, 1.0, n_units)
    x, y = inverse.T
    turned = np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], axis=1)
    idle = ~tool.any(axis=0)
    any_angle = generator.uniform(0.0, 2 * math.pi, n_units)
    depth = np.sqrt((turned[~idle] ** 2).sum(axis=1).mean())
    turned[idle] = depth * np.stack([np.cos(any_angle), np.sin(any_angle)], axis=1)[idle]
    # Idle units have no part in W M, and keep the depth of the others.
    corrected: np.ndarray = turned @ np.linalg.inv(tool @ turned)
    return corrected


def draw_manifold(inverse: np.ndarray, n_patterns: int, generator: np.random.Generator) -> np.ndarray:
    """Return B, f8[unit, pattern], orthonormal: the span of M, f8[unit, axis], and directions that are drawn.

    With no more patterns than axes it is the span of as many columns of M.
    """
    drawn = generator.standard_normal((len(inverse), n_patterns))
    first = min(inverse.shape[1], n_patterns)
    if inverse.any():
        drawn[:, :first] = inverse[:, :first]
    basis: np.ndarray = np.linalg.qr(drawn)[0]
    return basis
