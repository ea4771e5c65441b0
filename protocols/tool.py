"""Say what a protocol's tool is nominally: which unit drives which axis, with which sign and gain."""

import numpy as np

from protocols.schema import Protocol


def population_axis(protocol: Protocol) -> np.ndarray:
    """Return the sign with which each population drives each axis, f8[population, axis]; 0: it does not."""
    names = list(protocol.population_indices())
    signs = np.zeros((len(names), protocol.n_axes))
    for a, (_, axis) in enumerate(protocol.axes.items()):
        for key, name in axis.populations.items():
            signs[names.index(name), a] = -1.0 if key == "pull" else 1.0
    return signs


def unit_population(protocol: Protocol) -> np.ndarray:
    """Return the index of each unit's population, i8[unit]; -1 for a unit that no population names."""
    population = np.full(protocol.units.count, -1, np.int64)
    for index, units in enumerate(protocol.population_indices().values()):
        population[list(units)] = index
    return population


def axis_map(protocol: Protocol) -> np.ndarray:
    """Return the sign with which each unit drives each axis, f8[axis, unit]; 0 for control units."""
    signs, population = population_axis(protocol), unit_population(protocol)
    if not len(signs):
        return np.zeros((protocol.n_axes, len(population)))
    return np.where(population >= 0, signs[population].T, 0.0).copy()


def gains(protocol: Protocol) -> np.ndarray:
    """Return the gain of each axis, f8[axis]: cm/s per Hz of summed firing."""
    return np.array([axis.gain for _, axis in protocol.axes.items()])


def nominal_tool(protocol: Protocol) -> np.ndarray:
    """Return the nominal tool, f8[axis, unit]: velocity (cm/s) per rate above rest (Hz) of each unit."""
    tool: np.ndarray = gains(protocol)[:, None] * axis_map(protocol)
    return tool
