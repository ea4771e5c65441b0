"""Say how a running session's signal does: what of it was not used, how old it is when it acts, how its clock stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bmi_app import plugins
from bmi_app.rt import cells
from bmi_app.rt.records import Flag, Stamping
from bmi_app.session.view.attachment import Attachment

_MOST_ENTRIES = 4096  # of the spike ring, the newest, that a latency is made of
_OLD_CLOCK_S = 10.0  # liblsl measures every 2 s
_FOREIGN_S = 1.0  # no transport is so slow: a stamp so far from its arrival is of another clock
_LONGEST_AGE_MS = 1e6  # what seems older has a stamp of another clock
_RATE_TICKS = 200  # ticks of a stream from which its rate is told
_RATE_SHARE = 0.02  # of the nominal rate: quartz is within 1e-4

OWN_CLOCK = "this machine's own"

# Fields of HEALTH that count what was not used as it came, and their words; in the order in which they are shown.
UNUSED = {
    "unmapped_spikes": "unmapped",
    "bad_values": "no numbers",
    "future_spikes": "far ahead",
    "ahead_spikes": "stamped ahead",
    "no_offset_spikes": "clock unknown",
    "no_stamp_spikes": "without stamp",
}
ORDINARY = {"before_spikes": "before bin 0", "ignored_spikes": "ignored"}  # as the protocol and every start have them


@dataclass(frozen=True)
class SignalHealth:
    """Hold what a view says of the signal.

    Attributes
    ----------
    counts : dict
        Of `UNUSED` and `ORDINARY`, those above 0, by their words.
    is_bad : bool
        Whether any of `UNUSED` is above 0.
    arrival_ms, stamp_ms : (float, float) or None
        p50 and p99 of the time from a spike's arrival, and from its stamp where the source's clock is known, to the
        publication of the frame that counted it.
    clock : str
        How the source's clock stands.
    alarms : tuple of str
        What an operator must look into, the worst first.
    """

    counts: dict[str, int]
    is_bad: bool
    arrival_ms: tuple[float, float] | None
    stamp_ms: tuple[float, float] | None
    clock: str
    alarms: tuple[str, ...]

    @property
    def counts_text(self) -> str:
        """Say what was not used, in words."""
        return ", ".join(f"{number:,} {word}" for word, number in self.counts.items()) or "nothing"

    @property
    def age_text(self) -> str:
        """Say how old the signal is when its frame is published."""
        return "; ".join(self.age_lines)

    @property
    def age_lines(self) -> list[str]:
        """Say the same in short lines: from arrival, and from stamp where that is known."""
        if self.arrival_ms is None:
            return ["not measured"]
        ages_ms = {"arrival": self.arrival_ms, "stamp": self.stamp_ms}
        return [f"{name} {of[0]:.3g}, p99 {of[1]:.3g} ms" for name, of in ages_ms.items() if of is not None]

    @property
    def short_age_text(self) -> str:
        """Say the medians in a few characters."""
        parts = [f"{of[0]:.3g}" for of in (self.arrival_ms, self.stamp_ms) if of is not None]
        return f"{' / '.join(parts)} ms (arrival{' / stamp' if len(parts) > 1 else ''})"


def of_now(
    attachment: Attachment, frames: np.ndarray, health: np.ndarray, now_s: float, silent_rest: bool
) -> SignalHealth:
    """Look at a running session.

    Parameters
    ----------
    attachment : Attachment
        To it.
    frames, health : FRAME[n], HEALTH[n]
        The newest.
    now_s : float
        The session's clock.
    silent_rest : bool
        Whether the last rest block had no spike.
    """
    last = health[-1] if len(health) else None
    found = {name: int(last[name]) if last is not None else 0 for name in (*UNUSED, *ORDINARY)}
    arrival_ms, stamp_ms, lag_s = _ages(attachment)
    clock, clock_alarm = _clock(attachment, now_s)
    late = int(last["late_spikes"]) if last is not None else 0
    alarms = (
        "no spike in the rest block: baselines stay as they were" if silent_rest else "",
        clock_alarm,
        foreign_clock(late, int(attachment.arrays["ctl"][cells.SPIKES_DECODED]), lag_s),
        _rate(attachment, frames),
    )
    return SignalHealth(
        counts={word: found[name] for name, word in (UNUSED | ORDINARY).items() if found[name]},
        is_bad=any(found[name] for name in UNUSED),
        arrival_ms=arrival_ms,
        stamp_ms=stamp_ms if not clock_alarm else None,
        clock=clock,
        alarms=tuple(filter(None, alarms)),
    )


def recorded_age_ms(summary: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return p50 and p99 (ms) of the time from a tick's last spike or sample to its frame, as a summary has them.

    None where nothing was timed, or stamps lie so far from the clock that they tell no age.
    """
    found = summary.get("signal_us") or {}
    p50_us, p99_us = found.get("p50"), found.get("p99")
    if p50_us is None or p99_us is None or max(abs(p50_us), abs(p99_us)) > _LONGEST_AGE_MS * 1e3:
        return None
    return p50_us / 1e3, p99_us / 1e3


def foreign_clock(late_spikes: int, spikes: int, lag_s: float | None) -> str:
    """Name the source's own clock as the cause where nearly all is late and stamps lie far from arrivals, else nothing."""
    if lag_s is None or abs(lag_s) < _FOREIGN_S or late_spikes < 0.5 * max(spikes, 1):
        return ""
    return (
        f"nearly all spikes are late: stamps lie {abs(lag_s):,.0f} s {'before' if lag_s > 0 else 'after'} their arrival, so "
        'they are of a clock of the device; stamp with LSL\'s clock, or set driver.clock = "arrival"'
    )


def slow_rate(took_s: float, ticks: int, tick_s: float) -> str:
    """Say that the samples of a stream that makes the ticks come at another rate than they should, else nothing."""
    if ticks < _RATE_TICKS or took_s <= 0:
        return ""
    rate_hz, nominal_hz = ticks / took_s, 1 / tick_s
    if abs(rate_hz / nominal_hz - 1) <= _RATE_SHARE:
        return ""
    return (
        f"samples come at {rate_hz:.4g} Hz instead of {nominal_hz:.4g}, so that {ticks * tick_s:.1f} s of ticks took "
        f"{took_s:.2f} s"
    )


def _ages(attachment: Attachment) -> tuple[tuple[float, float] | None, tuple[float, float] | None, float | None]:
    """Return p50 and p99 (ms) from arrival, and from stamp, to the frame; and the median of arrival - stamp (s)."""
    ring, health = attachment.arrays["spikes"], attachment.arrays["health"]
    decoded, head = int(attachment.arrays["ctl"][cells.SPIKES_DECODED]), attachment.head
    entries = ring[np.arange(max(decoded - min(_MOST_ENTRIES, len(ring) // 2), 0), decoded) & (len(ring) - 1)]
    entries = entries[(entries["tick"] >= max(head - len(health) // 2, 0)) & (entries["tick"] < head)]
    of_frame = health[entries["tick"] & (len(health) - 1)]
    there = (of_frame["tick"] == entries["tick"]) & (of_frame["published_s"] > 0)
    entries, of_frame = entries[there], of_frame[there]
    if len(entries) == 0:
        return None, None, None
    stamped = entries["stamping"] == Stamping.SOURCE
    with np.errstate(over="ignore", invalid="ignore"):  # stamps can be anything
        stamps_s = (entries["stamp_s"] + entries["offset_s"])[stamped]
        from_stamp_ms = (of_frame["published_s"][stamped] - stamps_s) * 1e3
        lags_s = entries["arrival_s"][stamped] - stamps_s
    from_arrival_ms = (of_frame["published_s"] - entries["arrival_s"]) * 1e3
    lag_s = float(np.median(lags_s)) if len(lags_s) else None
    near = from_stamp_ms[np.abs(from_stamp_ms) < _LONGEST_AGE_MS]
    return _percentiles(from_arrival_ms), _percentiles(near) if len(near) else None, lag_s


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    p50, p99 = np.percentile(values, (50, 99))
    return float(p50), float(p99)


def _clock(attachment: Attachment, now_s: float) -> tuple[str, str]:
    """Say how the source's clock stands, and what is wrong with it."""
    ctl, driver = attachment.arrays["ctl"], attachment.protocol.driver
    takes_stream = plugins.driver_is(driver.kind, lambda traits: traits.takes_stream)
    if takes_stream and driver.clock == "arrival":
        return 'not used: driver.clock = "arrival"', ""
    offset_s, uncertainty_s, measured_s = (
        float(ctl[cell : cell + 1].view(np.float64)[0])
        for cell in (cells.OFFSET, cells.OFFSET_UNCERTAINTY, cells.OFFSET_MEASURED)
    )
    if ctl[cells.OFFSET_RESETS] != ctl[cells.CLOCK_RESETS]:
        return "not known", "the source's clock is not known yet: spikes are timed by their arrival"
    if measured_s <= 0 or (offset_s == 0.0 and uncertainty_s == 0.0):
        return OWN_CLOCK, ""
    age_s = max(now_s - measured_s, 0.0)
    said = offset_words(offset_s, uncertainty_s, age_s)
    old = f"the source's clock was measured last {age_s:.0f} s ago: does a firewall block UDP?"
    return said, old if age_s > _OLD_CLOCK_S and takes_stream else ""


def offset_words(offset_s: float, uncertainty_s: float, age_s: float) -> str:
    """Say what a source's clock is apart from this one, short enough for a narrow panel."""
    error = f"± {uncertainty_s * 1e3:.2g} ms"
    apart = f"{offset_s * 1e3 + 0.0:.2f} {error}" if abs(offset_s) < 1.0 else f"{offset_s:.3f} s {error}"
    return f"{apart}, {age_s:.0f} s ago"


def _rate(attachment: Attachment, frames: np.ndarray) -> str:
    """Say that a stream that makes the ticks has another rate than its nominal one."""
    config = attachment.arrays["config"][0]
    if not config["stream_ticks"] or len(frames) < 2 or np.any(frames["flags"] & Flag.SOURCE_LOST):
        return ""
    took_s = float(frames["edge_s"][-1] - frames["edge_s"][0])
    return slow_rate(took_s, len(frames) - 1, float(config["tick_s"]))
