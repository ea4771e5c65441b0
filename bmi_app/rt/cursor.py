"""Move the cursor: by decoded velocity, assist and exploration, within limits; or to where the hand is."""

import math

from bmi_app.rt import random
from bmi_app.rt.codes import FLAG, INTENT_MODEL, MOVED_BY_COMPUTER, MOVED_BY_FORCE, MOVED_BY_HAND, TASK
from bmi_app.rt.jit import part

DECODED, VELOCITY, INTENT, NOISE, AIM = range(5)  # rows of `vectors`
X, Y = range(2)  # axes


@part
def decode(decoder, core, model, signal, trial):
    """Decode this tick's features to a velocity (cm/s), gain included.

    A decoder whose memory has a part `cursor` finds there where the cursor stands, divided by the gain.
    """
    weights, bias, gain, memory = model.weights, model.bias, model.gain, model.decoder_memory
    config, state = core.config, core.state
    decoded = trial.vectors[DECODED]
    if config.cursor_word >= 0:
        memory[config.cursor_word] = state.cursor_x_cm / gain[X]
        if decoded.shape[0] > 1:
            memory[config.cursor_word + 1] = state.cursor_y_cm / gain[Y]
    decoder(weights, bias, memory, signal.features, decoded)
    for a in range(decoded.shape[0]):
        decoded[a] *= gain[a]


@part
def aim(config, state, velocity):
    """Model a straight movement to the target, slower when near, none while holding: what assist adds."""
    for a in range(velocity.shape[0]):
        velocity[a] = 0.0
    if state.state != TASK.MOVE:
        return
    dx = state.target_x_cm - state.cursor_x_cm
    dy = state.target_y_cm - state.cursor_y_cm
    distance_cm = math.hypot(dx, dy)
    if distance_cm > 0.0:
        speed_cm_s = min(config.intent_speed_cm_s, config.intent_gain_per_s * distance_cm)
        velocity[X] = speed_cm_s * dx / distance_cm
        if velocity.shape[0] > 1:
            velocity[Y] = speed_cm_s * dy / distance_cm


@part
def _take_hand_velocity(config, state, intent):
    """Write the hand's velocity since the tick before into `intent`."""
    vx = (state.hand_x_cm - state.hand_was_x_cm) / config.tick_s
    vy = (state.hand_y_cm - state.hand_was_y_cm) / config.tick_s
    state.hand_was_x_cm, state.hand_was_y_cm = state.hand_x_cm, state.hand_y_cm
    intent[X] = vx if math.isfinite(vx) else 0.0
    if intent.shape[0] > 1:
        intent[Y] = vy if math.isfinite(vy) else 0.0


@part
def intend(config, state, vectors):
    """Model what the subject wants, from which rules learn (`learning.intent`); write the aim as well.

    speed_model      the aim itself
    refit            the decoded speed, turned toward the target (Gilja et al. 2012); 0 while holding
    target_position  to the target at once: the aim without its greatest speed
    assisted_blend   what moves the cursor without noise: the computer's share of the aim, the rest as decoded
    recorded         the velocity of the hand; 0 without one
    """
    aimed, decoded, intent = vectors[AIM], vectors[DECODED], vectors[INTENT]
    aim(config, state, aimed)
    aimed_cm_s = math.hypot(aimed[X], aimed[aimed.shape[0] - 1] * (aimed.shape[0] - 1))
    factor = 1.0
    if aimed_cm_s > 0.0:
        if config.intent == INTENT_MODEL.REFIT:
            factor = math.hypot(decoded[X], decoded[decoded.shape[0] - 1] * (decoded.shape[0] - 1)) / aimed_cm_s
        elif config.intent == INTENT_MODEL.TARGET_POSITION:
            away_cm = math.hypot(state.target_x_cm - state.cursor_x_cm, state.target_y_cm - state.cursor_y_cm)
            factor = config.intent_gain_per_s * away_cm / aimed_cm_s
    for a in range(intent.shape[0]):
        intent[a] = factor * aimed[a]
        if config.intent == INTENT_MODEL.ASSISTED_BLEND:
            intent[a] = (1.0 - state.assist) * decoded[a] + state.assist * aimed[a]
    if config.intent == INTENT_MODEL.RECORDED:
        _take_hand_velocity(config, state, intent)


@part
def follows_hand(state, blocks):
    """Return 0 where the decoder moves the cursor, 1 where the hand does, 2 where the hand's force does."""
    if state.block < 0:
        return 0
    kind = blocks[state.block].kind
    if kind in MOVED_BY_FORCE:
        return 2
    return int(kind in MOVED_BY_HAND)


@part
def _assist_now(state, block):
    """Return the share of the computer in the movement, 0 to 1."""
    if block.kind in MOVED_BY_COMPUTER:
        return 1.0
    if state.assist_override >= 0.0:
        return state.assist_override
    if block.ticks > 0:
        done = min(state.block_ticks / block.ticks, 1.0)
    elif block.trials > 0:
        done = min(state.block_trials / block.trials, 1.0)
    else:
        done = 0.0
    return block.assist_from + (block.assist_to - block.assist_from) * done


@part
def _explore(config, state, noise):
    """Renew the exploration: slow noise, an Ornstein-Uhlenbeck process of the deviation asked for."""
    if config.exploration_cm_s > 0.0:
        keep = config.exploration_keep
        draw = random.key(config.seed, random.EXPLORATION, state.tick)
        for a in range(noise.shape[0]):
            noise[a] = keep * noise[a] + math.sqrt(1.0 - keep * keep) * config.exploration_cm_s * random.normal(draw, a)


@part
def _put(config, state, x_cm, y_cm):
    """Put the cursor somewhere, or where the workspace ends on the way there."""
    state.cursor_x_cm = min(max(x_cm, -config.half_width_cm), config.half_width_cm)
    state.cursor_y_cm = min(max(y_cm, -config.half_height_cm), config.half_height_cm)


@part
def _follow_hand(config, state, velocity):
    """Put the cursor where the hand is; without a hand, or while the session is held, it stays."""
    before_x_cm, before_y_cm = state.cursor_x_cm, state.cursor_y_cm
    n_axes = velocity.shape[0]
    if not state.held and not math.isnan(state.hand_x_cm):
        _put(config, state, state.hand_x_cm, state.hand_y_cm if n_axes > 1 else before_y_cm)
    velocity[X] = (state.cursor_x_cm - before_x_cm) / config.tick_s
    if n_axes > 1:
        velocity[Y] = (state.cursor_y_cm - before_y_cm) / config.tick_s


@part
def _steer(config, state, vectors):
    """Move the cursor by decoded velocity, exploration and assist, unless it rests or waits at the centre."""
    decoded, velocity, noise, aimed = vectors[DECODED], vectors[VELOCITY], vectors[NOISE], vectors[AIM]
    fixed = (
        state.held
        or state.block < 0
        or state.state == TASK.REST
        or (state.state == TASK.INTER_TRIAL and config.start_at_centre)
    )
    speed_squared = 0.0
    for a in range(velocity.shape[0]):
        velocity[a] = 0.0
        if not fixed:
            velocity[a] = (1.0 - state.assist) * (decoded[a] + noise[a]) + state.assist * aimed[a]
        speed_squared += velocity[a] * velocity[a]
    if not speed_squared <= config.max_speed_cm_s * config.max_speed_cm_s:  # also when it is NaN
        speed_cm_s = math.sqrt(speed_squared)
        for a in range(velocity.shape[0]):
            limited = velocity[a] * (config.max_speed_cm_s / speed_cm_s)
            velocity[a] = limited if math.isfinite(limited) else 0.0
    x_cm, y_cm = state.cursor_x_cm + velocity[X] * config.tick_s, state.cursor_y_cm
    if velocity.shape[0] > 1:
        y_cm += velocity[Y] * config.tick_s
    _put(config, state, x_cm, y_cm)


@part
def move(core, trial, task):
    """Move the cursor by one tick."""
    config, state, blocks = core.config, core.state, task.blocks
    vectors = trial.vectors
    by_hand = follows_hand(state, blocks)
    state.assist = _assist_now(state, blocks[state.block]) if state.block >= 0 and not by_hand else 0.0
    state.from_x_cm, state.from_y_cm = state.cursor_x_cm, state.cursor_y_cm
    intend(config, state, vectors)
    if not state.inputs & FLAG.CATCHING_UP:
        _explore(config, state, vectors[NOISE])
    if by_hand:
        _follow_hand(config, state, vectors[VELOCITY])
    else:
        _steer(config, state, vectors)
