"""Read the example recording of Golub et al. 2018: a cursor BMI before and after a perturbed decoder was learned.

Only spikes of closed-loop bins near the workspace's centre are in the file, sorted by the direction from cursor to
target: eight directions, each the same number of bins, before and after learning. The bins were not neighbours in
time; strung together in the order of the directions they are a stream of real counts whose decoded velocity the file
gives bin for bin, for both decoders.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from bmi_app import small_files
from bmi_app.record.formats import mat5
from bmi_app.record.formats.source import CountsSource, RecordingError, plain_counts

MappingName = Literal["intuitive", "perturbed"]
_FILE_BYTES = 256 << 20
_FIELDS = {"before": "beforeLearning", "after": "afterLearning"}


@dataclass(frozen=True)
class Mapping:
    """Hold one decoder, `v[t] = M1 @ v[t-1] + M2 @ u[t] + m0` (mm/s), u in counts per bin.

    Attributes
    ----------
    M1 : ndarray, shape (2, 2)
    M2 : ndarray, shape (2, units), mm/s per count
    m0 : ndarray, shape (2,), mm/s
    """

    M1: np.ndarray
    M2: np.ndarray
    m0: np.ndarray


@dataclass(frozen=True)
class Clouds:
    """Hold the bins of one epoch, the eight directions one after the other.

    Attributes
    ----------
    counts : ndarray, shape (bins, units), float32
    angles_deg : ndarray, shape (bins,)
        Direction from cursor to target to which the file assigns the bin.
    toward : ndarray, shape (bins, 2)
        Direction from cursor to target, to the point: unit vectors.
    vraw_mm_s : dict of ndarray, shape (bins, 2)
        `M2 @ u + m0` of each mapping, as the file gives it: the velocity without `M1`.
    """

    counts: np.ndarray
    angles_deg: np.ndarray
    toward: np.ndarray
    vraw_mm_s: dict[MappingName, np.ndarray]


@dataclass(frozen=True)
class GolubRecording:
    """Hold what the file says about spikes and decoders."""

    path: Path
    subject: str
    date: str
    dt_s: float
    mappings: dict[MappingName, Mapping]
    epochs: dict[str, Clouds]

    def clouds(self, epoch: str) -> Clouds:
        """Return the bins of `before`, of `after`, or of `both` in this order."""
        if epoch != "both":
            return self.epochs[epoch]
        before, after = self.epochs["before"], self.epochs["after"]
        return Clouds(
            counts=np.concatenate([before.counts, after.counts]),
            angles_deg=np.concatenate([before.angles_deg, after.angles_deg]),
            toward=np.concatenate([before.toward, after.toward]),
            vraw_mm_s={
                name: np.concatenate([before.vraw_mm_s[name], after.vraw_mm_s[name]]) for name in before.vraw_mm_s
            },
        )


def load(path: Path) -> GolubRecording:
    """Read the file.

    Raises
    ------
    RecordingError
        If it is damaged, or another MATLAB file.
    """
    try:
        content = mat5.read(small_files.read_bytes(path, _FILE_BYTES))
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (mat5.MatError, OverflowError) as error:
        raise RecordingError(f"{path}: cannot be read as a MATLAB file, it seems damaged: {error}") from error
    try:
        params = content["expParams"]
        mappings = {name: _mapping(params[f"{name}Mapping"]) for name in get_args(MappingName)}
        recording = GolubRecording(
            path=path,
            subject=str(params["monkName"]),
            date=str(params["expDate"]),
            dt_s=float(params["intuitiveMapping"]["dt"]),
            mappings=mappings,
            epochs={epoch: _clouds(content[field]["clouds"]) for epoch, field in _FIELDS.items()},
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        variables = ", ".join(sorted(name for name in content if not name.startswith("__"))) or "nothing"
        raise RecordingError(
            f"{path}: a MATLAB file, but not of the known layout (expParams, beforeLearning, afterLearning); "
            f"it holds {variables}; export the counts as CSV or XDF"
        ) from error
    _refuse_nonsense(recording)
    return recording


def _refuse_nonsense(recording: GolubRecording) -> None:
    """Refuse numbers that are none of a recording: a changed byte can hide in an array that is not compressed."""
    path = recording.path
    if not 1e-4 <= recording.dt_s <= 10.0:  # also NaN
        raise RecordingError(f"{path}: intuitiveMapping.dt is {recording.dt_s:g} s; allowed: 0.0001 to 10")
    for epoch, clouds in recording.epochs.items():
        if not plain_counts(clouds.counts):
            raise RecordingError(f"{path}: the counts of {_FIELDS[epoch]} are not all whole numbers from 0 on")
        if not all(np.isfinite(part).all() for part in (clouds.toward, clouds.angles_deg, *clouds.vraw_mm_s.values())):
            raise RecordingError(f"{path}: {_FIELDS[epoch]} holds numbers that are NaN or infinite")
        if not len(clouds.counts) == len(clouds.angles_deg) == len(clouds.toward):
            raise RecordingError(f"{path}: the parts of {_FIELDS[epoch]} have not as many bins each")
    for name, mapping in recording.mappings.items():
        if not all(np.isfinite(part).all() for part in (mapping.M1, mapping.M2, mapping.m0)):
            raise RecordingError(f"{path}: {name}Mapping holds numbers that are NaN or infinite")


def read(path: Path, epoch: str = "both") -> CountsSource:
    """Read an epoch's counts as a stream.

    Raises
    ------
    RecordingError
        If the file cannot be read, or the epoch has another name.
    """
    if epoch not in (*_FIELDS, "both"):
        raise RecordingError(f"{path}: no epoch {epoch!r}; there are: {', '.join(_FIELDS)}, both")
    recording = load(path)
    counts = recording.clouds(epoch).counts
    return CountsSource(
        path=path,
        name=f"{path.stem}-{epoch}",
        description=f"{recording.subject} {recording.date}, {epoch} learning, {len(counts)} bins of "
        f"{recording.dt_s * 1e3:g} ms, eight directions in order",
        labels=tuple(f"unit {index}" for index in range(counts.shape[1])),
        dt_s=recording.dt_s,
        counts=counts,
    )


def _mapping(fields: dict[str, Any]) -> Mapping:
    return Mapping(*(np.asarray(fields[name], np.float64) for name in ("M1", "M2", "m0")))


def _clouds(fields: dict[str, Any]) -> Clouds:
    spikes = list(fields["spikes"])  # one per direction: (units, bins)
    return Clouds(
        counts=np.ascontiguousarray(np.concatenate(spikes, axis=1).T, np.float32),
        angles_deg=np.repeat(np.asarray(fields["angles"], np.float64), [one.shape[1] for one in spikes]),
        toward=np.ascontiguousarray(np.concatenate(list(fields["cursorToTargetDirection"]), axis=1).T, np.float64),
        vraw_mm_s={
            name: np.ascontiguousarray(np.concatenate(list(fields[f"vraw_{name}"]), axis=1).T)
            for name in get_args(MappingName)
        },
    )
