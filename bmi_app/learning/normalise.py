"""Divide the steps of gradient rules by the power of the features, or not: one line of mathematics for all of them."""

from bmi_app.rt.jit import part


@part
def divisor(features, epsilon, normalised):
    """Return eps + |x|^2 of one sample, f8[unit], or 1 where steps are not normalised."""
    if normalised == 0.0:
        return 1.0
    power = epsilon
    for u in range(features.shape[0]):
        power += features[u] * features[u]
    return power
