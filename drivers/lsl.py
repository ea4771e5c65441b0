"""Take spikes from a stream of the Lab Streaming Layer (LSL): spike events, or binned counts.

A sample of events is `[channel, unit, ...]`, stamped with the time of the spike. A sample of counts holds one value a
unit, channel i being unit i. Its stamp is taken as given, as the end of its bin: the first moment at which a live source
could know the counts. The whole sample counts in the tick into which that moment falls. Rates in Hz become counts by the
stream's rate.

`drivers.lsl_poll` has the kernel, `drivers.lsl_match` finds and checks the stream, `drivers.lsl_clock` measures its clock.
"""

import threading
import time
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from pylsl.lib import fmt2string

from bmi_app.rt.liblsl import pylsl
from bmi_app.traits import DriverTraits
from drivers import lsl_clock
from drivers.contract import ClockReading, SourceError, SourceInfo
from drivers.lsl_match import check, discover, kind_of, notes_on, wanted_by
from drivers.lsl_poll import HEADER, POLL, lay_out, let_go
from protocols.schema import Protocol

__all__ = ["POLL", "TRAITS", "Driver", "Settings"]

_EVENTS_PER_S = 50_000  # a thousand units at 50 Hz: sizes the buffer of a stream of events, which has no rate
_CONNECT_S = 5.0
_STEP_S = 0.25  # how long liblsl may wait at once, so that a stop is noticed


class Settings(BaseModel):
    """Say how a stream is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["auto", "events", "counts"] = Field(
        "auto", description="What a sample is; `auto`: by the stream's type, else events where its rate is irregular."
    )
    event_types: tuple[str, ...] = Field(("SpikeEvents",), description="Types of streams of spike events.")
    count_types: tuple[str, ...] = Field(
        ("SpikeCounts", "SpikingRates"), description="Types of streams of binned counts."
    )
    rate_types: tuple[str, ...] = Field(
        ("SpikingRates",),
        description="Those of them whose values are rates in Hz: each becomes a count, by the stream's nominal rate.",
    )
    buffer_s: float = Field(
        20.0,
        gt=0,
        le=600,
        description="How much of the stream waits in liblsl when the program is held up; beyond, it drops the oldest.",
        json_schema_extra={"unit": "s"},
    )


class Driver:
    """Read one LSL stream.

    Attributes
    ----------
    memory : ndarray, shape (words,), float64
        What POLL needs. Each `open` makes a new one.
    """

    def __init__(self, protocol: Protocol, settings: Settings) -> None:
        self.memory = np.zeros(HEADER)
        self._protocol = protocol
        self._settings = settings
        self._inlet: pylsl.StreamInlet | None = None
        self._stream: pylsl.StreamInfo | None = None
        self._in_use = threading.Lock()  # liblsl must not measure the clock of an inlet that is being destroyed

    def open(self, timeout_s: float) -> SourceInfo:
        """Find the stream and check that it fits the protocol; data flow from `begin` on.

        Raises
        ------
        SourceError
            If there is no such stream, more than one, or one that does not fit.
        """
        self.close()
        settings = self._settings
        give_up_s = time.monotonic() + timeout_s
        spike_types = settings.event_types + settings.count_types
        stream = discover(wanted_by(self._protocol), spike_types, timeout_s)
        kind = kind_of(stream, settings.event_types, settings.count_types) if settings.kind == "auto" else settings.kind
        check(stream, kind, self._protocol)
        rate_hz = stream.nominal_srate()
        in_hz = kind == "counts" and stream.type() in settings.rate_types
        if in_hz and rate_hz <= 0:
            raise SourceError(
                f"lsl: stream {stream.name()!r} of type {stream.type()!r} sends rates in Hz at no regular rate, so that they "
                "cannot be made counts; give it a nominal rate, or take its type out of driver.settings.rate_types"
            )
        # liblsl takes whole seconds at a regular rate, else hundreds of samples.
        max_buflen = int(np.ceil(settings.buffer_s if rate_hz > 0 else settings.buffer_s * _EVENTS_PER_S / 100))
        inlet = pylsl.StreamInlet(stream, max_buflen, recover=True, processing_flags=pylsl.proc_none)
        try:
            full = inlet.info(max(give_up_s - time.monotonic(), 1.0))
        except RuntimeError as error:  # pylsl's TimeoutError and LostError
            raise _unreachable(stream, error) from error
        self._inlet, self._stream = inlet, stream
        self.memory = lay_out(
            inlet,
            self._protocol.units,
            is_counts=kind == "counts",
            is_irregular=rate_hz == pylsl.IRREGULAR_RATE,
            by_arrival=self._protocol.driver.clock == "arrival",
            scale=1.0 / rate_hz if in_hz else 1.0,
            queue_samples=max(int((rate_hz or 100.0) * max_buflen), 1),
        )
        return SourceInfo(
            name=full.name(),
            type=full.type(),
            source_id=full.source_id(),
            host=full.hostname(),
            uid=full.uid(),
            n_channels=full.channel_count(),
            rate_hz=rate_hz,
            channel_format=fmt2string[full.channel_format()],
            kind=kind,
            description=full.as_xml(),
            notes=notes_on(stream, kind, self._protocol, in_hz),
        )

    def connect(self) -> None:
        """Connect to the stream: a source that waits for its receiver begins now.

        Raises
        ------
        SourceError
            If the stream does not answer.
        """
        assert self._inlet is not None, "open comes first"
        assert self._stream is not None, "open comes first"
        give_up_s = time.monotonic() + _CONNECT_S
        while True:
            try:
                self._inlet.open_stream(_STEP_S)
                return
            except RuntimeError as error:
                if isinstance(error, pylsl.LostError) or time.monotonic() >= give_up_s:
                    raise _unreachable(self._stream, error) from error

    def start(self, start_s: float, manual_clock: bool) -> None:
        """Have nothing to do with bin 0: samples tell their time.

        Raises
        ------
        SourceError
            If time is not to be real.
        """
        if manual_clock:
            raise SourceError("lsl: a live stream runs in real time; leave out --speed max, or replay a recording")

    def close(self) -> None:
        """Disconnect. POLL must not be running; may be called twice."""
        let_go(self.memory)
        with self._in_use:
            self._inlet = None  # the last reference: pylsl destroys the inlet

    def read_clock(self) -> ClockReading | None:
        """Return how the source's clock was last found to differ from the local one; None while that is unknown.

        Clock thread only: waits up to a quarter of a second. With `driver.clock = "arrival"` no clock but ours matters.
        """
        if self._protocol.driver.clock == "arrival":
            return ClockReading(0.0, 0.0, pylsl.local_clock())
        with self._in_use:
            return None if self._inlet is None else lsl_clock.measure(self._inlet, _STEP_S)

    def why_no_clock(self) -> str:
        """Say what to do about a clock that cannot be measured."""
        assert self._stream is not None, "open comes first"
        return lsl_clock.REMEDY.format(name=self._stream.name(), host=self._stream.hostname())


def _unreachable(stream: pylsl.StreamInfo, error: RuntimeError) -> SourceError:
    return SourceError(
        f"lsl: stream {stream.name()!r} on host {stream.hostname()!r} was announced but cannot be connected to "
        f"({error}); it may just have ended; else check the network and the firewall between the two machines"
    )


TRAITS = DriverTraits(title="spikes from the network", real_time_only=True, takes_stream=True, has_clock=True)
