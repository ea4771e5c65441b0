"""Bell output: write down when it rang."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bmi_app.outputs.contract import OutputEvent
from bmi_app.traits import OutputTraits


class Settings(BaseModel):
    """Set where it is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(default="", description="file to which each ring adds a line; empty: none")


class Output:
    """Ring."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.file

    def open(self) -> None:
        """Have nothing to open."""

    def fire(self, event: OutputEvent) -> None:
        """Add a line."""
        if self._file:
            with Path(self._file).open("a", encoding="utf-8") as file:
                file.write(f"{event.kind} {event.tick}\n")

    def close(self) -> None:
        """Have nothing to close."""


TRAITS = OutputTraits(needs_network=False)
