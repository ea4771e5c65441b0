"""Watch a running session in a terminal: what `bmi_app.session.view.observer` says, with rich."""

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np

from bmi_app.plain_text import plain
from bmi_app.rt.records import Outcome, TaskState
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.narrator import Narrator
from bmi_app.session.view.observer import (
    Figures,
    Observer,
    Phase,
    age_text,
    clock_text,
    latency_text,
    left_by_the_dead,
    remedy,
    size_text,
    success_text,
)
from bmi_app.session.view.signal_health import OWN_CLOCK, SignalHealth

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.panel import Panel
    from rich.table import Table

_REFRESH_S, _LINE_S = 0.125, 5.0
_FIGURES_WIDTH, _SMALLEST_MAP = 40, 16  # characters
_PHASE_STYLES = {
    Phase.PAUSED: "bold yellow",
    Phase.SOURCE_LOST: "bold red",
    Phase.SOURCE_SILENT: "bold red",
    Phase.CATCHING_UP: "bold yellow",
    Phase.STALLED: "bold red",
    Phase.DIED: "bold red",
}
_MARKS = {Outcome.SUCCESS: "+", Outcome.OPERATOR: "·"}  # else a failure


def watch(attachment: Attachment, console: "Console", until_s: float | None = None) -> None:
    """Show a session until it ends, its engine dies, or `until_s` seconds are over.

    On a terminal the picture is redrawn in place; elsewhere a line is printed every few seconds and at each change of
    phase. Ctrl-C raises KeyboardInterrupt: the caller decides what it means.
    """
    from rich.live import Live

    from bmi_app.session.priority import lower_view

    lower_view()
    observer, narrator = Observer(attachment), Narrator(attachment)
    give_up_s = time.monotonic() + until_s if until_s is not None else np.inf
    drawn = console.is_terminal and not console.is_dumb_terminal
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") if drawn else nullcontext() as live:
        printed_s, printed = -np.inf, None
        while True:
            figures = observer.figures()
            for line in narrator.fresh_lines():  # above what is redrawn
                console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)
            if live is not None:
                live.update(picture(attachment, figures, console), refresh=True)
            elif figures.phase != printed or time.monotonic() - printed_s >= _LINE_S:
                printed_s, printed = time.monotonic(), figures.phase
                console.print(plain(_line(figures)), highlight=False, markup=False, soft_wrap=True)
            if figures.phase.is_over or time.monotonic() >= give_up_s:
                break
            time.sleep(_REFRESH_S)
    if figures.phase == Phase.DIED:
        left, can_be_recovered = left_by_the_dead(attachment)
        said = f"The engine has died; {left}{f': {remedy(attachment)}' if can_be_recovered else ''}"
        console.print(
            plain(said), style="red", markup=False, soft_wrap=True
        )  # a command that is to be copied is not broken


def _line(figures: Figures) -> str:
    """Say the same in one line, for a log."""
    return (
        f"{clock_text(figures.elapsed_s)}  {figures.phase}, {figures.task}; trial {figures.trial}, "
        f"{success_text(figures)}; {figures.spikes_per_s:,.0f} spikes/s; latency {latency_text(figures)}; "
        f"{'THE DECODER YIELDS NO NUMBER; ' if figures.decoder_failed else ''}missed {figures.missed_ticks}, late {figures.late_spikes}, dropped {figures.dropped_spikes}; "
        f"{_signal_line(figures.signal)}journal {size_text(figures.saved_bytes)}"
        f"{''.join(f'; ALARM: {alarm}' for alarm in figures.signal.alarms)}"
    )


def picture(attachment: Attachment, figures: Figures, console: "Console") -> "Group":
    """Return what the terminal shows: a head, the workspace beside the figures, and how far the session is."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    style = _PHASE_STYLES.get(figures.phase, "")
    # Widths are given wherever they are known: rich measures a table by drawing it once more.
    head = Table.grid(expand=True)
    head.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    head.add_column(no_wrap=True)
    of = f" of {clock_text(figures.duration_s)}" if figures.duration_s else ""
    head.add_row(
        Text.assemble((plain(attachment.protocol.name), "bold"), f"  {plain(attachment.folder.name)}", style="dim"),
        Text(f" {figures.phase}  {clock_text(figures.elapsed_s)}{of}", style or "bold green"),
    )
    width_cm, height_cm = attachment.protocol.workspace.size_cm
    n_rows = min(console.height - 6, 30)
    # A character is about twice as high as wide.
    n_columns = round(min(2 * n_rows * width_cm / height_cm, console.width - _FIGURES_WIDTH - 4))
    n_rows = min(n_rows, max(round(n_columns / 2 * height_cm / width_cm), 3))
    rows = body = _rows(figures)
    if n_columns >= _SMALLEST_MAP:
        body = Table.grid("", "", padding=(0, 1, 0, 0))
        body.columns[0].width, body.columns[1].width = n_columns + 2, _FIGURES_WIDTH
        body.add_row(_workspace(attachment, figures, n_columns, n_rows, console), rows)
    if not figures.duration_s:
        return Group(head, body)
    left = f" {clock_text(max(figures.duration_s - figures.elapsed_s, 0.0))} left"
    bar = Table.grid()
    bar.add_row(ProgressBar(figures.duration_s, figures.elapsed_s, width=console.width - len(left)), left)
    return Group(head, body, bar)


def _workspace(attachment: Attachment, figures: Figures, n_columns: int, n_rows: int, console: "Console") -> "Panel":
    """Draw the cursor over the target, which fills every character whose middle it covers."""
    from rich.panel import Panel
    from rich.text import Text

    ascii_only, frame = console.options.ascii_only, figures.frame
    width_cm, height_cm = attachment.protocol.workspace.size_cm
    x_cm = ((np.arange(n_columns) + 0.5) / n_columns - 0.5) * width_cm
    y_cm = (0.5 - (np.arange(n_rows) + 0.5) / n_rows) * height_cm
    shown, style = np.full((n_rows, n_columns), " "), ""
    if frame is not None:
        held = int(frame["state"]) == TaskState.HOLD
        fill, style = ("#" if ascii_only else "▓", "green") if held else ("+" if ascii_only else "▒", "yellow")
        from_target_cm = np.hypot(x_cm - float(frame["target_x_cm"]), y_cm[:, None] - float(frame["target_y_cm"]))
        shown[from_target_cm <= float(frame["target_radius_cm"])] = fill
        row = int(np.abs(y_cm - float(frame["cursor_y_cm"])).argmin())
        shown[row, np.abs(x_cm - float(frame["cursor_x_cm"])).argmin()] = "O" if ascii_only else "●"
    text = Text("\n".join("".join(row) for row in shown), no_wrap=True)
    text.highlight_regex(r"[▒▓+#]+", style)
    text.highlight_regex(r"[●O]", "bold bright_cyan")
    return Panel(text, padding=0, width=n_columns + 2, border_style=_PHASE_STYLES.get(figures.phase, ""))


def _rows(figures: Figures) -> "Table":
    """List every figure beside its name; what is wrong is red."""
    from rich.table import Table
    from rich.text import Text

    to_target_s, sync_age_s = figures.time_to_target_s, figures.sync_age_s
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column(style="dim", no_wrap=True, width=12)
    rows.add_column(no_wrap=True, overflow="ellipsis", width=_FIGURES_WIDTH - 14)
    for name, text, is_bad in (
        ("task", figures.task, figures.phase == Phase.DIED),
        *([("decoder", "YIELDS NO NUMBER", True)] if figures.decoder_failed else []),
        *(("ALARM", alarm, True) for alarm in figures.signal.alarms),
        ("block", figures.block, False),
        ("trial", str(figures.trial), False),
        ("success", success_text(figures), False),
        ("last trials", "".join(_MARKS.get(outcome, "-") for outcome in figures.outcomes), False),
        ("to target", f"{to_target_s:.2f} s" if to_target_s is not None else "", False),
        ("", "", False),
        ("spikes", f"{figures.spikes_per_s:,.0f} /s", False),
        ("latency", latency_text(figures), False),
        ("missed ticks", f"{figures.missed_ticks:,}", figures.missed_ticks > 0),
        ("late spikes", f"{figures.late_spikes:,}", figures.many_late),
        ("dropped", f"{figures.dropped_spikes:,}", figures.dropped_spikes > 0),
        *_signal_rows(figures.signal),
        ("data age", age_text(figures.data_age_s), figures.phase in (Phase.SOURCE_LOST, Phase.SOURCE_SILENT)),
        ("", "", False),
        ("journal", size_text(figures.saved_bytes), False),
        ("synced", f"{age_text(sync_age_s)} ago" if sync_age_s is not None else "not yet", False),
    ):
        rows.add_row(name, Text(plain(text), style="bold red" if is_bad else ""))
    return rows


def _signal_line(signal: SignalHealth) -> str:
    """Say what there is to say of the signal beside its latency."""
    parts = [f"signal age {signal.age_text}" if signal.arrival_ms else ""]
    parts.append(f"not used: {signal.counts_text}" if signal.counts else "")
    parts.append(f"source's clock {signal.clock}" if signal.clock != OWN_CLOCK else "")
    return "".join(f"{part}; " for part in parts if part)


def _signal_rows(signal: SignalHealth) -> list[tuple[str, str, bool]]:
    """List what is said of the signal: name, text, whether it is bad."""
    rows = [("signal age", signal.short_age_text, False)] if signal.arrival_ms else []
    if signal.counts:
        rows.append(("not used", signal.counts_text, signal.is_bad))
    if signal.clock != OWN_CLOCK:
        rows.append(("clock", signal.clock, False))
    return rows
