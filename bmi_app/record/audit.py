"""Say in words what the audit of a session holds: every update of what the decoder adapts, and what became of it."""

from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record.lineage import Lineage, undone_by
from bmi_app.rt.records import UpdateCause, UpdateVerdict


def cause_words(cause: int) -> str:
    """Say what an update came from."""
    return UpdateCause(cause).words if cause in set(UpdateCause) else f"cause {cause}"


def verdict_words(verdict: int, short: bool = False) -> str:
    """Say what became of an update; `short` for a narrow column."""
    return UpdateVerdict(verdict).short if short else UpdateVerdict(verdict).words


def counts(updates: np.ndarray) -> dict[str, int]:
    """Return how many updates ended in each way, in words; ways that did not occur are left out."""
    return {
        verdict_words(verdict): int(np.count_nonzero(updates["verdict"] == verdict))
        for verdict in UpdateVerdict
        if np.any(updates["verdict"] == verdict)
    }


def rows(folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """Return the name of a session's rule, and every row of its audit, ready for JSON.

    Raises
    ------
    JournalError
        If the folder holds no session.
    """
    from bmi_app.record import reading  # here, so that views, which use the words only, need no Arrow

    recording = reading.read(folder, kinds=("updates", "weights", "commands"))
    protocol = reading.protocol_of(folder, recording.protocol_text)
    rule = protocol.learning.rule
    unit = _error_unit(rule, protocol.decoder)
    undone = _undone(recording.weights, recording.weight_rows, undone_by(recording.commands))
    return rule, [_row(update, rule, unit, _key(update) in undone) for update in recording.updates]


def _undone(weights: np.ndarray, rows: np.ndarray, undone: dict[int, int]) -> set[tuple[int, int, int]]:
    """Return by what the rows of the audit are known whose change was undone, and not brought back."""
    lineage = Lineage()
    lineage.take(weights, rows, undone)
    return {_key(weights[row]) for row in lineage.undone()}


def _key(record: np.ndarray) -> tuple[int, int, int]:
    return int(record["tick"]), int(record["cause"]), int(record["id"])


def _error_unit(rule: str, decoder: Any) -> str:
    """Return the unit of the errors: of the velocity, or, where the rule adapts a decoder's model, of a feature."""
    from bmi_app import plugins
    from bmi_app.decoders.contract import adapted_part

    try:
        adaptable = plugins.load("decoders", decoder.kind).TRAITS.adaptable
        part = adapted_part(plugins.load("learning", rule).TRAITS.adapts, adaptable)
    except (LookupError, ImportError):  # a plugin that is not installed here
        return "unknown"
    if part != "model":
        return "cm_s"
    if decoder.zscore:
        return "z"
    plain = "hz" if decoder.input == "rate_hz" else "counts"
    return f"sqrt_{plain}" if decoder.square_root else plain


def _row(update: np.ndarray, rule: str, unit: str, undone: bool) -> dict[str, Any]:
    operators = int(update["cause"]) in (UpdateCause.ADOPTED, UpdateCause.FIT, UpdateCause.GUARD)
    return {
        "tick": int(update["tick"]),
        "trial": int(update["trial"]),
        "rule": None if operators else rule,
        "cause": cause_words(int(update["cause"])),
        "norm": _number(update["norm"]),
        "size": _number(update["size"]),
        "error_before": _number(update["error_before"]),
        "error_after": _number(update["error_after"]),
        "error_unit": unit,
        "calls": int(update["accepted"]),
        "refused": int(update["refused"]),
        "rate": _number(update["rate"]),
        "verdict": verdict_words(int(update["verdict"])),
        "undone": undone,
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
