"""Say what a replay found, for the command line: facts that print as text or JSON."""

from pathlib import Path
from typing import Any

from bmi_app.record.damage import JournalError
from protocols.problems import ProtocolError

_IDLE = "; the decoder does not learn here (learning.when is off), so that a changed rule or rate changes nothing"
CAUTION = "the subject's spikes are those of the recording: they do not react to the changed decoder"


class ReplayError(Exception):
    """Tell in one line a mistake why nothing could be recomputed."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def verify(folder: Path) -> dict[str, Any]:
    """Recompute a session and say whether every bit is the same (`exact`).

    On another processor type, by other kernels or with other versions a difference is reported, but not as `failed`.

    Raises
    ------
    ReplayError
        If the session cannot be read.
    """
    from bmi_app.session.engine.build import BuildError
    from bmi_app.session.recompute import replay

    try:
        found = replay.verify(folder)
    except (JournalError, ProtocolError, BuildError) as error:
        raise ReplayError(_lines(error)) from error
    facts: dict[str, Any] = {
        "exact": found.is_exact,
        "failed": not found.is_exact and bool(found.damage or not found.foreign),
        "ticks": found.ticks,
        "commands": found.commands,
        "weight_rows": found.weight_rows,
        "standing": found.standing,
    }
    if found.difference is not None:
        first = found.difference
        facts["difference"] = f"tick {first.tick}: {first.what}: recorded {first.recorded}, recomputed {first.replayed}"
        facts["first_tick"] = first.tick
    if found.foreign:
        facts["recorded_elsewhere"] = found.foreign
    if found.damage:
        facts["damage"] = found.damage
    if found.lost:
        facts["lost"] = found.lost
    return facts


def what_if(folder: Path, overrides: list[str]) -> dict[str, Any]:
    """Score the decoding of a session under a changed protocol beside its own.

    Raises
    ------
    ReplayError
        If the session cannot be read, or an override is wrong.
    """
    from bmi_app.session.engine.build import BuildError
    from bmi_app.session.recompute import replay

    try:
        found = replay.what_if(folder, overrides)
    except (JournalError, ProtocolError, BuildError) as error:
        raise ReplayError(_lines(error)) from error
    return {
        "changed": overrides,
        "ticks": found.ticks,
        "as_recorded": found.recorded,
        "what_if": found.changed,
        "weight_updates": found.weight_updates,
        "note": f"targets, cursor and rewards are held as recorded; {CAUTION}{_IDLE if found.learning_off else ''}",
        "commands_as_recorded": found.as_recorded,
    }


def _lines(error: Exception) -> list[str]:
    if isinstance(error, ProtocolError):
        return [str(problem) for problem in error.problems]
    return [str(error)]
