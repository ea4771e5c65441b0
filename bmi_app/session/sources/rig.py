"""Be the simulated rig as a process of its own: spikes out, task state in, over LSL, like an amplifier with a subject.

It runs whether or not there is a session. Without one the subject sees nothing and its neurons fire at rest; when one
begins, the rig finds its `BMI-State`, stays with it until it ends, and finds another when the next begins. It sends before a session
has connected, and has no beginning that could be missed: so it leaves no lead, unlike `bmi stream`, whose recordings have one.
"""

import contextlib
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from pylsl.lib import cf_float32, cf_int32

from bmi_app import plugins
from bmi_app.plain_text import plain
from bmi_app.rt.clock import now_s
from bmi_app.rt.liblsl import pylsl
from bmi_app.rt.lsl import handle_of
from bmi_app.rt.published import STATE, Channel
from bmi_app.rt.records import FRAME
from bmi_app.rt.ring import read_cell, read_cell_f8, write_cell, write_cell_f8
from bmi_app.session import priority
from bmi_app.session.engine.lsl_outlets import describe, session_of, unique_part
from bmi_app.session.sources.rig_log import RigLog
from bmi_app.subject import simulate
from bmi_app.subject.simulation import build, subject_parts
from drivers import rig_loop
from protocols.schema import Protocol
from protocols.task_checks import HAND_KINDS

_PART_S = 0.001  # spikes go out this late at most
_LEAD_S = 0.05  # until the loop runs
_LOOK_S = 0.1  # how often the loop is looked after
_CONNECT_S = 1.0
_FORGET_S = 1.0  # a session that does not answer for so long is no longer offered
_GONE_S = 5.0  # and one that was not offered for so long has gone without a word; an answer may be late
_OFFSET_S, _OFFSET_WAIT_S = 5.0, 0.25  # how often the session's clock is measured, and how long that may take
_LINGER_S = 0.2  # destroying an outlet drops what its sender thread has not yet written
_BUFFERED_S, _MEAN_HZ = 10.0, 50.0  # what the outlet keeps for a session that is held up
_INSIDE = next(iter(plugins.drivers_that(lambda traits: traits.simulates_subject)), "")  # the driver that needs no rig
_STATE_NAME, _STATE_TYPE = "BMI-State", "BMIState"
_SPIKE = (Channel("channel", "index", "SpikeEvent"), Channel("unit", "index", "SpikeEvent"))


class RigError(Exception):
    """Tell in one line why a protocol's subject cannot be a rig of its own."""


@dataclass(frozen=True)
class RigRun:
    """Say what a rig did.

    Attributes
    ----------
    spikes
        How many were sent.
    sessions
        Those that the subject saw, in order.
    largest_lag_s
        How late spikes went out at worst, beyond the millisecond for which they are gathered.
    interrupted
        Whether Ctrl-C ended it.
    """

    source_id: str
    duration_s: float
    spikes: int
    sessions: tuple[str, ...]
    largest_lag_s: float
    interrupted: bool


def rig(
    protocol: Protocol,
    *,
    duration_s: float | None = None,
    name: str = "BMI-Rig",
    source_id: str | None = None,
    log: Path | None = None,
    session: str = "",
    progress: bool = True,
) -> RigRun:
    """Simulate the protocol's subject and its neurons until `duration_s` is over, or Ctrl-C.

    Spikes go out as int32 `[channel, unit]`, numbered as the protocol's [units] expects them. The subject sees the cursor
    of one session until that ends, late by its own visual delay; then of the newest that there is.

    Parameters
    ----------
    name, source_id
        As announced. Without the second: one that no other rig has. Given, it is the same after a restart, so that a
        session finds the rig again.
    log
        A new file for what the subject learns (`RigLog`).
    session
        Beginning of the names of the sessions that the subject may see; any without it.
    progress
        Whether to tell on standard error how it goes.

    Raises
    ------
    RigError
        If the protocol needs a hand, which does not travel over LSL, or the log cannot be written.
    """
    _refuse_hands(protocol)
    source_id = source_id or f"bmi-rig-{protocol.name}-{unique_part()}"
    act = plugins.load("subjects", protocol.subject.kind).ACT
    memory = build(protocol)
    learnt = None if log is None else _open_log(log, protocol, memory)
    step_s = float(memory[simulate.STEP_S])
    n_steps = 0 if duration_s is None else max(round(duration_s / step_s), 1)
    ctl = np.zeros(rig_loop.N_WORDS, np.int64)
    priority.raise_thread(priority.ACQUISITION)  # the outlet's own threads inherit it
    outlet = pylsl.StreamOutlet(
        describe(name, "SpikeEvents", _SPIKE, pylsl.IRREGULAR_RATE, cf_int32, source_id),
        max_buffered=max(360, math.ceil(protocol.units.count * _MEAN_HZ * _BUFFERED_S / 100)),  # hundreds of samples
    )
    priority.lower_thread()

    def run() -> None:
        priority.raise_thread(priority.ACQUISITION)
        rig_loop.run_rig(
            act,
            memory,
            ctl,
            np.zeros(rig_loop.RECEIVED, FRAME),
            np.zeros(len(STATE), np.float32),
            np.zeros(1, np.int32),
            handle_of(outlet),
            np.array(protocol.units.pairs(), np.int32).reshape(-1, 2),
            np.zeros(2, np.int32),
            math.ceil(step_s / _PART_S - 1e-9),
            n_steps,
        )

    loop = threading.Thread(target=run, name="rig")
    sight = _Sight(ctl, loop, session)
    interrupted = False
    try:
        with _Status(f"rig {name!r} (source_id {source_id})", progress) as status:
            memory[simulate.START_S] = now_s() + _LEAD_S
            loop.start()
            while loop.is_alive():
                seen = sight.look()
                status.show(seen, read_cell(ctl, rig_loop.SPIKES))
                if learnt is not None:
                    learnt.take(seen)
                loop.join(_LOOK_S)
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:
        raise RigError(f"{log}: cannot be written: {error.strerror}") from error
    finally:
        write_cell(ctl, rig_loop.STOP, 1)
        if loop.ident is not None:  # Ctrl-C may come before it begins
            loop.join()
        sight.close()
        if learnt is not None:
            learnt.close()
        if outlet.have_consumers():
            time.sleep(_LINGER_S)
    return RigRun(
        source_id=source_id,
        duration_s=int(memory.view(np.int64)[simulate.STEP]) * step_s,
        spikes=read_cell(ctl, rig_loop.SPIKES),
        sessions=tuple(sight.sessions),
        largest_lag_s=read_cell_f8(ctl, rig_loop.LARGEST_LAG),
        interrupted=interrupted,
    )


def _refuse_hands(protocol: Protocol) -> None:
    """Refuse what needs a hand: a rig sends spikes, and sees the cursor."""
    for index, block in enumerate(protocol.blocks):
        if block.kind in HAND_KINDS:
            raise RigError(
                f"blocks.{index}.kind: {block.kind!r} is moved by a hand, which a rig cannot send; "
                f'run it with driver.kind = "{_INSIDE}"'
            )
    if protocol.subject.intent == "mouse":
        raise RigError(
            "subject.intent: 'mouse' is a person's hand, which a rig cannot see; "
            f'run it with driver.kind = "{_INSIDE}", or take subject.intent = "target"'
        )


def _open_log(path: Path, protocol: Protocol, memory: np.ndarray) -> RigLog:
    """Begin the log of what the subject learns."""
    subject = subject_parts(protocol, memory)
    if "log" not in subject:
        raise RigError(f"--log {path}: a subject of kind {protocol.subject.kind!r} learns nothing that could be logged")
    try:
        return RigLog(path, subject, protocol.n_axes)
    except FileExistsError:
        raise RigError(f"--log {path}: exists already; name a new file") from None
    except OSError as error:
        raise RigError(f"--log {path}: cannot be written: {error.strerror}") from error


def _name_of(stream: pylsl.StreamInfo) -> str:
    """Return the name of the session that publishes a stream."""
    return session_of(str(stream.source_id()))


class _Sight:
    """Find a session, the newest whose name begins as wanted, and give its state to the loop.

    Attributes
    ----------
    sessions : list of str
        All that were attached to.
    """

    def __init__(self, ctl: np.ndarray, loop: threading.Thread, wanted: str = "") -> None:
        self.sessions: list[str] = []
        self._wanted = wanted
        self._ctl, self._loop = ctl, loop
        self._resolver = pylsl.ContinuousResolver(pred=f"type='{_STATE_TYPE}'", forget_after=_FORGET_S)
        self._inlet: pylsl.StreamInlet | None = None
        self._session = ""
        self._uid = ""
        self._gone: set[str] = set()  # the resolver still offers these for a while
        self._measured_s = self._offered_s = -math.inf

    def look(self) -> str:
        """Follow a session to its end, then the newest; return its name, empty without one."""
        if self._inlet is not None and read_cell(self._ctl, rig_loop.LOST) != 0:
            self._gone.add(self._uid)
            self._detach()
        offered = [stream for stream in self._resolver.results() if self._can_be_seen(stream)]
        if self._uid in [stream.uid() for stream in offered]:
            self._offered_s = now_s()
        is_gone = self._inlet is None or now_s() > self._offered_s + _GONE_S
        if offered and is_gone:  # one that lasts is not left for a newer one
            self._detach()
            self._attach(max(offered, key=pylsl.StreamInfo.created_at))
        if self._inlet is not None and now_s() > self._measured_s + _OFFSET_S:
            self._measured_s = now_s()
            with contextlib.suppress(RuntimeError):  # timed out, or the stream is lost
                write_cell_f8(self._ctl, rig_loop.OFFSET, float(self._inlet.time_correction(_OFFSET_WAIT_S)))
        return self._session

    def close(self) -> None:
        """Let go of the session."""
        self._detach()
        del self._resolver

    def _can_be_seen(self, stream: pylsl.StreamInfo) -> bool:
        return (
            stream.name() == _STATE_NAME
            and _name_of(stream).startswith(self._wanted)
            and stream.channel_count() == len(STATE)
            and stream.channel_format() == cf_float32
            and stream.uid() not in self._gone
        )

    def _attach(self, stream: pylsl.StreamInfo) -> None:
        # Not to be recovered: a session that is over does not come back, and the next has another source id.
        inlet = pylsl.StreamInlet(stream, recover=False, processing_flags=pylsl.proc_none)
        try:
            inlet.open_stream(_CONNECT_S)
        except RuntimeError:  # timed out, or lost already: tried again while it is offered
            return
        self._inlet, self._uid = inlet, stream.uid()
        self._session = _name_of(stream)
        self._measured_s, self._offered_s = -math.inf, now_s()
        self.sessions.append(self._session)
        write_cell_f8(self._ctl, rig_loop.OFFSET, 0.0)
        write_cell(self._ctl, rig_loop.INLET, handle_of(inlet))

    def _detach(self) -> None:
        """Take the inlet away from the loop, and destroy it once the loop has let go."""
        if self._inlet is None:
            return
        write_cell(self._ctl, rig_loop.INLET, 0)
        while self._loop.is_alive() and (
            read_cell(self._ctl, rig_loop.IN_USE) != 0 or read_cell(self._ctl, rig_loop.LOST) != 0
        ):
            time.sleep(_PART_S)
        self._inlet = None
        self._session = self._uid = ""


class _Status:
    """Tell on standard error what the rig does: one live line on a terminal, else a line at each turn."""

    def __init__(self, title: str, shown: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, quiet=not shown)
        self._title = title
        self._said: str | None = None
        # Refreshed by hand: a thread of its own would contend with the loop for the processor.
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> "_Status":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, session: str, n_spikes: int) -> None:
        """Show which session is seen, and how many spikes went out."""
        from rich.text import Text

        sees = f"sees {session}" if session else "sees no session and rests"
        if session != self._said:
            self._said = session
            self._console.print(plain(f"{self._title}: {sees}"), markup=False, highlight=False, soft_wrap=True)
        if self._console.is_terminal:
            self._live.update(Text(plain(f"{n_spikes:,} spikes sent; {sees}; Ctrl-C ends it")), refresh=True)
