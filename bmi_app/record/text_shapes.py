"""Check that what `session.toml` and `summary.json` say is of the kind that readers take it for.

Both can be damaged, or written by somebody else, and still be valid TOML and JSON: a text where a number should be, a list
where a table should be. Whoever reads them may then rely on these kinds; keys may be missing.
"""

import math
from collections.abc import Mapping
from typing import Any

from bmi_app.record.kinds import LATER_TOTALS, TOTALS

_MOST_UNITS = 1 << 20  # far more than protocols allow
_LONGEST_S = 1e9  # no duration, and no time of a machine's clock since its start, is longer: 30 years
_LATEST_S = 1e11  # of a date, in seconds since 1970


class ShapeError(ValueError):
    """Name a key whose value is of another kind, in one line."""


class Number:
    """Accept a finite number within bounds."""

    def __init__(self, least: float = -math.inf, most: float = math.inf, *, whole: bool = False) -> None:
        self._least, self._most, self._whole = least, most, whole

    def wrong(self, value: Any) -> str:
        """Say what is allowed where `value` is not."""
        kinds = (int,) if self._whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            return "a whole number" if self._whole else "a number"
        if not (math.isfinite(value) and self._least <= value <= self._most):
            return f"a number from {self._least:g} to {self._most:g}"
        return ""


_COUNT = Number(0, 2.0**63, whole=True)
_TIME_S = Number(-_LONGEST_S, _LONGEST_S)
_TEXTS: dict[str, Any] = {"*": str}

_SESSION: dict[str, Any] = {
    "protocol": str,
    "id": str,
    "seed": Number(whole=True),
    "dt_s": Number(1e-6, 1e3),
    "n_units": Number(0, _MOST_UNITS, whole=True),
    "n_axes": Number(0, 2, whole=True),
    "n_keys": Number(0, 1e6, whole=True),
    "speed": str,
    "start_s": _TIME_S,
    "processor": str,
    "clock": {"local_s": _TIME_S, "unix_s": Number(0, _LATEST_S)},
    "versions": _TEXTS,
    "source": {"name": str, "type": str, "source_id": str, "host": str, "kind": str},
    "labels": _TEXTS,
    "inputs": _TEXTS,
    "engine": {"pid": Number(whole=True), "start": str, "live_file": str, "socket": str},
}
_SUMMARY: dict[str, Any] = {
    "session": str,
    "protocol": str,
    **dict.fromkeys(
        (
            "ticks",
            "trials",
            "successes",
            "spikes",
            *TOTALS,
            "source_losses",
            "weight_updates",
            "rejected_updates",
            "journal_bytes",
        ),
        _COUNT,
    ),
    "duration_s": Number(0, _LONGEST_S),
    "success_rate": Number(0, 1),
    "trials_per_min": Number(0, 1e9),
    "median_time_to_target_s": Number(0, _LONGEST_S),
    "source_lost_s": Number(0, _LONGEST_S),
    "longest_data_age_s": Number(0, _LONGEST_S),
    "longest_sync_gap_s": Number(0, _LONGEST_S),
    "movement": {"*": Number()},
    "latency_us": {"*": Number()},
    "signal_us": {"*": Number()},
    "stop_reason": str,
    "error": str,
}
_OPTIONAL = {"error", "signal_us", *LATER_TOTALS}  # the others are not in sessions of before
_OPEN = {  # null where nothing was counted or timed
    "success_rate",
    "trials_per_min",
    "median_time_to_target_s",
    "spikes",
    "longest_data_age_s",
    "journal_bytes",
    "longest_sync_gap_s",
}
_OPEN_TABLES = {"movement.", "latency_us.", "signal_us."}
_ALWAYS = tuple(key for key in _SUMMARY if key not in _OPTIONAL)  # what a session writes of itself at its end


def check_session(session: Mapping[str, Any]) -> None:
    """Check what `session.toml` says.

    Raises
    ------
    ShapeError
        If a value is of another kind.
    """
    _check(session, _SESSION, "")


def check_summary(summary: Mapping[str, Any]) -> None:
    """Check what `summary.json` says; numbers may be null.

    Raises
    ------
    ShapeError
        If a value is of another kind.
    """
    _check(summary, _SUMMARY, "")


def missing_from(summary: Mapping[str, Any]) -> list[str]:
    """Name what every summary says at a session's end, and this one does not."""
    return [key for key in _ALWAYS if key not in summary]


def _check(table: Mapping[str, Any], shapes: Mapping[str, Any], path: str) -> None:
    for key, value in table.items():
        shape, name = shapes.get(key, shapes.get("*")), f"{path}{key}"
        if shape is None or (value is None and (name in _OPEN or path in _OPEN_TABLES)):
            continue
        if isinstance(shape, dict):
            if not isinstance(value, Mapping):
                raise ShapeError(f"{name} is {_short(value)}; it must be a table")
            _check(value, shape, f"{name}.")
        elif shape is str:
            if not isinstance(value, str):
                raise ShapeError(f"{name} is {_short(value)}; it must be a text")
        elif allowed := shape.wrong(value):
            raise ShapeError(f"{name} is {_short(value)}; it must be {allowed}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
