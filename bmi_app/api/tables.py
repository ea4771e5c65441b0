"""Say what each field of a session's tables holds, and in which unit; make the tables that hold more than records."""

from collections.abc import Mapping, Sequence
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from bmi_app.analysis.trials import Trial
from bmi_app.record.kinds import CODES, Kind, Layout
from bmi_app.rt.records import EventKind, Outcome

if TYPE_CHECKING:
    import pandas as pd

Table = Literal["frames", "trials", "spikes", "events", "commands", "updates", "weights", "subject", "health"]
TABLES: tuple[Table, ...] = get_args(Table)

TRIAL = np.dtype(
    [
        ("trial", "<i8"),
        ("block", "<i4"),
        ("target", "<i4"),
        ("start_tick", "<i8"),
        ("end_tick", "<i8"),
        ("start_s", "<f8"),
        ("end_s", "<f8"),
        ("outcome", "<i4"),
        ("time_s", "<f8"),
        ("efficiency", "<f8"),
        ("caught_up_s", "<f8"),
    ]
)

_CODES: dict[tuple[str, str], type[IntEnum | IntFlag]] = {
    (str(kind), name): codes for (kind, name), codes in CODES.items()
}

# What each field means; where a field has a unit, its name ends in it.
FIELDS: dict[Table, dict[str, str]] = {
    "frames": {
        "tick": "index of the tick, from 0",
        "edge_s": "end of the tick's bin on the session's clock (s)",
        "flags": "bits of `Flag`: what was asked of the tick, and what happened in it",
        "state": "`TaskState` at the end of the tick",
        "block": "index of the block, -1 for none",
        "target": "index in the list of targets, -1 for a random one or none",
        "trial": "number of the trial, from 0; -1 before the first",
        "outcome": "`Outcome` of the trial that ended in this tick, else 0",
        "n_commands": "how many commands acted in this tick",
        "state_ticks": "ticks spent in `state`",
        "spikes": "sum of the tick's counts",
        "cursor_x_cm": "place of the cursor (cm)",
        "cursor_y_cm": "the same along y (cm)",
        "decoded_x_cm_s": "velocity that the decoder gave, the gain included (cm/s)",
        "decoded_y_cm_s": "the same along y (cm/s)",
        "velocity_x_cm_s": "velocity that moved the cursor: decoded, assist, exploration, within the limits (cm/s)",
        "velocity_y_cm_s": "the same along y (cm/s)",
        "intent_x_cm_s": "model of the velocity that the subject wanted (cm/s)",
        "intent_y_cm_s": "the same along y (cm/s)",
        "noise_x_cm_s": "exploration that the program added (cm/s)",
        "noise_y_cm_s": "the same along y (cm/s)",
        "target_x_cm": "centre of the target (cm)",
        "target_y_cm": "the same along y (cm)",
        "target_radius_cm": "radius of the target (cm), 0 where none is shown",
        "hand_x_cm": "place of the hand, or what its force amounts to (cm); NaN for none",
        "hand_y_cm": "the same along y (cm)",
        "hold_fraction": "share of the hold that is done, 0 to 1",
        "assist": "share of the computer in the movement, 0 to 1",
        "reward": "reward given in this tick",
        "update_norm": "Frobenius norm of this tick's change of the weights",
        "learning_rate": "rate of the learning rule",
        "weights_hash": "hash of the weights that act from the next tick on",
    },
    "trials": {
        "trial": "number of the trial, from 0",
        "block": "index of the block in which it ended",
        "target": "index in the list of targets, -1 for a random one",
        "start_tick": "tick in which it started; -1 where the recording does not hold its start",
        "end_tick": "tick in which it ended",
        "start_s": "when it started, since the session's first tick (s); NaN where the recording does not hold its start",
        "end_s": "when it ended, since the session's first tick (s)",
        "outcome": "`Outcome`; 1 is a success, 5 was cut off by the block's end, 6 was skipped by the operator",
        "time_s": "time to the target where it succeeded, else until it failed (s)",
        "efficiency": "straight way divided by the way taken, 0 to 1; NaN where it did not succeed",
        "caught_up_s": "for how long it was held because its ticks were behind (s)",
    },
    "spikes": {
        "stamp_s": "time as the source gave it (s, on the source's clock)",
        "offset_s": "added to the stamp to be on the session's clock (s)",
        "arrival_s": "when the driver had it (s, on the session's clock)",
        "tick": "tick that counted it, -1 for none",
        "unit": "index of the unit; -1 in an entry that closes one sample of a stream of counts",
        "count": "1 for a spike, else what a stream of counts says",
        "stamping": "`Stamping`: where the time comes from",
    },
    "events": {
        "tick": "tick in which it happened",
        "time_s": "when it happened (s, on the session's clock)",
        "trial": "number of the trial, -1 before the first",
        "kind": "`EventKind`",
        "code": "what the kind says of it: an outcome, a target, a cause",
        "value": "what the kind says of it, in the kind's unit",
        "name": "name of the kind",
        "text": "words, where an event has some",
    },
    "commands": {
        "id": "number of the command",
        "tick": "tick at which it acted",
        "kind": "`CommandKind`",
        "index": "axis, unit, or what else the command names",
        "aux": "a second index: the population, the number of an adoption",
        "value": "its number, such as a rate",
        "acted": "1 where it changed something, 0 where it did nothing, -1 where that is not known",
        "undone": "of an undo, the first row of `weights` that it takes back; 0 for no undo, -1 where that is not known",
        "name": "name of the kind",
        "text": "the command as it was sent, in JSON",
    },
    "updates": {
        "tick": "tick in which the update ended",
        "trial": "number of the trial",
        "cause": "`UpdateCause`: what it came from",
        "verdict": "`UpdateVerdict`: what became of it",
        "accepted": "calls of the rule that changed something",
        "refused": "calls of the rule that were undone",
        "norm": "Frobenius norm of the change",
        "size": "Frobenius norm of what stands after it",
        "error_before": "root mean square error of the readout before the update (cm/s); of a model in its features",
        "error_after": "the same after the update",
        "rate": "rate of the learning rule",
        "id": "number of the adoption, -1 for none",
    },
    "weights": {
        "tick": "tick after which these weights stand; -1 for those of the start",
        "trial": "number of the trial",
        "cause": "`UpdateCause`: why they were stored",
        "id": "number of the adoption, -1 for none",
        "hash": "hash of the weights",
        "weights": "f8[axis, unit]: cm/s, before the gain, for each feature",
        "bias": "f8[axis]: cm/s, before the gain",
        "gain": "f8[axis]: multiplies what the decoder gives",
        "model": "f8[row, unit]: the decoder's model; only where rules adapt it",
        "population": "f8[unit]: index of each unit's population, -1 for none",
    },
    "subject": {
        "tick": "tick of the frame in which the simulated subject saw the trial end",
        "trial": "number of the trial as the subject counts, from 0",
        "reward": "reward that it saw in the trial",
        "samples": "pairs of firing and sight in the trial",
        "error_cm_s": "root mean square error of what its model foretold (cm/s); 0 without samples",
        "confidence": "how much it trusts its model, 0 to 1",
        "exploration_hz": "standard deviation of what it adds to its rates from now on (Hz)",
        "model": "f8[axis, unit + 1]: what it knows of the tool (cm/s per Hz), the constant last",
    },
    "health": {
        "tick": "index of the tick",
        "due_s": "when the tick was due (s, on the session's clock)",
        "arrival_s": "when the last spike or sample that it used had arrived (s); 0 for none",
        "stamp_s": "the source's stamp of it (s, on the session's clock)",
        "published_s": "when the frame could be seen (s)",
        "backlog": "entries of the spike ring that waited when the tick began",
        "late_spikes": "spikes that came too late for their bin; total so far, as all below",
        "future_spikes": "spikes that were stamped for a later bin than could be kept",
        "dropped_spikes": "spikes for which there was no room",
        "bad_values": "values that are no counts, channels or units",
        "unmapped_spikes": "spikes of units that the protocol does not name",
        "missed_ticks": "ticks that were published after the next one was due",
        "before_spikes": "spikes from before the first bin",
        "ahead_spikes": "spikes stamped later than they arrived, by more than the clocks explain",
        "no_offset_spikes": "spikes stamped by their arrival, because the offset of the source's clock was not known",
        "no_stamp_spikes": "spikes stamped by their arrival, because the source gave no stamp",
        "ignored_spikes": "spikes of units that the protocol ignores",
        "edges_ahead": "ticks of a stream whose stamp was later than their arrival",
        "edges_behind": "ticks of a stream whose stamp was not behind that of the tick before",
    },
}


def markdown() -> str:
    """Return the fields of every table as Markdown, for docs/python.md."""
    parts = []
    for table, fields in FIELDS.items():
        rows = [f"| `{name}` | {meaning} |" for name, meaning in fields.items()]
        parts.append("\n".join([f"### {table}", "", "| field | meaning |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def with_columns(
    records: np.ndarray, columns: Mapping[str, tuple[np.ndarray | Sequence[str], Any, tuple[int, ...]]]
) -> np.ndarray:
    """Return records with further fields: name -> (values, type, shape of one value)."""
    more: list[Any] = [(name, kind, shape) for name, (_, kind, shape) in columns.items()]
    joined = np.zeros(
        len(records), np.dtype([*[(name, records.dtype[name]) for name in records.dtype.names or ()], *more])
    )
    for name in records.dtype.names or ():
        joined[name] = records[name]
    for name, (values, _, shape) in columns.items():
        joined[name] = np.reshape(np.asarray(values, joined.dtype[name].base), (len(records), *shape))
    return joined


def with_texts(records: np.ndarray, kinds: Any, texts: Sequence[str]) -> np.ndarray:
    """Return events or commands with the name of their kind, and their text."""
    names = [kinds(code).name if code in set(kinds) else f"unknown {code}" for code in records["kind"].tolist()]
    return with_columns(records, {"name": (names, "U24", ()), "text": (np.array(list(texts), object), object, ())})


def with_rows(records: np.ndarray, rows: np.ndarray, kind: Kind, layout: Layout) -> np.ndarray:
    """Return records of weights or of the subject's model with the numbers that belong to them, by name and in their shape."""
    widths = {"weights": layout.n_units, "model": layout.n_units + (kind == "subject")}  # of what has rows
    columns: dict[str, Any] = {}
    at = 0
    for name, size in layout.lists(kind).items():
        shape = (size // widths[name], widths[name]) if name in widths else (size,)
        columns[name] = (rows[:, at : at + size], "<f8", shape)
        at += size
    return with_columns(records, columns)


def trials_of(trials: Sequence[Trial], frames: np.ndarray, events: np.ndarray, dt_s: float) -> np.ndarray:
    """Return the trials that ended, in order."""
    starts = events[events["kind"] == EventKind.TRIAL_START]
    started = dict(zip(starts["trial"].tolist(), starts["tick"].tolist(), strict=True))
    first = int(frames["tick"][0]) if len(frames) else 0
    table = np.zeros(len(trials), TRIAL)
    for row, trial in zip(table, trials, strict=True):
        start = started.get(trial.number, -1)
        row["trial"], row["target"], row["outcome"] = trial.number, trial.target, trial.outcome
        row["start_tick"], row["end_tick"] = start, trial.end_tick
        row["start_s"] = (start - first) * dt_s if start >= 0 else np.nan
        row["end_s"] = (trial.end_tick - first) * dt_s
        row["block"] = frames["block"][min(max(trial.end_tick - first, 0), len(frames) - 1)]
        row["time_s"], row["efficiency"], row["caught_up_s"] = trial.time_s, trial.efficiency, trial.caught_up_s
    return table


def data_frame(table: Table, records: np.ndarray) -> "pd.DataFrame":
    """Return a table as a pandas DataFrame: codes by their names, each number of an array in a column of its own."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in records.dtype.names or ():
        values = records[name]
        codes = Outcome if table == "trials" and name == "outcome" else _CODES.get((table, name))
        if codes is not None and name != "flags":
            known = {int(code): code.name for code in codes}
            columns[name] = pd.Categorical([known.get(code, str(code)) for code in values.tolist()])
        elif values.ndim == 1:
            columns[name] = values
        else:
            for index in np.ndindex(values.shape[1:]):
                columns["_".join([name, *map(str, index)])] = values[(slice(None), *index)]
    return pd.DataFrame(columns)
