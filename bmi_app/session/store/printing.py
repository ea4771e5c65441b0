"""Print sessions and summaries for people."""

import json
import os
from pathlib import Path
from typing import Any

from bmi_app.plain_text import plain
from bmi_app.record import audit, integrity
from bmi_app.record.damage import JournalError
from bmi_app.record.reading import read, read_texts
from bmi_app.record.session_folder import read_summary
from bmi_app.record.text_shapes import missing_from
from bmi_app.rt.records import RECORDS
from bmi_app.session.store.catalogue import Entry
from bmi_app.session.store.leftovers import never_began
from bmi_app.session.view.observer import is_late
from bmi_app.session.view.signal_health import ORDINARY, foreign_clock, recorded_age_ms, slow_rate


def sessions(entries: list[Entry], root: Path, as_json: bool) -> None:
    """Print a list of sessions."""
    if as_json:
        rows = [
            {
                "session": str(entry.folder),
                "status": entry.status,
                "standing": entry.words,
                "protocol": entry.protocol,
                "summary": entry.summary,
            }
            for entry in entries
        ]
        print(json.dumps({"root": str(root), "sessions": rows}))
        return
    if not entries:
        there = os.path.isdir(root)
        print(f"no sessions in {plain(root)}" if there else f"no sessions: there is no folder {plain(root)}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column(
        "session", min_width=max(len(plain(entry.folder.name)) for entry in entries)
    )  # to be copied from here
    for name in ("status", "protocol", "length", "trials", "success"):
        table.add_column(name, justify="right" if name in ("length", "trials", "success") else "left")
    colours = {"running": "green", "complete": "", "unreadable": "red", "damaged": "red"}
    for entry in entries:
        rate, length_s = entry.summary.get("success_rate"), entry.summary.get("duration_s")
        table.add_row(
            Text(plain(entry.folder.name)),
            Text(plain(entry.words), style=colours.get(entry.status, "yellow")),
            Text(plain(entry.protocol)),
            "" if length_s is None else f"{length_s:.0f} s",
            str(entry.summary.get("trials", "")),
            "-" if rate is None else f"{rate:.0%}",
        )
    print(f"in {plain(root)}")
    console = Console()
    if not console.is_terminal:  # a file or a program reads it: nothing is cut or broken to fit a width
        console.width = max(console.width, console.measure(table, options=console.options.update(width=10_000)).maximum)
    console.print(table)
    if any(entry.status == "interrupted" for entry in entries):
        print("interrupted sessions: `bmi sessions recover SESSION` keeps what is whole of them")
    for entry in entries:
        if entry.status == "unreadable" and never_began(entry.folder):
            print(
                f"{plain(entry.folder.name)}: its engine died before anything was recorded; `bmi doctor --fix` removes it"
            )
    if any(entry.status == "recovery unfinished" for entry in entries):
        print("recovery unfinished: it was cut off; `bmi sessions recover SESSION` carries it on")
    if any(entry.status in ("damaged", "unreadable") for entry in entries):
        print("damaged sessions: `bmi sessions verify SESSION` says what is damaged, and what is still whole")


def session(folder: Path) -> dict[str, Any]:
    """Return what is known of one session."""
    standing = integrity.full(folder)
    described, _ = read_texts(folder)
    try:
        found_summary = read_summary(folder)
    except JournalError:  # which the damage names
        found_summary = None
    return {
        "session": str(folder),
        "status": standing.state,
        "standing": standing.words,
        **{key: described.get(key) for key in ("protocol", "seed", "dt_s", "n_units", "n_axes", "speed", "processor")},
        "source": {key: described.get("source", {}).get(key) for key in ("name", "type", "source_id", "host")},
        "versions": described.get("versions"),
        "summary": found_summary,
        "updates": audit.counts(read(folder, kinds=("updates",)).updates),
        **_learnt(folder),
        "damage": standing.explained(),
        **({"whole": standing.whole_files()} if standing.damage else {}),
    }


def updates(folder: Path, as_json: bool) -> None:
    """Print the audit: every update of what the decoder adapts, and what became of it."""
    rule, rows = audit.rows(folder)
    if as_json:
        print(json.dumps({"session": str(folder), "rule": rule, "updates": rows}))
        return
    if not rows:
        print("no updates")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    unit = {"cm_s": "cm/s", "hz": "Hz", "sqrt_hz": "sqrt(Hz)", "sqrt_counts": "sqrt(counts)"}
    error_of = unit.get(rows[0]["error_unit"], rows[0]["error_unit"])
    for name in ("tick", "trial", "cause", "change", "of", f"error ({error_of})", "rate", "what became of it"):
        table.add_column(name, justify="left" if name in ("cause", "what became of it") else "right")
    for row in rows:
        trial = "" if row["trial"] < 0 else str(row["trial"] + 1)
        error = f"{_text(row['error_before'])} -> {_text(row['error_after'])}"
        refused = f", {row['refused']} calls refused" if row["refused"] and row["calls"] else ""
        table.add_row(
            f"{row['tick']:,}",
            trial,
            row["cause"],
            _text(row["norm"]),
            _text(row["size"]),
            error,
            _text(row["rate"]),
            row["verdict"] + refused + (", undone" if row["undone"] else ""),
        )
    console = Console(width=max(Console().width, 110))
    console.print(f"rule: {plain(rule)}; change: Frobenius norm, beside that of the weights", markup=False)
    console.print(table)


def _learnt(folder: Path) -> dict[str, Any]:
    """Return what the simulated subject knew of the tool in the end; nothing of one that learns nothing."""
    records = read(folder, kinds=("subject",)).subject
    if len(records) == 0:
        return {}
    return {"subject": {name: records[-1][name].item() for name in RECORDS["subject"].names or () if name != "tick"}}


def facts(found: dict[str, Any], indent: str = "") -> None:
    """Print facts, one a line."""
    for key, value in found.items():
        label = f"{indent}{plain(str(key).replace('_', ' '))}"
        if isinstance(value, dict):
            print(f"{label}:")
            facts(value, indent + "  ")
        elif isinstance(value, list):
            print(f"{label}: {'none' if not value else ''}")
            for item in value:
                print(f"{indent}  {plain(item)}")
        else:
            print(f"{label}: {_text(value)}")


_PERCENTILES = ("p50", "p99", "p999", "max")


def summary(found: dict[str, Any]) -> None:
    """Print a session's summary.

    Raises
    ------
    JournalError
        If it lacks what every summary says: nothing is said of what is not known.
    """
    if lacking := missing_from(found):
        raise JournalError(f"{found.get('session', '')}: summary.json is damaged: it lacks {', '.join(lacking)}")
    rate, time_s = found["success_rate"], found["median_time_to_target_s"]
    latency = found["latency_us"]
    skipped = f" ({found['skipped']} skipped)" if found.get("skipped") else ""
    lines = {
        "session": found["session"],
        "ended": f"{found['stop_reason'].lower().replace('_', ' ')}, after {found['duration_s']:.1f} s"
        f" ({found['ticks']} ticks, {found['missed_ticks']} missed)",
        "trials": f"{found['trials']}{skipped}, success {'-' if rate is None else f'{rate:.0%}'}"
        f", median time to target {'-' if time_s is None else f'{time_s:.2f} s'}",
        "spikes": f"{'number not known' if found['spikes'] is None else found['spikes']}, late {found['late_spikes']}, dropped {found['dropped_spikes']}"
        f"{''.join(f', {found[name]} {word}' for name, word in ORDINARY.items() if found.get(name))}",
        "updates": f"{found['weight_updates']} of the weights, {found['rejected_updates']} rejected",
    }
    moved = {key: value for key, value in found.get("movement", {}).items() if value is not None}
    if moved.keys() >= {"fitts_throughput_bits_s", "path_efficiency", "dial_in_time_s", "orthogonal_error_cm"}:
        achieved = f", {moved['bit_rate_bits_s']:.2f} bits/s achieved" if "bit_rate_bits_s" in moved else ""
        of_sums = moved.get(
            "fitts_ratio_of_sums_bits_s", moved["fitts_throughput_bits_s"]
        )  # sessions of before lack it
        left_out = moved.get("under_cursor_at_onset", 0)
        without = f" (without {left_out} under the cursor at onset)" if left_out else ""
        lines["movement"] = (
            f"Fitts {moved['fitts_throughput_bits_s']:.2f} bits/s as mean of ID/MT, {of_sums:.2f} as sum ID / sum MT{without}"
            f"{achieved}, path efficiency {moved['path_efficiency']:.0%}, "
            f"dial-in {moved['dial_in_time_s']:.2f} s, {moved['orthogonal_error_cm']:.2f} cm off the straight way"
        )
    if latency and all(latency.get(name) is not None for name in _PERCENTILES):
        values = (f"{name} {latency[name]:.0f}" for name in _PERCENTILES)
        lines["latency"] = f"{', '.join(values)} us (frame after its bin and last spike)"
    if age_ms := recorded_age_ms(found):
        lines["signal"] = (
            f"p50 {age_ms[0]:.3g}, p99 {age_ms[1]:.3g} ms (frame after the time of its last spike or sample)"
        )
    unusual = _unusual(found)
    if unusual:
        lines["unusual"] = "; ".join(unusual)
    if "replay" in found:
        replay = found["replay"]
        lines["replay"] = f"verified: {replay.get('ticks')} ticks recomputed, every bit the same"
        if not replay.get("exact", False):
            damage = "; ".join(map(str, replay.get("damage", ())))
            lines["replay"] = replay.get("difference") or f"not exact: {damage or 'it could not be recomputed'}"
        if "recorded_elsewhere" in replay:
            lines["replay"] += "; recorded by another machine or state of the program"
    if "error" in found:
        lines["error"] = found["error"]
    for key, text in lines.items():
        print(f"{key:>8}  {plain(text)}")


_SCORES = {
    "rmse_cm_s": ("velocity error (cm/s), lower is better", "from the velocity that the subject is taken to intend"),
    "angle_deg": ("direction error (degrees), lower is better", "between decoded and intended velocity"),
    "progress_cm_s": ("progress (cm/s), higher is better", "decoded velocity toward the target"),
}


def what_if(found: dict[str, Any]) -> None:
    """Print what a changed protocol would have decoded, beside what was decoded."""
    from rich.console import Console
    from rich.table import Table

    changed = plain(", ".join(found["changed"]))
    print(f"changed: {changed}; {found['ticks']} ticks, {found['weight_updates']} updates of the weights")
    table = Table(box=None, pad_edge=False)
    table.add_column("while moving to a target")
    for name in ("as recorded", "what if", "difference"):
        table.add_column(name, justify="right")
    table.add_column("")
    for key, (name, meaning) in _SCORES.items():
        recorded, changed = found["as_recorded"][key], found["what_if"][key]
        if recorded is None or changed is None:
            table.add_row(name, "none", "none", "", meaning)
        else:
            table.add_row(name, f"{recorded:.2f}", f"{changed:.2f}", f"{changed - recorded:+.2f}", meaning)
    Console().print(table)
    for words in found["commands_as_recorded"]:
        print(f"as recorded: {plain(words)}")
    print(plain(found["note"]))


def _unusual(found: dict[str, Any]) -> list[str]:
    """Name what an operator should look into, each with where to look."""
    said = []
    if found.get("source_losses"):
        times = "once" if found["source_losses"] == 1 else f"{found['source_losses']} times"
        said.append(f"the source was lost {times}, for {found['source_lost_s']:.1f} s in all")
    if found.get("caught_up_s"):
        causes = [("the engine was stopped", found["engine_stops"]), ("the source was late", found["late_sources"])]
        why = ", ".join(f"{words} {'once' if n == 1 else f'{n} times'}" for words, n in causes if n)
        said.append(f"{why}: the task was held for {found['caught_up_s']:.1f} s until its ticks were caught up")
    if found.get("source_silent_s"):
        said.append(f"the source left out samples: the task was held for {found['source_silent_s']:.2f} s of it")
    edges = found.get("edges_ahead", 0), found.get("edges_behind", 0)
    if any(edges):
        said.append(
            f"the edges of {sum(edges)} ticks are not where their stamps say: {edges[0]} stamps were ahead of their arrival, "
            f"{edges[1]} not behind the edge before"
        )
    if found.get("undecoded_ticks"):
        said.append(
            f"in {found['undecoded_ticks']:,} of {found['ticks']:,} ticks the decoder yielded NaN or infinity, and the cursor did not "
            "follow it: look into its weights, settings and file"
        )
    if is_late(found["late_spikes"], found["spikes"] or 0):
        share = found["late_spikes"] / max(found["spikes"] or 0, 1)
        foreign = foreign_clock(found["late_spikes"], found["spikes"] or 0, found.get("stamp_lag_s"))
        said.append(
            foreign or f"{share:.0%} of the spikes were late: see tick.grace_ms, and tick.source for a stream of counts"
        )
    if found["spikes"] == 0 and not found["unmapped_spikes"]:
        said.append("not one spike came: is the source sending? `bmi sessions show` names the stream that was read")
    if found["unmapped_spikes"]:
        none = "no spike was used, and " if not found["spikes"] else ""
        said.append(
            f"{none}{found['unmapped_spikes']} spikes of channels that the protocol does not name: "
            "see units.first_channel, units.map, units.count"
        )
    if found["future_spikes"]:
        said.append(f"{found['future_spikes']} spikes stamped in the future: see the source's clock")
    if found["bad_values"]:
        said.append(
            f"{found['bad_values']} values that are no counts, channels or units: NaN, infinite, negative or no whole number"
        )
    if found.get("ahead_spikes"):
        said.append(
            f"{found['ahead_spikes']} spikes stamped later than they arrived, which delays them until then: see the source's "
            "clock"
        )
    if found.get("no_offset_spikes"):
        said.append(
            f"{found['no_offset_spikes']} spikes timed by their arrival, because the source's clock was not known after a "
            "reconnect"
        )
    if found.get("no_stamp_spikes"):
        said.append(f"{found['no_stamp_spikes']} spikes timed by their arrival, because the source gave them no stamp")
    if found.get("silent_rests"):
        said.append(
            f"no spike came in {found['silent_rests']} rest block{'s' if found['silent_rests'] > 1 else ''}: the baselines "
            "stayed as they were"
        )
    took_s = 0.0 if found.get("source_losses") else found.get("clock_s") or 0.0
    if rate := slow_rate(took_s, found["ticks"], found["duration_s"] / max(found["ticks"], 1)):
        said.append(rate)
    return said


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else plain(value)
