"""Read recordings of monkeys that moved a cursor with their firing, for what a realistic subject is held against.

Of each: counts in bins of 45 ms (of the last, 33 ms), the direction from the cursor to the target, and which run of neighbouring bins
a bin belongs to. They are not shipped; where they come from stands in docs/realistic.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from bmi_app.record.formats import golub
from bmi_app.record.formats.source import RecordingError

FILES = {
    "stabilized_bci": "stabilized_bci/20160325.mat",
    "neural_redundancy": "neural_redundancy/20131218.mat",
    "golub_bci_learning": "golub_bci_learning/exampleData.mat",
}
BLIND = "internal_model"  # the settings of `realistic_subject` were chosen without it
_BLIND_FILE = "internal_model/example_data.mat"
BIN_S, BLIND_BIN_S = 0.045, 0.033
_BASELINE = (161, 320)  # trials of the first baseline


@dataclass(frozen=True)
class Firing:
    """Hold bins in which a target was sought.

    Attributes
    ----------
    counts : f8[bin, unit]
    angle : f8[bin]
        Direction from the cursor to the target (rad).
    run : i8[bin]
        Bins of the same number, one behind the other in the arrays, are neighbours in time.
    are_neighbours : bool
        Whether any are: one recording holds single bins.
    bin_s : float
        Length of a bin (s).
    """

    counts: np.ndarray
    angle: np.ndarray
    run: np.ndarray
    are_neighbours: bool = True
    bin_s: float = BIN_S


def load(folder: Path, name: str) -> Firing:
    """Read one of `FILES`, or `BLIND`, below a folder.

    Raises
    ------
    RecordingError
        If it is missing, or another file.
    """
    path = folder / (_BLIND_FILE if name == BLIND else FILES[name])
    if not path.is_file():
        raise RecordingError(f"{path}: there is no such file; docs/realistic.md says where the recordings come from")
    if name == "golub_bci_learning":
        clouds = golub.load(path).clouds("before")
        return Firing(
            clouds.counts.astype(float),
            np.arctan2(clouds.toward[:, 1], clouds.toward[:, 0]),
            np.arange(len(clouds.counts)),
            are_neighbours=False,
        )
    try:
        content = scipy.io.loadmat(path, simplify_cells=True)
        return {"stabilized_bci": _stabilized, "neural_redundancy": _redundancy, BLIND: _internal_model}[name](content)
    except (MatReadError, ValueError, TypeError, OSError, EOFError, KeyError, IndexError) as error:
        raise RecordingError(f"{path}: is not the recording {name} that is meant: {error}") from error


def _stabilized(content: dict[str, Any]) -> Firing:
    """Return the successful trials of the first baseline, from where the target was shown."""
    counts, angles, runs = [], [], []
    for trial in content["trialData"]:
        if not (_BASELINE[0] <= trial["id"] <= _BASELINE[1] and trial["success"] == 1):
            continue
        fired = np.asarray(trial["binCounts"], float)
        place = np.asarray(trial["refPos"], float)[: len(fired)]
        place[0] = place[1]  # the file has none there; the cursor is still held
        away = np.asarray(trial["tgtPos"], float) - place
        counts.append(fired)
        angles.append(np.arctan2(away[:, 1], away[:, 0]))
        runs.append(np.full(len(fired), trial["id"]))
    return Firing(np.concatenate(counts), np.concatenate(angles), np.concatenate(runs))


def _redundancy(content: dict[str, Any]) -> Firing:
    """Return the bins of the first block; a run begins where the cursor is held for a new target."""
    block = content["D"]["blocks"][0]
    held = np.asarray(block["isFreezePeriod"]) != 0
    run = np.cumsum(np.diff(held.astype(int), prepend=0) == 1)
    angle = -np.radians(np.asarray(block["thetas"], float))  # the file's y points down
    return Firing(np.asarray(block["spikes"], float), angle, run)


def _internal_model(content: dict[str, Any]) -> Firing:
    """Return all bins of all trials."""
    found = content["data"]
    counts, angles, runs = [], [], []
    trials = zip(found["spike_counts"], found["cursor_position"], found["target_position"], strict=True)
    for number, (fired, place, target) in enumerate(trials):
        away = np.asarray(target, float)[:, None] - np.asarray(place, float)
        known = np.isfinite(away).all(axis=0) & np.isfinite(np.asarray(fired, float)).all(axis=0)
        counts.append(np.asarray(fired, float).T[known])
        angles.append(np.arctan2(away[1], away[0])[known])
        runs.append(np.full(np.count_nonzero(known), number))
    return Firing(np.concatenate(counts), np.concatenate(angles), np.concatenate(runs), bin_s=BLIND_BIN_S)
