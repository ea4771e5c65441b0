"""Run the task: blocks, trials, targets and one state machine, which is data.

`TRANSITIONS` lists (state, condition, next state, outcome); in each tick the first row of the present state whose
condition holds is taken. A new rule of the task is a row, and where needed a condition.
"""

import math
from enum import IntEnum

import numpy as np

from bmi_app.rt import random
from bmi_app.rt.bins import freeze_baselines, is_silent
from bmi_app.rt.codes import BLOCK_KIND, EVENT_KIND, ORDER, OUTCOME, PATTERN, STOP_REASON, TASK, bits
from bmi_app.rt.cursor import X, Y, follows_hand
from bmi_app.rt.jit import part
from bmi_app.rt.log import log_event
from bmi_app.rt.records import Outcome, TaskState
from bmi_app.rt.samples import begin_samples


class Condition(IntEnum):
    """Name what can be true of a trial in a tick; the bit of each is 1 << value."""

    INSIDE = 0
    OUTSIDE = 1
    HELD = 2  # inside for `task.hold_ms`
    LEFT_FATALLY = 3  # outside after being inside, with `task.hold_break_fails`
    NEVER_REACHED = 4  # `task.timeout_ms` is over, the target was never entered
    NOT_HELD = 5  # it is over, the target was entered
    SKIPPED = 6  # by the operator
    TIME_UP = 7  # the state has lasted as long as it may
    WRONG = 8  # inside another target for `task.hold_ms`, with `task.wrong_target_fails`


_S, _C, _O = TaskState, Condition, Outcome
TRANSITIONS = np.array(
    [
        (_S.MOVE, _C.SKIPPED, _S.FAILED, _O.OPERATOR),
        (_S.MOVE, _C.INSIDE, _S.HOLD, _O.NONE),
        (_S.MOVE, _C.WRONG, _S.FAILED, _O.WRONG_TARGET),
        (_S.MOVE, _C.NEVER_REACHED, _S.FAILED, _O.TIMEOUT_NOT_REACHED),
        (_S.MOVE, _C.NOT_HELD, _S.FAILED, _O.TIMEOUT_NOT_HELD),
        (_S.HOLD, _C.SKIPPED, _S.FAILED, _O.OPERATOR),
        (_S.HOLD, _C.LEFT_FATALLY, _S.FAILED, _O.HOLD_BROKEN),
        (_S.HOLD, _C.OUTSIDE, _S.MOVE, _O.NONE),
        (_S.HOLD, _C.HELD, _S.REWARD, _O.SUCCESS),
        (_S.HOLD, _C.NOT_HELD, _S.FAILED, _O.TIMEOUT_NOT_HELD),
        (_S.REWARD, _C.TIME_UP, _S.INTER_TRIAL, _O.NONE),
        (_S.FAILED, _C.TIME_UP, _S.INTER_TRIAL, _O.NONE),
        (_S.INTER_TRIAL, _C.TIME_UP, _S.MOVE, _O.NONE),
    ],
    dtype=np.int64,
)

_FROM, _IF, _TO, _WITH = range(4)  # columns of `TRANSITIONS`
_BIT = bits(Condition)


@part
def _block_is_over(state, block):
    """Tell whether the block has had its ticks or its trials, or the operator asked for the next one."""
    if state.next_block or (block.ticks > 0 and state.block_ticks >= block.ticks):
        return True
    between_trials = state.state == TASK.INTER_TRIAL
    return block.trials > 0 and state.block_trials >= block.trials and between_trials


@part
def _dwells_elsewhere(config, state, targets):
    """Follow in which other target the cursor is; tell whether it has stayed there as long as a hold lasts."""
    if config.wrong_target_fails == 0 or state.state != TASK.MOVE:
        state.other = -1
        return False
    now = -1
    for k in range(targets.shape[0]):
        distance_cm = math.hypot(state.cursor_x_cm - targets[k, X], state.cursor_y_cm - targets[k, Y])
        if k != state.target and distance_cm <= config.target_radius_cm:
            now = k
    state.other_ticks = state.other_ticks + 1 if now == state.other else 0
    state.other = now
    return now >= 0 and state.other_ticks >= config.hold_ticks


@part
def _conditions(config, state, targets):
    """Return the bits of the conditions that hold in this tick."""
    distance_cm = math.hypot(state.cursor_x_cm - state.target_x_cm, state.cursor_y_cm - state.target_y_cm)
    # Where nothing is to be held, having entered is enough.
    inside = distance_cm <= config.target_radius_cm or (state.state == TASK.HOLD and config.hold_ticks == 0)
    bits = _BIT.INSIDE if inside else _BIT.OUTSIDE
    if state.state == TASK.HOLD:
        if state.state_ticks >= config.hold_ticks:
            bits |= _BIT.HELD
        if not inside and config.hold_break_fails:
            bits |= _BIT.LEFT_FATALLY
    if state.trial_ticks >= config.timeout_ticks:
        bits |= _BIT.NOT_HELD if state.entered else _BIT.NEVER_REACHED
    if state.skip:
        bits |= _BIT.SKIPPED
    if _dwells_elsewhere(config, state, targets):
        bits |= _BIT.WRONG
    if (
        (state.state == TASK.REWARD and state.state_ticks >= config.reward_ticks)
        or (state.state == TASK.FAILED and state.state_ticks >= config.failed_ticks)
        or (state.state == TASK.INTER_TRIAL and state.state_ticks >= config.inter_trial_ticks)
    ):
        bits |= _BIT.TIME_UP
    return bits


@part
def _is_drawing(state, blocks):
    """Tell whether the target moves along the path."""
    return state.block >= 0 and blocks[state.block].kind == BLOCK_KIND.DRAWING


@part
def _follow_path(config, state):
    """Put the target where the path leads it in this tick of the trial: a sine on each axis."""
    turns = state.trial_ticks / config.path_ticks
    x_turns, y_turns = config.path_cycles_x * turns, config.path_cycles_y * turns
    state.target_x_cm = config.path_half_width_cm * math.sin(2.0 * math.pi * x_turns + config.path_phase)
    y_cm = config.path_half_height_cm * math.sin(2.0 * math.pi * y_turns)
    state.target_y_cm = y_cm if config.n_axes > 1 else 0.0


@part
def choose_target(config, state, targets, order):
    """Choose the target of trial `state.trial`, as a function of seed and trial."""
    trial = state.trial
    if config.target_pattern != PATTERN.LIST:
        draw = random.key(config.seed, random.TARGET_PLACE, trial)
        state.target = -1
        state.target_x_cm = (2.0 * random.uniform(draw, 0) - 1.0) * (config.half_width_cm - config.margin_cm)
        y = (2.0 * random.uniform(draw, 1) - 1.0) * (config.half_height_cm - config.margin_cm)
        state.target_y_cm = y if config.n_axes > 1 else 0.0
        return
    n = targets.shape[0]
    place = trial % n
    if config.target_order == ORDER.SHUFFLED:
        if place == 0:  # Fisher and Yates, once a cycle
            draw = random.key(config.seed, random.TARGET_ORDER, trial // n)
            for i in range(n):
                order[i] = i
            for i in range(n - 1, 0, -1):
                j = int(random.uniform(draw, i) * (i + 1))
                order[i], order[j] = order[j], order[i]
        state.target = order[place]
    elif config.target_order == ORDER.SEQUENTIAL:
        state.target = place
    else:
        state.target = int(random.uniform(random.key(config.seed, random.TARGET_ORDER, trial), 0) * n)
    state.target_x_cm = targets[state.target, X]
    state.target_y_cm = targets[state.target, Y]


@part
def end_trial(core, logs, outcome):
    """Close the trial with its outcome; a success earns the reward with `task.reward_probability`.

    A skipped trial counts toward neither the block's trials nor the session's, and is no failure; a trial that is cut
    while the operator's skip waits was skipped. Up to model 1 it counted like any other.
    """
    config, state = core.config, core.state
    if config.model_version > 1:
        outcome = OUTCOME.OPERATOR if state.skip and outcome == OUTCOME.BLOCK_ENDED else outcome
        state.skip = 0
    state.outcome = outcome
    time_to_target_s = -1.0
    if outcome == OUTCOME.SUCCESS:
        draw = random.key(config.seed, random.REWARD, state.trial)
        given = 1.0 if random.uniform(draw, 0) < config.reward_probability else 0.0
        state.reward += given
        state.successes += 1
        time_to_target_s = (state.trial_ticks - state.state_ticks) * config.tick_s
        log_event(core, logs, EVENT_KIND.REWARD, 0, given)
    if outcome == OUTCOME.OPERATOR:
        state.skipped += 1
    if outcome != OUTCOME.BLOCK_ENDED and (outcome != OUTCOME.OPERATOR or config.model_version == 1):
        state.trials_done += 1
        state.block_trials += 1
    log_event(core, logs, EVENT_KIND.TRIAL_END, outcome, time_to_target_s)


@part
def _enter(core, task, logs, next_state, outcome):
    """Leave the present state for the next one, and do what its beginning asks."""
    config, state = core.config, core.state
    left = state.state
    if outcome:
        end_trial(core, logs, outcome)
    if next_state == TASK.HOLD:
        state.entered = 1
        log_event(core, logs, EVENT_KIND.TARGET_ENTER, state.target, 0.0)
    elif left == TASK.HOLD and next_state != TASK.REWARD:
        log_event(core, logs, EVENT_KIND.TARGET_LEAVE, state.target, 0.0)
    state.state = next_state
    state.state_ticks = 0
    if next_state == TASK.MOVE and left == TASK.INTER_TRIAL:
        state.trial += 1
        state.trial_ticks = 0
        state.entered = 0
        state.other = -1
        begin_samples(config, state)
        choose_target(config, state, task.targets, task.target_order)
        if _is_drawing(state, task.blocks):  # after the choice, which shuffles the next cycle when that is due
            state.target = -1
            _follow_path(config, state)
        log_event(core, logs, EVENT_KIND.TRIAL_START, state.target, 0.0)
    if next_state == TASK.INTER_TRIAL and config.start_at_centre and not follows_hand(state, task.blocks):
        state.cursor_x_cm = 0.0
        state.cursor_y_cm = 0.0


@part
def _next_block(core, signal, task, logs):
    """End the present block, and a trial that it cuts; begin the next, or finish after the last."""
    config, state, blocks = core.config, core.state, task.blocks
    if state.state == TASK.MOVE or state.state == TASK.HOLD:
        end_trial(core, logs, OUTCOME.BLOCK_ENDED)
    if state.block >= 0 and blocks[state.block].kind == BLOCK_KIND.REST:
        if config.silent_rest_freezes == 0 and is_silent(signal):
            core.state.rest_ticks = 0
            log_event(core, logs, EVENT_KIND.BASELINE_SILENT, 0, signal.feature_offset.mean())
        else:
            freeze_baselines(core, signal)
            log_event(core, logs, EVENT_KIND.BASELINE_FROZEN, 0, signal.feature_offset.mean())
    state.next_block = 0
    state.block_ticks = 0
    state.block_trials = 0
    state.state_ticks = 0
    if state.block + 1 >= blocks.shape[0]:
        state.state = TASK.IDLE
        state.stop_reason = STOP_REASON.PROTOCOL_DONE
        return
    state.block += 1
    kind = blocks[state.block].kind
    if kind == BLOCK_KIND.REST:
        state.state = TASK.REST
    elif kind == BLOCK_KIND.FREE:
        state.state = TASK.IDLE
    else:
        state.state = TASK.INTER_TRIAL
    if kind == BLOCK_KIND.REST or (config.start_at_centre and not follows_hand(state, blocks)):
        state.cursor_x_cm = 0.0
        state.cursor_y_cm = 0.0
    log_event(core, logs, EVENT_KIND.BLOCK_START, state.block, float(kind))


@part
def advance(core, signal, task, logs):
    """Advance blocks and trials by one tick; nothing advances while the session is held."""
    config, state, blocks, transitions = core.config, core.state, task.blocks, task.transitions
    if state.held or state.stop_reason:
        return
    state.block_ticks += 1
    if state.block < 0 or _block_is_over(state, blocks[state.block]):
        _next_block(core, signal, task, logs)
        return
    state.state_ticks += 1
    state.trial_ticks += 1
    if state.state == TASK.REST or state.state == TASK.IDLE:
        return
    if _is_drawing(state, blocks) and (state.state == TASK.MOVE or state.state == TASK.HOLD):
        _follow_path(config, state)
    now = _conditions(config, state, task.targets)
    state.skip = 0
    for row in range(transitions.shape[0]):
        if transitions[row, _FROM] == state.state and (now >> transitions[row, _IF]) & 1:
            _enter(core, task, logs, transitions[row, _TO], transitions[row, _WITH])
            break
