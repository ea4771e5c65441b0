"""Make one tick: the same function for live, simulated and replayed sessions."""

from bmi_app.rt import cells
from bmi_app.rt.bins import collect, gather_rest, rest_rates, smooth
from bmi_app.rt.codes import CATCH_UP, EVENT_KIND, FLAG, HOLDING_FLAGS, INPUT_FLAGS, OUTCOME, STOP_REASON, TASK
from bmi_app.rt.commands import take_commands
from bmi_app.rt.cursor import DECODED, INTENT, NOISE, VELOCITY, X, decode, follows_hand, move
from bmi_app.rt.jit import part
from bmi_app.rt.learn import learn
from bmi_app.rt.log import log_event
from bmi_app.rt.samples import sample
from bmi_app.rt.task import advance, end_trial


@part
def take_inputs(state, pending, recorded, counts):
    """Take a recorded tick's inputs: its edge, hand, flags and counts."""
    state.edge_s = recorded.edge_s
    state.inputs = recorded.flags & INPUT_FLAGS
    state.hand_x_cm, state.hand_y_cm = recorded.hand_x_cm, recorded.hand_y_cm
    fresh = pending[state.tick & (pending.shape[0] - 1)]
    for u in range(fresh.shape[0]):
        fresh[u] = counts[u]


@part
def begin(core, signal, logs):
    """Clear what lasts one tick; mark the loss and the return of the source.

    Before the watchdog noticed the loss, missing spikes were decoded as low rates. What that did to the cursor in this
    trial, and to the rates, is taken back.
    """
    state = core.state
    state.reward = 0.0
    state.outcome = 0
    state.updated = 0
    state.rejected = 0
    state.update_norm = 0.0
    lost = state.inputs & FLAG.SOURCE_LOST
    if lost != state.was_lost:
        log_event(core, logs, EVENT_KIND.SOURCE_LOST if lost else EVENT_KIND.SOURCE_BACK, 0, 0.0)
        state.was_lost = lost
        if lost:
            rest_rates(core, signal)
        if lost and state.trial == state.fed_trial and (state.state == TASK.MOVE or state.state == TASK.HOLD):
            state.cursor_x_cm, state.cursor_y_cm = state.fed_x_cm, state.fed_y_cm
    _mark_catching_up(core, logs)


@part
def _mark_catching_up(core, logs):
    """Mark the first tick that is caught up, and the first that is not; give then what the operator gave meanwhile."""
    config, state = core.config, core.state
    if state.inputs & FLAG.CATCHING_UP:
        if state.catching == 0:
            state.catching = CATCH_UP.ENGINE_STOPPED if state.inputs & FLAG.ENGINE_STOPPED else CATCH_UP.SOURCE_LATE
            state.caught_ticks = 0
            log_event(core, logs, EVENT_KIND.CATCHING_UP, state.catching, 0.0)
        state.caught_ticks += 1
        return
    if state.catching:
        log_event(core, logs, EVENT_KIND.CAUGHT_UP, state.catching, state.caught_ticks * config.tick_s)
        state.catching = 0
    if state.reward_owed:
        state.reward_owed = 0
        state.reward = 1.0
        log_event(core, logs, EVENT_KIND.REWARD, 1, 1.0)


@part
def _remember_place(state):
    """Keep where the cursor stands while spikes come."""
    if state.spikes > 0.0:
        state.fed_x_cm, state.fed_y_cm, state.fed_trial = state.cursor_x_cm, state.cursor_y_cm, state.trial


@part
def _stop_when_due(core, logs):
    """Stop after the ticks or trials asked for; a session that stops ends the trial that it cuts."""
    config, state = core.config, core.state
    if state.stop_reason == 0:
        if config.max_trials > 0 and state.trials_done >= config.max_trials:
            state.stop_reason = STOP_REASON.TRIALS
        elif config.max_ticks > 0 and state.tick + 1 >= config.max_ticks:
            state.stop_reason = STOP_REASON.DURATION
    if state.stop_reason and (state.state == TASK.MOVE or state.state == TASK.HOLD):
        end_trial(core, logs, OUTCOME.BLOCK_ENDED)


@part
def write_frame(core, trial, task, frame_rings):
    """Write all that this tick used and made into the frame ring's next slot."""
    ctl, config, state = core.ctl, core.config, core.state
    vectors, blocks, frames = trial.vectors, task.blocks, frame_rings.frames
    frame = frames[ctl[cells.FRAMES_HEAD] & (frames.shape[0] - 1)]
    shown = state.state == TASK.MOVE or state.state == TASK.HOLD
    learning = state.learning_on and config.learn_when and state.block >= 0 and blocks[max(state.block, 0)].learning
    learning = learning and state.probation == 0
    flags = state.inputs & INPUT_FLAGS
    flags |= FLAG.PAUSED if state.paused else 0
    flags |= FLAG.LEARNING if learning else 0
    flags |= FLAG.REWARDED if state.reward > 0.0 else 0
    flags |= FLAG.UPDATED if state.updated else 0
    flags |= FLAG.REJECTED if state.rejected else 0
    flags |= FLAG.IN_TARGET if state.state == TASK.HOLD else 0
    flags |= FLAG.FINISHED if state.stop_reason else 0
    by_hand = follows_hand(state, blocks)
    flags |= FLAG.HAND if by_hand == 1 else 0
    flags |= FLAG.FORCE if by_hand == 2 else 0
    frame.tick, frame.edge_s, frame.flags = state.tick, state.edge_s, flags
    frame.state, frame.state_ticks, frame.block = state.state, state.state_ticks, state.block
    frame.trial, frame.target, frame.outcome = state.trial, state.target, state.outcome
    frame.n_commands, frame.spikes = state.n_commands, state.spikes
    frame.cursor_x_cm, frame.cursor_y_cm = state.cursor_x_cm, state.cursor_y_cm
    last = vectors.shape[1] - 1  # 1 for two axes; for one, y stays 0
    frame.decoded_x_cm_s, frame.decoded_y_cm_s = vectors[DECODED, X], vectors[DECODED, last] * last
    frame.velocity_x_cm_s, frame.velocity_y_cm_s = vectors[VELOCITY, X], vectors[VELOCITY, last] * last
    frame.intent_x_cm_s, frame.intent_y_cm_s = vectors[INTENT, X], vectors[INTENT, last] * last
    frame.noise_x_cm_s, frame.noise_y_cm_s = vectors[NOISE, X], vectors[NOISE, last] * last
    frame.target_x_cm, frame.target_y_cm = state.target_x_cm, state.target_y_cm
    frame.target_radius_cm = config.target_radius_cm if shown else 0.0
    frame.hand_x_cm, frame.hand_y_cm = state.hand_x_cm, state.hand_y_cm
    frame.hold_fraction = min(state.state_ticks / max(config.hold_ticks, 1), 1.0) if state.state == TASK.HOLD else 0.0
    frame.assist, frame.reward = state.assist, state.reward
    frame.update_norm, frame.learning_rate = state.update_norm, state.learning_rate
    frame.weights_hash = state.weights_hash


@part
def tick(decoder, rule, s):
    """Make the tick `state.tick` of a session (`contracts.named`) up to its frame; the caller publishes the frame.

    Inputs beside the spikes and the commands: `state.edge_s`, `state.inputs` and the hand, which the caller has set.
    """
    state = s.core.state
    begin(s.core, s.signal, s.logs)
    take_commands(s.core, s.model, s.signal, s.trial, s.logs, s.inputs)  # 1
    state.held = 1 if state.paused or state.inputs & HOLDING_FLAGS else 0
    collect(s.core, s.signal, s.inputs)  # 2
    smooth(s.core, s.signal, s.frame_rings)  # 3
    if state.state == TASK.REST and not state.held:
        gather_rest(s.core, s.signal, s.frame_rings)
    decode(decoder, s.core, s.model, s.signal, s.trial)  # 4
    move(s.core, s.trial, s.task)  # 5
    _remember_place(state)
    sampled = sample(s.core, s.model, s.signal, s.trial)
    advance(s.core, s.signal, s.task, s.logs)  # 6
    _stop_when_due(s.core, s.logs)
    learn(rule, s.core, s.model, s.trial, s.task, s.logs, sampled)  # 7
    if state.stop_reason:
        log_event(s.core, s.logs, EVENT_KIND.SESSION_STOP, state.stop_reason, 0.0)
    write_frame(s.core, s.trial, s.task, s.frame_rings)  # 8
