"""Define the table of the simulated neurons and of the electrodes that hear them."""

from pydantic import Field

from protocols.section import LONG, MS, Section


class Neurons(Section):
    """Describe the simulated neurons, and what the electrodes make of them; `subject.neurons` says which model fires."""

    refractory_ms: float = Field(
        3.0, ge=0, le=20, description="`srm`: absolute refractory time after each spike.", json_schema_extra=MS
    )
    eta0: float = Field(
        3.0,
        title="After-potential",
        ge=0,
        le=20,
        description="`srm`: depth of the after-potential when the refractory time ends, in widths of the escape noise "
        "(beta eta0): the hazard begins at exp(-eta0) of what it recovers to.",
    )
    eta_tau_ms: float = Field(
        15.0,
        title="After-potential decays in",
        gt=0,
        le=1000,
        description="`srm`: time constant of the after-potential.",
        json_schema_extra=MS,
    )
    shared_cv: float = Field(
        0.0,
        title="Shared variability",
        ge=0,
        le=0.5,
        description="Slow variability that units share: standard deviation of each unit's gain about 1.",
    )
    shared_common: float = Field(
        0.0,
        title="Common part of it",
        ge=0,
        le=1,
        description="Share of its variance that moves all units the same way, which makes noise correlations positive on "
        "average; 0: units go with it and against it alike.",
    )
    shared_dimensions: int = Field(3, ge=1, le=16, description="Dimensions of the manifold on which it lies.")
    shared_tau_ms: float = Field(300.0, gt=0, description="Its correlation time.", json_schema_extra=LONG)
    drift_hz: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Drift of each unit's baseline: standard deviation of a random walk after one hour.",
        json_schema_extra={"unit": "Hz"},
    )
    loss_per_h: float = Field(
        0.0,
        title="Units lost",
        ge=0,
        description="Rate at which each unit is lost, for good.",
        json_schema_extra={"unit": "1/h"},
    )
    new_per_h: float = Field(
        0.0,
        title="Units found",
        ge=0,
        description="Rate at which a channel whose unit is lost finds a new one, tuned as another unit was.",
        json_schema_extra={"unit": "1/h"},
    )
    noise_hz: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="Spikes of each channel that have no neuron behind them.",
        json_schema_extra={"unit": "Hz"},
    )
    multi_unit: float = Field(
        0.0, ge=0, le=1, description="Share of the channels that hear a second neuron, tuned as another unit is."
    )
