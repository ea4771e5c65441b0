"""Show what the session does, in words and figures."""

from PyQt6.QtGui import QColor, QFont, QPalette
from PyQt6.QtWidgets import QGridLayout, QLabel, QWidget

from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import MarkedLabel, PlainLabel
from bmi_app.gui.shell.theme import bold, theme_of
from bmi_app.rt.records import Outcome
from bmi_app.session.view.observer import Figures, Phase, age_text, latency_text, size_text, success_text

_GROUPS = (
    ("Task", ("Block", "Trial", "Success", "Last trials", "Time to target")),
    (
        "Signal",
        ("Source", "Spikes", "Latency", "Missed ticks", "Late, dropped", "Signal age", "Not used", "Clock", "Alarm"),
    ),
    ("Recording", ("Journal", "On disk")),
)
_VALUE_PT = 10
_TIPS = {
    "Success": "Trials that succeeded, of all that succeeded or failed; skipped ones are neither",
    "Last trials": "● success, ✕ failure, ○ skipped; the newest on the right",
    "Time to target": "Median of the last 50 successes",
    "Latency": "From the moment at which a frame could have been made to its publication; of the last 5 s",
    "Missed ticks": "Frames published after the next tick was due",
    "Late, dropped": "Spikes counted in a later bin than their own, and spikes lost because the ring was full",
    "Signal age": "From the arrival of a spike, and from its stamp, to the publication of the frame that counted it: p50, p99",
    "Not used": "Spikes and values that were counted but not decoded, or not at the time that their source says",
    "Clock": "What is added to the source's stamps, within how much it is known, and when it was measured",
    "On disk": "When the journal was last safe against a loss of power",
}


class StatusPanel(FollowsPalette, QWidget):
    """Show `Figures`; `source` names where the spikes come from."""

    def __init__(self, source: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source = source
        self.task = PlainLabel("starting")
        self.task.setFont(bold(self.task.font(), 15))
        self.task.setWordWrap(True)
        self.values: dict[str, QLabel] = {}
        self._names: list[QLabel] = []  # and headings
        self._bad: set[str] = set()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(16)
        layout.setVerticalSpacing(5)
        layout.setColumnStretch(1, 1)
        layout.addWidget(self.task, 0, 0, 1, 2)
        for heading, names in _GROUPS:
            title = PlainLabel(heading)
            title.setFont(bold(title.font(), 9))
            self._names.append(title)
            title.setContentsMargins(0, 8, 0, 0)
            layout.addWidget(title, layout.rowCount(), 0, 1, 2)
            for name in names:
                row = layout.rowCount()
                label = PlainLabel(name)
                value = MarkedLabel("–") if name == "Last trials" else PlainLabel("–")
                for each in (label, value):
                    each.setFont(_sized(each.font(), _VALUE_PT))
                self._names.append(label)
                value.setWordWrap(name in ("Signal age", "Not used", "Alarm"))
                value.setToolTip(_TIPS.get(name, ""))
                label.setToolTip(_TIPS.get(name, ""))
                layout.addWidget(label, row, 0)
                layout.addWidget(value, row, 1)
                self.values[name] = value
        self.restyle()

    def show_figures(self, figures: Figures) -> None:
        """Show these figures; what is wrong becomes bold and red; what is not renewed any more is faint."""
        is_dead = figures.phase == Phase.DIED
        self.setEnabled(not is_dead)
        task = "paused" if figures.phase == Phase.PAUSED else figures.task
        self.task.setText("Nothing runs" if is_dead else task[:1].upper() + task[1:])
        to_target_s = figures.time_to_target_s
        self._set("Block", figures.block)
        self._set("Trial", f"{figures.trial}" if figures.trial else "")
        self._set("Success", success_text(figures))
        self._set("Last trials", self._marks(figures.outcomes))
        self._set("Time to target", f"{to_target_s:.2f} s" if to_target_s is not None else "")
        age = age_text(figures.data_age_s)
        source = f"{self._source}, data {age} old" if figures.data_age_s is not None else self._source
        self._set("Source", source, figures.phase in (Phase.SOURCE_LOST, Phase.SOURCE_SILENT))
        self._set("Spikes", f"{figures.spikes_per_s:,.0f} per second")
        self._set("Latency", latency_text(figures))
        self._set("Missed ticks", f"{figures.missed_ticks:,}", figures.missed_ticks > 0)
        late, dropped = figures.late_spikes, figures.dropped_spikes
        self._set("Late, dropped", f"{late:,}, {dropped:,}", figures.many_late or dropped > 0)
        signal = figures.signal
        self._set("Signal age", "\n".join(signal.age_lines))
        self._set("Not used", signal.counts_text, signal.is_bad)
        self._set("Clock", signal.clock.replace(", ", "\n") if len(signal.clock) > 26 else signal.clock)
        self._set("Alarm", "\n".join(signal.alarms), bool(signal.alarms))
        self._set("Journal", size_text(figures.saved_bytes))
        synced = figures.sync_age_s
        self._set("On disk", f"{age_text(synced)} ago" if synced is not None else "not yet")

    def _set(self, name: str, text: str, is_bad: bool = False) -> None:
        label = self.values[name]
        label.setText(text or "–")
        if (name in self._bad) != is_bad:
            self._bad ^= {name}
            font = label.font()
            font.setBold(is_bad)
            label.setFont(font)
            self.restyle()

    def _marks(self, outcomes: tuple[Outcome, ...]) -> str:
        theme = theme_of(self.palette())
        marks = {Outcome.SUCCESS: ("●", theme.held), Outcome.OPERATOR: ("○", theme.muted)}
        drawn = (marks.get(outcome, ("✕", theme.failed)) for outcome in outcomes)
        return "".join(f'<span style="color:{colour.name()}">{mark}</span>' for mark, colour in drawn)

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        # Without a style sheet: a widget that has one does not hear of another palette.
        theme = theme_of(self.palette())
        for label in self._names:
            label.setPalette(_coloured(theme.muted))
        for name, value in self.values.items():
            value.setPalette(_coloured(theme.failed) if name in self._bad else QPalette())


def _coloured(colour: QColor) -> QPalette:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, colour)
    return palette


def _sized(font: QFont, size_pt: float) -> QFont:
    made = QFont(font)
    made.setPointSizeF(size_pt)
    return made
