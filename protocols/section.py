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

# The most that makes sense of a length, a speed or a time: the key `most` beside the unit. It holds for what is newly said, in a
# file or an override; a session that was recorded before there was a bound is read and recomputed all the same.
MOST_LENGTH_CM, MOST_SIDE_CM, MOST_SPEED_CM_S = 500, 1000, 10_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000  # of what lasts within a trial; a trial's samples are held in memory
LONGEST_S = 10_000_000  # a session of four months
LENGTH: dict[str, JsonValue] = {**CM, "most": MOST_LENGTH_CM}
SPEED: dict[str, JsonValue] = {**CM_S, "most": MOST_SPEED_CM_S}
MOMENT: dict[str, JsonValue] = {**MS, "most": MINUTE_MS}
WHILE: dict[str, JsonValue] = {**MS, "most": 10 * MINUTE_MS}
LONG: dict[str, JsonValue] = {**MS, "most": HOUR_MS}
LASTING: dict[str, JsonValue] = {**S, "most": LONGEST_S}

# TOML has lists only; `strict=False` lets one stand for a tuple, whose entries are still checked strictly.
Point = Annotated[tuple[float, float], Field(strict=False)]
ChannelUnit = Annotated[tuple[int, int], Field(strict=False)]

MAX_SEED = 2**63 - 1  # the largest whole number in TOML


class Section(BaseModel):
    """Fix how a table is read: no unknown keys, no silent conversion, no change afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
