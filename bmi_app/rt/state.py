"""Define what a session's tick is told once (`CONFIG`, `BLOCK`) and what it carries from tick to tick (`STATE`).

Only numpy is imported here. `CONFIG` never changes while a session runs; commands act on `STATE` and on the model.
"""

from enum import IntEnum

import numpy as np


class Smoothing(IntEnum):
    """Name how counts become rates."""

    NONE = 0
    EXPONENTIAL = 1
    BOXCAR = 2


class TargetPattern(IntEnum):
    """Name where targets come from."""

    LIST = 0
    UNIFORM = 1


class TargetOrder(IntEnum):
    """Name how the next target is chosen from a list."""

    SHUFFLED = 0
    SEQUENTIAL = 1
    RANDOM = 2


class LearnWhen(IntEnum):
    """Name when the learning rule acts."""

    OFF = 0
    TICK = 1
    TRIAL = 2
    REWARD = 3


CONFIG = np.dtype(
    [
        ("n_units", "<i8"),
        ("n_axes", "<i8"),
        ("tick_s", "<f8"),
        ("start_s", "<f8"),  # local clock at the beginning of bin 0
        ("grace_s", "<f8"),
        ("watchdog_s", "<f8"),
        ("stream_ticks", "<i8"),  # 1: a sample of a counts stream is a tick
        ("seed", "<i8"),
        ("max_ticks", "<i8"),  # 0: no limit
        ("max_trials", "<i8"),  # 0: no limit
        # features
        ("smoothing", "<i8"),
        ("smoothing_ticks", "<i8"),
        ("smoothing_keep", "<f8"),  # exp(-tick / time constant)
        ("rate_scale", "<f8"),  # Hz per count in a bin, or 1
        ("cursor_word", "<i8"),  # where the decoder's memory wants the cursor's position; -1: it does not
        # workspace and cursor
        ("half_width_cm", "<f8"),
        ("half_height_cm", "<f8"),
        ("max_speed_cm_s", "<f8"),
        # task
        ("target_pattern", "<i8"),
        ("target_order", "<i8"),
        ("margin_cm", "<f8"),
        ("start_at_centre", "<i8"),
        ("target_radius_cm", "<f8"),
        ("hold_ticks", "<i8"),
        ("hold_break_fails", "<i8"),
        ("wrong_target_fails", "<i8"),
        ("timeout_ticks", "<i8"),
        ("inter_trial_ticks", "<i8"),
        ("reward_ticks", "<i8"),
        ("failed_ticks", "<i8"),
        ("reward_probability", "<f8"),
        # path of the target in drawing blocks
        ("path_half_width_cm", "<f8"),
        ("path_half_height_cm", "<f8"),
        ("path_cycles_x", "<i8"),
        ("path_cycles_y", "<i8"),
        ("path_phase", "<f8"),  # rad
        ("path_ticks", "<i8"),
        # learning
        ("learn_when", "<i8"),
        ("sample_ticks", "<i8"),
        ("weight_min", "<f8"),
        ("weight_max", "<f8"),
        ("exploration_cm_s", "<f8"),
        ("exploration_keep", "<f8"),
        ("intent_speed_cm_s", "<f8"),
        ("intent_gain_per_s", "<f8"),
    ]
)

BLOCK = np.dtype(
    [
        ("kind", "<i8"),
        ("ticks", "<i8"),  # 0: no limit
        ("trials", "<i8"),  # 0: no limit
        ("assist_from", "<f8"),
        ("assist_to", "<f8"),
        ("learning", "<i8"),
    ]
)

STATE = np.dtype(
    [
        ("tick", "<i8"),  # the tick being made
        ("edge_s", "<f8"),  # input: end of its bin
        ("inputs", "<i8"),  # input: Flag.SOURCE_LOST, Flag.REPLAYED
        ("hand_x_cm", "<f8"),  # input: NaN without a hand
        ("hand_y_cm", "<f8"),
        ("n_commands", "<i8"),
        ("spikes", "<f8"),
        ("boxcar_row", "<i8"),  # the oldest
        # control
        ("paused", "<i8"),
        ("held", "<i8"),  # paused or source lost: cursor frozen, clocks held
        ("was_lost", "<i8"),
        ("stop_reason", "<i8"),
        ("assist_override", "<f8"),  # negative: follow the block
        ("assist", "<f8"),
        ("learning_on", "<i8"),
        ("learning_rate", "<f8"),
        ("skip", "<i8"),
        ("next_block", "<i8"),
        # block and task
        ("block", "<i8"),
        ("block_ticks", "<i8"),
        ("block_trials", "<i8"),
        ("rest_ticks", "<i8"),
        ("state", "<i8"),
        ("state_ticks", "<i8"),
        ("trial", "<i8"),
        ("trial_ticks", "<i8"),
        ("target", "<i8"),
        ("target_x_cm", "<f8"),
        ("target_y_cm", "<f8"),
        ("entered", "<i8"),
        ("other", "<i8"),  # the other target in which the cursor is, of those that a trial can fail by; -1: none
        ("other_ticks", "<i8"),  # for how long
        ("outcome", "<i8"),  # of the trial that ended in this tick
        ("reward", "<f8"),  # given in this tick
        ("trials_done", "<i8"),
        ("successes", "<i8"),
        # cursor
        ("cursor_x_cm", "<f8"),
        ("cursor_y_cm", "<f8"),
        # learning
        ("n_samples", "<i8"),
        ("updated", "<i8"),  # in this tick
        ("rejected", "<i8"),  # in this tick
        ("update_norm", "<f8"),
        ("weights_dirty", "<i8"),  # changed since last stored
        ("weights_hash", "<u8"),
        # counts of this session
        ("late_spikes", "<i8"),
        ("future_spikes", "<i8"),
        ("missed_ticks", "<i8"),
        ("backlog", "<i8"),
        ("last_bin", "<i8"),  # the latest that has counts, which may lie ahead of the tick
        ("arrival_s", "<f8"),
        ("stamp_s", "<f8"),
    ]
)
