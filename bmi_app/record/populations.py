"""Say which population each unit belonged to, for every row of weights that a session has stored."""

import numpy as np

from bmi_app.record.reading import Recording
from bmi_app.rt.records import CommandKind, UpdateCause
from bmi_app.rt.stored import named_row
from protocols.schema import FIRST_MODEL_VERSION, Protocol
from protocols.tool import population_axis, unit_population


def completed(recording: Recording, protocol: Protocol) -> np.ndarray:
    """Return the rows of weights with the units' populations, f8[row, words], also where the session is of format 1.

    There every move by the operator has stored a row, one after the other, and nothing else moved a unit.
    """
    rows = recording.weight_rows
    n_units = recording.n_units
    if not len(rows) or not np.isnan(named_row(rows, n_units, recording.n_axes)["population"]).any():
        return rows
    rows = rows.copy()
    moves = iter(recording.commands[recording.commands["kind"] == CommandKind.MOVE_UNIT])
    population = unit_population(protocol)
    for row, cause in zip(rows, recording.weights["cause"].tolist(), strict=True):
        if cause == UpdateCause.UNIT_MOVED and (move := next(moves, None)) is not None:
            population[int(move["index"])] = int(move["aux"])
        named_row(row, n_units, recording.n_axes)["population"][:] = population
    return rows


def mask_of(protocol: Protocol, population: np.ndarray) -> np.ndarray | None:
    """Return which weights may be other than 0, f8[axis, unit]; None where the populations alone do not say so.

    Where no population drives an axis every unit may drive; up to model 1 one that was moved may not.
    """
    n_units = protocol.units.count
    axes = population_axis(protocol)
    if axes.any():
        mask = np.where(population >= 0, axes[population].T != 0.0, False).astype(float)
    elif protocol.model_version == FIRST_MODEL_VERSION and len(axes):
        return None
    else:
        mask = np.ones((protocol.n_axes, n_units))
    mask[:, list(protocol.units.exclude)] = 0.0
    return mask
