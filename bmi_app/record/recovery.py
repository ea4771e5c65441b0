"""Make a complete session of one that was cut off."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record import disk, identity, redo, session_folder
from bmi_app.record.batches import BatchFile
from bmi_app.record.damage import Damage, JournalError
from bmi_app.record.durable import write_file
from bmi_app.record.keeping import Keeping, decide
from bmi_app.record.kinds import KINDS, ROOM, Kind, Layout, file_name
from bmi_app.record.reading import read_texts
from bmi_app.record.recovery_lock import held
from bmi_app.record.rewriting import Rewriting
from bmi_app.record.summary import Tally
from bmi_app.record.survey import Finding, complete_through, is_short, survey_all
from bmi_app.record.tail import Tail
from bmi_app.rt.records import EventKind, StopReason


@dataclass(frozen=True)
class RecoveryReport:
    """Say what recovery found and did.

    Attributes
    ----------
    changed : bool
        Whether anything had to be done.
    last_tick : int
        The last tick of which the recovered session has a frame; -1 when none was saved.
    damage : list of Damage
        What was wrong before.
    cut_records : dict
        How many intact records of each kind belong to later ticks, and were cut.
    added_ticks : int
        How many ticks came from the tail.
    kept : list of Path
        The original files of those that were rewritten.
    summary : dict
        As in `summary.json` now.
    lost : dict
        For each kind of which something is missing, from which tick on.
    ticks_before : int
        How many ticks the session had before, as far as that is known.
    ticks_before_is_least : bool
        Whether it may have had more.
    """

    folder: Path
    changed: bool
    last_tick: int
    damage: list[Damage]
    cut_records: dict[str, int]
    added_ticks: int
    kept: list[Path]
    summary: dict[str, Any]
    lost: dict[str, int] = field(default_factory=dict)
    ticks_before: int = 0
    ticks_before_is_least: bool = True

    @property
    def words(self) -> str:
        """Say in one line what the session has now, and what is lost of it."""
        kept = (
            f"{'' if self.lost else 'complete '}up to tick {self.last_tick:,}"
            if self.last_tick >= 0
            else "without a tick"
        )
        if self.ticks_before > self.last_tick + 1:
            kept += f" of {'at least ' if self.ticks_before_is_least else ''}{self.ticks_before:,} ticks"
        lost = ", ".join(f"{kind} from tick {tick:,} on" for kind, tick in self.lost.items() if kind != "frames")
        return f"{kept}; lost: {lost}" if lost else kept


def recover(folder: Path, tail: Tail | None = None, *, to_common_tick: bool = False) -> RecoveryReport:
    """Keep every file of a session as far as it is whole, add what the tail has, end all files, and write the summary.

    Ticks are recomputed from frames, commands and blobs; so frames are cut where the commands end early, and to no other
    file. All files are exchanged in one step (`bmi_app.record.redo`), and the originals kept as ``*.damaged``: recovery may
    itself be cut off at any moment, and be run again. On a session that is complete and without damage it does nothing.

    Parameters
    ----------
    folder : Path
        A session that is not running.
    tail : mapping of Kind to (records, rows), optional
        What the rings of the live file still hold: any records, in their order; rows (the list columns side by side)
        for frames and weights, else None. Those that continue the journal without a gap are added.
    to_common_tick : bool
        Cut all files to the last tick of which every file holds all.

    Raises
    ------
    JournalError
        If the session is still running, or lacks its texts or all of its journal, or cannot be written, or if it is
        being recovered already.
    """
    state = session_folder.status(folder)
    if state == "running":
        raise JournalError(f"{folder}: is still being recorded; stop it first")
    if state == "unreadable":
        read_texts(folder)  # without these nothing says what the numbers are
        if not any((folder / file_name(kind)).is_file() for kind in KINDS):
            raise JournalError(f"{folder}: cannot be recovered: no file of its journal is left")
    with held(folder):
        if not redo.is_unfinished(folder):
            redo.discard(folder)
            found = _prepare(folder, tail or {}, to_common_tick)
            if found is not None:
                return found
        return _report(folder, redo.roll_forward(folder))


def _prepare(folder: Path, tail: Tail, to_common_tick: bool) -> RecoveryReport | None:
    """Write what the session becomes beside it, and commit that; return a report where nothing is to be done."""
    findings = survey_all(folder)
    damage = [finding.damage for finding in findings.values() if finding.damage is not None]
    old_summary = None
    with suppress(JournalError):  # one that is damaged is written anew
        old_summary = session_folder.read_summary(folder)
    if old_summary is not None and not _is_wanting(findings, old_summary, to_common_tick):
        last_tick, lost = findings["frames"].last_tick, _said_lost(old_summary)
        return RecoveryReport(folder, False, last_tick, damage, {}, 0, [], old_summary, lost)
    session, _ = read_texts(folder)
    layout = _layout(folder, findings, session, tail)
    keeping = decide(folder, findings, tail, layout, _number(session.get("dt_s")), to_common_tick)
    rewriting = Rewriting(folder, findings, keeping, layout, _metadata(folder, findings))
    try:
        if (folder / ROOM).is_file():
            disk.remove(folder / ROOM)
        rewriting.write_all()
        names = [file_name(kind) for kind in rewriting.files] + [redo.SUMMARY]
        kept = [path for name in names if (path := redo.keep_original(folder, name)) is not None]
        report = _committed_report(keeping, rewriting, damage, kept)
        report |= _length_before(findings, old_summary)
        reason = _stop_reason(folder, old_summary)
        summary = summarise_folder(folder, session, reason, recovered=True, files=rewriting.files)
        summary["recovery"] = {**report, "damage": [str(found) for found in damage]}
        write_file(redo.new_path(folder, redo.SUMMARY), session_folder.summary_text(folder, summary, rewriting.seals))
        redo.commit(folder, names, report)
    except BaseException as error:
        if not redo.is_unfinished(folder):
            with suppress(JournalError):
                redo.discard(folder)
        if isinstance(error, OSError):
            raise JournalError(f"{folder}: cannot be recovered: {error.strerror}") from error
        raise
    return None


def _metadata(folder: Path, findings: Mapping[Kind, Finding]) -> dict[str, str]:
    """Return what the header of every file says: taken from an undamaged file of this session, never from another session."""
    known = next((finding.metadata for finding in findings.values() if finding.layout is not None), {})
    session_id = identity.expected_id(folder)
    return {**known, **({identity.KEY: session_id} if session_id else {})}


def _is_wanting(findings: Mapping[Kind, Finding], summary: Mapping[str, Any], to_common_tick: bool) -> bool:
    """Tell whether a complete session is not what its files say, beyond what an earlier recovery has said."""
    if not all(finding.ended for finding in findings.values()):
        return True
    frames = findings["frames"]
    short = {kind for kind in KINDS if complete_through(findings[kind], frames) < frames.last_tick}
    short |= {kind for kind, finding in findings.items() if is_short(finding, frames)}
    return bool(short) and (to_common_tick or not short <= set(_said_lost(summary)))


def _said_lost(summary: Mapping[str, Any]) -> dict[str, int]:
    """Return what an earlier recovery has said to be lost."""
    said = summary.get("recovery")
    lost = said.get("lost") if isinstance(said, Mapping) else None
    return {str(kind): round(_number(tick)) for kind, tick in lost.items()} if isinstance(lost, Mapping) else {}


def _committed_report(keeping: Keeping, rewriting: Rewriting, damage: list[Damage], kept: list[Path]) -> dict[str, Any]:
    return {
        "last_tick": keeping.end,
        "lost": keeping.lost,
        "cut_records": rewriting.cut_records,
        "added_ticks": len(keeping.more["frames"].records),
        "originals": [path.name for path in kept],
        "damage": [asdict(found) for found in damage],
    }


def _length_before(findings: Mapping[Kind, Finding], old_summary: Mapping[str, Any] | None) -> dict[str, Any]:
    """Say how many ticks the session had before: as it said at its end, else at least as many as any of its files tells."""
    reach = max(finding.last_tick for finding in findings.values()) + 1
    said: Mapping[str, Any] = old_summary or {}
    ticks, is_least = said.get("ticks"), False
    if said.get("recovered") is True:  # then its own number is that of the cut session
        earlier = said.get("recovery")
        earlier = earlier if isinstance(earlier, Mapping) else {}
        ticks, is_least = earlier.get("ticks_before"), earlier.get("ticks_before_is_least") is not False
    if not isinstance(ticks, int):
        return {"ticks_before": reach, "ticks_before_is_least": True}
    return {"ticks_before": max(ticks, reach) if is_least else ticks, "ticks_before_is_least": is_least}


def _report(folder: Path, committed: Mapping[str, Any]) -> RecoveryReport:
    """Return the report of a recovery that was committed, by this process or by one that died."""
    return RecoveryReport(
        folder=folder,
        changed=True,
        last_tick=committed["last_tick"],
        damage=[Damage(**found) for found in committed["damage"]],
        cut_records=committed["cut_records"],
        added_ticks=committed["added_ticks"],
        kept=[folder / name for name in committed["originals"]],
        summary=session_folder.read_summary(folder) or {},
        lost=committed["lost"],
        ticks_before=committed.get("ticks_before", 0),  # a log of an earlier version of the program has none
        ticks_before_is_least=committed.get("ticks_before_is_least", True),
    )


def _layout(folder: Path, findings: Mapping[Kind, Finding], session: Mapping[str, Any], tail: Tail) -> Layout:
    """Return the sizes of a session: as its files say, else as its texts and its live file do."""
    known = [finding.layout for finding in findings.values() if finding.layout is not None]
    if known:
        return known[0]
    n_units, n_axes = (max(0, round(_number(session.get(name)))) for name in ("n_units", "n_axes"))
    if n_units == 0 or n_axes == 0:
        raise JournalError(
            f"{folder}: cannot be recovered: neither session.toml nor any file of it says how many units and axes there are"
        )
    _, rows = tail.get("weights", (None, None))
    without_model = Layout(n_units, n_axes)
    extra = 0 if rows is None else rows.shape[1] - without_model.row_shape("weights", 1)[1]
    return Layout(n_units, n_axes, max(0, extra) // n_units)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else 0.0


def _stop_reason(folder: Path, old_summary: Mapping[str, Any] | None) -> StopReason | None:
    """Return why the session ended: what it said at its end, None if its events still say so, else that it was killed."""
    if old_summary is not None and old_summary.get("stop_reason") in StopReason.__members__:
        return StopReason[old_summary["stop_reason"]]
    for batch in BatchFile(folder, "events"):
        if np.any(batch.records["kind"] == EventKind.SESSION_STOP):
            return None
    return StopReason.KILLED


def summarise_folder(
    folder: Path,
    session: Mapping[str, Any],
    reason: StopReason | None,
    *,
    recovered: bool = False,
    files: Mapping[Kind, Path] | None = None,
) -> dict[str, Any]:
    """Return the summary of what is in a session's folder and intact; see `Tally.summary`.

    `files` are those that are to take the place of what is there.
    """
    tally = Tally()
    instead = files or {}
    for batch in BatchFile(folder, "frames", instead.get("frames")):
        tally.add_frames(batch.records)
    for batch in BatchFile(folder, "health", instead.get("health")):
        tally.add_health(batch.records)
    for batch in BatchFile(folder, "events", instead.get("events")):
        tally.add_events(batch.records)
    dt_s = _number(session.get("dt_s"))
    n_keys = round(_number(session.get("n_keys")))
    summary = tally.summary(folder, str(session.get("protocol", "")), dt_s, reason, recovered, n_keys)
    found: dict[str, Any] = _without_infinities(summary)
    return found


def _without_infinities(value: Any) -> Any:
    """Return what a summary says, with None for what is no number, or none that a reader of summaries takes."""
    if isinstance(value, dict):
        return {key: _without_infinities(item) for key, item in value.items()}
    too_great = isinstance(value, int) and not -(2**63) <= value < 2**63
    return None if too_great or (isinstance(value, float) and not np.isfinite(value)) else value
