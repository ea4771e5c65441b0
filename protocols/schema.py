"""Define a protocol: everything that is decided about a session before it starts.

`protocols.load.load` is the way to one: it finds every mistake in a file. `Protocol.model_validate` checks each key by
itself only, and is for text that was a valid protocol before.
"""

from typing import Annotated, Any, Literal, Self

import tomlkit
from pydantic import BeforeValidator, Field

from bmi_app import small_files
from protocols.neurons import Neurons
from protocols.rig import Driver, Outlets, Output, Safety, Session, Subject
from protocols.section import Section
from protocols.signal import Axes, Decoder, Learning, Tick, Units, Workspace
from protocols.task import Block, Task
from protocols.units import PopulationSpec, resolve_populations

# 1: sessions from before protocols said so. 2: skipped trials are counted apart, a skip between trials does nothing.
MODEL_VERSION = 2
FIRST_MODEL_VERSION = 1
POPULATION_FORMS = '"0-31", "0-3,8,10-12", a unit or a list of units, or "rest"'


def _read_population(value: Any) -> Any:
    """Accept a text, a unit or a list of units, so that a wrong one is one mistake and not one per type."""
    if type(value) is int and value >= 0:  # `--set populations.x=0`
        return (value,)
    if isinstance(value, list | tuple) and all(type(index) is int and index >= 0 for index in value):
        return tuple(value)
    if not isinstance(value, str):
        raise ValueError
    return value


Population = Annotated[PopulationSpec, BeforeValidator(_read_population)]
PopulationName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]


class Protocol(Section):
    """Hold a protocol, resolved: with every default filled in."""

    format: Literal[1] = Field(description="Version of this format.", examples=[1])
    model_version: int = Field(
        MODEL_VERSION,
        ge=FIRST_MODEL_VERSION,
        le=MODEL_VERSION,
        description="Version of the rules and equations by which a session runs. A session records it, so that a replay "
        "takes the same ones; one that was recorded before this key has 1. Leave it out: new sessions take the newest.",
    )
    name: str = Field(min_length=1, description="Short name; session folders carry it.", examples=["center_out"])
    title: str = Field("", description="What it is, in a line.")
    description: str = Field("", description="What it is for.")
    session: Session = Field(Session(), description="Seed and end of the session.")
    workspace: Workspace = Field(Workspace(), description="The plane in which the cursor moves.")
    tick: Tick = Field(Tick(), description="When the loop runs.")
    units: Units = Field(description="The units, and how the source names them.", examples=[{"count": 96}])
    populations: dict[PopulationName, Population] = Field(
        {},
        description="Disjoint groups of units, each with a name of your choice; "
        '`"rest"`: all units that no other population names.',
        json_schema_extra={"allowed": POPULATION_FORMS},
    )
    axes: Axes = Field(
        description="What drives the cursor; the table of an axis may be empty for a decoder that weighs all units (`linear`).",
        examples=[{"x": {"population": "horizontal", "gain": 0.08}}],
    )
    decoder: Decoder = Field(Decoder(), description="How firing becomes velocity.")
    learning: Learning = Field(Learning(), description="How the decoder adapts.")
    blocks: tuple[Block, ...] = Field(
        strict=False,
        min_length=1,
        description="The parts of the session, in order.",
        examples=[[{"kind": "closed_loop"}]],
        json_schema_extra={"allowed": "at least one [[blocks]] table"},
    )
    task: Task = Field(
        description="What the subject is asked to do.",
        examples=[
            {
                "pattern": "ring",
                "count": 8,
                "distance_cm": 8.0,
                "target_radius_cm": 1.5,
                "hold_ms": 300.0,
                "timeout_ms": 6000.0,
                "inter_trial_ms": 500.0,
            }
        ],
    )
    outputs: tuple[Output, ...] = Field(
        (),
        strict=False,
        description="What the session sets off outside of the program.",
        json_schema_extra={"allowed": "[[outputs]] tables"},
    )
    outlets: Outlets = Field(Outlets(), description="What others on the network see of the session, over LSL.")
    driver: Driver = Field(Driver(), description="Where spikes come from.")
    subject: Subject = Field(Subject(), description="The simulated subject, where the driver is simulated.")
    neurons: Neurons = Field(
        Neurons(),
        description="The simulated neurons, and what the electrodes make of them; `subject.neurons` is their model.",
    )
    safety: Safety = Field(Safety(), description="Limits that hold whatever the decoder says.")

    @classmethod
    def of_session(cls, text: str) -> Self:
        """Return the resolved protocol that a session folder holds, given its text; without a version it is the first."""
        return cls.model_validate(of_first_version(small_files.parse_toml(text)))

    @property
    def n_axes(self) -> int:
        """Return the number of axes along which the cursor moves."""
        return len(self.axes.items())

    def population_indices(self) -> dict[str, tuple[int, ...]]:
        """Return the ascending unit indices of each population, in the order of the file."""
        return resolve_populations(self.populations, self.units.count)

    def unit_index(self, channel: int, unit: int) -> int | None:
        """Return the index of a (channel, unit) pair of the source, or None where the protocol does not name it."""
        return self.units.index(channel, unit)

    def target_positions_cm(self) -> tuple[tuple[float, float], ...]:
        """Return the targets' centres in the order of their indices; none where they are drawn anew (`uniform`)."""
        return self.task.target_positions_cm()

    def to_toml(self) -> str:
        """Write the protocol as TOML text that loads back equal."""
        return tomlkit.dumps(self.model_dump(mode="json", exclude_none=True))


def of_first_version(document: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded protocol's document with its `model_version`: where it says none, the first."""
    return {"model_version": FIRST_MODEL_VERSION} | document
