"""Print sessions and summaries for people."""

import json
from pathlib import Path
from typing import Any

from bmi_app.record import recovery
from bmi_app.record.reading import read_texts
from bmi_app.record.session_folder import read_summary, status
from bmi_app.session.catalogue import Entry


def sessions(entries: list[Entry], root: Path, as_json: bool) -> None:
    """Print a list of sessions."""
    if as_json:
        rows = [
            {"session": str(entry.folder), "status": entry.status, "protocol": entry.protocol, "summary": entry.summary}
            for entry in entries
        ]
        print(json.dumps({"root": str(root), "sessions": rows}))
        return
    if not entries:
        print(f"no sessions in {root}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("session", "status", "protocol", "length", "trials", "success"):
        table.add_column(name, justify="right" if name in ("length", "trials", "success") else "left")
    colours = {"running": "green", "interrupted": "yellow", "unreadable": "red", "complete": ""}
    for entry in entries:
        rate, length_s = entry.summary.get("success_rate"), entry.summary.get("duration_s")
        table.add_row(
            entry.folder.name,
            f"[{colours[entry.status]}]{entry.status}[/]" if colours[entry.status] else entry.status,
            entry.protocol,
            "" if length_s is None else f"{length_s:.0f} s",
            str(entry.summary.get("trials", "")),
            "" if rate is None else f"{rate:.0%}",
        )
    Console().print(table)
    if any(entry.status == "interrupted" for entry in entries):
        print("interrupted sessions: `bmi sessions recover SESSION` makes them complete")


def session(folder: Path) -> dict[str, Any]:
    """Return what is known of one session."""
    described, _ = read_texts(folder)
    return {
        "session": str(folder),
        "status": status(folder),
        **{key: described.get(key) for key in ("protocol", "seed", "dt_s", "n_units", "n_axes", "speed", "processor")},
        "source": {key: described.get("source", {}).get(key) for key in ("name", "type", "source_id", "host")},
        "versions": described.get("versions"),
        "summary": read_summary(folder),
        "damage": [str(found) for found in recovery.verify(folder)],
    }


def facts(found: dict[str, Any], indent: str = "") -> None:
    """Print facts, one a line."""
    for key, value in found.items():
        label = f"{indent}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            print(f"{label}:")
            facts(value, indent + "  ")
        elif isinstance(value, list):
            print(f"{label}: {'none' if not value else ''}")
            for item in value:
                print(f"{indent}  {item}")
        else:
            print(f"{label}: {_text(value)}")


def summary(found: dict[str, Any]) -> None:
    """Print a session's summary."""
    rate, time_s = found["success_rate"], found["median_time_to_target_s"]
    latency = found["latency_us"]
    lines = {
        "session": found["session"],
        "ended": f"{found['stop_reason'].lower().replace('_', ' ')}, after {found['duration_s']:.1f} s"
        f" ({found['ticks']} ticks, {found['missed_ticks']} missed)",
        "trials": f"{found['trials']}, success {'-' if rate is None else f'{rate:.0%}'}"
        f", median time to target {'-' if time_s is None else f'{time_s:.2f} s'}",
        "spikes": f"{found['spikes']}, late {found['late_spikes']}, dropped {found['dropped_spikes']}",
        "updates": f"{found['weight_updates']} of the weights, {found['rejected_updates']} rejected",
    }
    if latency["p50"] is not None:
        values = (f"{name} {latency[name]:.0f}" for name in ("p50", "p99", "p999", "max"))
        lines["latency"] = f"{', '.join(values)} us (frame after its bin and last spike)"
    unusual = {key: found[key] for key in ("future_spikes", "bad_values", "unmapped_spikes") if found[key]}
    if unusual:
        lines["unusual"] = ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in unusual.items())
    if "replay" in found:
        replay = found["replay"]
        exact = f"verified: {replay.get('ticks')} ticks recomputed, every bit the same"
        lines["replay"] = replay.get("difference", exact)
        if "recorded_elsewhere" in replay:
            lines["replay"] += "; recorded on another machine"
    if "error" in found:
        lines["error"] = found["error"]
    for key, text in lines.items():
        print(f"{key:>8}  {text}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
