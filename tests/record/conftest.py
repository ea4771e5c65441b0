from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bmi_app.record import session_folder
from bmi_app.record.journal import Journal
from bmi_app.record.kinds import KINDS, NAMED, TOTALS, Kind, Layout, row_dtype
from bmi_app.record.reading import Recording
from bmi_app.rt.records import RECORDS

SESSION = {"protocol": "center_out", "dt_s": 0.01, "n_units": 5, "n_axes": 2}


@dataclass
class Content:
    """Hold what a session is made of, kind by kind, sorted by tick."""

    layout: Layout
    records: dict[Kind, np.ndarray] = field(default_factory=dict)
    rows: dict[Kind, np.ndarray] = field(default_factory=dict)
    texts: dict[Kind, list[str]] = field(default_factory=dict)

    def part(self, kind: Kind, begin: int, end: int) -> tuple[np.ndarray, np.ndarray, list[str] | None]:
        texts = self.texts[kind][begin:end] if kind in NAMED else None
        return self.records[kind][begin:end], self.rows[kind][begin:end], texts

    def ticks(self, kind: Kind, first: int, end: int) -> tuple[np.ndarray, np.ndarray, list[str] | None]:
        """Return what belongs to the ticks from `first` up to but without `end`."""
        begin, stop = np.searchsorted(self.records[kind]["tick"], (first, end))
        return self.part(kind, int(begin), int(stop))

    def append_ticks(self, journal: Journal, first: int, end: int) -> None:
        for kind in KINDS:
            journal.append(kind, *self.ticks(kind, first, end))

    def same(self, recording: Recording, kind: Kind, n_records: int) -> bool:
        """Tell whether a recording begins with, and has no more than, these records, to the last bit."""
        records, rows, texts = self.part(kind, 0, n_records)
        found_rows = {"frames": recording.counts, "weights": recording.weight_rows}
        found_rows |= {"subject": recording.subject_rows}
        found_texts = {"events": recording.event_texts, "commands": recording.command_texts}.get(kind)
        return (
            getattr(recording, kind).tobytes() == records.tobytes()
            and (kind not in found_rows or found_rows[kind].tobytes() == rows.tobytes())
            and found_texts == texts
        )

    def n_until(self, kind: Kind, last_tick: int) -> int:
        return int(np.searchsorted(self.records[kind]["tick"], last_tick, "right"))


def make_content(n_ticks: int, seed: int = 0, layout: Layout | None = None) -> Content:
    """Make records of arbitrary bits, NaN among them, whose ticks and codes make sense."""
    rng = np.random.default_rng(seed)
    content = Content(layout or Layout(5, 2))
    per_tick = {"frames": 1.0, "health": 1.0, "spikes": 3.0, "events": 0.3, "commands": 0.1}
    per_tick |= {"weights": 0.1, "updates": 0.2, "subject": 0.1}
    for kind in KINDS:
        each = 1 if per_tick[kind] == 1.0 else rng.poisson(per_tick[kind], n_ticks)
        ticks = np.repeat(np.arange(n_ticks), each)
        records = rng.integers(0, 256, len(ticks) * RECORDS[kind].itemsize, np.uint8).view(RECORDS[kind])
        records["tick"] = ticks
        if "kind" in (records.dtype.names or ()):
            records["kind"] = rng.integers(0, 8, len(records))
        _make_sense_to_a_summary(kind, records, np.random.default_rng([seed, len(records)]))
        shape = content.layout.row_shape(kind, len(ticks))
        content.records[kind] = records
        content.rows[kind] = rng.standard_normal(shape).astype(row_dtype(kind))
        content.texts[kind] = [f"said {i} µ" if i % 3 else "" for i in range(len(ticks))]
    return content


def _make_sense_to_a_summary(kind: Kind, records: np.ndarray, rng: np.random.Generator) -> None:
    """Give what a summary tells such numbers as a session can have: others are taken for damage."""
    if kind == "health":
        for name in TOTALS:
            records[name] = rng.integers(0, 1000, len(records))
        for name in ("due_s", "arrival_s", "published_s"):
            records[name] = records["tick"] * 0.01 + rng.random(len(records))
    elif kind == "events":
        records["value"] = records["time_s"] = rng.random(len(records))
    elif kind == "frames":
        for name in records.dtype.names:
            if records.dtype[name].kind == "f":
                records[name] = rng.standard_normal(len(records))
        records["spikes"] = rng.integers(0, 50, len(records))


@pytest.fixture(autouse=True)
def _no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what protects against a loss of power, which no test can bring about."""
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)


@pytest.fixture
def content() -> Callable[..., Content]:
    return make_content


@pytest.fixture
def new_folder(tmp_path: Path) -> Callable[..., Path]:
    def create() -> Path:
        return session_folder.create(tmp_path / "sessions", "center_out", SESSION, "[task]\nhold_ms = 500\n")

    return create


@pytest.fixture
def recorded(new_folder: Callable[..., Path]) -> Callable[..., tuple[Path, Content]]:
    """Record `n_ticks`, flushing every `chunk` ticks, and end the session in order or not at all."""

    def record(n_ticks: int, chunk: int, seed: int = 0, close: bool = True) -> tuple[Path, Content]:
        folder, made = new_folder(), make_content(n_ticks, seed)
        journal = Journal(folder, made.layout.n_units, made.layout.n_axes, {"session": folder.name})
        for first in range(0, n_ticks, chunk):
            made.append_ticks(journal, first, min(first + chunk, n_ticks))
            journal.flush()
        if close:
            journal.close()
            session_folder.write_summary(folder, {"ticks": n_ticks, "stop_reason": "OPERATOR"})
        else:
            journal._close_files()
        return folder, made

    return record
