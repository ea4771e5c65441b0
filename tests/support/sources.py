"""Open a recording and say of what kind it must be."""

from pathlib import Path

import numpy as np
import pytest

from bmi_app.record.formats import CountsSource, EventsSource, RecordingError, open_recording


def counts_of(path: Path, **options) -> CountsSource:
    source = open_recording(path, **options)
    assert isinstance(source, CountsSource)
    assert source.counts.dtype == np.float32
    assert source.counts.flags.c_contiguous
    assert len(source.labels) == source.n_channels
    return source


def events_of(path: Path, **options) -> EventsSource:
    source = open_recording(path, **options)
    assert isinstance(source, EventsSource)
    assert (source.stamps_s.dtype, source.channel.dtype, source.unit.dtype) == (np.float64, np.int32, np.int32)
    assert np.all(np.diff(source.stamps_s) >= 0)
    assert source.stamps_s[0] >= 0
    assert source.stamps_s[-1] < source.duration_s
    return source


def one_line(path: Path, **options) -> str:
    with pytest.raises(RecordingError) as refusal:
        open_recording(path, **options)
    text = str(refusal.value)
    assert "\n" not in text
    assert str(path) in text
    return text
