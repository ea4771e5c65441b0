"""Make a complete session of one that was cut off."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from bmi_app.record import session_folder
from bmi_app.record.batches import Batch, BatchFile, empty_batch
from bmi_app.record.damage import Damage, JournalError
from bmi_app.record.durable import sync_folder
from bmi_app.record.integrity import verify
from bmi_app.record.kinds import NAMED, ROOM, Kind, Layout, file_name
from bmi_app.record.message import CHECK, END_MARK
from bmi_app.record.reading import read_texts
from bmi_app.record.summary import Tally
from bmi_app.record.survey import Finding, common_tick, survey_all
from bmi_app.record.tail import Tail, merge_journaled, tail_after
from bmi_app.rt.records import EventKind, StopReason

LOCK = ".recovering"


@dataclass(frozen=True)
class RecoveryReport:
    """Say what recovery found and did.

    Attributes
    ----------
    changed : bool
        Whether anything had to be done.
    last_tick : int
        The last tick of the recovered session, common to all kinds; -1 when none was saved.
    damage : list of Damage
        What was wrong before.
    cut_records : dict
        How many intact records of each kind belong to ticks after `last_tick`, and were cut.
    added_ticks : int
        How many ticks came from the tail.
    kept : list of Path
        The original files of those that were rewritten.
    summary : dict
        As in `summary.json` now.
    """

    folder: Path
    changed: bool
    last_tick: int
    damage: list[Damage]
    cut_records: dict[str, int]
    added_ticks: int
    kept: list[Path]
    summary: dict[str, Any]


def recover(folder: Path, tail: Tail | None = None) -> RecoveryReport:
    """Cut all files of a session to their last common tick, add what the tail has, and write the summary.

    A file that is rewritten is complete on the disk before it takes the place of the original, which is kept as
    ``*.damaged``; frames come last. So recovery may itself be cut off at any moment, and be run again. On a session
    that is complete and without damage it does nothing.

    Parameters
    ----------
    folder : Path
        A session that is not running.
    tail : mapping of Kind to (records, rows), optional
        What the rings of the live file still hold: any records, in their order; rows (the list columns side by side)
        for frames and weights, else None. Those that continue the journal without a gap are added.

    Raises
    ------
    JournalError
        If the session is still running, or lacks a file that cannot be made anew, or cannot be written, or if another
        process is recovering it.
    """
    state = session_folder.status(folder)
    if state == "running":
        raise JournalError(f"{folder}: is still being recorded; stop it first")
    if state == "unreadable":
        reasons = "; ".join(str(damage) for damage in verify(folder))
        raise JournalError(f"{folder}: cannot be recovered: {reasons}")
    with _alone(folder):
        return _recover(folder, tail)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a session against every other process: the system lets go of it when this one dies, whatever it dies of."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise JournalError(f"{folder}: is being recovered by another process; look again when that is done") from None
    except OSError as error:
        raise JournalError(f"{folder}: cannot be recovered: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # the next one holds it already, and has nothing left to do
            (folder / LOCK).unlink(missing_ok=True)


def _recover(folder: Path, tail: Tail | None) -> RecoveryReport:
    findings = survey_all(folder)
    damage = [finding.damage for finding in findings.values() if finding.damage is not None]
    last_tick = common_tick(findings)
    old_summary = session_folder.read_summary(folder) if session_folder.status(folder) == "complete" else None
    if old_summary is not None and all(finding.ended for finding in findings.values()):
        return RecoveryReport(folder, False, last_tick, damage, {}, 0, [], old_summary)

    session, _ = read_texts(folder)
    layout = _layout(findings, session)
    more = tail_after(tail or {}, last_tick, layout, {kind: finding.n_records for kind, finding in findings.items()})
    end = last_tick + len(more["frames"].records)
    for kind in NAMED if end > last_tick else ():
        more[kind] = merge_journaled(more[kind], _between(folder, kind, last_tick, end, layout))
    kept: list[Path] = []
    cut_records: dict[str, int] = {}
    counts: dict[str, int] = {}
    for kind, finding in findings.items():
        path = folder / file_name(kind)
        if finding.damage is not None or finding.last_tick > last_tick or len(more[kind].records) > 0:
            copy = path.with_name(f"{path.name}.new")
            counts[kind] = _rewrite(folder, copy, finding, layout, last_tick, more[kind], counts)
            cut_records[kind] = _count_beyond(folder, finding, end)
            kept += _keep_original(path)
            _replace(copy, path)
        else:
            counts[kind] = finding.n_records
            if not finding.ended:
                _append_end_mark(path)
    (folder / ROOM).unlink(missing_ok=True)
    summary = summarise_folder(folder, session, _stop_reason(folder, old_summary), recovered=True)
    summary = session_folder.write_summary(folder, summary)
    return RecoveryReport(
        folder=folder,
        changed=True,
        last_tick=end,
        damage=damage,
        cut_records={kind: count for kind, count in cut_records.items() if count > 0},
        added_ticks=len(more["frames"].records),
        kept=kept,
        summary=summary,
    )


def _layout(findings: Mapping[Kind, Finding], session: Mapping[str, Any]) -> Layout:
    for finding in findings.values():
        if finding.layout is not None:
            return finding.layout
    return Layout(int(session.get("n_units", 0)), int(session.get("n_axes", 0)))


def _rewrite(
    folder: Path, copy: Path, finding: Finding, layout: Layout, last_tick: int, more: Batch, counts: Mapping[str, int]
) -> int:
    """Write what is kept of a file, and what is added, to `copy`; return the number of records."""
    from bmi_app.record.stream import StreamFile  # here, so that checking a session's state needs no Arrow

    copy.unlink(missing_ok=True)
    metadata = {key: value for key, value in finding.metadata.items() if key != CHECK}
    file = StreamFile(copy, finding.kind, finding.layout or layout, metadata)
    try:
        left = finding.n_records  # a gap in the ticks may end the file in mid-batch
        for batch in BatchFile(folder, finding.kind):
            keep = (batch.records["tick"] <= last_tick) & (np.arange(len(batch.records)) < left)
            left -= min(left, len(batch.records))
            _write(file, _select(batch, keep), batch.committed)
        _write(file, more, dict(counts) if finding.kind == "frames" else {})
        file.write_end_mark()
        file.sync()
    finally:
        file.close()
    return file.n_records


def _count_beyond(folder: Path, finding: Finding, end: int) -> int:
    """Return how many intact records of a file belong to ticks after `end`."""
    if finding.last_tick <= end:
        return 0
    return sum(int(np.count_nonzero(batch.records["tick"] > end)) for batch in BatchFile(folder, finding.kind))


def _select(batch: Batch, keep: np.ndarray) -> Batch:
    texts = [text for text, kept in zip(batch.texts, keep.tolist(), strict=False) if kept]
    return Batch(batch.records[keep], batch.rows[keep], texts, batch.committed)


def _write(file: Any, batch: Batch, committed: Mapping[str, int]) -> None:
    begin = 0
    while begin < len(batch.records):
        begin += file.add(batch.records[begin:], batch.rows[begin:], batch.texts[begin:])
        file.write_batch(committed)


def _keep_original(path: Path) -> list[Path]:
    """Give the original a second name; return it."""
    if not path.exists():
        return []
    number = 1
    while True:
        kept = path.with_name(f"{path.name}.damaged" if number == 1 else f"{path.name}.damaged_{number}")
        if kept.exists():
            number += 1
            continue
        try:
            os.link(path, kept)
        except OSError:  # a file system without hard links
            try:
                shutil.copyfile(path, kept)
            except OSError as error:
                raise JournalError(f"{kept}: cannot be written: {error.strerror}") from error
        return [kept]


def _replace(copy: Path, path: Path) -> None:
    try:
        copy.replace(path)
    except OSError as error:
        raise JournalError(f"{path}: cannot be replaced: {error.strerror}") from error
    sync_folder(path.parent)


def _append_end_mark(path: Path) -> None:
    try:
        with path.open("ab") as file:
            file.write(END_MARK)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error


def _between(folder: Path, kind: Kind, last_tick: int, end: int, layout: Layout) -> Batch:
    """Return the intact records of the ticks after `last_tick` up to `end`."""
    found = empty_batch(kind, layout, 0)
    for batch in BatchFile(folder, kind):
        part = _select(batch, (batch.records["tick"] > last_tick) & (batch.records["tick"] <= end))
        records, rows = np.concatenate([found.records, part.records]), np.concatenate([found.rows, part.rows])
        found = Batch(records, rows, found.texts + part.texts, {})
    return found


def _stop_reason(folder: Path, old_summary: Mapping[str, Any] | None) -> StopReason | None:
    """Return why the session ended: what it said at its end, None if its events still say so, else that it was killed."""
    if old_summary is not None and old_summary.get("stop_reason") in StopReason.__members__:
        return StopReason[old_summary["stop_reason"]]
    for batch in BatchFile(folder, "events"):
        if np.any(batch.records["kind"] == EventKind.SESSION_STOP):
            return None
    return StopReason.KILLED


def summarise_folder(
    folder: Path, session: Mapping[str, Any], reason: StopReason | None, *, recovered: bool = False
) -> dict[str, Any]:
    """Return the summary of what is in a session's folder and intact; see `Tally.summary`."""
    tally = Tally()
    for batch in BatchFile(folder, "frames"):
        tally.add_frames(batch.records)
    for batch in BatchFile(folder, "health"):
        tally.add_health(batch.records)
    for batch in BatchFile(folder, "events"):
        tally.add_events(batch.records)
    dt_s = float(session.get("dt_s", 0.0))
    n_keys = int(session.get("n_keys", 0))
    return tally.summary(folder, str(session.get("protocol", "")), dt_s, reason, recovered, n_keys)
