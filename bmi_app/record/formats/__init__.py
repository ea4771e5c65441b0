"""Read recorded spikes from any file that is known, told apart by what is in it and not by its name."""

import os
from pathlib import Path

from bmi_app import small_files
from bmi_app.record import session_folder
from bmi_app.record.formats.source import (
    CountsSource,
    EventsSource,
    Kind,
    RecordingError,
    SpikeSource,
    as_events,
)

__all__ = [
    "CountsSource",
    "EventsSource",
    "Kind",
    "RecordingError",
    "SpikeSource",
    "as_events",
    "open_recording",
    "recognise",
]

_KNOWN = (
    "session folders, XDF, CSV tables with `timestamp` and `unit_N` columns, "
    "and MATLAB files in the layout of Golub et al. 2018"
)


def open_recording(
    path: str | Path, *, stream: str | int | None = None, epoch: str | None = None, as_: Kind | None = None
) -> SpikeSource:
    """Read a recording's spikes.

    Parameters
    ----------
    path
        A file, a session folder, or a session's name, its unique beginning or `last`.
    stream
        XDF only: name, source id or numeric id of the stream.
    epoch
        Golub's file only: `before`, `after` or `both` (as without it).
    as_
        Read as `counts` or as `events`; without it, as what the recording is.

    Raises
    ------
    RecordingError
        If it cannot be read as what is asked for; one line, with the remedy.
    """
    if as_ not in (None, "counts", "events"):
        raise RecordingError(f"--as {as_}: must be `counts` or `events`")
    path = _found(path)
    kind = _kind_of(path)
    for option, value, owner in (("stream", stream, "xdf"), ("epoch", epoch, "golub")):
        if value is not None and kind != owner:
            raise RecordingError(f"{path}: is a {_NAMES[kind]}, which has no {option}; leave out --{option}")
    source = _read(path, kind, stream, epoch, as_)
    if as_ == "events":
        return as_events(source)
    if as_ == "counts" and isinstance(source, EventsSource):
        raise RecordingError(f"{path}: holds single spikes, not counts; read it as events")
    return source


def recognise(path: str | Path) -> Path:
    """Return where a recording is that `open_recording` would read, by its first bytes alone.

    Raises
    ------
    RecordingError
        If there is nothing of the kind; one line, with the remedy.
    """
    found = _found(path)
    _kind_of(found)
    return found


_NAMES = {"session": "session folder", "xdf": "XDF file", "golub": "MATLAB file", "mc_maze": "CSV table"}


def _read(path: Path, kind: str, stream: str | int | None, epoch: str | None, as_: Kind | None) -> SpikeSource:
    # Imported here: scipy and pyarrow take longer to load than most files to read.
    if kind == "session":
        from bmi_app.record.formats import session

        return session.read(path, as_)
    if kind == "xdf":
        from bmi_app.record.formats import xdf

        return xdf.read(path, stream, as_)
    if kind == "golub":
        from bmi_app.record.formats import golub

        return golub.read(path, epoch or "both")
    from bmi_app.record.formats import mc_maze

    return mc_maze.read(path)


def _found(named: str | Path) -> Path:
    """Return the path of what is named: a bare name that is no file here is one of a session."""
    try:
        path = small_files.user_path(named)
    except OSError as error:
        raise RecordingError(f"{named}: {error.strerror}") from error
    if os.path.exists(path) or path.name != str(path):
        return path
    try:
        return session_folder.find(str(path), session_folder.sessions_root())
    except session_folder.SessionNotFoundError as error:
        raise RecordingError(f"{path}: there is no such file or folder here, and no such session: {error}") from error


def _kind_of(path: Path) -> str:
    """Tell the format of what stands at `path`."""
    if os.path.isdir(path):
        if os.path.isfile(path / "session.toml"):
            return "session"
        raise RecordingError(f"{path}: a folder without session.toml, so no session; known are {_KNOWN}")
    try:
        small_files.check_regular(path)
        with path.open("rb") as file:
            head = file.read(1 << 16)
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: there is no such file or folder") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    if not head:
        raise RecordingError(f"{path}: the file is empty")
    if head.startswith(b"XDF:"):
        return "xdf"
    if head.startswith(b"MATLAB 5.0 MAT-file"):
        return "golub"
    if head.startswith(b"MATLAB 7.3"):
        raise RecordingError(f"{path}: a MATLAB 7.3 file, which cannot be read; save it again with `save -v7`")
    first_line = head.partition(b"\n")[0].decode(errors="replace").split(",")
    if "timestamp" in first_line and any(column.startswith("unit_") for column in first_line):
        return "mc_maze"
    raise RecordingError(f"{path}: the format is not known; known are {_KNOWN}")
