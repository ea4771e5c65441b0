"""Make samples to fit a decoder to: of a recorded session, or of a recording with kinematics of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from bmi_app.decoders.contract import Samples
from bmi_app.record import integrity, reading
from bmi_app.rt.records import Flag, TaskState
from bmi_app.session.engine import saved_decoder
from bmi_app.session.recompute import replay
from bmi_app.session.recompute.rates import plain_features, smoothed_rates

Wanted = Literal["intent", "refit", "velocity"]
WANTED = get_args(Wanted)
_BIN_S = 0.020
_SMOOTHING_S = 0.100
_SEGMENTS = 10  # into which a recording of one trial is cut, to be judged on parts that it was not fitted to
_MM_PER_CM = 10.0


@dataclass(frozen=True)
class Training:
    """Hold what a decoder is fitted to, and what belongs to it.

    Attributes
    ----------
    samples : Samples
    mask : f8[axis, unit]
        Which unit may drive which axis.
    model : dict of ndarray
        `gain` f8[axis], `feature_offset` and `feature_scale` f8[unit], as a saved decoder keeps them.
    made_from : dict
        How counts became features; see `saved_decoder.MadeFor`.
    what : str
        Where the samples are from, in words.
    """

    samples: Samples
    mask: np.ndarray
    model: dict[str, np.ndarray]
    made_from: dict[str, Any]
    what: str


def of_session(folder: Path, wanted: Wanted) -> Training:
    """Return the ticks of a session in which a target was to be reached or held, a trial a piece.

    Parameters
    ----------
    folder : Path
        The session folder.
    wanted : str
        What the decoder should have said: `intent`, as it was modelled in the session; `refit`, the speed of the cursor, turned
        toward the target and 0 on it (Gilja et al. 2012); `velocity`, that of the cursor.

    Raises
    ------
    JournalError
        If the folder holds no session, or a damaged one.
    """
    integrity.refuse_damaged(folder)
    recording = reading.read(folder, kinds=("frames", "commands", "weights"))
    core, features = replay.features_of(recording)
    frames, arrays = recording.frames, core.arrays
    n_axes = core.sizes.n_axes
    before = np.maximum(np.arange(len(frames)) - 1, 0)
    began_in = frames["state"][before]  # the state in which the tick began
    kept = np.isin(began_in, (TaskState.MOVE, TaskState.HOLD)) & (frames["trial"] >= 0)
    kept &= (frames["flags"] & (Flag.PAUSED | Flag.SOURCE_LOST)) == 0
    kept &= frames["trial"] == frames["trial"][before]  # the tick that starts a trial decides on its target
    rows = np.flatnonzero(kept)
    gain = np.where(arrays["gain"] != 0, arrays["gain"], np.inf)
    position = _plane(frames[before], "cursor_{}_cm", n_axes)
    velocity = _velocity(frames, position, began_in, wanted, n_axes)
    breaks = np.concatenate([[0], (np.diff(rows) != 1) | (np.diff(frames["trial"][rows]) != 0)])[: len(rows)]
    starts_trial = ~np.isin(began_in[before], (TaskState.MOVE, TaskState.HOLD))  # the tick before was the trial's start
    from_rest = (starts_trial & (velocity[before] == 0.0).all(axis=1))[rows]
    return Training(
        samples=Samples(
            features=features[rows],
            velocity=velocity[rows] / gain,
            position=position[rows] / gain,
            piece=np.cumsum(breaks).astype(np.int64),
            dt_s=float(core.config[0]["tick_s"]),
            from_rest=from_rest,
        ),
        mask=arrays["mask"].copy(),
        model={name: arrays[name].copy() for name in ("gain", "feature_offset", "feature_scale")},
        made_from=saved_decoder.MadeFor.of(core.protocol).features,
        what=f"session {folder.name}, {wanted}",
    )


def joined(trainings: Sequence[Training]) -> Training:
    """Return the samples of several sessions as those of one; baselines and z-scores are those of the last.

    Raises
    ------
    ValueError
        If the sessions differ in what a decoder must know: units, axes, which unit may drive which, gains, features.
    """
    last = trainings[-1]
    for other in trainings[:-1]:
        if other.mask.shape != last.mask.shape or not np.array_equal(other.mask, last.mask):
            raise ValueError(
                f"{other.what} and {last.what}: differ in their units, or in which of them may drive which axis"
            )
        if not np.array_equal(other.model["gain"], last.model["gain"]):
            raise ValueError(f"{other.what} and {last.what}: differ in the gains of their axes")
        if other.made_from != last.made_from:
            raise ValueError(f"{other.what} and {last.what}: differ in how counts become features")
    if len(trainings) == 1:
        return last
    shifts = np.cumsum([0, *(int(other.samples.piece.max(initial=-1)) + 1 for other in trainings[:-1])])
    samples = [other.samples for other in trainings]
    rests = [part.from_rest if part.from_rest is not None else np.zeros(len(part.piece), bool) for part in samples]
    return replace(
        last,
        samples=Samples(
            features=np.concatenate([part.features for part in samples]),
            velocity=np.concatenate([part.velocity for part in samples]),
            position=np.concatenate([part.position for part in samples]),
            piece=np.concatenate([part.piece + shift for part, shift in zip(samples, shifts, strict=True)]),
            dt_s=last.samples.dt_s,
            from_rest=np.concatenate(rests),
        ),
        what="; ".join(other.what for other in trainings),
    )


def _plane(frames: np.ndarray, field: str, n_axes: int) -> np.ndarray:
    """Return a field of every axis, f8[tick, axis]."""
    return np.stack([frames[field.format(letter)] for letter in "xy"], axis=1)[:, :n_axes].astype(np.float64)


def _velocity(
    frames: np.ndarray, position: np.ndarray, began_in: np.ndarray, wanted: Wanted, n_axes: int
) -> np.ndarray:
    """Return what the decoder should have said, f8[tick, axis] in cm/s."""
    if wanted == "intent":
        return _plane(frames, "intent_{}_cm_s", n_axes)
    velocity = _plane(frames, "velocity_{}_cm_s", n_axes)
    if wanted == "velocity":
        return velocity
    toward = _plane(frames, "target_{}_cm", n_axes) - position
    distance = np.linalg.norm(toward, axis=1, keepdims=True)
    turned = np.linalg.norm(velocity, axis=1, keepdims=True) * toward / np.where(distance > 0, distance, 1.0)
    return np.where((began_in == TaskState.MOVE)[:, None], turned, 0.0)


def of_recording(path: Path) -> Training:
    """Return the samples of a recording with kinematics of its own: a trial of MC_Maze, or Golub's file.

    MC_Maze: the hand's position and velocity, in bins of 20 ms, features smoothed over 100 ms. Golub: bins that are no
    neighbours, so each is a piece of its own; the direction to the target, at the mean speed of the intuitive decoder.

    Raises
    ------
    RecordingError
        If it cannot be read, or holds no kinematics.
    """
    from bmi_app.record.formats import RecordingError, golub, mc_maze, open_recording

    source = open_recording(path)
    if source.kind == "counts" and source.path.suffix == ".csv":
        kinematics = mc_maze.read_hand(path)
        step = max(round(_BIN_S / source.dt_s), 1)
        n_bins = len(source.counts) // step
        counts = source.counts[: n_bins * step].reshape(n_bins, step, -1).sum(axis=1).astype(np.float64)
        position, velocity = (part[: n_bins * step].reshape(n_bins, step, 2) / _MM_PER_CM for part in kinematics)
        piece = np.arange(n_bins) * _SEGMENTS // max(n_bins, 1)
        rates = smoothed_rates(counts, plain_features(step * source.dt_s, _SMOOTHING_S))
        return _plain(
            rates, velocity.mean(axis=1), position[:, 0], piece, step * source.dt_s, _SMOOTHING_S, source.description
        )
    if source.kind == "counts" and source.path.suffix == ".mat":
        recording = golub.load(path)
        clouds = recording.clouds("before")
        angles = np.radians(clouds.angles_deg)
        speed_cm_s = float(np.linalg.norm(clouds.vraw_mm_s["intuitive"], axis=1).mean()) / _MM_PER_CM
        velocity = speed_cm_s * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        rates = clouds.counts / recording.dt_s
        return _plain(
            rates,
            velocity,
            np.zeros(velocity.shape),
            np.arange(len(rates)),
            recording.dt_s,
            None,
            golub.read(path, "before").description,
        )
    raise RecordingError(
        f"{path}: holds spikes, but no movement to fit a decoder to; known are sessions of this program, CSV tables with "
        "hand_pos_x, hand_vel_x, and MATLAB files in the layout of Golub et al. 2018"
    )


def _plain(
    rates: np.ndarray,
    velocity: np.ndarray,
    position: np.ndarray,
    piece: np.ndarray,
    dt_s: float,
    smoothing_s: float | None,
    what: str,
) -> Training:
    """Return samples of rates, smoothed as `decoder.smoothing = "exponential"` does or not at all."""
    n_units = rates.shape[1]
    offset = rates.mean(axis=0)
    features = np.ascontiguousarray(rates - offset, dtype=np.float64)
    return Training(
        samples=Samples(features, velocity, position, piece.astype(np.int64), dt_s),
        mask=np.ones((2, n_units)),
        model={"gain": np.ones(2), "feature_offset": offset.astype(np.float64), "feature_scale": np.ones(n_units)},
        made_from=plain_features(dt_s, smoothing_s),
        what=what,
    )
