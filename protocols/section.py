"""Define what every table of a protocol has in common, and the units its keys are measured in."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

# `json_schema_extra` of a field: a form and the reference read the unit from there.
MS: dict[str, JsonValue] = {"unit": "ms"}
S: dict[str, JsonValue] = {"unit": "s"}
CM: dict[str, JsonValue] = {"unit": "cm"}
CM_S: dict[str, JsonValue] = {"unit": "cm/s"}
DEG: dict[str, JsonValue] = {"unit": "deg"}
PER_S: dict[str, JsonValue] = {"unit": "1/s"}

# TOML has lists only; `strict=False` lets one stand for a tuple, whose entries are still checked strictly.
Point = Annotated[tuple[float, float], Field(strict=False)]
ChannelUnit = Annotated[tuple[int, int], Field(strict=False)]

MAX_SEED = 2**63 - 1  # the largest whole number in TOML


class Section(BaseModel):
    """Fix how a table is read: no unknown keys, no silent conversion, no change afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
