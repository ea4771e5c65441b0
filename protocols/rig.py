"""Define the tables around the loop: session, outputs, outlets, driver, subject and safety."""

from typing import Annotated, Any, Literal

from pydantic import Field

from protocols.section import LASTING, LONG, MAX_SEED, SPEED, Section

# Keys of [subject] that a subject plugin has among its settings.
PLUGIN_CHOICES = ("prior", "learner", "intent", "encoding", "exploration")


MOST_LABELS = 8  # one for each of the keys F1 to F8
# What LSL markers, archives and keys of the window can all show.
EventLabel = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9 _.-]{0,22}[A-Za-z0-9])?$")]
FIRST_OUTPUT = "null"  # the kind that a new entry of [[outputs]] begins with


class Session(Section):
    """Say how the session is seeded and when it ends at the latest."""

    seed: int = Field(1, ge=0, le=MAX_SEED, description="Seed of every random number of the session.")
    duration_s: float | None = Field(
        None,
        gt=0,
        description="Length of the session; absent: until its blocks or trials are over.",
        json_schema_extra=LASTING,
    )
    trials: int | None = Field(None, ge=1, description="Number of trials after which the session ends.")
    event_labels: tuple[EventLabel, ...] = Field(
        (),
        strict=False,
        max_length=MOST_LABELS,
        description="Names of events that the operator stamps while the session runs, with the keys F1 to F8 in this order.",
        examples=[["artefact", "subject moved"]],
        json_schema_extra={
            "allowed": f"up to {MOST_LABELS} different names of up to 24 letters, digits, spaces, dots, - and _"
        },
    )


class Output(Section):
    """Say what a moment of the session sets off outside of the program."""

    on: Literal["reward", "trial_start", "trial_end", "block_start", "session"] = Field(
        description="The moment; `session` is the sync pulse at start and stop.", examples=["reward"]
    )
    kind: str = Field(description="Output plugin.", examples=[FIRST_OUTPUT], json_schema_extra={"plugin": "outputs"})
    settings: dict[str, Any] = Field({}, description="Settings of the plugin.")


class Outlets(Section):
    """Say whether the session publishes itself over LSL."""

    publish: bool = Field(
        True,
        description="Publish `BMI-State`, `BMI-Decoder` and `BMI-Markers`. LSL has no authentication and serves every network of "
        "the machine: whoever reaches it can read them. Absent: false where the source needs no network (`simulated`, `replay`).",
    )


class Driver(Section):
    """Say where spikes come from."""

    kind: str = Field("simulated", description="Driver plugin.", json_schema_extra={"plugin": "drivers"})
    stream: str | None = Field(None, min_length=1, description="Name that the LSL stream must have.")
    type: str | None = Field(None, min_length=1, description="Type that the LSL stream must have.")
    source_id: str | None = Field(None, min_length=1, description="Source id that the LSL stream must have.")
    host: str | None = Field(None, min_length=1, description="Host that the LSL stream must come from.")
    clock: Literal["source", "arrival"] = Field(
        "source",
        description="What times an LSL stream's samples: `source`: their stamps, with the offset of the source's clock, which "
        "is measured before the session begins; `arrival`: their arrival here, where that clock cannot be measured or "
        "the stamps mean nothing.",
    )
    settings: dict[str, Any] = Field({}, description="Settings of the plugin.")


class Subject(Section):
    """Describe the simulated subject."""

    kind: str = Field("plain", description="Subject plugin.", json_schema_extra={"plugin": "subjects"})
    prior: str = Field("nominal", min_length=1, description="What it knows of the tool at the start.")
    learner: str = Field("none", min_length=1, description="How it learns the tool.")
    intent: str | None = Field(None, min_length=1, description="What it wants; absent: the plugin's own.")
    encoding: str | None = Field(
        None, min_length=1, description="How its units encode what it wants; absent: the plugin's own."
    )
    exploration: str | None = Field(
        None, min_length=1, description="What it adds to its firing to find out more; absent: the plugin's own."
    )
    neurons: Literal["poisson", "srm"] = Field(
        "poisson",
        description="How rates become spikes: `poisson`, or `srm`, which are refractory (SRM0 with escape noise; `[neurons]`).",
    )
    settings: dict[str, Any] = Field({}, description="Settings of the plugin.")

    def choices(self) -> dict[str, str]:
        """Return the keys of this table that the plugin takes among its settings, as far as they are given."""
        named = {key: getattr(self, key) for key in PLUGIN_CHOICES}
        return {key: value for key, value in named.items() if value is not None}


class Safety(Section):
    """Set the limits that hold whatever the decoder says."""

    max_speed_cm_s: float = Field(40.0, gt=0, description="Greatest speed of the cursor.", json_schema_extra=SPEED)
    watchdog_ms: float = Field(
        1000.0,
        gt=0,
        description="Time without data after which the source counts as lost: the cursor freezes and the trial clock is "
        "held. Absent: 300 from 32 units on, which are never silent together; 1000 for fewer.",
        json_schema_extra=LONG,
    )
