"""Define the tables of what the subject is asked to do: blocks and task."""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bmi_app.rt.block_kinds import BlockName
from protocols.section import DEG, LASTING, LENGTH, LONG, MOMENT, MOST_SIDE_CM, WHILE, Point, Section


def _read_assist(value: Any) -> Any:
    """Accept a number or a pair of numbers in 0..1, so that a wrong one is one mistake and not one per type."""
    ends = list(value) if isinstance(value, list | tuple) else [value]
    right = all(isinstance(end, int | float) and not isinstance(end, bool) and 0 <= end <= 1 for end in ends)
    if not right or (isinstance(value, list | tuple) and len(ends) != 2):
        raise ValueError
    return value


Cycles = Annotated[int, Field(ge=0, le=100)]


Keys = Annotated[int, Field(ge=1, le=100)]


class Block(Section):
    """Say what one part of the session is, and how long it lasts."""

    kind: BlockName = Field(
        description="`rest` measures and freezes the baselines; in `observation` the computer moves the cursor; in "
        "`closed_loop` the subject does, through the decoder; `free` has no targets. In `arm` the cursor is the hand, in "
        "`isometric` what the force of a held hand amounts to, in `drawing` the hand again, and the target moves along the "
        "path (`path_size_cm` ...): a trial succeeds when the hand has kept with it for `hold_ms`.",
        examples=["closed_loop"],
    )
    name: str = Field("", description="Name in views and reports.")
    duration_s: float | None = Field(
        None,
        gt=0,
        description="Length; a multiple of the tick. Only the last block may have neither `duration_s` nor `trials`: "
        "it lasts until the session ends.",
        json_schema_extra=LASTING,
    )
    trials: int | None = Field(None, ge=1, description="Length in trials.")
    assist: Annotated[float | Point, BeforeValidator(_read_assist)] = Field(
        0.0,
        description="Share of the velocity that the computer gives; a pair changes linearly over the block.",
        json_schema_extra={"allowed": "a number from 0 to 1, or [from, to]"},
    )
    learning: bool = Field(True, description="Whether the decoder may adapt in this block.")
    fit: bool = Field(
        False,
        description="Whether the decoder is fitted to the samples of this block at its end, and goes on as fitted.",
    )


class Task(Section):
    """Say where the targets are, what counts as success, and how long each state lasts."""

    pattern: Literal["ring", "list", "uniform", "grid"] = Field(
        description="Where targets are: on a circle, at listed positions, anywhere, or as the keys of a keyboard.",
        examples=["ring"],
    )
    count: int | None = Field(None, ge=1, le=1000, description="Number of targets on the ring.")
    distance_cm: float | None = Field(
        None, ge=0, description="Distance of the ring's targets from the centre.", json_schema_extra=LENGTH
    )
    first_angle_deg: float = Field(
        0.0, ge=-360, le=360, description="Angle of the ring's first target from +x.", json_schema_extra=DEG
    )
    positions_cm: Annotated[tuple[Point, ...], Field(min_length=1, strict=False)] | None = Field(
        None,
        description="Positions for `list`.",
        json_schema_extra={**LENGTH, "allowed": "[[x, y], ...], each from -500 to 500"},
    )
    grid: Annotated[tuple[Keys, Keys], Field(strict=False)] | None = Field(
        None,
        description="Columns and rows of the `grid`, which is centred on 0.",
        json_schema_extra={"allowed": "[columns, rows], whole numbers from 1 to 100"},
    )
    spacing_cm: float | None = Field(
        None, gt=0, description="From the centre of one key of the `grid` to the next.", json_schema_extra=LENGTH
    )
    margin_cm: float | None = Field(
        None, ge=0, description="Least distance of a `uniform` target's centre from the edge.", json_schema_extra=LENGTH
    )
    path_size_cm: Point | None = Field(
        None,
        description="Width and height of the path on which the target moves in `drawing` blocks: "
        "x = width/2 sin(2 pi path_cycles[0] t / path_ms + path_phase_deg), y = height/2 sin(2 pi path_cycles[1] t / path_ms).",
        json_schema_extra={**LENGTH, "most": MOST_SIDE_CM, "allowed": "[width, height], each from 0 to 1000"},
    )
    path_cycles: Annotated[tuple[Cycles, Cycles], Field(strict=False)] = Field(
        (1, 1),
        description="How often x and y go to and fro on the path; `[1, 1]`: a circle or ellipse, `[1, 2]`: an eight.",
        json_schema_extra={"allowed": "[x, y], whole numbers from 0 to 100"},
    )
    path_phase_deg: float = Field(
        90.0,
        ge=-360,
        le=360,
        description="Lead of x on the path; 90: an ellipse that starts at +x.",
        json_schema_extra=DEG,
    )
    path_ms: float = Field(
        4000.0,
        gt=0,
        title="Path lasts",
        description="How long the target takes for the path; a multiple of the tick.",
        json_schema_extra=WHILE,
    )
    order: Literal["shuffled", "sequential", "random"] = Field(
        "shuffled", description="`shuffled`: each target once per cycle, in random order."
    )
    start: Literal["center", "continue"] = Field(
        "center", description="Whether each trial puts the cursor in the centre, or leaves it where it is."
    )
    target_radius_cm: float = Field(gt=0, description="Radius of a target.", examples=[1.5], json_schema_extra=LENGTH)
    cursor_radius_cm: float = Field(0.3, gt=0, description="Radius of the cursor as shown.", json_schema_extra=LENGTH)
    hold_ms: float = Field(
        ge=0,
        description="How long the cursor's centre must stay inside the target; a multiple of the tick.",
        examples=[300.0],
        json_schema_extra=MOMENT,
    )
    hold_break_fails: bool = Field(False, description="Whether leaving the target during the hold fails the trial.")
    wrong_target_fails: bool = Field(
        False, description="Whether staying in another target as long as a hold lasts selects it, and fails the trial."
    )
    timeout_ms: float = Field(
        gt=0,
        description="How long a trial may last; a multiple of the tick.",
        examples=[6000.0],
        json_schema_extra=LONG,
    )
    inter_trial_ms: float = Field(
        ge=0,
        title="Between trials",
        description="Pause between trials; a multiple of the tick.",
        examples=[500.0],
        json_schema_extra=WHILE,
    )
    reward_ms: float = Field(
        300.0,
        gt=0,
        title="Reward lasts",
        description="How long the reward state lasts; a multiple of the tick.",
        json_schema_extra=MOMENT,
    )
    failed_ms: float = Field(
        300.0,
        gt=0,
        title="Failure lasts",
        description="How long the failed state lasts; a multiple of the tick.",
        json_schema_extra=WHILE,
    )
    reward_probability: float = Field(1.0, ge=0, le=1, description="Probability that a success is rewarded.")

    @property
    def n_keys(self) -> int:
        """Return among how many targets one is selected by staying in it; 0 where staying in a wrong one has no effect."""
        return len(self.target_positions_cm()) if self.wrong_target_fails else 0

    def target_positions_cm(self) -> tuple[tuple[float, float], ...]:
        """Return the centres of the targets, in the order of their indices; none for `uniform`."""
        if self.pattern == "list":
            return self.positions_cm or ()
        if self.pattern == "grid":
            return self._keys_cm()
        if self.pattern == "uniform" or self.count is None or self.distance_cm is None:
            return ()
        angles = [math.radians(self.first_angle_deg + 360.0 * index / self.count) for index in range(self.count)]
        # Rounded, so that a target on an axis has a 0 there; `+ 0.0` makes a 0 of a -0.
        return tuple(
            (round(self.distance_cm * math.cos(angle), 12) + 0.0, round(self.distance_cm * math.sin(angle), 12) + 0.0)
            for angle in angles
        )

    def _keys_cm(self) -> tuple[tuple[float, float], ...]:
        """Return the centres of the grid's keys, row by row from the top left."""
        if self.grid is None or self.spacing_cm is None:
            return ()
        columns, rows = self.grid
        return tuple(
            ((column - (columns - 1) / 2) * self.spacing_cm + 0.0, ((rows - 1) / 2 - row) * self.spacing_cm + 0.0)
            for row in range(rows)
            for column in range(columns)
        )
