"""Work out where other decoding would have taken the cursor in a trial, had the subject done the same."""

import numpy as np

from bmi_app.analysis.recorded_session import RecordedSession
from bmi_app.rt.records import Flag, TaskState


def what_if_path(session: RecordedSession, decoded: np.ndarray, at: int) -> np.ndarray:
    """Return the way of the cursor from the trial's start to the frame `at`, f8[tick, 2] in cm.

    The recorded spikes, and so the subject, do not react to it: it is the way of an open loop. Each tick is what
    `bmi_app.rt.cursor.move` makes of the other velocity; assist, exploration and intention are those of the recording.

    Parameters
    ----------
    session : RecordedSession
    decoded : FRAME[n_ticks]
        Frames with the other velocity, as `bmi_app.session.recompute.replay.what_if` gives them.
    at : int
        Index of a frame. Between trials there is no way, and none where the hand moves the cursor.
    """
    frames = session.frames
    moving = (TaskState.MOVE, TaskState.HOLD)
    follows_hand = int(frames["flags"][at]) & (Flag.HAND | Flag.FORCE)
    if int(frames["state"][at]) not in moving or follows_hand:
        return np.zeros((0, 2))
    first = int(np.searchsorted(frames["trial"], frames["trial"][at]))  # trials are numbered in order
    first += int(np.argmax(np.isin(frames["state"][first : at + 1], moving)))
    made, other = frames[first + 1 : at + 1], decoded[first + 1 : at + 1]
    velocity = np.stack([_along(made, other, axis) for axis in "xy"[: session.protocol.n_axes]], axis=1)
    velocity[made["flags"] & (Flag.PAUSED | Flag.SOURCE_LOST) != 0] = 0.0
    speed = np.hypot(*velocity.T) if velocity.shape[1] > 1 else np.abs(velocity[:, 0])
    velocity *= np.minimum(1.0, session.protocol.safety.max_speed_cm_s / np.maximum(speed, 1e-12))[:, None]
    half_cm = np.array(session.protocol.workspace.size_cm) / 2
    path_cm = np.zeros((len(made) + 1, 2))
    path_cm[0] = frames["cursor_x_cm"][first], frames["cursor_y_cm"][first]
    for k, step_cm in enumerate(velocity * session.dt_s):
        path_cm[k + 1] = path_cm[k]
        path_cm[k + 1, : len(step_cm)] += step_cm
        np.clip(path_cm[k + 1], -half_cm, half_cm, out=path_cm[k + 1])
    return path_cm


def _along(made: np.ndarray, other: np.ndarray, axis: str) -> np.ndarray:
    free = other[f"decoded_{axis}_cm_s"] + made[f"noise_{axis}_cm_s"]
    velocity: np.ndarray = (1 - made["assist"]) * free + made["assist"] * made[f"intent_{axis}_cm_s"]
    return velocity
