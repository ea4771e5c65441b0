"""Find the one LSL stream that a protocol means, and refuse one that does not fit it."""

import socket
import time
from collections.abc import Mapping, Sequence

from pylsl.lib import cf_string, cf_undefined, fmt2string

from bmi_app.rt.liblsl import pylsl
from drivers.contract import Kind, SourceError, refuse_map_of_counts
from protocols.durations import check_durations
from protocols.schema import Protocol
from protocols.signal import TICK_MS

# Answers to one query come within a round trip, but every host answers separately: what else matches is known only
# after waiting longer than for the first. liblsl sends its second wave of queries after 0.5 s (api_config).
SETTLE_S = 0.5
_POLL_S = 0.02
_DISCARD_PORT = 9  # of UDP: whoever listens there throws it away
_RATE_TOLERANCE = 0.01  # of a nominal rate, which sources often round

# Keys of the protocol's `driver` table, and what each is of a stream.
KEYS = {
    "stream": pylsl.StreamInfo.name,
    "type": pylsl.StreamInfo.type,
    "source_id": pylsl.StreamInfo.source_id,
    "host": pylsl.StreamInfo.hostname,
}


def wanted_by(protocol: Protocol) -> dict[str, str]:
    """Return the keys that the protocol sets, with their values."""
    values = {key: getattr(protocol.driver, key) for key in KEYS}
    return {key: value for key, value in values.items() if value is not None}


def discover(wanted: Mapping[str, str], spike_types: Sequence[str], timeout_s: float) -> pylsl.StreamInfo:
    """Wait for the one stream that matches; return it.

    Parameters
    ----------
    wanted
        Values that keys of `KEYS` must have.
    spike_types
        Where nothing is wanted, a stream of one of these types is taken.
    timeout_s
        How long to wait for a first match.

    Raises
    ------
    SourceError
        If none matches in time, or more than one does.
    """
    resolver = pylsl.ContinuousResolver(forget_after=timeout_s + 2 * SETTLE_S)
    give_up_s = time.monotonic() + timeout_s
    settled_s = None
    while True:
        found = resolver.results()
        matching = [stream for stream in found if _matches(stream, wanted, spike_types)]
        now_s = time.monotonic()
        if matching and settled_s is None:
            settled_s = now_s + SETTLE_S
        if now_s >= (give_up_s if settled_s is None else settled_s):
            return _the_only(matching, found, wanted, spike_types, timeout_s)
        time.sleep(_POLL_S)


def kind_of(stream: pylsl.StreamInfo, event_types: Sequence[str], count_types: Sequence[str]) -> Kind:
    """Tell events from counts: by type, else by whether the rate is regular."""
    if stream.type() in count_types:
        return "counts"
    if stream.type() in event_types or stream.nominal_srate() == pylsl.IRREGULAR_RATE:
        return "events"
    return "counts"


def check(stream: pylsl.StreamInfo, kind: Kind, protocol: Protocol) -> None:
    """Refuse a stream that cannot be what the protocol describes.

    Raises
    ------
    SourceError
        With the first thing that does not fit, and what to change.
    """
    name, n_channels, rate_hz = stream.name(), stream.channel_count(), stream.nominal_srate()
    units, tick = protocol.units, protocol.tick
    if stream.channel_format() in (cf_string, cf_undefined):
        raise SourceError(
            f"lsl: stream {describe(stream)} carries text, not spikes; set driver.stream or driver.type to a stream of "
            "numbers"
        )
    if kind == "events":
        if tick.source == "stream":
            raise SourceError(
                f"lsl: tick.source = 'stream' needs a stream of binned counts, and {describe(stream)} is one of spike "
                "events; set tick.source = 'clock', or driver.settings.kind = 'counts' if its samples are counts"
            )
        if units.map != "channel" and n_channels < 2:
            raise SourceError(
                f"lsl: units.map = {units.map!r} needs [channel, unit] in each sample, and stream {name!r} has one "
                "channel only; set units.map = 'channel'"
            )
        if units.ignore_units and n_channels < 2:
            raise SourceError(
                f"lsl: units.ignore_units needs [channel, unit] in each sample, and stream {name!r} has one channel only; "
                "remove units.ignore_units"
            )
        return
    refuse_map_of_counts(units, f"lsl: stream {describe(stream)}")
    if n_channels != units.count:
        raise SourceError(
            f"lsl: units.count is {units.count}, and the stream of counts {describe(stream)} has {n_channels} channels; "
            f"set units.count = {n_channels}, or driver.settings.kind = 'events' if its samples are spikes"
        )
    if tick.source == "stream" and rate_hz > 0 and abs(rate_hz * tick.period_ms / 1e3 - 1) > _RATE_TOLERANCE:
        raise SourceError(
            f"lsl: with tick.source = 'stream' a sample of {name!r} is a tick, and it sends one every "
            f"{1e3 / rate_hz:g} ms, but tick.period_ms is {tick.period_ms:g}; {tick_advice(protocol, 1e3 / rate_hz)}"
        )


def tick_advice(protocol: Protocol, sample_ms: float) -> str:
    """Say how a sample can be a tick, as the check of the protocol will allow it."""
    period_ms = float(f"{sample_ms:g}")
    shortest_ms, longest_ms = TICK_MS
    if not shortest_ms <= period_ms <= longest_ms:
        return (
            f"a tick lasts {shortest_ms:g} to {longest_ms:g} ms, so that no sample of {period_ms:g} ms can be one: let the "
            "source count in longer or shorter bins, or set tick.source = 'clock'"
        )
    tick = protocol.tick.model_copy(update={"period_ms": period_ms})
    unfit = [finding.key for finding in check_durations(protocol.model_copy(update={"tick": tick}))]
    if protocol.safety.watchdog_ms <= period_ms:
        unfit.append("safety.watchdog_ms")
    also = f", and {', '.join(unfit)} so that they fit it (`bmi protocols check` names the nearest)" if unfit else ""
    return f"set tick.period_ms = {period_ms:g}{also}"


def notes_on(stream: pylsl.StreamInfo, kind: Kind, protocol: Protocol, in_hz: bool = False) -> tuple[str, ...]:
    """Name what of a stream is not read or is converted, and what its counts and the protocol's ticks hardly mean together."""
    notes = _notes_on_ticks(stream, kind, protocol)
    if protocol.driver.clock == "arrival":
        notes = (f"{stream.name()!r} is timed by the arrival of its samples here (driver.clock = 'arrival')", *notes)
    if in_hz:
        said = f"the rates (Hz) of {stream.name()!r}, type {stream.type()!r}, become counts: divided by {stream.nominal_srate():g} Hz"
        notes = (said, *notes)
    return notes


def _notes_on_ticks(stream: pylsl.StreamInfo, kind: Kind, protocol: Protocol) -> tuple[str, ...]:
    rate_hz, period_ms, n_channels = stream.nominal_srate(), protocol.tick.period_ms, stream.channel_count()
    if kind == "events" and n_channels > 2:
        return (
            f"{stream.name()!r} has {n_channels} channels; of a spike event the first two are read, [channel, unit]",
        )
    if kind != "counts" or protocol.tick.source != "clock" or rate_hz <= 0:
        return ()
    sample_ms = 1e3 / rate_hz
    if abs(sample_ms / period_ms - 1) <= _RATE_TOLERANCE:
        advice = "a tick and none can be late, with 'clock' one falls into the bin of its stamp"
        return (f"{stream.name()!r} sends counts every {sample_ms:g} ms; with tick.source = 'stream' each is {advice}",)
    if sample_ms > period_ms:
        advice = f"set tick.source = 'stream' and {tick_advice(protocol, sample_ms).removeprefix('set ')}"
        if sample_ms > TICK_MS[1]:
            advice = "let the source count in shorter bins"
        return (
            f"{stream.name()!r} sends counts every {sample_ms:g} ms, a tick is {period_ms:g} ms: most have none; {advice}",
        )
    return ()


def describe(stream: pylsl.StreamInfo) -> str:
    """Write all that tells a stream from another."""
    rate_hz = stream.nominal_srate()
    rate = "irregular" if rate_hz == pylsl.IRREGULAR_RATE else f"{rate_hz:g} Hz"
    return (
        f"{stream.name()!r} (type {stream.type()!r}, source_id {stream.source_id()!r}, host {stream.hostname()!r}, "
        f"{stream.channel_count()} x {fmt2string[stream.channel_format()]}, {rate})"
    )


def _matches(stream: pylsl.StreamInfo, wanted: Mapping[str, str], spike_types: Sequence[str]) -> bool:
    if not wanted:
        return stream.type() in spike_types
    return all(KEYS[key](stream) == value for key, value in wanted.items())


def _the_only(
    matching: Sequence[pylsl.StreamInfo],
    found: Sequence[pylsl.StreamInfo],
    wanted: Mapping[str, str],
    spike_types: Sequence[str],
    timeout_s: float,
) -> pylsl.StreamInfo:
    sought = (
        " and ".join(f"driver.{key} = {value!r}" for key, value in wanted.items())
        if wanted
        else f"a type that is one of {', '.join(map(repr, spike_types))}"
    )
    if not matching:
        seen = "; ".join(sorted(map(describe, found))) or f"none{_why_none()}"
        raise SourceError(
            f"lsl: no stream with {sought} within {timeout_s:g} s; start the source, wait longer (--timeout), or set driver.stream, driver.type, "
            f"driver.source_id or driver.host to match one of the streams found: {seen}"
        )
    if len(matching) > 1:
        telling = [key for key, of in KEYS.items() if len(set(map(of, matching))) == len(matching)]
        remedy = (
            f"set {' or '.join(f'driver.{key}' for key in telling)} to tell them apart"
            if telling
            else "no single key tells them apart: set several, or stop all but one"
        )
        raise SourceError(
            f"lsl: {len(matching)} streams with {sought}: {'; '.join(sorted(map(describe, matching)))}; {remedy}"
        )
    return matching[0]


def _why_none() -> str:
    """Say whether it is this machine's network that keeps every stream from being found, its own included."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.sendto(b"", ("127.0.0.1", _DISCARD_PORT))
    except OSError as error:
        return (
            f" (this machine's own network, loopback, does not work: {error.strerror}; without it not even a source on this "
            "machine is found: `ip link set lo up`)"
        )
    return ""
