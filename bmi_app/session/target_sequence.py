"""Say which targets a session will show first: those that its ticks will choose, by the same function."""

import numpy as np

from bmi_app.rt.state import CONFIG, STATE, TargetOrder, TargetPattern
from bmi_app.rt.task import choose_target
from protocols.schema import Protocol


def first_targets_cm(protocol: Protocol, n_trials: int) -> list[tuple[float, float]]:
    """Return the centres of the targets of the first trials of a session with the protocol's seed."""
    task = protocol.task
    width_cm, height_cm = protocol.workspace.size_cm
    positions = np.array(protocol.target_positions_cm() or [(0.0, 0.0)], dtype=float)
    config, state = np.zeros(1, CONFIG), np.zeros(1, STATE)
    config["seed"] = protocol.session.seed
    config["target_pattern"] = TargetPattern.UNIFORM if task.pattern == "uniform" else TargetPattern.LIST
    config["target_order"] = TargetOrder[task.order.upper()]
    config["half_width_cm"], config["half_height_cm"] = width_cm / 2, height_cm / 2
    config["margin_cm"] = task.margin_cm or 0.0
    config["n_axes"] = protocol.n_axes
    order = np.zeros(len(positions), np.int64)
    found = []
    for trial in range(n_trials):
        state["trial"] = trial
        choose_target(config[0], state[0], positions, order)
        found.append((float(state["target_x_cm"][0]), float(state["target_y_cm"][0])))
    return found
