"""Send a marker on an LSL outlet of its own, apart from `BMI-Markers`, for a device that listens to one stream only."""

import time

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bmi_app.outputs.contract import OutputError, OutputEvent
from bmi_app.rt.liblsl import pylsl
from bmi_app.traits import OutputTraits

# Destroying an outlet drops what its sender thread has not yet written; it writes within a scheduling delay.
_LINGER_S = 0.1


class Settings(BaseModel):
    """Say what the stream is called and what is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: str = Field("BMI-Output", min_length=1, description="Name of the stream.")
    source_id: str | None = Field(
        None, min_length=1, description="Id by which inlets find the stream again; absent: made from its name."
    )
    text: str = Field(
        "{kind}", min_length=1, description="The marker; {kind}, {tick}, {time_s}, {trial} and {value} are filled in."
    )

    @field_validator("text")
    @classmethod
    def _can_be_filled_in(cls, text: str) -> str:
        try:
            _fill_in(text, OutputEvent("reward", 0, 0.0, 0, 0.0))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ValueError(
                "may name {kind}, {tick}, {time_s}, {trial} and {value}; other braces are doubled"
            ) from error
        return text


class Output:
    """Push one string per event, stamped with the time of the decision, so that its delay does not show in it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outlet: pylsl.StreamOutlet | None = None

    def open(self) -> None:
        """Announce the stream."""
        name = self._settings.stream
        source_id = self._settings.source_id or f"bmi-output-{name}"
        info = pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, source_id)
        info.desc().append_child("acquisition").append_child_value("manufacturer", "bmi_app")
        channel = info.desc().append_child("channels").append_child("channel")
        channel.append_child_value("label", "marker")
        channel.append_child_value("unit", "")
        channel.append_child_value("type", "Marker")
        try:
            self._outlet = pylsl.StreamOutlet(info)
        except RuntimeError as error:
            raise OutputError(
                f"lsl_marker: stream {name!r} cannot be announced ({error}); check the network"
            ) from error

    def fire(self, event: OutputEvent) -> None:
        """Push the marker."""
        if self._outlet is None:
            raise OutputError("lsl_marker: is not open")
        self._outlet.push_sample([_fill_in(self._settings.text, event)], event.time_s)

    def close(self) -> None:
        """Withdraw the stream, once the last marker had time to leave."""
        if self._outlet is not None and self._outlet.have_consumers():
            time.sleep(_LINGER_S)
        self._outlet = None  # the last reference: pylsl destroys the outlet


def _fill_in(text: str, event: OutputEvent) -> str:
    return text.format(kind=event.kind, tick=event.tick, time_s=event.time_s, trial=event.trial, value=event.value)


TRAITS = OutputTraits()
