"""Prepare a session: check everything that can be checked before anything starts, then make its folder and arrays."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bmi_app import plugins
from bmi_app.outputs.contract import OutputError
from bmi_app.record import session_folder
from bmi_app.record.damage import JournalError
from bmi_app.record.identity import new_id
from bmi_app.record.liveness import Hold
from bmi_app.record.process_id import process_start
from bmi_app.rt import livefile
from bmi_app.rt.arrays import allocate
from bmi_app.rt.clock import now_s
from bmi_app.session import priority
from bmi_app.session.engine import compilation, kept_inputs, provenance
from bmi_app.session.engine.build import BuildError, Core, build
from bmi_app.session.engine.connection import Connection
from bmi_app.session.engine.output_thread import Wired
from bmi_app.session.request import SessionRequest
from drivers.contract import SourceError, SourceInfo
from protocols.cautions import cautions
from protocols.problems import ProtocolError
from protocols.schema import Protocol

FORMAT = 2
PUBLISHED = "publishing BMI-State, BMI-Decoder and BMI-Markers over LSL: on every network of this machine, without authentication"
NOT_PUBLISHED = "no LSL outlets: nothing of this session is on the network (outlets.publish)"
_FAST_FRAMES, _FAST_SPIKES = 1 << 12, 1 << 18  # small rings stay in the cache; they are drained between chunks


class PrepareError(Exception):
    """Tell the user, in one line a mistake, why a session cannot start."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass
class Prepared:
    """Hold what a session needs to run.

    Attributes
    ----------
    session : dict
        What `session.toml` says so far.
    live_path : Path
        Of the live file; only a session in real time has one.
    hold : Hold
        The session's lock and heartbeat.
    left_holds : list of Hold
        Those of folders that the session had to leave.
    """

    core: Core
    driver: Any
    poll: Any
    source: SourceInfo
    folder: Path
    session: dict[str, Any]
    live_path: Path
    hold: Hold
    outputs: list[Wired] = field(default_factory=list)
    left_holds: list[Hold] = field(default_factory=list)

    def release(self) -> None:
        """Let go of the session."""
        for hold in (self.hold, *self.left_holds):
            hold.close()


def prepare(request: SessionRequest, say: Callable[[str], object]) -> Prepared:
    """Prepare the session that a request asks for.

    Parameters
    ----------
    request : SessionRequest
        What was asked for.
    say : callable
        Told what takes a while.

    Raises
    ------
    PrepareError
        With every mistake; nothing was left behind.
    """
    real = request.speed == "real"
    try:
        is_cold = compilation.is_due()
        protocol = request.resolved()
    except ProtocolError as error:
        raise PrepareError([str(problem) for problem in error.problems]) from error
    for warning in cautions(protocol):
        say(f"note: {warning}")
    driver_module = plugins.load("drivers", protocol.driver.kind)
    if not real:
        _refuse_at_full_speed(protocol, driver_module)
    made = driver_module.Driver(protocol, driver_module.Settings(**protocol.driver.settings))
    driver = Connection(made, driver_module.TRAITS)
    try:
        if real:
            priority.raise_thread(priority.ACQUISITION)  # the driver's own threads inherit it
        say(f"opening the source: {protocol.driver.kind}")
        source = driver.open(float(request.source_timeout_s))
    except SourceError as error:
        raise PrepareError([str(error)]) from error
    finally:
        if real:
            priority.lower_thread()
    for note in source.notes:
        say(f"note: {note}")
    if real:
        say(_on_the_network(protocol))
    say(compilation.said() if is_cold else "making the session")
    try:
        return _make(request, protocol, driver, driver_module.POLL, source, real)
    except (BuildError, JournalError, livefile.LiveFileError, OutputError) as error:
        driver.close()
        raise PrepareError([str(error)]) from error
    except OSError as error:  # of copying a file, the system does not say where
        driver.close()
        raise PrepareError(
            [str(error) if error.filename else f"{_root(request)}: {error.strerror or error}"]
        ) from error


def _on_the_network(protocol: Protocol) -> str:
    """Say what others on the network are told of the session, whether by its outlets or by outputs."""
    if protocol.outlets.publish:
        return PUBLISHED
    kinds = sorted(
        {output.kind for output in protocol.outputs if plugins.load("outputs", output.kind).TRAITS.needs_network}
    )
    if not kinds:
        return NOT_PUBLISHED
    return (
        "no BMI-State, BMI-Decoder and BMI-Markers over LSL (outlets.publish), but what the outputs send may be on every network: "
        f"{', '.join(kinds)}"
    )


def _refuse_at_full_speed(protocol: Protocol, driver_module: Any) -> None:
    """Refuse what has no end, or a source that cannot be faster than time."""
    kind = protocol.driver.kind
    if driver_module.TRAITS.real_time_only:
        raise PrepareError([f"{kind}: a live source runs in real time; leave out --speed max, or replay a recording"])
    last = protocol.blocks[-1]
    lengths = (protocol.session.duration_s, protocol.session.trials, last.duration_s, last.trials)
    if not any(lengths) and not driver_module.TRAITS.is_finite:
        raise PrepareError(["at --speed max a session needs an end: give --duration or --trials"])


def _make(
    request: SessionRequest, protocol: Protocol, driver: Any, poll: Any, source: SourceInfo, real: bool
) -> Prepared:
    root = _root(request)
    # After a kill the file waits for its recovery, and the process number may come again meanwhile.
    live_path = livefile.folder() / f"bmi-{os.getpid()}-{time.time_ns():x}.live"
    with contextlib.ExitStack() as undoing:
        undoing.callback(live_path.unlink, missing_ok=True)
        if real:
            core = build(protocol, allocator=lambda sizes: livefile.create(live_path, sizes))
        else:
            core = build(protocol, frame_slots=_FAST_FRAMES, spike_slots=_FAST_SPIKES, allocator=allocate)
        outputs = [Wired(_output(output.kind, output.settings), output.on) for output in protocol.outputs if real]
        session = _describe(protocol, source, live_path, real) | _labelled(request)
        holds: list[Hold] = []

        def take(folder: Path) -> None:
            holds.append(Hold(folder, session["id"]))
            undoing.callback(holds[0].close)
            if real:
                holds[0].lock_as_well(live_path)

        folder = session_folder.create(root, protocol.name, session, protocol.to_toml(), take=take)
        undoing.callback(shutil.rmtree, folder, ignore_errors=True)
        kept = kept_inputs.keep(protocol, folder)
        if kept:
            session["inputs"] = kept
            session_folder.write_session(folder, session)
        undoing.pop_all()
    return Prepared(core, driver, poll, source, folder, session, live_path, holds[0], outputs)


def _root(request: SessionRequest) -> Path:
    return Path(request.out).expanduser() if request.out else session_folder.sessions_root()


def _output(kind: str, settings: dict[str, Any]) -> Any:
    module = plugins.load("outputs", kind)
    return module.Output(module.Settings(**settings))


def _describe(protocol: Protocol, source: SourceInfo, live_path: Path, real: bool) -> dict[str, Any]:
    """Return what is known of a session before it runs, for `session.toml`."""
    engine: dict[str, Any] = {"pid": os.getpid(), "start": process_start(os.getpid())}
    if real:
        engine["live_file"] = str(live_path)
    return {
        "format": FORMAT,
        "id": new_id(),
        "protocol": protocol.name,
        "seed": protocol.session.seed,
        "dt_s": protocol.tick.period_ms / 1e3,
        "n_units": protocol.units.count,
        "n_axes": protocol.n_axes,
        "n_keys": protocol.task.n_keys,
        "speed": "real" if real else "max",
        "start_s": 0.0,
        "clock": provenance.clock_anchor(now_s()),
        "processor": provenance.processor(),
        "versions": provenance.versions(),
        "source": {key: value for key, value in vars(source).items() if value is not None},
        "engine": engine,
    }


def _labelled(request: SessionRequest) -> dict[str, Any]:
    """Return what the operator calls the subject and the session, for `session.toml`."""
    labels = request.labels()
    return {"labels": labels} if labels else {}


def recorded_protocol(text: str) -> Protocol:
    """Return the protocol that a session folder holds."""
    return Protocol.of_session(text)
