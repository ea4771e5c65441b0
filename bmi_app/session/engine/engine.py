"""The engine: one process, one session. Its threads are created here and nowhere else.

`bmi_app.session.engine.process` is the process's main function; `bmi_app.session.view.launch` is how a view begins one.
"""

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bmi_app import plugins
from bmi_app.outputs.contract import OutputEvent
from bmi_app.record import recovery
from bmi_app.record.damage import JournalError
from bmi_app.record.drain import Drain
from bmi_app.record.journal import Journal
from bmi_app.record.session_folder import write_session
from bmi_app.record.summary import Tally
from bmi_app.rt import cells, clock
from bmi_app.rt.loop import acquire, run_live
from bmi_app.rt.records import EventKind, StopReason
from bmi_app.rt.ring import read_cell, write_cell, write_cell_f8
from bmi_app.session import priority
from bmi_app.session.engine.clock_watch import ClockWatch
from bmi_app.session.engine.control import Control
from bmi_app.session.engine.decoder_watch import DecoderWatch
from bmi_app.session.engine.file_watch import FileWatch
from bmi_app.session.engine.lsl_outlets import Outlets
from bmi_app.session.engine.operator import Operator
from bmi_app.session.engine.output_thread import OutputThread
from bmi_app.session.engine.prepare import Prepared
from drivers.contract import SOURCE_ENDED, SOURCE_LOST, SourceError

_FLUSH_S, _SYNC_S, _CLOCK_S, _STAGE_S = 0.1, 1.0, 0.5, 0.05
_LEAD_S = 0.1  # between the connection and the beginning of bin 0: the threads start meanwhile
_REOPEN_S = 1.0
_SIGNAL_S = 0.1  # how soon a signal is heard at the latest
_UNKNOWN_UNIT = (
    "the source has spikes of channels or units that the protocol does not name; add them to [units], or set "
    "units.ignore_unknown = true"
)


class Engine:
    """Run one session in real time.

    Parameters
    ----------
    prepared : Prepared
        The checked protocol, the opened driver, the built core and the session folder.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._core, self._driver, self._folder = prepared.core, prepared.driver, prepared.folder
        self._ctl = prepared.core.arrays["ctl"]
        sizes = prepared.core.sizes
        self._tally = Tally()
        self._journal = Journal(
            self._folder, sizes.n_units, sizes.n_axes, clock=clock.now_s, model_rows=sizes.model_rows
        )
        self._drain = Drain(self._core.arrays, self._journal, self._tally, self._driver.learnt)
        self._operator = Operator(self._core, self._drain, self._journal, self._folder)
        self._control = Control(self._folder.name, self._operator.handle, self._operator.acted, self._operator.refused)
        self._decoder_watch = DecoderWatch(self._core.arrays, prepared.core.protocol.decoder.kind)
        prepared.hold.on_lost = self._alarm
        self._clock = ClockWatch(self._driver, self._ctl, self._operator.note)
        self._failures: list[tuple[StopReason, str]] = []
        self._over = threading.Event()  # the loops have ended; the journal takes what is left
        self._scheduling: dict[str, str] = {}
        self._files = FileWatch(prepared, self._journal, self._alarm, self._move_to)

    def run(
        self,
        ready: Callable[[], object],
        connected: Callable[[], object] = lambda: None,
        say: Callable[[str], object] = lambda text: None,
    ) -> dict[str, Any]:
        """Run the session to its end, and return its summary.

        Parameters
        ----------
        ready
            Called when the session runs.
        connected
            Called when the source is connected, which may take long: from then on `stop` ends the session in order.
        say
            Told what takes a while.
        """
        core = self._core
        tick_s = core.protocol.tick.period_ms / 1e3
        labels = core.protocol.session.event_labels
        published = Outlets(self._folder.name, tick_s, labels=labels) if core.protocol.outlets.publish else None
        firing = OutputThread(core.arrays, self._prepared.outputs, self._output_fired, self._output_failed)
        loops = [self._thread("acquisition", self._acquire), self._thread("decode", self._decode)]
        publisher = [self._thread("publisher", self._publish, published)] if published else []
        services = [
            self._thread("journal", self._save),
            self._thread("sync", self._sync),
            self._thread("clock", self._measure_clock),
            self._thread("staging", self._stage),
        ]
        started: list[threading.Thread] = []
        try:
            self._connect(say)
            connected()
            self._begin()
            firing.start()
            for thread in (*loops, *publisher, *services, self._control):
                thread.start()
                started.append(thread)
            ready()
            for thread in reversed(loops):  # decode ends the session, acquisition follows
                # In steps: a signal that the system hands to another thread (a process that was stopped may find its main
                # thread not yet awake) is heard only when this thread turns round.
                while thread.is_alive():
                    thread.join(_SIGNAL_S)
        finally:  # whatever happens, every thread ends, and the journal last
            self._stop_if_running(StopReason.ENGINE_ERROR)  # no one reads it when decode has ended by itself
            if loops[1] not in started:
                write_cell(self._ctl, cells.DECODE_DONE, 1)
            self._join(started, *loops, *publisher)
            firing.stop()
            self._control.close()
            self._over.set()
            self._join(started, *services)
            self._driver.close()
            if published:
                published.close()
        return self._finish()

    def stop(self) -> None:
        """Stop as an operator would; may be called from a signal handler."""
        self._control.ask_to_stop()

    def seals(self) -> dict[str, dict[str, Any]]:
        """Return size, rows and SHA-256 of the journal's files, for the summary."""
        return self._journal.seals()

    def close(self) -> None:
        """Leave no socket behind; may be called after `run`, and without it."""
        self._control.close()

    def _thread(self, name: str, call: Callable[..., None], *arguments: Any) -> threading.Thread:
        """Return a thread whose failure ends the session and is reported; no thread may end without a message."""

        def guarded() -> None:
            try:
                call(*arguments)
            except JournalError as error:
                self._fail(StopReason.JOURNAL_FAILED, str(error))
            except Exception as error:  # noqa: BLE001 - said to the user, and kept in the log
                traceback.print_exc()
                self._fail(StopReason.ENGINE_ERROR, f"the {name} thread failed: {error}; see engine.log")

        return threading.Thread(target=guarded, name=name)

    def _connect(self, say: Callable[[str], object]) -> None:
        """Have the source's clock measured, and connect: bin 0 must not begin before both.

        The clock comes first: a source that waits for its receiver begins with the connection.
        """
        self._clock.begin(self._core.protocol.driver.kind, say)
        priority.raise_thread(priority.ACQUISITION)  # the thread that receives the stream is made here, and inherits it
        try:
            self._driver.connect()
        finally:
            priority.lower_thread()
        self._clock.measure()  # it may have stepped, or be another's, by now

    def _begin(self) -> None:
        """Fix the beginning of bin 0, and write down what is known now."""
        self._scheduling["memory"] = "locked" if priority.hold_in_memory(self._core.arrays.values()) else "default"
        start_s = clock.now_s() + _LEAD_S
        self._core.config["start_s"] = start_s
        self._tell_interval(self._prepared.source.rate_hz)
        priority.raise_thread(priority.ACQUISITION)  # a driver from before `connect` makes its threads here
        try:
            self._driver.start(start_s, False)
        finally:
            priority.lower_thread()
        session = self._prepared.session
        session["start_s"] = start_s
        session["engine"]["socket"] = self._control.address
        write_session(self._folder, session)

    def _acquire(self) -> None:
        """Own the driver's loop: acquire without the GIL; in Python, open a lost source again."""
        self._scheduling["acquisition"] = priority.raise_thread(priority.ACQUISITION)
        arrays, driver = self._core.arrays, self._driver
        while True:
            fault = acquire(
                self._prepared.poll, driver.act, driver.memory, arrays["spikes"], self._ctl, arrays["frames"]
            )
            if fault == SOURCE_ENDED:
                write_cell(self._ctl, cells.SOURCE_ENDED, 1)
                return
            if fault != SOURCE_LOST:
                if fault != 0:
                    kind = self._core.protocol.driver.kind
                    self._fail(StopReason.ENGINE_ERROR, f"the driver {kind!r} failed with a fault of its own: {fault}")
                return
            self._operator.note(EventKind.SOURCE_INFO, "the source is gone; looking for it again")
            driver.close()
            self._clock.reset()
            self._open_again()

    def _open_again(self) -> None:
        """Look for a lost source until it is back or the session ends; say once each reason why it is not."""
        said = ""
        while not self._is_stopping():
            try:
                self._tell_interval(self._driver.open(_REOPEN_S).rate_hz)
                self._driver.connect()
                self._driver.start(float(self._core.config[0]["start_s"]), False)
            except SourceError as error:
                if str(error) != said:
                    said = str(error)
                    self._operator.note(EventKind.SOURCE_INFO, f"the source is not back: {said}")
                continue
            self._operator.note(EventKind.SOURCE_INFO, "the source is back")
            return

    def _tell_interval(self, rate_hz: float) -> None:
        """Say how often a regular live source gives a sample, so that the ticks see early that one is missing."""
        is_live = plugins.load("drivers", self._core.protocol.driver.kind).TRAITS.real_time_only
        write_cell_f8(self._ctl, cells.INTERVAL, 1 / rate_hz if is_live and rate_hz > 0 else 0.0)

    def _decode(self) -> None:
        self._scheduling["decode"] = priority.raise_thread(priority.DECODE)
        try:
            run_live(self._core.decode, self._core.learn, self._core.session)
        finally:
            write_cell(self._ctl, cells.DECODE_DONE, 1)

    def _publish(self, published: Outlets) -> None:
        self._scheduling["publisher"] = priority.raise_thread(priority.PUBLISHER)
        arrays = self._core.arrays
        published.publish(self._ctl, arrays["frames"], arrays["events"])

    def _save(self) -> None:
        """Carry the rings into the journal every 100 ms; whatever happens, the last round is after the last frame."""
        while not self._over.wait(_FLUSH_S):
            self._files.look()
            for alarm in self._decoder_watch.fresh():
                self._operator.note(EventKind.ALARM, alarm)
            self._drain.step()
            self._journal.flush()
            if not self._core.protocol.units.ignore_unknown and read_cell(self._ctl, cells.UNMAPPED):
                self._fail(StopReason.UNKNOWN_UNIT, _UNKNOWN_UNIT)
        self._drain.step()
        self._journal.flush()

    def _move_to(self, folder: Path) -> None:
        self._folder = folder
        self._operator.move_to(folder)

    def _sync(self) -> None:
        """Have the journal on the disk every second; apart from the writing, since it may take long."""
        while not self._over.wait(_SYNC_S):
            n_bytes, began_s = self._journal.bytes_written, clock.now_s()
            self._journal.sync()
            write_cell_f8(self._ctl, cells.SYNCED, self._journal.last_sync_s)
            took_ms = round((self._journal.last_sync_s - began_s) * 1e3)
            self._operator.note(EventKind.JOURNAL_SYNCED, "", took_ms, n_bytes)

    def _stage(self) -> None:
        """Compute fits and staged updates as the ticks ask for them, and have them adopted."""
        while not self._over.wait(_STAGE_S):
            for staged in self._operator.refitter.take():
                self._operator.adopt_staged(staged)

    def _measure_clock(self) -> None:
        while not self._over.wait(_CLOCK_S):
            self._clock.measure()

    def _alarm(self, text: str) -> None:
        """Say to every view what threatens the session."""
        self._operator.note(EventKind.ALARM, text)

    def _output_fired(self, index: int, event: OutputEvent, delay_s: float) -> None:
        self._operator.note(EventKind.OUTPUT_FIRED, event.kind, index, delay_s)

    def _output_failed(self, index: int, event: OutputEvent, error: Exception) -> None:
        self._operator.note(EventKind.OUTPUT_FAILED, f"outputs.{index} ({event.kind}): {error}", index)

    def _join(self, started: list[threading.Thread], *threads: threading.Thread) -> None:
        for thread in threads:
            if thread in started:
                thread.join()

    def _is_stopping(self) -> bool:
        return bool(read_cell(self._ctl, cells.STOP) or read_cell(self._ctl, cells.DECODE_DONE))

    def _stop_if_running(self, reason: StopReason) -> None:
        if read_cell(self._ctl, cells.STOP) == 0:
            write_cell(self._ctl, cells.STOP, int(reason))

    def _fail(self, reason: StopReason, message: str) -> None:
        self._failures.append((reason, message))
        self._stop_if_running(reason)

    def _finish(self) -> dict[str, Any]:
        """Close the journal and say how it went."""
        try:
            self._journal.close()
        except JournalError as error:
            self._fail(StopReason.JOURNAL_FAILED, str(error))
        reason = StopReason(int(self._core.state[0]["stop_reason"]))
        if self._failures:
            reason = self._failures[0][0]
        if any(failed == StopReason.JOURNAL_FAILED for failed, _ in self._failures):
            summary = recovery.summarise_folder(self._folder, self._prepared.session, reason)  # what there is on disk
        else:
            protocol = self._core.protocol
            tick_s, n_keys = protocol.tick.period_ms / 1e3, protocol.task.n_keys
            summary = self._tally.summary(self._folder, protocol.name, tick_s, reason, n_keys=n_keys)
        summary["scheduling"] = self._scheduling
        if self._failures or self._files.words:
            summary["error"] = self._failures[0][1] if self._failures else self._files.words
        return summary
