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
    BLOCK = 4
    SECONDS = 5


class Intent(IntEnum):
    """Name how the model of what the subject intends is made."""

    SPEED_MODEL = 0
    REFIT = 1
    TARGET_POSITION = 2
    ASSISTED_BLEND = 3
    RECORDED = 4


class OnDivergence(IntEnum):
    """Name what the guard does when learning diverges."""

    OFF = 0
    RETURN = 1
    FREEZE = 2


CONFIG = np.dtype(
    [
        ("n_units", "<i8"),
        ("n_axes", "<i8"),
        ("model_rows", "<i8"),  # of the decoder's model where rules adapt that, else 0
        ("decoder_words", "<i8"),  # length of the decoder's memory
        ("model_version", "<i8"),  # of the task's rules and the commands', as the protocol says
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
        ("square_root", "<i8"),  # 1: features are made of the square roots of rates
        ("zscore", "<i8"),  # 1: rest blocks measure deviations as well, the features' units
        ("cursor_word", "<i8"),  # where the decoder's memory takes the cursor's position; -1: nowhere
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
        ("learn_staged", "<i8"),  # 1: the rule is computed beside the tick
        ("learn_in_order", "<i8"),  # 1: the rule takes its samples one by one, so that they may come in slices
        ("learn_at_rest", "<i8"),  # 1: all through rest blocks the rule is called without samples
        ("learn_ticks", "<i8"),  # between two updates, for LearnWhen.SECONDS
        ("tuning_word", "<i8"),  # where the decoder's memory has C of the position, if the rule needs it; else -1
        ("rule_tuning_word", "<i8"),  # and where the rule's memory has its copy
        ("slice_samples", "<i8"),  # samples that one tick can teach without being late
        ("trial_rows", "<i8"),  # samples that a trial has at most
        ("sample_rows", "<i8"),  # rows there are for samples: of one trial, or of all that is kept
        (
            "silent_rest_freezes",
            "<i8",
        ),  # 1: a rest block without a spike makes every baseline 0, as model version 1 did
        ("keep_samples", "<i8"),  # 1: earlier trials stay as long as there is room
        ("sample_ticks", "<i8"),
        ("weight_min", "<f8"),
        ("weight_max", "<f8"),
        ("max_step", "<f8"),  # largest norm of an update, relative to what it changes; 0: no limit
        ("on_divergence", "<i8"),
        ("intent", "<i8"),
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
        ("fit", "<i8"),  # 1: at its end the decoder is fitted to its samples
    ]
)

STATE = np.dtype(
    [
        ("tick", "<i8"),  # the tick being made
        ("edge_s", "<f8"),  # input: end of its bin
        ("inputs", "<i8"),  # input: those of INPUT_FLAGS
        ("hand_x_cm", "<f8"),  # input: NaN without a hand
        ("hand_y_cm", "<f8"),
        ("n_commands", "<i8"),
        ("spikes", "<f8"),
        ("boxcar_row", "<i8"),  # the oldest
        # control
        ("paused", "<i8"),
        ("held", "<i8"),  # paused, or one of HOLDING_FLAGS: cursor frozen, clocks held
        ("was_lost", "<i8"),
        ("catching", "<i8"),  # CatchUpCause of the ticks that are caught up; 0: none are
        ("caught_ticks", "<i8"),  # so far
        ("reward_owed", "<i8"),  # 1: the operator gave one meanwhile
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
        (
            "scales_known",
            "<i8",
        ),  # 1: a fit or a saved decoder has said what its features are; rest leaves z-scores alone
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
        ("trials_done", "<i8"),  # that count: from model 2 on without the skipped ones
        ("skipped", "<i8"),  # trials that the operator skipped
        ("successes", "<i8"),
        # cursor
        ("cursor_x_cm", "<f8"),
        ("cursor_y_cm", "<f8"),
        ("fed_x_cm", "<f8"),  # where it stood when the last spike came, and in which trial
        ("fed_y_cm", "<f8"),
        ("fed_trial", "<i8"),
        ("from_x_cm", "<f8"),  # where the cursor was when this tick decoded
        ("from_y_cm", "<f8"),
        ("hand_was_x_cm", "<f8"),  # in the tick before; NaN: no hand
        ("hand_was_y_cm", "<f8"),
        # learning
        ("trial_first", "<i8"),  # row of this trial's first sample
        ("n_samples", "<i8"),  # of this trial
        ("sample_row", "<i8"),  # the next to be written
        ("learn_from", "<i8"),  # row of the first sample that a hand-over will teach
        ("handing", "<i8"),  # 1: samples are being taught, a slice a tick
        ("hand_until", "<i8"),  # up to this row
        ("then_first", "<i8"),  # rows to be taught after those: of trials that ended meanwhile and do not adjoin
        ("then_until", "<i8"),
        ("hand_cause", "<i8"),
        ("next_update", "<i8"),  # tick of it, for LearnWhen.SECONDS
        ("learn_block", "<i8"),  # block of the tick before
        ("refits_due", "<i8"),  # updates that a staged rule was asked for so far
        ("refit_tick", "<i8"),  # the tick that asked for the last
        ("fits_due", "<i8"),  # fits of the decoder that blocks have asked for so far
        ("fit_tick", "<i8"),
        ("fit_block", "<i8"),
        ("episode", "<i8"),  # 1: an update has begun whose row in the audit is not yet written
        ("episode_first", "<i8"),  # row of its first sample
        ("episode_accepted", "<i8"),
        ("episode_refused", "<i8"),
        ("episode_verdict", "<i8"),
        ("updated", "<i8"),  # in this tick
        ("rejected", "<i8"),  # in this tick
        ("update_norm", "<f8"),
        ("weights_dirty", "<i8"),  # changed since last stored
        # guard against divergence (`bmi_app.rt.guard`)
        ("moving_ticks", "<i8"),  # of this trial, with a target to reach
        ("wall_ticks", "<i8"),  # of them, with the cursor at the edge of the workspace
        ("moving_error", "<f8"),  # sums over this trial: squared error of the decoded velocity
        ("moving_power", "<f8"),  # and squared intended velocity
        ("guarded_trials", "<i8"),  # that count in the average of success
        ("recent_success", "<f8"),  # averages over the last trials
        ("recent_error", "<f8"),
        ("recent_wall", "<f8"),
        ("best_success", "<f8"),
        ("best_error", "<f8"),
        ("recent_cosine", "<f8"),  # between readout and intention
        ("best_cosine", "<f8"),
        ("compared", "<i8"),  # trials since the good weights were kept
        ("now_error", "<f8"),  # of the present weights, and of the good ones, on these trials' samples
        ("good_error", "<f8"),
        ("cosine_lost", "<f8"),  # that of the good weights, less that of the present ones
        ("off_good", "<i8"),  # 1: learning has changed something since the good weights were kept
        ("returns", "<i8"),  # to the good weights, since success was last at its best
        ("probation", "<i8"),  # trials for which learning still waits
        ("probation_success", "<f8"),  # sums over them
        ("probation_error", "<f8"),
        ("weights_hash", "<u8"),
        # counts of this session
        ("late_spikes", "<i8"),
        ("future_spikes", "<i8"),
        ("before_spikes", "<i8"),
        ("missed_ticks", "<i8"),
        ("edges_ahead", "<i8"),
        ("edges_behind", "<i8"),
        ("samples_taken", "<i8"),  # of a counts stream
        ("backlog", "<i8"),
        ("last_bin", "<i8"),  # the latest that has counts, which may lie ahead of the tick
        ("arrival_s", "<f8"),
        ("stamp_s", "<f8"),
        # of the loop in real time (`bmi_app.rt.waiting`)
        ("turned_s", "<f8"),  # when it last turned
        ("resumed_s", "<f8"),  # when it found ticks overdue; 0: none are
        ("gave_up", "<i8"),  # 1: what came meanwhile is waited for no more
        ("sampled_s", "<f8"),  # when the sample before arrived
        ("usual_lag_s", "<f8"),  # of samples behind their stamps
        ("beat_s", "<f8"),  # acquisition's heartbeat in the tick before
        ("stuck_s", "<f8"),  # for how long of this loop's time that has not moved
    ]
)
