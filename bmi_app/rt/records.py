"""Define the fixed records that travel through the loop, and the meaning of their codes.

Only numpy is imported here, so that views can read a session without compiling a kernel. Every record is
little-endian, naturally aligned and without padding, so that its bytes are the same in memory, on disk and in a hash.
"""

from enum import IntFlag

import numpy as np

# The codes are declared beside each other and are had from here, with the records that hold them.
from bmi_app.rt.block_kinds import BlockKind
from bmi_app.rt.event_kinds import EventKind
from bmi_app.rt.operator_commands import CommandKind
from bmi_app.rt.vocabulary import (
    HAND_REACH_CM,
    CatchUpCause,
    Outcome,
    Stamping,
    StopReason,
    TaskState,
    UpdateCause,
    UpdateVerdict,
)

__all__ = [
    "COMMAND",
    "EVENT",
    "FRAME",
    "HAND_REACH_CM",
    "HEALTH",
    "HOLDING_FLAGS",
    "INPUT_FLAGS",
    "MAX_AXES",
    "PLACE",
    "RECORDS",
    "SPIKE",
    "SUBJECT",
    "UPDATE",
    "WEIGHTS",
    "WORDS",
    "WORDS_BYTES",
    "BlockKind",
    "CatchUpCause",
    "CommandKind",
    "EventKind",
    "Flag",
    "Outcome",
    "Stamping",
    "StopReason",
    "TaskState",
    "UpdateCause",
    "UpdateVerdict",
]

MAX_AXES = 2  # the workspace is a plane; a one-dimensional protocol leaves y at 0


class Flag(IntFlag):
    """Name the bits of a frame's `flags`: inputs of the tick (`INPUT_FLAGS`), and its results."""

    SOURCE_LOST = 1  # input: the watchdog holds the trial clock and freezes the cursor
    REPLAYED = 2  # input: this tick was recomputed or fed from a recording
    PAUSED = 4
    LEARNING = 8  # the rule may act in this tick
    REWARDED = 16  # the reward was given in this tick
    UPDATED = 32  # the weights changed in this tick
    REJECTED = 64  # an update was rejected by the guard in this tick
    IN_TARGET = 128
    FINISHED = 256  # the protocol's last block is over, or a stop was commanded
    HAND = 512  # the cursor is the hand (arm and drawing blocks)
    FORCE = 1024  # the cursor is the force of the hand (isometric blocks)
    CATCHING_UP = 2048  # input: more than `safety.watchdog_ms` of ticks wait behind this one; the task is held
    ENGINE_STOPPED = 4096  # input, beside CATCHING_UP: because the engine was stopped; without it the source was late
    SOURCE_SILENT = 8192  # input: a regular source has left out three samples; the task is held, rates stay


# The one definition of what a tick is told beside counts, commands, edge and hand: replay, what-if and feature log take it.
INPUT_FLAGS = Flag.SOURCE_LOST | Flag.REPLAYED | Flag.CATCHING_UP | Flag.ENGINE_STOPPED | Flag.SOURCE_SILENT
# Those that hold the cursor and every clock of the task.
HOLDING_FLAGS = Flag.SOURCE_LOST | Flag.CATCHING_UP | Flag.SOURCE_SILENT


# One entry of the spike ring. `unit` is -1 in the entry that closes one sample of a counts stream.
SPIKE = np.dtype(
    [
        ("stamp_s", "<f8"),  # as the source gave it
        ("offset_s", "<f8"),  # added to it to be on the local clock
        ("arrival_s", "<f8"),  # local clock, when the driver had it
        ("tick", "<i8"),  # the tick that counted it; written by decode, -1 before
        ("unit", "<i4"),
        ("count", "<f4"),  # 1 for a spike, else what a counts stream says
        ("stamping", "<i8"),  # Stamping: whose stamp + offset is; where not the source's, their sum is the arrival
    ]
)

# One tick: all that it used and made, except the counts, which stand in the row of the same index.
FRAME = np.dtype(
    [
        ("tick", "<i8"),
        ("edge_s", "<f8"),  # end of the bin on the local clock (an input of the tick)
        ("flags", "<i4"),
        ("state", "<i4"),
        ("block", "<i4"),
        ("target", "<i4"),  # index in the target list, -1 for a random one or none
        ("trial", "<i8"),  # counts from 0; -1 before the first
        ("outcome", "<i4"),  # of the trial that ended in this tick, else 0
        ("n_commands", "<i4"),  # commands that acted in this tick
        ("state_ticks", "<i8"),  # ticks spent in `state`
        ("spikes", "<f8"),  # sum of this tick's counts
        ("cursor_x_cm", "<f8"),
        ("cursor_y_cm", "<f8"),
        ("decoded_x_cm_s", "<f8"),  # what the decoder said, gain included
        ("decoded_y_cm_s", "<f8"),
        ("velocity_x_cm_s", "<f8"),  # what moved the cursor: decoded, assist, exploration, limits
        ("velocity_y_cm_s", "<f8"),
        ("intent_x_cm_s", "<f8"),  # model of what the subject wanted
        ("intent_y_cm_s", "<f8"),
        ("noise_x_cm_s", "<f8"),  # exploration that the program added
        ("noise_y_cm_s", "<f8"),
        ("target_x_cm", "<f8"),
        ("target_y_cm", "<f8"),
        ("target_radius_cm", "<f8"),  # 0 when no target is shown
        ("hand_x_cm", "<f8"),  # input: the hand, or what its force amounts to; NaN: none
        ("hand_y_cm", "<f8"),
        ("hold_fraction", "<f8"),  # 0..1
        ("assist", "<f8"),
        ("reward", "<f8"),  # given in this tick
        ("update_norm", "<f8"),  # Frobenius norm of this tick's weight change
        ("learning_rate", "<f8"),
        ("weights_hash", "<u8"),  # of the weights that act from the next tick
    ]
)

# Beside each frame: what depends on how busy the machine is, and is never compared.
HEALTH = np.dtype(
    [
        ("tick", "<i8"),
        ("due_s", "<f8"),  # edge + grace
        ("arrival_s", "<f8"),  # of the last spike or sample used, 0 when none
        ("stamp_s", "<f8"),  # source's stamp of it, on the local clock
        ("published_s", "<f8"),  # when the frame became visible
        ("backlog", "<i8"),  # ring entries waiting when the tick began
        ("late_spikes", "<i8"),  # totals since the session began, here and below
        ("future_spikes", "<i8"),
        ("dropped_spikes", "<i8"),
        ("bad_values", "<i8"),  # NaN, infinite or negative counts; channels and units that are no whole numbers
        ("unmapped_spikes", "<i8"),  # (channel, unit) pairs that the protocol does not name
        ("missed_ticks", "<i8"),  # published after the next tick was due
        ("before_spikes", "<i8"),  # from before bin 0; they keep tick -1
        ("ahead_spikes", "<i8"),  # stamped later than they arrived, by more than the clocks explain
        ("no_offset_spikes", "<i8"),  # stamped by their arrival: the offset of the source's clock was not known
        ("no_stamp_spikes", "<i8"),  # stamped by their arrival: the source gave no stamp
        ("ignored_spikes", "<i8"),  # of `units.ignore_units`
        # edges of stream ticks that are not stamp + offset: that was later than its arrival, or not behind the edge before
        ("edges_ahead", "<i8"),
        ("edges_behind", "<i8"),
    ]
)

EVENT = np.dtype(
    [
        ("tick", "<i8"),
        ("time_s", "<f8"),
        ("trial", "<i8"),
        ("kind", "<i4"),
        ("code", "<i4"),
        ("value", "<f8"),
    ]
)

COMMAND = np.dtype(
    [
        ("id", "<i8"),
        ("tick", "<i8"),  # before it acts: the earliest tick, -1 for the next; after: the tick at which it acted
        ("kind", "<i4"),
        ("index", "<i4"),
        ("aux", "<i8"),
        ("value", "<f8"),
        ("acted", "<i8"),  # written by the tick: 1 it changed something, 0 it did nothing; -1 in sessions of format 1
        # of an undo: the first row of weights that it takes back (the first of all counts as 0); 0 no undo; -1 not known
        ("undone", "<i8"),
    ]
)

# Weights as they stand after `tick`; the numbers follow in the row of the same index: weights, bias, gain, where
# rules adapt it the decoder's model, and the population of each unit.
WEIGHTS = np.dtype(
    [
        ("tick", "<i8"),
        ("trial", "<i8"),
        ("cause", "<i4"),
        ("id", "<i4"),  # blob id of an adoption, else -1
        ("hash", "<u8"),
    ]
)

# What the simulated subject has learnt of the tool by the end of a trial; its model follows in the row of the same index.
# It is the source's own: no tick uses it, and no replay needs it.
SUBJECT = np.dtype(
    [
        ("tick", "<i8"),  # of the frame in which it saw the trial end
        ("trial", "<i8"),  # as the subject counts, from 0
        ("reward", "<f8"),  # seen in the trial
        ("samples", "<i8"),  # pairs of firing and seen movement in the trial
        ("error_cm_s", "<f8"),  # root mean square error of the model's predictions of them, 0 without samples
        ("confidence", "<f8"),  # 0..1
        ("exploration_hz", "<f8"),  # standard deviation of what it adds to its rates from now on
    ]
)

# Where a sample of a trial was taken.
PLACE = np.dtype(
    [
        ("tick", "<i8"),
        ("trial", "<i8"),
        ("block", "<i4"),  # counts from 1, so that an empty row has 0
        ("state", "<i4"),
        ("cursor_x_cm", "<f8"),  # before the velocity moved it
        ("cursor_y_cm", "<f8"),
        ("velocity_x_cm_s", "<f8"),
        ("velocity_y_cm_s", "<f8"),
        ("reward", "<f8"),  # that the row's trial ended with; NaN until it was judged
    ]
)

# One update of what the decoder adapts: a call of the rule, or all of a trial (tick by tick), a block or a hand-over.
UPDATE = np.dtype(
    [
        ("tick", "<i8"),
        ("trial", "<i8"),
        ("cause", "<i4"),  # UpdateCause
        ("verdict", "<i4"),  # UpdateVerdict: of the whole; where all calls were refused, of the last
        ("accepted", "<i4"),  # calls of the rule that changed something
        ("refused", "<i4"),  # calls that were undone
        ("norm", "<f8"),  # Frobenius norm of the change
        ("size", "<f8"),  # Frobenius norm of the weights after it
        # root mean square of readout - intention (cm/s) on what was taught, else on the last trial
        ("error_before", "<f8"),
        ("error_after", "<f8"),
        ("rate", "<f8"),  # learning rate
        ("id", "<i8"),  # blob of an adoption, else -1
    ]
)

# Messages of the engine's Python threads for every view; the journal has all of them.
WORDS_BYTES = 240
WORDS = np.dtype([("tick", "<i8"), ("kind", "<i8"), ("text", f"S{WORDS_BYTES}")])  # kind: EventKind; text: UTF-8

RECORDS: dict[str, np.dtype] = {
    "spikes": SPIKE,
    "frames": FRAME,
    "health": HEALTH,
    "events": EVENT,
    "commands": COMMAND,
    "weights": WEIGHTS,
    "updates": UPDATE,
    "subject": SUBJECT,
}
