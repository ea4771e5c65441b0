"""Let the learning rule act when it is due; what it changes acts from the next tick.

tick      with every sample
trial     at the end of a trial that was judged, with its samples; reward: when the reward comes
block     at the end of a block, with the samples of its trials; seconds: between trials, every `learning.every_s`

Where many samples are due, a rule that takes them in order is given a slice a tick, any other a judged trial a tick with
the reward that this trial ended with, so that no tick is late: the hand-over.
A staged rule is not called here: `refits_due` asks the engine for it, and its result comes as a command.
"""

import math

from bmi_app.rt.audit import call_rule, close_update
from bmi_app.rt.codes import BLOCK_KIND, CAUSE, OUTCOME, TASK, WHEN
from bmi_app.rt.cursor import follows_hand
from bmi_app.rt.guard import follow, forget_trial, watch
from bmi_app.rt.jit import part
from bmi_app.rt.samples import note_reward


@part
def _end_of_trial(place, first, last):
    """Return the row behind those of the trial that begins in row `first`."""
    row = first
    while row < last and place[row].trial == place[first].trial:
        row += 1
    return row


@part
def _run_of_rows(place, blocks, first, last, learning):
    """Return the row behind those from `first` on whose blocks have learning, or have none."""
    row = first
    while row < last and (blocks[place[row].block - 1].learning != 0) == learning:
        row += 1
    return row


@part
def _hand_over(rule, core, model, trial, blocks, logs):
    """Teach the next slice of what is due; after the last one the update is over, and what waits behind it begins.

    Trials of blocks without learning may lie between the others: they are passed over.
    """
    config, state = core.config, core.state
    place, until = trial.trial_place, state.hand_until
    first = _run_of_rows(place, blocks, state.learn_from, until, False)
    last = _run_of_rows(place, blocks, first, min(first + config.slice_samples, until), True)
    if not config.learn_in_order:
        last = _end_of_trial(place, first, until)
    if last > first and (config.learn_in_order or not math.isnan(place[first].reward)):
        call_rule(rule, core, model, trial, logs, first, last, state.hand_cause, place[first].reward)
    last = _run_of_rows(place, blocks, last, until, False)
    state.learn_from = last
    if last >= state.hand_until:
        close_update(core, model, trial, logs, last, state.hand_cause)
        if state.then_until > 0:
            state.learn_from, state.hand_until, state.then_until = state.then_first, state.then_until, 0
            return
        state.handing = 0
        if state.sample_row < last:  # a new trial has begun in the rows before
            state.learn_from = 0


@part
def _drop_hand_over(core, model, trial, logs):
    """End a hand-over where it stands: learning was switched off."""
    state = core.state
    close_update(core, model, trial, logs, state.learn_from, state.hand_cause)
    state.learn_from = max(state.hand_until, state.then_until)
    state.handing = state.then_until = 0
    if state.sample_row < state.learn_from:
        state.learn_from = 0


@part
def _begin_hand_over(state, cause):
    """Have all samples taught that no hand-over has taught yet."""
    if state.handing == 0 and state.sample_row > state.learn_from:
        state.handing = 1
        state.hand_until = state.sample_row
        state.hand_cause = cause


@part
def _take_up(state, first, last):
    """Have the samples of the trial that has just ended taught, after those that still are."""
    if state.handing == 0:
        state.learn_from = first  # not with the samples of an earlier trial that was not judged
    elif state.then_until == 0 and first == state.hand_until:
        state.hand_until = last
    elif state.then_until == 0:
        state.then_first, state.then_until = first, last
    elif first == state.then_until:
        state.then_until = last
    _begin_hand_over(state, CAUSE.TRIAL)


@part
def _pass_over(config, state, place, blocks, sampled_in):
    """Keep no room for samples that are never taught, those of a block without learning, unless others wait before them.

    `sampled_in` is the block in which this tick began. Up to model version 1 it stood for that of the samples, so that a
    trial of a block with learning was lost when a block without began before an update by time was due.
    """
    first = state.trial_first
    if state.handing:
        return
    if config.model_version == 1:
        if sampled_in >= 0 and not blocks[sampled_in].learning and state.learn_from == first:
            state.learn_from = state.sample_row
    elif state.n_samples > 0 and state.learn_from >= first and not blocks[place[first].block - 1].learning:
        state.learn_from = state.sample_row


@part
def _is_due(config, state, block_ended):
    """Tell whether an update by block or by time is due; the next one is then `learn_ticks` away."""
    if config.learn_when == WHEN.BLOCK:
        return block_ended
    if config.learn_when != WHEN.SECONDS or state.state == TASK.MOVE or state.state == TASK.HOLD:
        return False
    if state.tick < state.next_update:
        return False
    state.next_update = state.tick + config.learn_ticks
    return True


@part
def _learn_in_trials(rule, core, model, trial, logs, sampled, ended, judged):
    """Act with the sample, the trial or the reward, as the protocol says."""
    config, state = core.config, core.state
    n, row = state.n_samples, state.trial_first
    if config.learn_when == WHEN.TICK and sampled:
        call_rule(rule, core, model, trial, logs, row + n - 1, row + n, CAUSE.TICK, state.reward)
        state.episode_first = row
    elif config.learn_when == WHEN.TRIAL and judged and n > 0:
        if config.learn_in_order:
            _take_up(state, row, row + n)
        else:
            call_rule(rule, core, model, trial, logs, row, row + n, CAUSE.TRIAL, state.reward)
            close_update(core, model, trial, logs, row + n, CAUSE.TRIAL)
    elif config.learn_when == WHEN.REWARD and state.reward > 0.0 and n > 0:
        call_rule(rule, core, model, trial, logs, row, row + n, CAUSE.REWARD, state.reward)
        close_update(core, model, trial, logs, row + n, CAUSE.REWARD)
        state.trial_first = row + n  # a second reward in this trial teaches only what came after the first
        state.n_samples = 0


@part
def learn(rule, core, model, trial, task, logs, sampled):
    """Call the rule if this tick is one at which it acts, and watch over it; store what it changed."""
    config, state, blocks = core.config, core.state, task.blocks
    before, state.learn_block = state.learn_block, state.block
    follow(core, trial)
    first, last, adopted = state.trial_first, state.trial_first + state.n_samples, state.updated
    ended = state.outcome != 0
    judged = ended and state.outcome != OUTCOME.BLOCK_ENDED and state.outcome != OUTCOME.OPERATOR
    block_ended = before >= 0 and before != state.block
    if block_ended and blocks[before].fit:
        state.fit_tick, state.fit_block = state.tick, before
        state.fits_due += 1
    if judged:
        note_reward(state, trial)
    elif ended and config.model_version > 1:
        forget_trial(state)
    if state.handing and not state.learning_on:
        _drop_hand_over(core, model, trial, logs)
    sampled_in = before if block_ended else state.block
    _pass_over(config, state, trial.trial_place, blocks, sampled_in)
    active = config.learn_when != WHEN.OFF and state.learning_on and state.block >= 0 and not state.held
    active = active and state.probation == 0
    if active and blocks[state.block].learning and not config.learn_staged:
        _learn_in_trials(rule, core, model, trial, logs, sampled, ended, judged)
        if (
            config.learn_at_rest
            and blocks[state.block].kind == BLOCK_KIND.REST
            and state.tick % config.sample_ticks == 0
        ):
            call_rule(rule, core, model, trial, logs, state.trial_first, state.trial_first, CAUSE.REST, 0.0)
    if config.learn_at_rest and block_ended and blocks[before].kind == BLOCK_KIND.REST:
        close_update(core, model, trial, logs, state.trial_first, CAUSE.REST)
    if active and blocks[sampled_in].learning and _is_due(config, state, block_ended):
        if config.learn_staged:
            state.refit_tick = state.tick
            state.refits_due += 1
        else:
            _begin_hand_over(state, CAUSE.BLOCK if config.learn_when == WHEN.BLOCK else CAUSE.SECONDS)
    if state.handing and not state.held:
        _hand_over(rule, core, model, trial, blocks, logs)
    # Each reward's change is listed and can be undone, the operator's rewards too.
    if config.learn_when == WHEN.TICK and (ended or state.reward > 0.0):
        close_update(core, model, trial, logs, state.trial_first + state.n_samples, CAUSE.TICK)
    if judged and config.learn_when != WHEN.OFF and not follows_hand(state, blocks):
        watch(core, model, trial, logs, first, last, state.updated and not adopted)
