"""Make one tick: the same function for live, simulated and replayed sessions."""

from bmi_app.rt import cells
from bmi_app.rt.bins import collect, gather_rest, rest_rates, smooth
from bmi_app.rt.commands import take_commands
from bmi_app.rt.cursor import DECODED, INTENT, NOISE, VELOCITY, decode, follows_hand, move
from bmi_app.rt.jit import part
from bmi_app.rt.learn import learn
from bmi_app.rt.log import log_event
from bmi_app.rt.records import (
    HOLDING_FLAGS,
    INPUT_FLAGS,
    CatchUpCause,
    EventKind,
    Flag,
    Outcome,
    StopReason,
    TaskState,
)
from bmi_app.rt.samples import sample
from bmi_app.rt.task import advance, end_trial

_LOST = int(Flag.SOURCE_LOST)
_CATCHING_UP, _ENGINE_STOPPED = int(Flag.CATCHING_UP), int(Flag.ENGINE_STOPPED)
_INPUTS, _HOLDING = int(INPUT_FLAGS), int(HOLDING_FLAGS)
_PAUSED, _LEARNING, _REWARDED, _UPDATED = (int(f) for f in (Flag.PAUSED, Flag.LEARNING, Flag.REWARDED, Flag.UPDATED))
_REJECTED, _IN_TARGET, _FINISHED = int(Flag.REJECTED), int(Flag.IN_TARGET), int(Flag.FINISHED)
_HAND, _FORCE = int(Flag.HAND), int(Flag.FORCE)
_REST, _MOVE, _HOLD = int(TaskState.REST), int(TaskState.MOVE), int(TaskState.HOLD)
_EVENT_LOST, _EVENT_BACK, _STOP = int(EventKind.SOURCE_LOST), int(EventKind.SOURCE_BACK), int(EventKind.SESSION_STOP)
_EVENT_CATCHING, _EVENT_CAUGHT, _EVENT_REWARD = (
    int(EventKind.CATCHING_UP),
    int(EventKind.CAUGHT_UP),
    int(EventKind.REWARD),
)
_BY_ENGINE, _BY_SOURCE = int(CatchUpCause.ENGINE_STOPPED), int(CatchUpCause.SOURCE_LATE)
_DURATION, _TRIALS = int(StopReason.DURATION), int(StopReason.TRIALS)
_BLOCK_ENDED = int(Outcome.BLOCK_ENDED)


@part
def begin(core, features, logs):
    """Clear what lasts one tick; mark the loss and the return of the source.

    Before the watchdog noticed the loss, missing spikes were decoded as low rates. What that did to the cursor in this
    trial, and to the rates, is taken back.
    """
    state = core[2][0]
    state.reward = 0.0
    state.outcome = 0
    state.updated = 0
    state.rejected = 0
    state.update_norm = 0.0
    lost = state.inputs & _LOST
    if lost != state.was_lost:
        log_event(core, logs, _EVENT_LOST if lost else _EVENT_BACK, 0, 0.0)
        state.was_lost = lost
        if lost:
            rest_rates(core, features)
        if lost and state.trial == state.fed_trial and (state.state == _MOVE or state.state == _HOLD):
            state.cursor_x_cm, state.cursor_y_cm = state.fed_x_cm, state.fed_y_cm
    _mark_catching_up(core, logs)


@part
def _mark_catching_up(core, logs):
    """Mark the first tick that is caught up, and the first that is not; give then what the operator gave meanwhile."""
    config, state = core[1][0], core[2][0]
    if state.inputs & _CATCHING_UP:
        if state.catching == 0:
            state.catching = _BY_ENGINE if state.inputs & _ENGINE_STOPPED else _BY_SOURCE
            state.caught_ticks = 0
            log_event(core, logs, _EVENT_CATCHING, state.catching, 0.0)
        state.caught_ticks += 1
        return
    if state.catching:
        log_event(core, logs, _EVENT_CAUGHT, state.catching, state.caught_ticks * config.tick_s)
        state.catching = 0
    if state.reward_owed:
        state.reward_owed = 0
        state.reward = 1.0
        log_event(core, logs, _EVENT_REWARD, 1, 1.0)


@part
def _remember_place(state):
    """Keep where the cursor stands while spikes come."""
    if state.spikes > 0.0:
        state.fed_x_cm, state.fed_y_cm, state.fed_trial = state.cursor_x_cm, state.cursor_y_cm, state.trial


@part
def _stop_when_due(core, logs):
    """Stop after the ticks or trials asked for; a session that stops ends the trial that it cuts."""
    config, state = core[1][0], core[2][0]
    if state.stop_reason == 0:
        if config.max_trials > 0 and state.trials_done >= config.max_trials:
            state.stop_reason = _TRIALS
        elif config.max_ticks > 0 and state.tick + 1 >= config.max_ticks:
            state.stop_reason = _DURATION
    if state.stop_reason and (state.state == _MOVE or state.state == _HOLD):
        end_trial(core, logs, _BLOCK_ENDED)


@part
def write_frame(core, trial, task, frame_rings):
    """Write all that this tick used and made into the frame ring's next slot."""
    ctl, config, state = core[0], core[1][0], core[2][0]
    vectors, blocks, frames = trial[5], task[2], frame_rings[0]
    frame = frames[ctl[cells.FRAMES_HEAD] & (frames.shape[0] - 1)]
    shown = state.state == _MOVE or state.state == _HOLD
    learning = state.learning_on and config.learn_when and state.block >= 0 and blocks[max(state.block, 0)].learning
    learning = learning and state.probation == 0
    flags = state.inputs & _INPUTS
    flags |= _PAUSED if state.paused else 0
    flags |= _LEARNING if learning else 0
    flags |= _REWARDED if state.reward > 0.0 else 0
    flags |= _UPDATED if state.updated else 0
    flags |= _REJECTED if state.rejected else 0
    flags |= _IN_TARGET if state.state == _HOLD else 0
    flags |= _FINISHED if state.stop_reason else 0
    by_hand = follows_hand(state, blocks)
    flags |= _HAND if by_hand == 1 else 0
    flags |= _FORCE if by_hand == 2 else 0
    frame.tick, frame.edge_s, frame.flags = state.tick, state.edge_s, flags
    frame.state, frame.state_ticks, frame.block = state.state, state.state_ticks, state.block
    frame.trial, frame.target, frame.outcome = state.trial, state.target, state.outcome
    frame.n_commands, frame.spikes = state.n_commands, state.spikes
    frame.cursor_x_cm, frame.cursor_y_cm = state.cursor_x_cm, state.cursor_y_cm
    last = vectors.shape[1] - 1  # 1 for two axes; for one, y stays 0
    frame.decoded_x_cm_s, frame.decoded_y_cm_s = vectors[DECODED, 0], vectors[DECODED, last] * last
    frame.velocity_x_cm_s, frame.velocity_y_cm_s = vectors[VELOCITY, 0], vectors[VELOCITY, last] * last
    frame.intent_x_cm_s, frame.intent_y_cm_s = vectors[INTENT, 0], vectors[INTENT, last] * last
    frame.noise_x_cm_s, frame.noise_y_cm_s = vectors[NOISE, 0], vectors[NOISE, last] * last
    frame.target_x_cm, frame.target_y_cm = state.target_x_cm, state.target_y_cm
    frame.target_radius_cm = config.target_radius_cm if shown else 0.0
    frame.hand_x_cm, frame.hand_y_cm = state.hand_x_cm, state.hand_y_cm
    frame.hold_fraction = min(state.state_ticks / max(config.hold_ticks, 1), 1.0) if state.state == _HOLD else 0.0
    frame.assist, frame.reward = state.assist, state.reward
    frame.update_norm, frame.learning_rate = state.update_norm, state.learning_rate
    frame.weights_hash = state.weights_hash


@part
def tick(decoder, rule, session):
    """Make the tick `state.tick` up to its frame; the caller publishes the frame.

    Inputs beside the spikes and the commands: `state.edge_s`, `state.inputs` and the hand, which the caller has set.
    """
    core, model, features, trial, task, frame_rings, logs, inputs = session
    state = core[2][0]
    begin(core, features, logs)
    take_commands(core, model, features, trial, logs, inputs)  # 1
    state.held = 1 if state.paused or state.inputs & _HOLDING else 0
    collect(core, features, inputs)  # 2
    smooth(core, features, frame_rings)  # 3
    if state.state == _REST and not state.held:
        gather_rest(core, features, frame_rings)
    decode(decoder, core, model, features, trial)  # 4
    move(core, trial, task)  # 5
    _remember_place(state)
    sampled = sample(core, model, features, trial)
    advance(core, features, task, logs)  # 6
    _stop_when_due(core, logs)
    learn(rule, core, model, features, trial, task, logs, sampled)  # 7
    if state.stop_reason:
        log_event(core, logs, _STOP, state.stop_reason, 0.0)
    write_frame(core, trial, task, frame_rings)  # 8
