"""Say in one strip, at a glance from across the room, how the session stands and what to do about it."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QWidget

from bmi_app.gui.shell.plain_label import PlainLabel, plain_tip
from bmi_app.gui.shell.theme import notice_colours, theme_of
from bmi_app.session.view.attachment import Attachment
from bmi_app.session.view.observer import Figures, Phase, age_text, clock_text, ending, left_by_the_dead


class NoticeStrip(QWidget):
    """Show the phase in words and colour, and the time. It is always there, so that nothing else moves.

    Signals: `recover_asked()`, where the engine has died.
    """

    recover_asked = pyqtSignal()

    def __init__(self, attachment: Attachment, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._attachment = attachment
        self.painted = ("", False)  # the level, and whether the appearance is dark
        self.message = PlainLabel()
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.setWordWrap(True)  # the words of a failure may be of any length
        self.message.setMinimumWidth(1)
        self.recover = QPushButton("Recover")
        self.recover.setToolTip("Keep what was recorded as far as it is whole, and show how it went")
        self.recover.clicked.connect(self.recover_asked)
        self.recover.hide()
        self.time = PlainLabel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 14, 8)
        layout.addWidget(self.message, 1)
        layout.addWidget(self.recover)
        layout.addWidget(self.time)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("notice")

    def show_figures(self, figures: Figures) -> None:
        """Show the phase and the time of these figures."""
        of = f" of {clock_text(figures.duration_s)}" if figures.duration_s else ""
        self.time.setText(f"{clock_text(figures.elapsed_s)}{of}")
        self.recover.hide()
        if figures.phase == Phase.ENDED:
            why, is_failure = ending(self._attachment)
            text = f"The session was ended by a failure: {why}" if is_failure else f"The session is complete: {why}"
            self.say(text, "alarm" if is_failure else "good")
        elif figures.phase == Phase.DIED:
            left, can_be_recovered = left_by_the_dead(self._attachment)
            self.recover.setVisible(can_be_recovered)
            self.say(f"The engine has died: {left}{'. Press Recover' if can_be_recovered else ''}", "alarm")
        elif figures.phase == Phase.RUNNING and figures.decoder_failed:
            self.say("The decoder yields no number: the cursor does not follow it. Undo or load weights", "alarm")
        else:
            self.say(*self._words_and_level(figures))

    def say(self, message: str, level: str) -> None:
        """Show words, in the colours of `calm`, `good`, `warning` or `alarm`."""
        self.message.setText(message)
        self.message.setToolTip(plain_tip(message))
        self._paint_level(level)

    def show_recovery(self, message: str, *, is_done: bool, is_good: bool) -> None:
        """Say how the recovery stands; one that failed may be tried again."""
        self.recover.setEnabled(is_done and not is_good)
        self.recover.setVisible(not (is_done and is_good))
        self.say(message, "good" if is_good else "alarm" if is_done else "warning")

    def _paint_level(self, level: str) -> None:
        # Of the application: a widget with a style sheet keeps the palette it was made with.
        theme = theme_of(QApplication.palette())
        if (level, theme.is_dark) == self.painted:  # a style sheet costs far more than a text
            return
        self.painted = level, theme.is_dark
        back, text = notice_colours(level, theme)
        self.setStyleSheet(
            f"#notice {{ background: {back}; border-radius: 6px; }}"
            f"#notice QLabel {{ color: {text}; font-weight: 600; font-size: 11pt; }}"
        )

    def _words_and_level(self, figures: Figures) -> tuple[str, str]:
        """Say the phase in words, and in which colours; the type checker finds a phase that is not named here."""
        age_s = figures.data_age_s
        age = f"last data {age_text(age_s)} ago" if age_s is not None else "no data yet"
        match figures.phase:
            case Phase.RUNNING:
                return f"Recording {self._attachment.protocol.name}", "calm"
            case Phase.PAUSED:
                return "Paused: the cursor and the trial's clock are held", "warning"
            case Phase.SOURCE_LOST:
                return f"Source lost, {age}: cursor and trial are held until data come", "alarm"
            case Phase.SOURCE_SILENT:
                return f"Source silent, {age}: cursor and trial are held until samples come", "alarm"
            case Phase.CATCHING_UP:
                return "Catching up: cursor and trial are held until no ticks wait", "warning"
            case Phase.STALLED:
                return "The engine is alive, but it makes no ticks", "alarm"
            case Phase.FINISHING:
                return "Finishing: writing what is left", "calm"
            case Phase.ENDED:
                return "The session is complete", "good"
            case Phase.DIED:
                return "The engine has died", "alarm"
