"""Set off the outputs of a session: a thread that follows the event ring and fires what a moment calls for.

The delay that is reported with each firing runs from the end of the bin in whose tick the decision fell, on the local
clock, to the return of the output's `fire`. It is what the subject experiences: grace, the tick's own time, the way
through the ring and the operating system, and the device's driver are all in it; what the device itself takes is not.
The pulse at the session's start has no tick to be decided in: it is due, and its delay counts, from the beginning of
bin 0.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bmi_app.outputs.contract import Moment, OutputError, OutputEvent, Sink
from bmi_app.rt import cells
from bmi_app.rt.clock import now_s
from bmi_app.rt.records import EventKind
from bmi_app.rt.ring import read_cell
from bmi_app.rt.wait import wait_events

_NAP_S = 0.1  # how soon a stop is noticed
_MOMENTS: dict[int, Moment] = {
    EventKind.SESSION_STOP: "session",
    EventKind.BLOCK_START: "block_start",
    EventKind.TRIAL_START: "trial_start",
    EventKind.TRIAL_END: "trial_end",
    EventKind.REWARD: "reward",
}


@dataclass(frozen=True)
class Wired:
    """Hold an output and the moment that fires it."""

    sink: Sink
    on: Moment


class OutputThread:
    """Fire outputs on a thread of its own, from `start` to `stop`.

    Parameters
    ----------
    arrays
        The session's arrays; `config`, `ctl` and `events` are read.
    outputs
        In the order of the protocol; their index stands for them from here on.
    on_fired
        Called as `on_fired(index, event, delay_s)` after each firing.
    on_failed
        Called as `on_failed(index, event, error)` when one fails. The session goes on.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        outputs: Sequence[Wired],
        on_fired: Callable[[int, OutputEvent, float], None],
        on_failed: Callable[[int, OutputEvent, Exception], None],
    ) -> None:
        self._config, self._ctl, self._events = arrays["config"], arrays["ctl"], arrays["events"]
        self._outputs = tuple(outputs)
        self._on_fired, self._on_failed = on_fired, on_failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outputs", daemon=True)
        self._tail = int(read_cell(self._ctl, cells.EVENTS_HEAD))

    def start(self) -> None:
        """Open every output, then fire the session's start and follow the ring.

        `config.start_s` must be set. Events that were in the ring when this object was made are not fired.

        Raises
        ------
        OutputError
            If an output cannot be opened. None is open then.
        """
        for wired in self._outputs:
            try:
                wired.sink.open()
            except OutputError:
                self._close()
                raise
        self._thread.start()

    def stop(self) -> None:
        """Fire what is still in the ring, end the thread, and close every output. May be called twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._close()

    def _close(self) -> None:
        for wired in self._outputs:
            wired.sink.close()

    def _run(self) -> None:
        start_s = float(self._config["start_s"][0])
        self._stopping.wait(start_s - now_s())
        self._fire(OutputEvent(kind="session", tick=0, time_s=start_s, trial=-1, value=0.0))
        while True:
            stopping = self._stopping.is_set()  # asked before the ring, so that what came before a stop is fired
            until_s = now_s() if stopping else now_s() + _NAP_S
            head = int(wait_events(self._ctl, self._tail, until_s))
            # What the ring has overwritten is gone; a ring of thousands is lost only behind an output that hangs.
            for position in range(max(self._tail, head - len(self._events)), head):
                record = self._events[position & (len(self._events) - 1)]
                moment = _MOMENTS.get(int(record["kind"]))
                if moment is not None and not (moment == "reward" and record["value"] <= 0):
                    self._fire(
                        OutputEvent(
                            kind=moment,
                            tick=int(record["tick"]),
                            time_s=float(record["time_s"]),
                            trial=int(record["trial"]),
                            value=float(record["value"]),
                        )
                    )
            self._tail = head
            if stopping:
                return

    def _fire(self, event: OutputEvent) -> None:
        for index, wired in enumerate(self._outputs):
            if wired.on != event.kind:
                continue
            try:
                wired.sink.fire(event)
            except Exception as error:  # noqa: BLE001 - a third party's output may raise anything, and must end nothing
                self._on_failed(index, event, error)
            else:
                self._on_fired(index, event, float(now_s()) - event.time_s)
