"""Check the text of a protocol while it is written, and work out what its preview shows."""

from dataclasses import dataclass, field
from pathlib import Path

from bmi_app.session.target_sequence import first_targets_cm
from protocols.cautions import cautions
from protocols.load import parse
from protocols.problems import Problem, ProtocolError
from protocols.schema import Protocol

_MOST_PREVIEWED = 12  # trials; more numbers cannot be read


@dataclass(frozen=True)
class Checked:
    """Hold the protocol, or what is wrong with it."""

    protocol: Protocol | None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sequence_cm: list[tuple[float, float]] = field(default_factory=list)


def check_text(text: str, file: str, folder: Path) -> Checked:
    """Check a text as a file in this folder would be; for a thread other than the window's, as plugins are loaded."""
    try:
        protocol = parse(text, file, folder=folder)
    except ProtocolError as error:
        return Checked(None, error.problems)
    n_targets = len(protocol.target_positions_cm())
    sequence_cm = first_targets_cm(protocol, min(n_targets or _MOST_PREVIEWED, _MOST_PREVIEWED))
    return Checked(protocol, [], cautions(protocol), sequence_cm)
