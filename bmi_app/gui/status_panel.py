"""Show what the session does, in words and figures."""

from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtWidgets import QGridLayout, QLabel, QWidget

from bmi_app.gui.theme import theme_of
from bmi_app.rt.records import Outcome
from bmi_app.session.observe import Figures, age_text, latency_text, size_text, success_text

_GROUPS = (
    ("Task", ("Block", "Trial", "Success", "Last trials", "Time to target")),
    ("Signal", ("Source", "Spikes", "Latency", "Missed ticks", "Late, dropped")),
    ("Recording", ("Journal", "On disk")),
)
_TIPS = {
    "Success": "Trials that succeeded, of all that ended",
    "Last trials": "● success, ✕ failure; the newest on the right",
    "Time to target": "Median of the last 50 successes",
    "Latency": "From the moment at which a frame could have been made to its publication; of the last 5 s",
    "Missed ticks": "Frames published after the next tick was due",
    "Late, dropped": "Spikes counted in a later bin than their own, and spikes lost because the ring was full",
    "On disk": "When the journal was last safe against a loss of power",
}


class StatusPanel(QWidget):
    """Show `Figures`; `source` names where the spikes come from."""

    def __init__(self, source: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._source = source
        self.task = QLabel("starting")
        self.task.setObjectName("task")
        self.task.setWordWrap(True)
        self.values: dict[str, QLabel] = {}
        self._names: list[QLabel] = []
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(16)
        layout.setVerticalSpacing(5)
        layout.setColumnStretch(1, 1)
        layout.addWidget(self.task, 0, 0, 1, 2)
        for heading, names in _GROUPS:
            title = QLabel(heading)
            title.setObjectName("heading")
            title.setContentsMargins(0, 8, 0, 0)
            layout.addWidget(title, layout.rowCount(), 0, 1, 2)
            for name in names:
                row = layout.rowCount()
                label, value = QLabel(name), QLabel("–")
                label.setObjectName("name")
                value.setToolTip(_TIPS.get(name, ""))
                label.setToolTip(_TIPS.get(name, ""))
                value.setTextFormat(Qt.TextFormat.RichText if name == "Last trials" else Qt.TextFormat.PlainText)
                layout.addWidget(label, row, 0)
                layout.addWidget(value, row, 1)
                self.values[name] = value
        self._restyle()

    def show_figures(self, figures: Figures) -> None:
        """Show these figures; what is wrong becomes bold, and of the colour of failure."""
        self.task.setText(figures.task[:1].upper() + figures.task[1:])
        to_target_s = figures.time_to_target_s
        self._set("Block", figures.block)
        self._set("Trial", f"{figures.trial}" if figures.trial else "")
        self._set("Success", success_text(figures))
        self._set("Last trials", self._marks(figures.outcomes))
        self._set("Time to target", f"{to_target_s:.2f} s" if to_target_s is not None else "")
        age = age_text(figures.data_age_s)
        self._set("Source", f"{self._source}, data {age} old" if figures.data_age_s is not None else self._source)
        self._set("Spikes", f"{figures.spikes_per_s:,.0f} per second")
        self._set("Latency", latency_text(figures))
        self._set("Missed ticks", f"{figures.missed_ticks:,}", figures.missed_ticks > 0)
        late, dropped = figures.late_spikes, figures.dropped_spikes
        self._set("Late, dropped", f"{late:,}, {dropped:,}", figures.many_late or dropped > 0)
        self._set("Journal", size_text(figures.saved_bytes))
        synced = figures.sync_age_s
        self._set("On disk", f"{age_text(synced)} ago" if synced is not None else "not yet")

    def changeEvent(self, event: QEvent | None) -> None:
        """Follow the system from light to dark and back."""
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._restyle()
        super().changeEvent(event)

    def _set(self, name: str, text: str, is_bad: bool = False) -> None:
        label = self.values[name]
        label.setText(text or "–")
        if bool(label.property("bad")) != is_bad:  # restyling is dear, and seldom needed
            label.setProperty("bad", is_bad)
            style = label.style()
            if style is not None:
                style.unpolish(label)
                style.polish(label)

    def _marks(self, outcomes: tuple[Outcome, ...]) -> str:
        theme = theme_of(self.palette())
        good, bad = theme.held.name(), theme.failed.name()
        return "".join(
            f'<span style="color:{good}">●</span>'
            if outcome == Outcome.SUCCESS
            else f'<span style="color:{bad}">✕</span>'
            for outcome in outcomes
        )

    def _restyle(self) -> None:
        theme = theme_of(self.palette())
        red, green, blue, _ = theme.muted.getRgb()
        muted = f"rgba({red}, {green}, {blue}, {theme.muted.alphaF():.2f})"
        style = (
            "QLabel { font-size: 10pt; }"
            "#task { font-size: 17pt; font-weight: 600; }"
            f"#heading {{ color: {muted}; font-size: 9pt; font-weight: 700; }}"
            f"#name {{ color: {muted}; }}"
            f'QLabel[bad="true"] {{ color: {theme.failed.name()}; font-weight: 700; }}'
        )
        if style != self.styleSheet():  # a style sheet changes the palette in turn
            self.setStyleSheet(style)
