"""Say how the last session went, and verify it with one button."""

from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bmi_app.gui.shell.opened_folder import trouble_opening
from bmi_app.gui.shell.plain_label import PlainLabel
from bmi_app.gui.shell.theme import bold
from bmi_app.gui.shell.verifying import Verifier
from bmi_app.gui.shell.worker import Worker
from bmi_app.record.text_shapes import missing_from
from bmi_app.session.store.standing import Outcome, outcome_of
from bmi_app.session.view.signal_health import recorded_age_ms

_FOLLOW_MS = 1000
_RECOVERABLE = ("interrupted", "recovery unfinished", "damaged")


class ResultCard(QFrame):
    """Show one session's outcome; hidden until there is one.

    Signals: `replay_asked(Path)`, `recover_asked(Path)`, where its engine died.
    """

    replay_asked = pyqtSignal(Path)
    recover_asked = pyqtSignal(Path)

    def __init__(self, worker: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.folder: Path | None = None
        self._shown: tuple[Path, str] | None = None
        self._asked: Path | None = None  # whose recovery was asked for, and may wait behind other work
        self._verifier = Verifier(worker, self)
        self._follow = QTimer(self)  # a recovery, which no check of a protocol may hold up
        self._follow.timeout.connect(self._look)
        self.heading, self.text, self.verdict = PlainLabel(), PlainLabel(), PlainLabel()
        self.heading.setFont(bold(self.heading.font()))
        for label in (self.text, self.verdict):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.replay = QPushButton("Re&play")
        self.replay.setToolTip("Play the session back on the page Replay")
        self.verify, self.recover = QPushButton("&Verify"), QPushButton("&Recover")
        self.recover.setToolTip("Recover a session that was cut off or damaged")
        self.verify.setToolTip("Recompute every tick from the recording, and compare every bit")
        self.open = QPushButton("Open folder")
        self.open.setToolTip("Show the session's folder in the file manager")
        buttons = QHBoxLayout()
        for button in (self.replay, self.verify, self.recover, self.open):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.addWidget(self.heading)
        column.addWidget(self.text)
        column.addWidget(self.verdict)
        column.addLayout(buttons)
        self.verify.clicked.connect(self._verify)
        self.replay.clicked.connect(lambda: self.replay_asked.emit(self.folder))
        self.recover.clicked.connect(self._recover)
        self.open.clicked.connect(self._open)
        self._verifier.told.connect(self._tell)
        self.hide()

    def _open(self) -> None:
        if self.folder is not None and (trouble := trouble_opening(self.folder)):
            self.verdict.setText(trouble)

    def show_outcome(self, found: Outcome) -> None:
        """Show how a session stands or ended; nothing is touched where nothing changed, so that a verdict stays."""
        if not found.folder.is_dir():  # it was removed
            self._follow.stop()
            self.folder = self._shown = None
            self.hide()
            return
        if found.status not in _RECOVERABLE and self._asked == found.folder:
            self._asked = None
        state = "recovering" if found.recovering_s is not None or self._asked == found.folder else found.status
        if state != "recovering":
            self._follow.stop()
        elif not self._follow.isActive():
            self._follow.start(_FOLLOW_MS)
        if state == "recovering":
            self.text.setText(
                f"Recovering the recording: {found.recovering_s or 0.0:.0f} s so far. "
                "It continues while you use the other pages."
            )
        if (found.folder, state) == self._shown:
            return
        is_ended = state in ("complete", "recovered")
        if found.folder != self.folder or state != "damaged":  # a verdict that named the damage stays
            self.verdict.setText("")
        self.folder, self._shown = found.folder, (found.folder, state)
        name = found.folder.name
        self.heading.setText(
            {
                "complete": f"Last session: {name}",
                "recovered": f"Last session: {name}",
                "damaged": f"Last session: {name}, damaged",
                "recovery unfinished": f"{name}: its recovery was cut off",
                "running": f"{name} goes on without a window",
                "recovering": f"{name}: recovering",
                "interrupted": f"{name}: the engine has died",
                "perhaps running": f"{name}: another machine may be recording it",
                "unreadable": f"{name} cannot be read",
            }[state]
        )
        words = f"{found.words[:1].upper()}{found.words[1:]}"
        if is_ended or state == "damaged":
            went = f"\n{summary_text(found.summary)}" if found.summary else ""
            self.text.setText(f"{words}{went}")
        elif state != "recovering":
            self.text.setText(
                {
                    "running": "It is in the list of running sessions: attach to it there.",
                    "interrupted": "Recovering keeps what was recorded, as far as it is whole.",
                    "recovery unfinished": "Recovering it again continues it.",
                    "perhaps running": "Look on the machine that began it whether it still runs.",
                    "unreadable": f"{words}.",
                }[state]
            )
        for button in (self.replay, self.verify):
            button.setVisible(is_ended or state == "damaged")
        self.verify.setEnabled(True)
        self.recover.setVisible(state in (*_RECOVERABLE, "recovering"))
        self.recover.setEnabled(state in _RECOVERABLE)
        self.recover.setText("&Recover" if state in _RECOVERABLE else "Recovering…")
        self.show()

    def tell_failure(self, folder: Path, text: str) -> None:
        """Say why a session could not be recovered; it may be tried again."""
        if self._asked == folder:
            self._asked = None
        if folder == self.folder:
            self.show_outcome(Outcome(folder, "interrupted"))
            self.verdict.setText(text)

    def _look(self) -> None:
        if self.folder is not None:
            self.show_outcome(outcome_of(self.folder))

    def _recover(self) -> None:
        assert self.folder is not None
        self._asked = self.folder
        self.show_outcome(Outcome(self.folder, "interrupted", recovering_s=0.0))
        self.recover_asked.emit(self.folder)

    def _verify(self) -> None:
        assert self.folder is not None
        self.verify.setEnabled(False)
        self._verifier.verify(self.folder)

    def _tell(self, folder: Path, text: str, is_done: bool, _: bool) -> None:
        if folder == self.folder:
            self.verdict.setText(text)
            self.verify.setEnabled(is_done)


def summary_text(summary: dict[str, Any]) -> str:
    """Say in a few lines how a session went."""
    rate, time_s = summary.get("success_rate"), summary.get("median_time_to_target_s")
    p99_us = summary.get("latency_us", {}).get("p99")
    why = str(summary.get("stop_reason", "")).lower().replace("_", " ")
    if lacking := missing_from(summary):  # nothing is said of what is not known
        error = f" · error: {summary['error']}" if "error" in summary else ""
        return f"Its summary lacks {', '.join(lacking)}{error}"
    first = [f"{summary['duration_s']:.1f} s, ended by: {why}", f"{summary['trials']} trials"]
    if summary.get("skipped"):
        first[-1] += f" ({summary['skipped']} skipped)"
    if rate is not None:
        first.append(f"{rate:.0%} success")
    if time_s is not None:
        first.append(f"median {time_s:.2f} s to the target")
    spikes = "number of spikes not known" if summary["spikes"] is None else f"{summary['spikes']:,} spikes"
    second = [f"{spikes}, {summary['dropped_spikes']} dropped"]
    second.append(f"{summary['missed_ticks']} of {summary['ticks']:,} ticks missed")
    if p99_us is not None:
        second.append(f"latency p99 {p99_us:,.0f} µs")
    if age_ms := recorded_age_ms(summary):
        second.append(f"signal p99 {age_ms[1]:.3g} ms old")
    if "error" in summary:
        second.append(f"error: {summary['error']}")
    lines = (first, _movement(summary.get("movement", {})), second)
    return "\n".join(" · ".join(line) for line in lines if line)


def _movement(found: dict[str, Any]) -> list[str]:
    """Say how well the cursor was moved."""
    parts = (
        ("bit_rate_bits_s", "{:.2f} bits/s achieved"),
        ("fitts_throughput_bits_s", "Fitts {:.2f} bits/s (mean of ID/MT)"),
        ("fitts_ratio_of_sums_bits_s", "{:.2f} (sum ID / sum MT)"),
        ("under_cursor_at_onset", "{} targets under the cursor at onset left out"),
        ("path_efficiency", "path efficiency {:.0%}"),
        ("dial_in_time_s", "dial-in {:.2f} s"),
        ("orthogonal_error_cm", "{:.2f} cm off the straight way"),
    )
    return [
        text.format(found[key])
        for key, text in parts
        if found.get(key) is not None and (key != "under_cursor_at_onset" or found[key])
    ]
