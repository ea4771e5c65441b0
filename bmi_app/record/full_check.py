"""Check every byte of a session: its checksums, its row counts, its blobs."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bmi_app.record import blobs, seal, session_folder
from bmi_app.record.batches import BatchFile
from bmi_app.record.damage import Damage, JournalError
from bmi_app.record.kinds import Kind, Layout, file_name
from bmi_app.record.message import CUT_OFF
from bmi_app.record.quick_check import lost_in_recovery
from bmi_app.record.reading import read_texts
from bmi_app.record.survey import Finding, complete_through, survey_all
from bmi_app.rt.records import CommandKind


def names(folder: Path) -> list[str]:
    """Name the files of a session folder that are checked."""
    return [*seal.sealed_names(folder), *(["summary.json"] if (folder / "summary.json").is_file() else [])]


def damage_of(folder: Path, *, is_running: bool = False) -> list[Damage]:
    """Return all that is wrong in a session folder, at most once a file.

    Of a session that is running, the batch that is just being written is not held against it.
    """
    found: list[Damage] = []
    try:
        found += input_damage(folder, read_texts(folder)[0])
    except JournalError as error:
        found.append(told(error, *seal.TEXTS))
    summary = None
    try:
        summary = session_folder.read_summary(folder)
    except JournalError as error:
        found.append(told(error, "summary.json"))
    findings = survey_all(folder)
    for kind, finding in findings.items():
        if what := _wrong_with(finding, findings["frames"], summary, is_running=is_running):
            place = finding.damage or Damage(file_name(kind), -1, finding.good_bytes, what, finding.last_tick)
            whole = complete_through(replace(finding, ended=False), findings["frames"])
            found.append(replace(place, what=what, whole_through=whole))
    layout = next((finding.layout for finding in findings.values() if finding.layout is not None), Layout(0, 0))
    for blob_id in sorted({*blobs.ids(folder), *_adopted(folder)}):
        try:
            blobs.read_adoption(folder, blob_id, layout.readout_words)
        except JournalError as error:
            found.append(told(error, f"{blobs.FOLDER}/{blobs.path_of(folder, blob_id).name}"))
    if summary is not None:
        found += _unlike_the_summary(folder, summary, findings, {damage.file for damage in found})
        known = {damage.file for damage in found}
        found += [damage for damage in lost_in_recovery(summary) if damage.file not in known]
    return found


def told(error: JournalError, *names: str) -> Damage:
    """Return as damage what an error says of one of these files."""
    text = str(error)
    name = next((name for name in names if f"{name}: " in text), names[0])
    return Damage(name, -1, 0, text.partition(f"{name}: ")[2] or text)


def _wrong_with(finding: Finding, frames: Finding, summary: Mapping[str, Any] | None, *, is_running: bool) -> str:
    """Say what is wrong with one file of the journal; an empty text where nothing is."""
    if finding.damage is not None:
        is_being_written = is_running and finding.damage.what.startswith(CUT_OFF)
        return "" if is_being_written else finding.damage.what
    if summary is None:
        return ""
    if not finding.ended:
        return "the end of the stream is missing"
    if finding.kind == "frames" and finding.n_records != summary.get("ticks"):
        return f"{finding.n_records} frames where the summary says {summary.get('ticks')}"
    n_rows = max((counts.get(finding.kind, 0) for _, counts in frames.commits), default=0)
    if finding.n_records < n_rows:
        return f"{finding.n_records} rows where the frames say that there were {n_rows}"
    return ""


def input_damage(folder: Path, session: Mapping[str, Any]) -> list[Damage]:
    """Name the kept files of the decoder that are missing, or are not those that `session.toml` names."""
    named = session.get("inputs", {})
    found = []
    for key, sha256 in named.items() if isinstance(named, Mapping) else ():
        name = f"{seal.INPUTS}/{key}"
        try:
            if seal.seal_of(folder / name)["sha256"] != sha256:
                found.append(
                    Damage(name, -1, 0, "is not the file that the session began with (sha256 in session.toml)")
                )
        except JournalError as error:
            found.append(told(error, name))
    return found


def _unlike_the_summary(
    folder: Path, summary: Mapping[str, Any], findings: Mapping[Kind, Finding], known: set[str]
) -> list[Damage]:
    """Name files whose size, rows or checksum are not what `summary.json` says, and those of which it says nothing."""
    sealed = summary.get("files")
    if not isinstance(sealed, Mapping):
        return _changed_texts(folder, summary)
    found: list[Damage] = []
    rows = {file_name(kind): finding.n_records for kind, finding in findings.items()}
    for name in [*sealed, *(name for name in seal.sealed_names(folder) if name not in sealed)]:
        if name in known:
            continue
        if not seal.is_ours(name):
            found.append(Damage("summary.json", -1, 0, f"it names a file that no session has: {name[:80]!r}"))
            break
        if what := seal.difference(folder, name, sealed.get(name), rows.get(name)):
            found.append(Damage(name, -1, 0, what, whole_through=-1))
    return found


def _changed_texts(folder: Path, summary: Mapping[str, Any]) -> list[Damage]:
    """Name those texts of a session of format 1 that are not what they were when it ended."""
    crcs = summary.get("crc32")
    found = []
    for name in seal.TEXTS:
        try:
            if (
                isinstance(crcs, Mapping)
                and name in crcs
                and crcs[name] != f"{zlib.crc32((folder / name).read_bytes()):08x}"
            ):
                what = "it is not what it was when the session ended (crc32 in summary.json)"
                found.append(Damage(name, -1, 0, what))
        except OSError:
            continue  # named already
    return found


def _adopted(folder: Path) -> set[int]:
    """Return the blobs that replay will ask for."""
    found: set[int] = set()
    for batch in BatchFile(folder, "commands"):
        adoptions = batch.records[batch.records["kind"] == CommandKind.ADOPT]
        found.update(adoptions["aux"].tolist())
    return found
