"""Run sessions from Python: to their end, or in a process of their own that is watched and steered."""

import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bmi_app.api.errors import BmiError, in_words
from bmi_app.api.recorded import Session
from bmi_app.record import session_folder
from bmi_app.record.damage import JournalError
from bmi_app.session.engine.rescue_folder import now_in
from bmi_app.session.request import RequestError, SessionRequest
from bmi_app.session.view.attachment import AttachError, Attachment
from bmi_app.session.view.launch import LaunchError, summary_of
from bmi_app.session.view.launch import launch as launch_engine
from bmi_app.session.view.observer import stop_and_wait
from bmi_app.session.view.progress import bar
from protocols.schema import Protocol

if TYPE_CHECKING:
    import os

    ProtocolLike = str | os.PathLike[str] | Protocol

_POLL_S = 0.02
_STOP_S = 30.0


def run(protocol: "ProtocolLike", *, progress: bool = True, **request: Any) -> Session:
    """Run a session to its end.

    Parameters
    ----------
    protocol : str, Path or Protocol
        A name, a path, or what `bmi_app.protocol` returned.
    progress : bool
        Whether to say on standard error what takes a while, and to show a bar of the ticks at full speed.
    **request
        Fields of `bmi_app.SessionRequest`: ``speed="max"`` for as fast as the machine can, else in real time; `duration_s`,
        `trials`, `seed`, `driver`, `out`, `subject`, `session_name`, `overrides`, `source_timeout_s`.

    Raises
    ------
    BmiError
        With every mistake for which the session cannot start; or if its engine died.

    Examples
    --------
    >>> session = bmi_app.run("center_out", speed="max", duration_s=60, seed=1)
    """
    asked = request_of(protocol, **request)
    if asked.speed == "real":
        return _run_in_real_time(asked, progress=progress)
    from bmi_app.session.engine.full_speed import run_fast
    from bmi_app.session.engine.prepare import PrepareError

    try:
        with bar("ticks") if progress else nullcontext(_silent) as advance:
            summary = run_fast(asked, _say if progress else _silent, advance)
    except PrepareError as error:
        raise in_words(error) from error
    return Session(Path(summary["session"]))


def launch(protocol: "ProtocolLike", *, progress: bool = True, **request: Any) -> "Running":
    """Start a session in real time, in a process of its own, and return as soon as it runs.

    The session goes on when this process ends.

    Parameters
    ----------
    protocol, progress, **request
        As for `bmi_app.run`.

    Raises
    ------
    BmiError
        With every mistake for which the session cannot start.
    """
    asked = request_of(protocol, **request)
    if asked.speed != "real":
        raise BmiError("speed: launch starts sessions in real time; bmi_app.run runs one at full speed")
    return _launched(asked, progress=progress)


def attach(path: str | Path = "last") -> "Running":
    """Attach to a running session.

    Parameters
    ----------
    path : str or Path
        Its folder, its name or the unique beginning of it, or `last`.

    Raises
    ------
    BmiError
        If there is no such session, or it does not run.
    """
    try:
        folder = session_folder.find(str(path), session_folder.sessions_root())
        attachment = Attachment(folder)
    except (session_folder.SessionNotFoundError, AttachError) as error:
        raise in_words(error) from error
    if not attachment.is_alive():
        from bmi_app.session.view.attachment import why_not

        attachment.close()
        raise BmiError(why_not(folder))
    return Running(attachment)


class Running:
    """Watch and steer a session that runs in a process of its own. Used by one thread.

    Attributes
    ----------
    folder : Path
        Of the session.
    protocol : Protocol
        By which it runs.
    """

    def __init__(self, attachment: Attachment, process: "subprocess.Popen[bytes] | None" = None) -> None:
        self._attachment = attachment
        self._process = process
        self.folder = attachment.folder
        self.protocol = attachment.protocol

    def __enter__(self) -> "Running":
        """Use the session in a `with` block; at its end only the connection is closed, the session goes on."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        """Say which session this is, and whether it runs."""
        return f"<bmi_app running session {self.folder.name}: {'runs' if self.is_alive() else 'has ended'}>"

    @property
    def latest(self) -> np.ndarray | None:
        """A copy of the newest frame, FRAME[()] with the fields of `Session.frames`; None before the first."""
        return self._attachment.latest()

    def is_alive(self) -> bool:
        """Tell whether the engine of the session lives."""
        if self._process is not None and self._process.poll() is not None:
            return False
        return self._attachment.is_alive()

    def send(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a command, and return the engine's answer: at which `tick` it acted, and what else belongs to it.

        Parameters
        ----------
        do : str
            Name of the command: `pause`, `resume`, `assist`, `learning`, `reward`, `stop`, ... (docs/commands.md).
        **arguments
            Of the command: ``value=0.5``.

        Raises
        ------
        BmiError
            If the engine refuses the command, or does not answer.
        """
        try:
            answer = self._attachment.send({"do": do, **arguments})
        except AttachError as error:
            raise in_words(error) from error
        if not answer.get("ok"):
            raise BmiError(str(answer.get("error", f"{do}: was refused")))
        return {key: value for key, value in answer.items() if key != "ok"}

    def wait(self, timeout_s: float | None = None) -> Session:
        """Wait until the session has ended, and return it.

        Parameters
        ----------
        timeout_s : float, optional
            How long to wait (s); without it, for as long as it takes.

        Raises
        ------
        BmiError
            If it still runs after `timeout_s`, or its engine died.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while self.is_alive():
            if until_s is not None and time.monotonic() > until_s:
                raise BmiError(f"{self.folder.name}: still runs after {timeout_s:g} s; stop() ends it")
            time.sleep(_POLL_S)
        code = None if self._process is None else self._process.wait()
        try:
            summary_of(self.folder, code)
        except (LaunchError, JournalError) as error:
            raise in_words(error) from error
        return Session(now_in(self.folder))

    def stop(self, timeout_s: float = _STOP_S) -> Session:
        """Stop the session as an operator would, wait until it is complete, and return it.

        Raises
        ------
        BmiError
            If it could not be stopped.
        """
        try:
            if self.is_alive() and (failure := stop_and_wait(self._attachment, timeout_s)):
                raise BmiError(failure)
        except AttachError as error:
            if self.is_alive():
                raise in_words(error) from error
        return self.wait(timeout_s)

    def close(self) -> None:
        """Close the connection; the session goes on."""
        self._attachment.close()


def request_of(protocol: "ProtocolLike", **request: Any) -> SessionRequest:
    """Return the request for a session.

    Raises
    ------
    BmiError
        If a field is unknown or wrong.
    """
    given = dict(request)
    if isinstance(protocol, Protocol):
        given |= {"protocol": protocol.name, "text": protocol.to_toml()}
    else:
        given["protocol"] = protocol if isinstance(protocol, str) else Path(protocol)
    try:
        return SessionRequest.of(**given)
    except RequestError as error:
        raise in_words(error) from error


def _run_in_real_time(asked: SessionRequest, *, progress: bool) -> Session:
    """Run a session in a process of its own; Ctrl-C stops it as an operator would."""
    try:
        process, folder = launch_engine(asked, _say if progress else _silent)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        summary_of(folder, code)
    except (LaunchError, JournalError) as error:
        raise in_words(error) from error
    return Session(now_in(folder))


def _launched(asked: SessionRequest, *, progress: bool) -> Running:
    try:
        process, folder = launch_engine(asked, _say if progress else _silent)
        return Running(Attachment(folder), process)
    except (LaunchError, AttachError) as error:
        raise in_words(error) from error


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _silent(_: object) -> None:
    """Tell nobody."""
