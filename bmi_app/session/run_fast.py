"""Run a session that need not run in real time, in this process: `bmi run --speed max`."""

from collections.abc import Callable
from typing import Any

from bmi_app.record.damage import JournalError
from bmi_app.record.drain import Drain
from bmi_app.record.journal import Journal
from bmi_app.record.session_folder import write_summary
from bmi_app.record.summary import Tally
from bmi_app.rt.records import StopReason
from bmi_app.session import fast
from bmi_app.session.prepare import Prepared, PrepareError, prepare
from drivers.contract import SourceError


def run_fast(
    request: dict[str, Any], say: Callable[[str], object], on_progress: Callable[[int], object]
) -> dict[str, Any]:
    """Run the session that a request asks for, and return its summary.

    Parameters
    ----------
    request : dict
        As `bmi_app.session.prepare.prepare` takes it, with speed "max".
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
    protocol = core.protocol
    if not protocol.session.duration_s and not protocol.session.trials and not _ends_by_itself(prepared):
        raise PrepareError(["at --speed max a session needs an end: give --duration or --trials"])
    tally = Tally()
    summary: dict[str, Any] = {}
    try:
        journal = Journal(folder, protocol.units.count, protocol.n_axes)
        drain = Drain(core.arrays, journal, tally)

        def save() -> None:
            drain.step()
            journal.flush()

        try:
            fast.run(core, prepared.driver, prepared.poll, save, on_progress)
        except KeyboardInterrupt:
            core.state["stop_reason"] = StopReason.OPERATOR
        except SourceError as error:
            raise PrepareError([str(error)]) from error
        save()
        journal.close()
    except JournalError as error:
        core.state["stop_reason"] = StopReason.JOURNAL_FAILED
        summary["error"] = str(error)
    finally:
        prepared.driver.close()
    reason = StopReason(int(core.state[0]["stop_reason"]))
    summary = tally.summary(folder, protocol.name, protocol.tick.period_ms / 1e3, reason) | summary
    write_summary(folder, summary)
    return summary


def _ends_by_itself(prepared: Prepared) -> bool:
    """Tell whether the protocol's last block has a length, or the source one."""
    last = prepared.core.protocol.blocks[-1]
    return bool(last.duration_s or last.trials) or prepared.core.protocol.driver.kind == "replay"
