"""Hold recorded spikes of any file as one of two things: counts per bin, or single spikes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Kind = Literal["counts", "events"]

MOST_SPIKES = 20_000_000  # as single spikes 0.3 GB; a day of 96 units at 2 Hz
MOST_IN_A_BIN = 1e6  # of one unit
HIGHEST_CHANNEL = 2_000_000  # protocols count from 1,000,000 at most


class RecordingError(ValueError):
    """Tell the user in one line which file is meant, what is wrong with it, and the remedy."""


@dataclass(frozen=True)
class CountsSource:
    """Hold a recording of binned counts.

    Attributes
    ----------
    path
        File or folder that it was read from.
    name
        Short name, the same each time the same part of the same file is read.
    description
        What it is, for people, in a line.
    labels
        One name per unit.
    dt_s
        Length of a bin.
    counts : ndarray, shape (bins, units), float32
        As recorded. Only of streams of which the user said that they are counts may values be other than whole
        and positive.
    """

    path: Path
    name: str
    description: str
    labels: tuple[str, ...]
    dt_s: float
    counts: np.ndarray
    kind: Literal["counts"] = "counts"

    @property
    def n_channels(self) -> int:
        """Return the number of units."""
        return int(self.counts.shape[1])

    @property
    def n_samples(self) -> int:
        """Return the number of bins."""
        return int(self.counts.shape[0])

    @property
    def duration_s(self) -> float:
        """Return the length of the recording."""
        return self.n_samples * self.dt_s


@dataclass(frozen=True)
class EventsSource:
    """Hold a recording of single spikes.

    Attributes
    ----------
    path, name, description
        As of `CountsSource`.
    labels
        One name per channel; channels are numbered from 0.
    duration_s
        Length of the recording; the last spike lies before it.
    stamps_s : ndarray, shape (spikes,), float64
        Time since the recording began, ascending.
    channel, unit : ndarray, shape (spikes,), int32
        Channel and sorted unit of each spike.
    """

    path: Path
    name: str
    description: str
    labels: tuple[str, ...]
    duration_s: float
    stamps_s: np.ndarray
    channel: np.ndarray
    unit: np.ndarray
    kind: Literal["events"] = "events"

    @property
    def n_channels(self) -> int:
        """Return the number of channels."""
        return len(self.labels)

    @property
    def n_samples(self) -> int:
        """Return the number of spikes."""
        return len(self.stamps_s)


SpikeSource = CountsSource | EventsSource


def as_events(source: SpikeSource) -> EventsSource:
    """Turn counts into single spikes, each in the middle of its bin: not on an edge, where two bins meet.

    Raises
    ------
    RecordingError
        If a count is no whole number, or negative.
    """
    if isinstance(source, EventsSource):
        return source
    counts = source.counts
    if not plain_counts(counts):
        raise RecordingError(f"{source.path}: {source.name}: fractions or negative values are no spikes; keep counts")
    n_spikes = counts.sum(dtype=np.float64)
    if n_spikes > MOST_SPIKES:
        raise RecordingError(
            f"{source.path}: {source.name}: holds {n_spikes:.4g} spikes, more than {MOST_SPIKES:,} cannot be told apart one by one; "
            "keep counts"
        )
    bins, units = np.nonzero(counts)
    repeats = counts[bins, units].astype(np.int64)
    return EventsSource(
        path=source.path,
        name=source.name,
        description=f"{source.description}; each spike in the middle of its bin",
        labels=source.labels,
        duration_s=source.duration_s,
        stamps_s=np.repeat((bins + 0.5) * source.dt_s, repeats),
        channel=np.repeat(units, repeats).astype(np.int32),
        unit=np.zeros(int(repeats.sum()), np.int32),
    )


def plain_counts(counts: np.ndarray) -> bool:
    """Tell whether every value is a whole number of spikes."""
    return bool(np.all(are_counts(counts)))


def are_counts(values: np.ndarray) -> np.ndarray:
    """Tell of each value whether it is a whole number of spikes."""
    plain: np.ndarray = (values >= 0) & (values == np.rint(values)) & (values <= MOST_IN_A_BIN)
    return plain


def numbered_channels(path: Path, channel: np.ndarray) -> tuple[str, ...]:
    """Name the channels from 0 to the highest that occurs.

    Raises
    ------
    RecordingError
        If that is no number of a channel.
    """
    highest = int(max(channel.max(initial=0), 0))
    if highest > HIGHEST_CHANNEL:
        raise RecordingError(f"{path}: holds spikes of channel {highest}; allowed: up to {HIGHEST_CHANNEL}")
    return tuple(f"channel {index}" for index in range(highest + 1))
