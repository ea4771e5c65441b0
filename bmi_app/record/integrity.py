"""Answer for every command and page the one question whether a session is whole."""

import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bmi_app.record import blobs, seal, session_folder
from bmi_app.record.batches import BatchFile
from bmi_app.record.damage import Damage, JournalError
from bmi_app.record.kinds import KINDS, Kind, file_name
from bmi_app.record.message import CUT_OFF
from bmi_app.record.reading import read_texts
from bmi_app.record.survey import Finding, survey
from bmi_app.rt.records import CommandKind


def verify(folder: Path) -> list[Damage]:
    """Check everything in a session folder that can be checked; an empty list says that all is well.

    Of a session that is running, the batch that is just being written is not held against it.
    """
    found: list[Damage] = []

    def note(file: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except JournalError as error:
            found.append(Damage(file, -1, 0, str(error)))
            return None

    texts = note("session.toml", partial(read_texts, folder))
    found += input_damage(folder, texts[0]) if texts else []
    summary = note("summary.json", partial(session_folder.read_summary, folder))
    running = session_folder.status(folder) == "running"
    findings: dict[Kind, Finding] = {}
    for kind in KINDS:
        finding = findings[kind] = survey(folder, kind)
        if finding.damage is not None:
            if not (running and finding.damage.what.startswith(CUT_OFF)):
                found.append(finding.damage)
        elif summary is not None and not finding.ended:
            what = "the end of the stream is missing"
            found.append(Damage(file_name(kind), -1, finding.good_bytes, what, finding.last_tick))
        elif summary is not None and kind == "frames" and finding.n_records != summary.get("ticks"):
            what = f"{finding.n_records} frames where the summary says {summary.get('ticks')}"
            found.append(Damage(file_name(kind), -1, finding.good_bytes, what, finding.last_tick))
    found += _fewer_than_committed(findings, {damage.file for damage in found})
    for blob_id in sorted({*blobs.ids(folder), *_adopted(folder)}):
        note(f"{blobs.FOLDER}/{blobs.path_of(folder, blob_id).name}", partial(blobs.read, folder, blob_id))
    if summary is not None:
        found += _unlike_the_summary(folder, summary, findings, {damage.file for damage in found})
    return found


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
            found.append(Damage(name, -1, 0, str(error)))
    return found


def _fewer_than_committed(findings: Mapping[Kind, Finding], known: set[str]) -> list[Damage]:
    """Name files with fewer rows than the frames say that they had."""
    commits = findings["frames"].commits
    found = []
    for kind, n_rows in commits[-1][1].items() if commits else ():
        finding = findings.get(kind)  # type: ignore[call-overload]
        if finding is not None and finding.n_records < n_rows and file_name(finding.kind) not in known:
            what = f"{finding.n_records} rows where the frames say that there were {n_rows}"
            found.append(Damage(file_name(finding.kind), -1, finding.good_bytes, what, finding.last_tick))
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
        what = "" if name in known else seal.difference(folder, name, sealed.get(name), rows.get(name))
        if what:
            found.append(Damage(name, -1, 0, what))
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
