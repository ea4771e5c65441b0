"""Watch which LSL streams there are, and say of each whether a protocol's session would take it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pylsl.lib import fmt2string

from bmi_app import plugins
from bmi_app.rt.liblsl import pylsl
from drivers.contract import SourceError
from drivers.lsl_match import KEYS, check, describe, kind_of, wanted_by
from protocols.schema import Protocol

_FORGET_S = 3.0  # a source that was stopped shall be seen to be gone
_BEST_FIRST = ("source_id", "stream", "host", "type")


@dataclass(frozen=True)
class Stream:
    """Describe a stream, and what the protocol makes of it.

    Attributes
    ----------
    rate_hz : float
        0 where it is irregular.
    is_there : bool
        False for a stream that the protocol asks for and that is not there.
    fits : bool or None
        None for a stream that the protocol does not ask for.
    reason : str
        Why it is the source, cannot be, or is not asked for.
    choice : (str, str) or None
        The key of the protocol's `driver` table, and its value, that mean this stream and no other of those found;
        None where there is no such key.
    """

    name: str
    type: str
    n_channels: int
    channel_format: str
    rate_hz: float
    host: str
    source_id: str
    fits: bool | None = None
    reason: str = ""
    choice: tuple[str, str] | None = None
    is_there: bool = True


class StreamWatch:
    """Look for streams in the background, as liblsl does; one thread may use it."""

    def __init__(self) -> None:
        self._resolver = pylsl.ContinuousResolver(forget_after=_FORGET_S)

    def found(self) -> list[pylsl.StreamInfo]:
        """Return the streams that answered lately."""
        return sorted(self._resolver.results(), key=lambda stream: (stream.name(), stream.uid()))


def judge(protocol: Protocol | None, found: Sequence[pylsl.StreamInfo]) -> tuple[list[Stream], list[str]]:
    """Say of each stream whether it is the protocol's source, and why the session cannot start, if it cannot.

    Without a protocol, or with a driver that takes none, no stream is asked for.
    """
    if protocol is None or not plugins.driver_is(protocol.driver.kind, lambda traits: traits.takes_stream):
        return [_described(stream, found, None, "not used by this driver") for stream in found], []
    settings = plugins.load("drivers", protocol.driver.kind).Settings(**protocol.driver.settings)
    wanted = wanted_by(protocol)
    spike_types = settings.event_types + settings.count_types
    matching = [stream for stream in found if _is_meant(stream, wanted, spike_types)]
    sought = (
        " and ".join(f"{key} {value!r}" for key, value in wanted.items())
        if wanted
        else f"type {' or '.join(map(repr, spike_types))}"
    )
    streams, obstacles = [], []
    for stream in found:
        if not _is_meant(stream, wanted, spike_types):
            streams.append(_described(stream, found, None, f"not asked for: the protocol asks for {sought}"))
            continue
        unfit = _unfitness(stream, settings, protocol)
        if unfit:
            obstacles.append(unfit)
        elif len(matching) > 1:
            unfit = f"{len(matching)} streams match: {_how_to_choose(stream, found)}"
        streams.append(_described(stream, found, not unfit, unfit or _as_source(stream)))
    if not matching:
        obstacles.append(
            f"no LSL stream with {sought} yet: start the source; `bmi rig {protocol.name}` in a terminal is a simulated one"
        )
        kind = wanted.get("type", "" if wanted else " or ".join(spike_types[:1]))
        source_id, host = wanted.get("source_id", ""), wanted.get("host", "")
        name = wanted.get("stream", "none found")
        streams.insert(0, Stream(name, kind, 0, "", 0.0, host, source_id, False, "nobody sends it yet", is_there=False))
    elif len(matching) > 1:
        obstacles.append(f"{len(matching)} LSL streams match: choose one in the list, or stop the others")
    return streams, obstacles


def _is_meant(stream: pylsl.StreamInfo, wanted: dict[str, str], spike_types: Sequence[str]) -> bool:
    if not wanted:
        return stream.type() in spike_types
    return all(KEYS[key](stream) == value for key, value in wanted.items())


def _unfitness(stream: pylsl.StreamInfo, settings: Any, protocol: Protocol) -> str:
    kind = settings.kind
    if kind == "auto":
        kind = kind_of(stream, settings.event_types, settings.count_types)
    try:
        check(stream, kind, protocol)
    except SourceError as error:
        # The stream stands beside the reason already.
        return str(error).removeprefix("lsl: ").replace(describe(stream), repr(stream.name()))
    return ""


def _as_source(stream: pylsl.StreamInfo) -> str:
    if stream.source_id():
        return "the source of this session"
    return "the source of this session; it has no source_id, so that once it was lost it is found again only while no other stream matches"


def _telling(stream: pylsl.StreamInfo, found: Sequence[pylsl.StreamInfo]) -> tuple[str, str] | None:
    """Return the first key, with its value, that no other stream has; the source id first, which outlives a restart."""
    others = [other for other in found if other is not stream]
    for key in _BEST_FIRST:
        value = KEYS[key](stream)
        if value and all(KEYS[key](other) != value for other in others):
            return key, value
    return None


def _how_to_choose(stream: pylsl.StreamInfo, found: Sequence[pylsl.StreamInfo]) -> str:
    telling = _telling(stream, found)
    if telling is not None:
        return f"double click takes this one, by driver.{telling[0]}"
    what = "its source_id is another stream's as well" if stream.source_id() else "it has no source_id"
    return f"this one cannot be told apart, since {what}; let its sender give it a source_id of its own, or stop the others"


def _described(stream: pylsl.StreamInfo, found: Sequence[pylsl.StreamInfo], fits: bool | None, reason: str) -> Stream:
    return Stream(
        name=stream.name(),
        type=stream.type(),
        n_channels=stream.channel_count(),
        channel_format=fmt2string[stream.channel_format()],
        rate_hz=stream.nominal_srate(),
        host=stream.hostname(),
        source_id=stream.source_id(),
        fits=fits,
        reason=reason,
        choice=_telling(stream, found),
    )
