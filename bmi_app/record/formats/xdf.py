"""Read spikes from one stream of an XDF file (LabRecorder's format) through pyxdf.

A regular stream of numbers becomes counts, one bin per sample; an irregular one becomes events, `[channel, unit, ...]`
per sample, as over LSL. No type names spikes for certain, so a stream is taken when it is the only one that fits, or
is named.
"""

import io
import logging
import mmap
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record.formats import xdf_chunks
from bmi_app.record.formats.source import (
    CountsSource,
    EventsSource,
    Kind,
    RecordingError,
    SpikeSource,
    are_counts,
    numbered_channels,
    plain_counts,
)

# Types that by custom carry spikes; one such stream is preferred to others that would do.
_SPIKE_TYPES = frozenset({"spikeevents", "spikecounts", "spikingrates", "spikes"})


@dataclass(frozen=True)
class _Stream:
    """Hold what pyxdf says about one stream."""

    id: int
    name: str
    type: str
    source_id: str
    channel_format: str
    rate_hz: float
    labels: tuple[str, ...]
    samples: np.ndarray
    stamps_s: np.ndarray
    breaks: int

    def __str__(self) -> str:
        rate = f"{self.rate_hz:g} Hz" if self.rate_hz else "irregular"
        return (
            f"{self.name!r} (id {self.id}, type {self.type}, {self.channel_format}, {rate}, "
            f"{len(self.stamps_s)} samples)"
        )

    @property
    def usable(self) -> bool:
        """Tell whether there are numbers in it."""
        return self.channel_format != "string" and len(self.stamps_s) > 0


def read(path: Path, stream: str | int | None = None, as_: Kind | None = None) -> SpikeSource:
    """Read one stream as spikes.

    Parameters
    ----------
    path
        The file.
    stream
        Name, source id or numeric id of the stream; without it, the only one that can be spikes.
    as_
        Take the stream's samples for counts, or for events, whatever they look like.

    Raises
    ------
    RecordingError
        If the file cannot be read, or no stream, or more than one, fits. A file that was cut off or is damaged in
        places is read as far as pyxdf can; the description then says so.
    """
    streams, damage = _load(path)
    chosen = _choose(path, streams, stream)
    kind = as_ or ("counts" if chosen.rate_hz > 0 else "events")
    source = _counts(path, chosen, forced=as_ is not None) if kind == "counts" else _events(path, chosen)
    if damage:
        return replace(source, description=f"{source.description}; the file is damaged ({damage}), the rest was read")
    return source


def _choose(path: Path, streams: list[_Stream], wanted: str | int | None) -> _Stream:
    there = "; ".join(map(str, streams)) or "no stream at all"
    if wanted is not None:
        found = [one for one in streams if str(wanted) in (one.name, one.source_id, str(one.id))]
        if not found:
            raise RecordingError(f"{path}: no stream {str(wanted)!r}; there are: {there}")
        if len(found) > 1:
            raise RecordingError(f"{path}: more than one stream {str(wanted)!r}, choose one by its id: {there}")
        if found[0].channel_format == "string":
            raise RecordingError(f"{path}: stream {found[0]} holds texts, not spikes; choose another: {there}")
        if not found[0].usable:
            raise RecordingError(f"{path}: stream {found[0]} is empty; choose another: {there}")
        return found[0]
    usable = [one for one in streams if one.usable]
    found = [one for one in usable if one.type.lower() in _SPIKE_TYPES] or usable
    if not found:
        raise RecordingError(f"{path}: no stream with numbers in it, so no spikes; the file holds: {there}")
    if len(found) > 1:
        raise RecordingError(
            f"{path}: more than one stream could be spikes, choose one (`--stream`, or driver.settings.stream): {there}"
        )
    return found[0]


def _counts(path: Path, stream: _Stream, *, forced: bool) -> CountsSource:
    if stream.rate_hz <= 0:
        raise RecordingError(f"{path}: stream {stream} is irregular, so its samples are no bins; read it as events")
    with np.errstate(over="ignore"):  # a value beyond float32 becomes infinite, and is refused below
        samples = np.ascontiguousarray(stream.samples, np.float32)
    if not np.isfinite(samples).all():
        raise RecordingError(f"{path}: stream {stream} holds values that are NaN, infinite or beyond 3e38; repair it")
    if not forced and stream.type.lower() != "spikingrates" and not plain_counts(samples):
        odd = samples[~are_counts(samples)][0]
        raise RecordingError(
            f"{path}: stream {stream} holds {odd:g}, which is no count of spikes; "
            "choose another stream, or say --as counts to take its numbers as they are"
        )
    pauses = f", {stream.breaks} pause(s) closed up" if stream.breaks else ""
    return CountsSource(
        path=path,
        name=f"{path.stem}-{stream.name}",
        description=f"stream {stream}{pauses}",
        labels=stream.labels,
        dt_s=1.0 / stream.rate_hz,
        counts=samples,
    )


def _events(path: Path, stream: _Stream) -> EventsSource:
    """Take the first column for channels and the second, where there is one, for sorted units."""
    pairs = stream.samples[:, :2]
    if not np.isfinite(stream.stamps_s).all():
        raise RecordingError(f"{path}: stream {stream} has stamps that are no times; the file is damaged")
    if not np.all((pairs == np.rint(pairs)) & (np.abs(pairs) < 2**31)):
        raise RecordingError(
            f"{path}: stream {stream} holds fractions, which are no channels or units; choose another stream"
        )
    order = np.argsort(stream.stamps_s, kind="stable")  # after a clock reset pyxdf keeps the order of writing
    stamps_s = stream.stamps_s[order] - stream.stamps_s[order[0]]
    channel = np.ascontiguousarray(pairs[order, 0], np.int32)
    unit = np.ascontiguousarray(pairs[order, 1], np.int32) if pairs.shape[1] > 1 else np.zeros_like(channel)
    # The file does not say how long recording went on after the last spike: a mean interval, as good as any.
    pause_s = float(stamps_s[-1]) / max(len(stamps_s) - 1, 1) or 1e-3
    return EventsSource(
        path=path,
        name=f"{path.stem}-{stream.name}",
        description=f"stream {stream}",
        labels=numbered_channels(path, channel),
        duration_s=float(stamps_s[-1]) + pause_s,
        stamps_s=stamps_s,
        channel=channel,
        unit=unit,
    )


def _load(path: Path) -> tuple[list[_Stream], str]:
    """Return the file's streams, and what is damaged, if anything."""
    import pyxdf

    log = logging.getLogger(pyxdf.load_xdf.__module__)
    said = _Said(threading.get_ident())
    log.addFilter(said)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = xdf_chunks.survey(content)
            whole: Any = file
            if found.damage:
                whole = io.BytesIO(b"".join(content[begin:end] for begin, end in found.spans))
            streams, _ = pyxdf.load_xdf(whole)
        return [_stream(one) for one in streams], found.damage or said.damage
    except RecordingError:
        raise
    except MemoryError as error:
        raise RecordingError(f"{path}: there is not enough memory for it; choose a shorter recording") from error
    except Exception as error:  # on damage pyxdf raises exceptions of any kind
        raise RecordingError(f"{path}: cannot be read as XDF, it seems damaged: {error}") from error
    finally:
        log.removeFilter(said)


class _Said(logging.Filter):
    """Keep what pyxdf logs on this thread off the terminal, and remember the first line that speaks of damage."""

    def __init__(self, thread: int) -> None:
        super().__init__()
        self.damage = ""
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        text = record.getMessage()
        if record.levelno >= logging.ERROR or "corrupt" in text or "zero-length" in text:
            self.damage = self.damage or text.partition(",")[0].strip()
        return False


def _stream(found: dict[str, Any]) -> _Stream:
    info = found["info"]
    n_channels = int(_text(info, "channel_count") or 0)
    texts = _text(info, "channel_format") == "string"
    stamps_s = np.asarray(found["time_stamps"], np.float64)
    return _Stream(
        id=int(info["stream_id"]),
        name=_text(info, "name"),
        type=_text(info, "type"),
        source_id=_text(info, "source_id"),
        channel_format=_text(info, "channel_format"),
        rate_hz=float(_text(info, "nominal_srate") or 0),
        labels=_labels(info, n_channels),
        samples=np.zeros((0, 0)) if texts else np.asarray(found["time_series"]).reshape(len(stamps_s), n_channels),
        stamps_s=stamps_s,
        breaks=max(len(info.get("segments") or ()) - 1, 0),
    )


def _text(info: dict[str, Any], key: str) -> str:
    """Return the text of an XML element, which pyxdf wraps in a list."""
    values = info.get(key) or [None]
    return str(values[0] or "")


def _labels(info: dict[str, Any], n_channels: int) -> tuple[str, ...]:
    """Return the channels' labels where the header gives one for each, else numbers."""
    try:
        channels = info["desc"][0]["channels"][0]["channel"]
        labels = tuple(str(channel["label"][0]) for channel in channels)
    except (KeyError, IndexError, TypeError):
        labels = ()
    return labels if len(labels) == n_channels else tuple(f"channel {index}" for index in range(n_channels))
