"""Say before a session is started whether it can run, and if not, everything that stands in its way."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bmi_app import plugins
from bmi_app.record.formats import RecordingError, recognise
from bmi_app.record.session_folder import sessions_root
from bmi_app.session.engine.build import BuildError, check_decoder
from bmi_app.session.request import SessionRequest
from bmi_app.session.streams import Stream, StreamWatch, judge
from protocols.cautions import cautions
from protocols.problems import OVERRIDE_FILE, Problem, ProtocolError
from protocols.schema import Protocol

LEAST_FREE_BYTES = 500_000_000  # about an hour of 96 units at 10 ms, with room to end the journal


@dataclass(frozen=True)
class Readiness:
    """Hold what was found out about a request.

    Attributes
    ----------
    protocol : Protocol or None
        None where it cannot be read.
    obstacles : list of str
        Why the session cannot run; empty when it can.
    notes : list of str
        What is allowed, but may not be what was meant.
    free_bytes : int or None
        In the output folder; None where that is not known.
    """

    protocol: Protocol | None
    obstacles: list[str]
    notes: list[str] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    free_bytes: int | None = None


def check(request: SessionRequest, watch: StreamWatch) -> Readiness:
    """Check a request as `bmi_app.session.engine.prepare.prepare` takes it; nothing is created or opened."""
    obstacles: list[str] = []
    protocol = None
    try:
        protocol = request.resolved()
    except ProtocolError as error:
        obstacles += [_in_words(problem) for problem in error.problems]
    else:
        obstacles += _missing(protocol)
    streams, missing = judge(protocol, watch.found())
    obstacles += missing
    free_bytes, trouble = _space(Path(request.out).expanduser() if request.out else sessions_root())
    obstacles += trouble
    return Readiness(protocol, obstacles, cautions(protocol) if protocol else [], streams, free_bytes)


def _in_words(problem: Problem) -> str:
    if (problem.file, problem.key) == (OVERRIDE_FILE, "driver.settings.path"):  # the field of the form, left empty
        return "choose a recording to replay"
    return problem.in_window()


def _missing(protocol: Protocol) -> Iterator[str]:
    """Say what a valid protocol needs that is not there: a recording, a decoder that fits, a device."""
    if plugins.driver_is(protocol.driver.kind, lambda traits: traits.takes_recording):
        try:
            recognise(protocol.driver.settings["path"])
        except RecordingError as error:
            yield f"recording: {error}"
    try:
        check_decoder(protocol)
    except BuildError as error:
        yield str(error)
    for index, output in enumerate(protocol.outputs):
        module = plugins.load("outputs", output.kind)
        if module.TRAITS.why_not is not None and (why := module.TRAITS.why_not(module.Settings(**output.settings))):
            yield f"outputs.{index}: {why}"


def _space(folder: Path) -> tuple[int | None, list[str]]:
    """Return the free space of a folder that need not exist yet, and why no session can be written there."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return None, [f"output folder: {there} is not a folder"]
    if not os.access(there, os.W_OK | os.X_OK):
        return None, [f"output folder: {there} cannot be written to"]
    try:
        free_bytes = shutil.disk_usage(there).free
    except OSError as error:
        return None, [f"output folder: {there}: {error.strerror}"]
    if free_bytes < LEAST_FREE_BYTES:
        return free_bytes, [f"output folder: only {free_bytes / 1e6:,.0f} MB are free; a session needs 500 MB"]
    return free_bytes, []
