"""Swaying subject: every unit fires faster while a target is shown."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bmi_app.rt.contracts import SEEN_RADIUS, act_signature
from bmi_app.rt.jit import kernel
from bmi_app.rt.memory import MemoryLayout
from bmi_app.traits import SubjectTraits


class Settings(BaseModel):
    """Set how fast the units fire."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: Literal["nominal"] = Field(default="nominal", description="what it knows of the tool: it does not matter")
    learner: Literal["none"] = Field(default="none", description="how it learns the tool: not at all")
    delay_ms: float = Field(default=100.0, ge=0, le=1000, description="visual delay (ms)")
    rate_hz: float = Field(default=30.0, ge=0, le=100, description="rate while a target is shown (Hz)")


layout = MemoryLayout({"rate_hz": ()})


def start(settings: Settings, tool: np.ndarray, step_s: float, seed: int, memory: dict[str, np.ndarray]) -> None:
    """Fill the subject's memory."""
    layout.fill(memory, rate_hz=settings.rate_hz)


@kernel(act_signature)
def ACT(memory, key, seen, rates_out):
    """Fire at the set rate while there is a target, at half of it else."""
    m = layout.named(memory)
    for u in range(rates_out.shape[0]):
        rates_out[u] = m.rate_hz if seen[0, SEEN_RADIUS] > 0.0 else 0.5 * m.rate_hz


TRAITS = SubjectTraits()
