"""Run a session that need not run in real time, in this process: `bmi run --speed max`."""

import contextlib
import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from bmi_app.record import recovery
from bmi_app.record.damage import JournalError
from bmi_app.record.drain import Drain
from bmi_app.record.journal import Journal
from bmi_app.record.session_folder import write_summary
from bmi_app.record.summary import Tally
from bmi_app.rt import cells
from bmi_app.rt.records import EventKind, StopReason
from bmi_app.session.engine import full_speed_loop, staging
from bmi_app.session.engine.decoder_watch import DecoderWatch
from bmi_app.session.engine.operator import event_now
from bmi_app.session.engine.prepare import Prepared, PrepareError, prepare
from bmi_app.session.engine.staged_fits import Staged
from bmi_app.session.request import SessionRequest
from drivers.contract import SourceError


def run_fast(
    request: SessionRequest, say: Callable[[str], object], on_progress: Callable[[int], object]
) -> dict[str, Any]:
    """Run the session that a request asks for, and return its summary.

    Parameters
    ----------
    request : SessionRequest
        With speed "max".
    say : callable
        Told what takes a while.
    on_progress : callable
        Called with the number of ticks made.

    Raises
    ------
    PrepareError
        If the session cannot start.
    """
    prepared = prepare(request, say)
    core, folder = prepared.core, prepared.folder
    try:
        with _signals_as_flag() as asked_to_stop:
            return _run(prepared, on_progress, asked_to_stop)
    except (PrepareError, SourceError, JournalError) as error:
        if not core.arrays["ctl"][cells.FRAMES_HEAD]:
            shutil.rmtree(folder, ignore_errors=True)  # it never began: an empty folder would only mislead
        raise PrepareError([str(error)]) from error
    finally:
        prepared.driver.close()
        prepared.hold.close()


def _run(prepared: Prepared, on_progress: Callable[[int], object], asked_to_stop: threading.Event) -> dict[str, Any]:
    core, folder, protocol = prepared.core, prepared.folder, prepared.core.protocol
    tally = Tally()
    journal = Journal(folder, protocol.units.count, protocol.n_axes, model_rows=core.sizes.model_rows)
    failure = ""
    try:
        drain = Drain(core.arrays, journal, tally, prepared.driver.learnt)

        watch = DecoderWatch(core.arrays, protocol.decoder.kind)

        def save() -> None:
            for alarm in watch.fresh():
                drain.add_event(event_now(core, EventKind.ALARM, float(core.state[0]["edge_s"])), alarm)
            drain.step()
            journal.flush()

        def keep(blob: int, command: int, staged: Staged) -> None:
            if staged.blob is None:
                time_s = float(core.state[0]["edge_s"])
                drain.add_event(event_now(core, EventKind.NO_FIT, time_s), staged.text)
            else:
                journal.write_blob(blob, {"blob": staged.blob, "before": staging.standing(core)})
                drain.add_command_text(command, json.dumps({"do": "adopt", "why": staged.text}))

        commands = full_speed_loop.Commands(core, keep, asked_to_stop.is_set)
        full_speed_loop.run(core, prepared.driver, prepared.poll, save, on_progress, commands)
        save()
    except JournalError as error:
        failure = str(error)
    finally:
        try:
            journal.close()
        except JournalError as error:
            failure = failure or str(error)
    if failure:
        summary = recovery.summarise_folder(folder, prepared.session, StopReason.JOURNAL_FAILED) | {"error": failure}
    else:
        reason = StopReason(int(core.state[0]["stop_reason"]))
        tick_s, n_keys = protocol.tick.period_ms / 1e3, protocol.task.n_keys
        summary = tally.summary(folder, protocol.name, tick_s, reason, n_keys=n_keys)
    return write_summary(folder, summary, journal.seals())


@contextlib.contextmanager
def _signals_as_flag() -> Iterator[threading.Event]:
    """Let Ctrl-C and SIGTERM stop the session as an operator would, with a command that is journaled.

    An exception in the midst of saving would tear the journal. Only the main thread is told of signals.
    """
    asked_to_stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked_to_stop
        return

    def stop(*_: object) -> None:
        asked_to_stop.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked_to_stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
