"""Do nothing: a protocol can be tried, and the program's own part of the delay measured, without the device."""

from pydantic import BaseModel, ConfigDict

from bmi_app.outputs.contract import OutputEvent
from bmi_app.traits import OutputTraits


class Settings(BaseModel):
    """Have nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Output:
    """Do nothing."""

    def __init__(self, settings: Settings) -> None:
        pass

    def open(self) -> None:
        """Be ready."""

    def fire(self, event: OutputEvent) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Have nothing to let go."""


TRAITS = OutputTraits(needs_network=False)
