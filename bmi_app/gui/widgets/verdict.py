"""Say what a check has found: green for what is right, amber for a caution, vermillion for a mistake, plain for what is not known."""

from collections.abc import Sequence
from enum import Enum

from PyQt6.QtWidgets import QVBoxLayout, QWidget

from bmi_app.gui.shell.follows_palette import FollowsPalette
from bmi_app.gui.shell.plain_label import PlainLabel
from bmi_app.gui.shell.theme import theme_of

COMPILING = "After an installation or an update the kernels are compiled once: about a minute."


class Tone(Enum):
    """What is known."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


class Verdict(FollowsPalette, QWidget):
    """Show a verdict, and cautions below it in a colour of their own; both wrap."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tone = Tone.UNKNOWN
        self.said, self.cautions = PlainLabel(text), PlainLabel()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for label in (self.said, self.cautions):
            label.setWordWrap(True)
            column.addWidget(label)
        self.cautions.hide()
        self.restyle()

    def text(self) -> str:
        """Return all that is said."""
        return "\n".join(part for part in (self.said.text(), self.cautions.text()) if part)

    def say(self, text: str, tone: Tone, cautions: Sequence[str] = ()) -> None:
        """Say this instead of what was said."""
        listed = "\n".join(f"Note: {caution}" for caution in cautions)
        if (self.said.text(), self.cautions.text(), self.tone) == (text, listed, tone):
            return
        self.said.setText(text)
        self.cautions.setText(listed)
        self.cautions.setVisible(bool(listed))
        self.tone = tone
        self.restyle()

    def restyle(self) -> None:
        """Take every colour anew from the palette."""
        theme = theme_of(self.palette())
        text = self.palette().windowText().color()
        colours = {Tone.GOOD: theme.held, Tone.BAD: theme.failed, Tone.UNKNOWN: text}
        for label, colour in ((self.said, colours[self.tone]), (self.cautions, theme.caution)):
            style = f"color: {colour.name()}; font-weight: 600"
            if label.styleSheet() != style:
                label.setStyleSheet(style)
