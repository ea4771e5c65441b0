"""Add tables to an NWB file: blocks, trials, commands, weights, events."""

import json
from typing import Any

import numpy as np

from bmi_app.record import populations
from bmi_app.record.nwb_series import Clock
from bmi_app.record.reading import Recording
from bmi_app.rt.records import BlockKind, CommandKind, EventKind, Flag, Outcome, UpdateCause, UpdateVerdict
from bmi_app.rt.stored import named_row
from protocols.schema import Protocol


def add_blocks(file: Any, recording: Recording, protocol: Protocol, clock: Clock) -> None:
    """Add the blocks as epochs."""
    starts = recording.events[recording.events["kind"] == EventKind.BLOCK_START]
    if not len(starts):
        return
    starts_s = clock.of_ticks(starts["tick"]) - clock.dt_s
    stops_s = [*starts_s[1:].tolist(), float(clock.edges_s[-1])]
    file.add_epoch_column("kind", ", ".join(kind.word for kind in BlockKind))
    for index, start_s, stop_s in zip(starts["code"].tolist(), starts_s.tolist(), stops_s, strict=True):
        block = protocol.blocks[index]
        if stop_s > start_s:
            file.add_epoch(start_time=start_s, stop_time=stop_s, tags=[block.name or block.kind], kind=block.kind)


def add_trials(file: Any, recording: Recording, clock: Clock) -> None:
    """Add every trial that began; one that neither succeeded nor failed ended with its block or with the session."""
    events = recording.events
    ends = {int(end["trial"]): end for end in events[events["kind"] == EventKind.TRIAL_END]}
    starts = events[events["kind"] == EventKind.TRIAL_START]
    if not len(starts):
        return
    for name, description in (
        ("target", "index of the target; -1: drawn anew"),
        ("target_x_cm", "centre of the target, to the right (cm)"),
        ("target_y_cm", "centre of the target, up (cm)"),
        ("outcome", "success, or why it failed; operator: skipped, block_ended: cut off, neither is a failure"),
        ("caught_up", "for how long the trial was held because its ticks were behind (s)"),
        ("time_to_target", "from the target's appearance to the beginning of the hold (s); NaN without success"),
    ):
        file.add_trial_column(name, description)
    caught_up = np.cumsum(recording.frames["flags"] & Flag.CATCHING_UP != 0)
    for start in starts:
        end, frame = ends.get(int(start["trial"])), recording.frames[min(int(start["tick"]), len(recording.frames) - 1)]
        outcome = Outcome(int(end["code"])) if end is not None else Outcome.BLOCK_ENDED
        last = int(end["tick"]) if end is not None else len(clock.edges_s) - 1
        file.add_trial(
            start_time=float(clock.of_ticks(start["tick"])) - clock.dt_s,
            stop_time=float(clock.of_ticks(np.array(last))),
            target=int(start["code"]),
            target_x_cm=float(frame["target_x_cm"]),
            target_y_cm=float(frame["target_y_cm"]),
            outcome=outcome.name.lower(),
            caught_up=float(
                caught_up[min(last, len(caught_up) - 1)] - caught_up[min(int(start["tick"]), len(caught_up) - 1)]
            )
            * clock.dt_s,
            time_to_target=float(end["value"]) if end is not None and outcome == Outcome.SUCCESS else np.nan,
        )


def add_commands(file: Any, recording: Recording, clock: Clock) -> None:
    """Add every command of an operator, with the tick at which it acted."""
    commands = recording.commands
    _add_table(
        file,
        "commands",
        "commands of the operator, each at the tick in which it acted",
        clock.of_ticks(commands["tick"]),
        {
            "command": ("what was commanded", [_word(CommandKind, kind) for kind in commands["kind"].tolist()]),
            "arguments": ("as they were sent", [_arguments(text) for text in recording.command_texts]),
            "tick": ("the tick in which it acted", commands["tick"]),
            "value": ("the value that the tick took", commands["value"]),
            "acted": ("1: it changed something, 0: it did nothing, -1: not known", commands["acted"]),
        },
    )


def add_weights(file: Any, recording: Recording, protocol: Protocol, clock: Clock) -> None:
    """Add the readout, each time it was stored."""
    weights = recording.weights
    n_axes, n_units, names = recording.n_axes, recording.n_units, list(protocol.population_indices())
    columns = {}
    parts = named_row(populations.completed(recording, protocol), n_units, n_axes)
    if parts["model"].size:
        columns["model"] = (
            "row by unit; of a Kalman filter: C of each axis, C of the constant, the variances Q",
            parts["model"],
        )
    _add_table(
        file,
        "weights",
        "the readout, each time it was stored: at the start, at trials' ends, at each reward, command and adoption",
        clock.of_ticks(weights["tick"]),
        {
            "cause": ("why it was stored", [_word(UpdateCause, cause) for cause in weights["cause"].tolist()]),
            "tick": ("it acts from the tick after this one", weights["tick"]),
            "trial": ("counts from 0; -1 before the first", weights["trial"]),
            "weights": ("axis by unit, (cm/s)/feature before the gain", parts["weights"]),
            "bias": ("of each axis (cm/s)", parts["bias"]),
            "gain": ("multiplier of each axis", parts["gain"]),
            "population": (
                f"of each unit, as {', '.join(f'{i} {name}' for i, name in enumerate(names)) or 'no index'}; -1: in none",
                parts["population"].astype(np.int64),
            ),
        }
        | columns,
    )


def add_learning(file: Any, recording: Recording, clock: Clock) -> None:
    """Add what every update of the decoder did, and what a simulated subject has learnt, a row a record."""
    for name, records, description in (
        ("updates", recording.updates, "every update of the decoder: its cause, its size, its error, its verdict"),
        ("subject_learning", recording.subject, "what the simulated subject had learnt of the tool, trial by trial"),
    ):
        columns: dict[str, tuple[str, Any]] = {}
        for field in records.dtype.names or ():
            codes = {"cause": UpdateCause, "verdict": UpdateVerdict}.get(field)
            values = records[field]
            words = values if codes is None else [_word(codes, code) for code in values.tolist()]
            columns["blob" if field == "id" else field] = (f"{field} of bmi_app.rt.records", words)
        if records is recording.subject:
            model = recording.subject_rows.reshape(len(records), recording.n_axes, recording.n_units + 1)
            columns["model"] = (
                "axis by unit, then the constant: velocity for each rate (cm/s/Hz); with `reinforcement` rates (Hz)",
                model,
            )
        _add_table(file, name, description, clock.of_ticks(records["tick"]), columns)


def add_events(file: Any, recording: Recording, protocol: Protocol, clock: Clock) -> None:
    """Add a table for each kind of event that has none of its own."""
    events, texts = recording.events, np.array(recording.event_texts, dtype=object)
    for kind in EventKind:
        chosen = events["kind"] == kind
        if kind.event.has_table or not np.any(chosen):
            continue
        of_kind, said = events[chosen], [str(text) for text in texts[chosen]]
        columns: dict[str, tuple[str, Any]] = {
            "tick": ("the tick to which it belongs", of_kind["tick"]),
            "trial": ("counts from 0; -1 before the first", of_kind["trial"]),
            "value": ("see bmi_app.rt.records.EventKind", of_kind["value"]),
        }
        codes = of_kind["code"]
        words = [kind.code_name(code) for code in codes.tolist()] if kind.event.codes else codes
        columns["code"] = ("see bmi_app.rt.records.EventKind", words)
        if kind == EventKind.LABELLED:
            labels = dict(enumerate(protocol.session.event_labels))
            columns["label"] = ("its name in the protocol", [labels.get(code, "") for code in codes.tolist()])
        if any(said):
            columns["text"] = ("what was said", [_arguments(text) for text in said])
        _add_table(
            file, kind.name.lower(), kind.name.lower().replace("_", " "), clock.of_ticks(of_kind["tick"]), columns
        )


def _add_table(
    file: Any, name: str, description: str, times_s: np.ndarray, columns: dict[str, tuple[str, Any]]
) -> None:
    """Add a table of events in the order of time; none where there is no event."""
    from hdmf.common import VectorData
    from pynwb.event import EventsTable, TimestampVectorData

    if not len(times_s):
        return
    stamps = TimestampVectorData(name="timestamp", description="end of the tick's bin (s)", data=times_s)
    more = [VectorData(name=key, description=meaning, data=_plain(data)) for key, (meaning, data) in columns.items()]
    file.add_events_table(EventsTable(name=name, description=description, columns=[stamps, *more]))


def _plain(data: Any) -> Any:
    """Return a contiguous copy: a field of a record is neither contiguous nor of the native kind that HDF5 wants."""
    return data if isinstance(data, list) else np.ascontiguousarray(data)


def _word(codes: Any, code: int) -> str:
    try:
        return str(codes(code).name).lower()
    except ValueError:  # of a newer version
        return str(code)


def _arguments(text: str) -> str:
    """Write the JSON object of a command as words: archives want no dictionaries in tables."""
    try:
        request = json.loads(text)
    except ValueError:
        return text.replace("{", "(").replace("}", ")")
    if not isinstance(request, dict):
        return text
    return "; ".join(f"{key}={value}" for key, value in request.items() if key != "do")
