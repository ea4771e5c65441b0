"""Write a recorded session as NWB, from its journal.

What stands where in the file; all times are seconds since the beginning of bin 0, which is `session_start_time`:

========================  ==========================================================================================
``units``                 spike times of each unit with its population, where the source gave single spikes
``trials``, ``epochs``    every trial with target and outcome; the blocks
``processing/behavior``   cursor and target (cm, with the conversion to metres), task state, reward
``processing/decoder``    decoded and acting velocity, the counts that entered each tick, the latency of each frame
``events``                rewards, commands of the operator, weights, updates, and everything else, a table a kind
``protocol``, ``notes``   the protocol as TOML; the summary as JSON
========================  ==========================================================================================
"""

import errno
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bmi_app import plugins
from bmi_app.record import integrity, nwb_series, nwb_tables, reading, session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.reading import Recording
from bmi_app.record.whole_part import whole_part
from protocols.schema import Protocol

_NUMBERED = re.compile(r"errno = (\d+)")  # as HDF5 words the failure of a file


class ExportError(Exception):
    """Tell in one line why a session cannot be exported, and what to do; `exit_code` is 2 where that is the user's to mend."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Subject:
    """Describe the subject as archives want it; what is empty is left out, or taken from the session.

    Attributes
    ----------
    subject_id : str
        Empty: as the session was labelled.
    species : str
        The Latin name, such as "Macaca mulatta".
    sex : str
        M, F, U (unknown) or O.
    age : str
        ISO 8601, such as "P8Y" for eight years.
    """

    subject_id: str = ""
    species: str = ""
    sex: str = ""
    age: str = ""


def export(
    folder: Path,
    to: Path | None = None,
    subject: Subject | None = None,
    tell: Callable[[str], object] = lambda remark: None,
    on_writing: Callable[[Path], object] = lambda part: None,
    *,
    damaged_too: bool = False,
) -> Path:
    """Check every byte of a session, and write it as NWB; return the file.

    `nwb_process.export_apart` does it in a process of its own, which alone survives a full disk.

    Parameters
    ----------
    folder : Path
        The session folder.
    to : Path, optional
        The file, where its name ends in `.nwb`, else the folder for it; the session folder without it. An existing
        file is replaced once the new one is whole.
    subject : Subject, optional
        What the session itself does not know.
    tell : callable, optional
        Called with each remark on what is in the file, such as spikes whose stamps cannot be right.
    on_writing : callable
        Told the file that is written aside, before it is begun.
    damaged_too : bool
        Write what is whole of a damaged session, and say in the file what is missing, instead of refusing it.

    Raises
    ------
    ExportError
        If the session is not complete, is damaged, holds nothing, or the file cannot be written.
    """
    from pynwb import NWBHDF5IO

    standing = integrity.full(folder)
    if not (standing.is_ended or (damaged_too and standing.state == "damaged")):
        raise ExportError(_refusal(standing))
    try:
        recording = whole_part(reading.read(folder), standing)
    except JournalError as error:
        raise ExportError(str(error)) from error
    if not len(recording.frames):
        reason = f": {standing.words}" if standing.damage else ""
        raise ExportError(f"{folder.name}: holds no tick{' that is whole' if reason else ''}{reason}")
    try:
        file = _contents(recording, subject or Subject(), tell, standing)
        path = _path(folder, to, file)
        temporary = path.with_name(f".{path.stem}.part.nwb")
        path.parent.mkdir(parents=True, exist_ok=True)
        on_writing(temporary)
        try:
            with NWBHDF5IO(str(temporary), "w") as writing:
                writing.write(file)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except JournalError as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
        raise ExportError(f"{folder.name}: cannot be exported: {why_unwritten(error)}", 1 if full else 2) from error
    return path


def why_unwritten(error: BaseException) -> str:
    """Say in one line why a file could not be written: HDF5 puts what the system said somewhere into a chain of errors."""
    cause: BaseException | None = error
    while cause is not None:
        if found := _NUMBERED.search(str(cause)):
            return os.strerror(int(found[1]))
        cause = cause.__cause__ or cause.__context__
    return (str(error).splitlines() or [type(error).__name__])[0]


def _refusal(standing: integrity.Standing) -> str:
    name = standing.folder.name
    if standing.state == "damaged":
        return f"{integrity.refusal(standing)}, `--damaged-too` (in the window: the box above Export) writes that"
    remedy = {
        "running": f"stop it first: `bmi sessions stop {name}`",
        "interrupted": f"recover it first: `bmi sessions recover {name}`",
        "recovery unfinished": f"its recovery was cut off: `bmi sessions recover {name}` carries it on",
        "perhaps running": f"if it is dead, `bmi sessions recover {name}` keeps what is whole of it",
    }.get(standing.state, f"`bmi sessions verify {name}` says what is wrong")
    return f"{name}: is {standing.state}; {remedy}"


def _path(folder: Path, to: Path | None, file: Any) -> Path:
    if to is not None and to.suffix == ".nwb":
        return to
    subject, session = (
        re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") for text in (file.subject.subject_id, file.session_id)
    )
    kinds = "behavior+ecephys" if file.units is not None else "behavior"
    return (to or folder) / f"sub-{subject}_ses-{session}_{kinds}.nwb"


def _contents(
    recording: Recording, subject: Subject, tell: Callable[[str], object], standing: integrity.Standing
) -> Any:
    """Return the NWB file's content, in memory."""
    protocol = reading.protocol_of(recording.folder, recording.protocol_text)
    file = _new_file(recording, protocol, subject, standing)
    source = recording.session.get("source", {})
    file.create_device(
        name="source", description=", ".join(f"{key}: {value}" for key, value in source.items()) or protocol.driver.kind
    )
    dt_s = float(reading.said_by(recording.session, recording.folder, "dt_s"))
    frames = recording.frames
    first_s = float(frames["edge_s"][0]) - (int(frames["tick"][0]) + 1) * dt_s  # the beginning of bin 0
    clock = nwb_series.Clock(frames["edge_s"] - first_s, first_s, dt_s)
    if remark := nwb_series.add_units(file, recording, protocol, clock):
        tell(remark)
    nwb_tables.add_blocks(file, recording, protocol, clock)
    nwb_tables.add_trials(file, recording, clock)
    nwb_series.add_behaviour(file, recording, clock)
    nwb_series.add_decoder(file, recording, clock)
    nwb_tables.add_commands(file, recording, clock)
    nwb_tables.add_weights(file, recording, protocol, clock)
    nwb_tables.add_learning(file, recording, clock)
    nwb_tables.add_events(file, recording, protocol, clock)
    return file


def _new_file(recording: Recording, protocol: Protocol, subject: Subject, standing: integrity.Standing) -> Any:
    from pynwb import NWBFile
    from pynwb.file import Subject as NwbSubject

    session, folder = recording.session, recording.folder
    labels = session.get("labels", {})
    clock_unix_s, clock_local_s = (reading.said_by(session, folder, "clock", key) for key in ("unix_s", "local_s"))
    began_s = clock_unix_s + (float(session.get("start_s", 0.0)) or clock_local_s) - clock_local_s
    try:
        summary = session_folder.read_summary(folder) or {}
    except JournalError:  # which the description names
        summary = {}
    simulated = plugins.driver_is(protocol.driver.kind, lambda traits: traits.simulates_subject)
    subject_id = subject.subject_id or str(labels.get("subject", "")) or ("simulated" if simulated else "unknown")
    versions = ", ".join(f"{name} {version}" for name, version in session.get("versions", {}).items())
    damage = "".join(f" Damaged: {words}." for words in standing.explained())
    if damage:
        damage += " Only what lies before the damage of each file, and no later than the last whole frame, is here."
    return NWBFile(
        session_description=f"{protocol.title or protocol.name}. {protocol.description}".strip() + damage,
        identifier=f"{folder.name}-{clock_unix_s:.6f}",
        session_start_time=datetime.fromtimestamp(began_s, UTC),
        session_id=folder.name,
        experiment_description=str(labels.get("session", "")) or None,
        protocol=recording.protocol_text,
        notes=json.dumps({**summary, "standing": standing.words}),
        source_script=versions,
        source_script_file_name="bmi_app",
        keywords=["brain-machine interface", "closed loop", protocol.name],
        subject=NwbSubject(
            subject_id=subject_id,
            species=subject.species or None,
            sex=subject.sex or "U",
            age=subject.age or None,
            description="simulated by bmi_app" if simulated else "no further description",
        ),
    )
