"""Define the fixed records that travel through the loop, and the meaning of their codes.

Only numpy is imported here, so that views can read a session without compiling a kernel. Every record is
little-endian, naturally aligned and without padding, so that its bytes are the same in memory, on disk and in a hash.
"""

from enum import IntEnum, IntFlag

import numpy as np

MAX_AXES = 2  # the workspace is a plane; a one-dimensional protocol leaves y at 0
HAND_REACH_CM = 1000.0  # a hand farther from the centre than this is none


class TaskState(IntEnum):
    """Name what the task asks of the subject in a tick."""

    IDLE = 0  # no trial: free blocks, and after the last block
    REST = 1  # rest block: baselines are measured, the cursor stays at the centre
    MOVE = 2  # a target is shown, the cursor is outside it
    HOLD = 3  # the cursor is inside the target
    REWARD = 4  # the trial succeeded
    FAILED = 5  # the trial failed; `Outcome` says why
    INTER_TRIAL = 6  # nothing is shown until the next trial


class Outcome(IntEnum):
    """Name how a trial ended, and why."""

    NONE = 0
    SUCCESS = 1
    TIMEOUT_NOT_REACHED = 2  # never inside the target
    TIMEOUT_NOT_HELD = 3  # was inside, never long enough
    HOLD_BROKEN = 4  # left the target with `task.hold_break_fails`
    BLOCK_ENDED = 5  # the block or the session ended in mid-trial
    OPERATOR = 6  # skipped by the operator
    WRONG_TARGET = 7  # stayed in another target with `task.wrong_target_fails`


class BlockKind(IntEnum):
    """Name the kinds of block a protocol can list."""

    REST = 0
    OBSERVATION = 1
    CLOSED_LOOP = 2
    FREE = 3
    ARM = 4  # the cursor is the hand
    ISOMETRIC = 5  # the cursor is the force of a hand that is held
    DRAWING = 6  # the cursor is the hand, and the target moves along a path


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


class CatchUpCause(IntEnum):
    """Name why ticks had to be caught up."""

    ENGINE_STOPPED = 1
    SOURCE_LATE = 2


class EventKind(IntEnum):
    """Name what an event record says; `code` and `value` are explained beside each."""

    SESSION_START = 0
    BLOCK_START = 1  # code: block index
    TRIAL_START = 2  # code: target index
    TARGET_ENTER = 3
    TARGET_LEAVE = 4
    REWARD = 5  # code: 0 task, 1 operator; value: reward given (0 when withheld by probability)
    TRIAL_END = 6  # code: Outcome; value: time to target (s)
    UPDATE = 7  # code: UpdateCause; value: norm of the change
    UPDATE_REJECTED = 8  # code: UpdateCause; value: norm of the refused change
    ADOPTED = 9  # code: blob id; value: norm of the change
    BASELINE_FROZEN = 10  # value: mean baseline (Hz)
    SOURCE_LOST = 11
    SOURCE_BACK = 12
    PAUSED = 13
    RESUMED = 14
    UNIT_MOVED = 15  # code: unit index; value: population index
    SESSION_STOP = 16  # code: StopReason; of an end that no tick made (source, failure) outside the comparison
    DIVERGED = (
        17  # code: UpdateVerdict RETURNED, FROZEN or WORLD_BLAMED; value: share of success over about twenty trials
    )
    PROBATION_OVER = 18  # code: UpdateVerdict LEARNING_BLAMED or WORLD_BLAMED; value: share of success in the probation
    BASELINE_SILENT = 19  # a rest block in which no spike came: the baselines stay as they were; value: their mean (Hz)
    CATCHING_UP = 20  # code: CatchUpCause
    CAUGHT_UP = 21  # code: CatchUpCause; value: for how long the task was held (s of ticks)
    # Below: written by the engine's Python threads, never by the tick, and outside the bit-exact comparison.
    OUTPUT_FIRED = 32  # code: output index; value: delay from decision to fire (s)
    NOTE = 33  # text: the operator's words
    CLOCK_OFFSET = 34  # value: liblsl's time correction (s)
    SOURCE_INFO = 35  # text: what the driver found, lost or refused
    COMMAND_REFUSED = 36  # text: why
    OUTPUT_FAILED = 37  # code: output index; text: why
    JOURNAL_SYNCED = 38  # the journal is safe on the disk; code: how long that took (ms); value: its size (bytes)
    NO_FIT = 39  # text: why a fit or a staged update came to nothing
    ALARM = 40  # text: what threatens the session or its recording, for every view at once
    CLOCK_STEP = 41  # text: how far the source's clock stepped, or that its offset is not known; value: the step (s)


class UpdateCause(IntEnum):
    """Name why weights were stored, or what an update came from."""

    START = 0
    TICK = 1
    TRIAL = 2
    REWARD = 3
    ADOPTED = 4
    UNIT_MOVED = 5
    STOP = 6
    GAIN = 7
    BLOCK = 8
    SECONDS = 9
    REST = 10  # all through a rest block
    STAGED = 11  # computed beside the tick by a rule that is too slow for it
    FIT = 12  # calibration: the decoder fitted anew
    GUARD = 13  # the guard against divergence


class UpdateVerdict(IntEnum):
    """Name what became of an update."""

    ACCEPTED = 0
    SHORTENED = 1  # accepted, but cut to `learning.max_step`
    REFUSED = 2  # by the rule itself
    NOT_FINITE = 3
    OUTSIDE_LIMITS = 4  # a weight beyond `learning.weight_min` or `weight_max`
    LEARNING_OFF = 5  # a staged update came when learning had been switched off meanwhile
    RETURNED = 6  # divergence: back to the last good weights; learning waits for the probation
    FROZEN = 7  # the same, and learning is switched off
    LEARNING_BLAMED = 8  # the good weights are still good: learning goes on at a quarter of its rate
    WORLD_BLAMED = 9  # they are no better: something else has changed, and learning goes on as it was


class Stamping(IntEnum):
    """Name where the time of an entry of the spike ring comes from."""

    SOURCE = 0  # its stamp, and the measured offset of its clock
    NO_OFFSET = 1  # the arrival, because the offset was not known: after a reconnect, until it was measured anew
    NO_STAMP = 2  # the arrival, because the source gave no stamp of its own
    ARRIVAL = 3  # the arrival, because the protocol says so (`driver.clock`)


class StopReason(IntEnum):
    """Name why a session ended."""

    NONE = 0
    PROTOCOL_DONE = 1
    DURATION = 2
    TRIALS = 3
    OPERATOR = 4
    SOURCE_ENDED = 5
    JOURNAL_FAILED = 6
    ENGINE_ERROR = 7
    KILLED = 8  # written by recovery
    UNKNOWN_UNIT = 9  # with `units.ignore_unknown` = false


class CommandKind(IntEnum):
    """Name what a command record does at the start of the tick at which it acts."""

    PAUSE = 0
    RESUME = 1
    STOP = 2  # index: StopReason
    ASSIST = 3  # value: 0..1, or negative to follow the block again
    LEARNING = 4  # index: 1 on, 0 off (freeze)
    LEARNING_RATE = 5  # value
    GAIN = 6  # index: axis; value: multiplier of the decoder's output
    MOVE_UNIT = 7  # index: unit; aux: population index
    ADOPT = 8  # index: staging slot; aux: blob id; value: UpdateCause
    REWARD = 9  # manual reward
    SKIP_TRIAL = 10
    NEXT_BLOCK = 11


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

# Beside each frame: what depends on the machine's mood and is never compared.
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
        ("samples", "<i8"),  # pairs of firing and sight in the trial
        ("error_cm_s", "<f8"),  # root mean square error of what the model foretold of them, 0 without samples
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
        ("size", "<f8"),  # Frobenius norm of what stands after it
        # root mean square of readout - intention (cm/s) on what was taught, else on the last trial
        ("error_before", "<f8"),
        ("error_after", "<f8"),
        ("rate", "<f8"),  # learning rate
        ("id", "<i8"),  # blob of an adoption, else -1
    ]
)

# What the engine's Python threads have to say to every view; the journal has it whole.
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
