"""What moves cursor and target as the documentation writes it: aim, the models of the intention, assist, the path."""

import math

import numpy as np

from bmi_app.rt.records import TaskState
from protocols.signal import Learning
from protocols.task import Block, Task


def aim(learning: Learning, state: TaskState, away_cm: np.ndarray) -> np.ndarray:
    """Straight to the target at the model's speed (cm/s), min(intent_speed, intent_gain x distance); nowhere while holding."""
    distance_cm = np.linalg.norm(away_cm)
    if state != TaskState.MOVE or distance_cm == 0:
        return np.zeros(len(away_cm))
    speed_cm_s = min(learning.intent_speed_cm_s, learning.intent_gain_per_s * distance_cm)
    return np.asarray(speed_cm_s * away_cm / distance_cm)


def intention(
    learning: Learning,
    aimed: np.ndarray,
    away_cm: np.ndarray,
    decoded: np.ndarray,
    assist: float,
    hand_cm_s: np.ndarray,
) -> np.ndarray:
    """What the subject is taken to want (cm/s)."""
    aims = np.linalg.norm(aimed) > 0
    direction = aimed / np.linalg.norm(aimed) if aims else 0 * aimed
    match learning.intent:
        case "speed_model":
            return aimed
        case "refit":  # the decoded speed, turned toward the target
            return np.asarray(np.linalg.norm(decoded) * direction)
        case "target_position":  # however fast
            return np.asarray(learning.intent_gain_per_s * away_cm * aims)
        case "assisted_blend":
            return (1 - assist) * decoded + assist * aimed
        case "recorded":
            return hand_cm_s


def assist(block: Block, override: float, done: float) -> float:
    """Return the share of the computer in the movement, when `done` of the block is over."""
    if block.kind == "observation":
        return 1.0
    if override >= 0:
        return override
    first, last = block.assist if isinstance(block.assist, tuple) else (block.assist, block.assist)
    return first + (last - first) * min(done, 1.0)


def on_path(task: Task, time_s: float) -> np.ndarray:
    """Return where the target of a drawing block is (cm), `time_s` into the trial."""
    assert task.path_size_cm is not None
    turn = 2 * math.pi * time_s / (task.path_ms / 1e3)
    x = math.sin(task.path_cycles[0] * turn + math.radians(task.path_phase_deg))
    return np.array(task.path_size_cm) / 2 * [x, math.sin(task.path_cycles[1] * turn)]
