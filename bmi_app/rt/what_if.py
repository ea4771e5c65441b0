"""Decode and learn from a recording under another protocol: targets, cursor and rewards stay as they were recorded.

The subject's spikes do not react to the other decoder; what comes out is a score of its decoding, not of a session.
"""

from typing import Any

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.bins import collect, freeze_baselines, gather_rest, smooth
from bmi_app.rt.codes import FLAG, HOLDING_FLAGS, TASK
from bmi_app.rt.commands import take_commands
from bmi_app.rt.contracts import DECODE, LEARN, frames_t, named, session_t
from bmi_app.rt.cursor import NOISE, VELOCITY, X, Y, decode, intend
from bmi_app.rt.jit import f4_2, f8_2, kernel, part, void
from bmi_app.rt.learn import learn
from bmi_app.rt.ring import store
from bmi_app.rt.samples import begin_samples, sample
from bmi_app.rt.tick import begin, take_inputs, write_frame

_NO_FEATURES = np.zeros((0, 0))
_HELD = HOLDING_FLAGS | FLAG.PAUSED


@part
def _follow(core, signal, frame):
    """Take the task's state from the recorded frame instead of making it."""
    state = core.state
    if state.state == TASK.REST and (frame.state != TASK.REST or frame.block != state.block):
        freeze_baselines(core, signal)
    if frame.trial != state.trial:
        begin_samples(core.config, state)
        state.trial_ticks = 0
    elif not state.held:
        state.trial_ticks += 1
    state.block, state.state, state.state_ticks = frame.block, frame.state, frame.state_ticks
    state.trial, state.target, state.outcome, state.reward = frame.trial, frame.target, frame.outcome, frame.reward
    state.target_x_cm, state.target_y_cm = frame.target_x_cm, frame.target_y_cm
    state.cursor_x_cm, state.cursor_y_cm = frame.cursor_x_cm, frame.cursor_y_cm
    state.assist = frame.assist


@kernel(void(DECODE, LEARN, session_t, frames_t, f4_2, f8_2))
def _recompute(decoder, rule, session, recorded, counts, features_out):
    """Decode and learn the ticks of a recording; copy the features of each to its row, as far as there are rows."""
    s = named(session)
    ctl, state, vectors = s.core.ctl, s.core.state, s.trial.vectors
    for k in range(recorded.shape[0]):
        frame = recorded[k]
        take_inputs(state, s.signal.pending, frame, counts[k])
        begin(s.core, s.signal, s.logs)
        take_commands(s.core, s.model, s.signal, s.trial, s.logs, s.inputs)
        state.held = 1 if frame.flags & _HELD else 0
        collect(s.core, s.signal, s.inputs)
        smooth(s.core, s.signal, s.frame_rings)
        if state.state == TASK.REST and not state.held:
            gather_rest(s.core, s.signal, s.frame_rings)
        decode(decoder, s.core, s.model, s.signal, s.trial)
        intend(s.core.config, state, vectors)
        vectors[NOISE, X], vectors[VELOCITY, X] = frame.noise_x_cm_s, frame.velocity_x_cm_s
        if vectors.shape[1] > 1:
            vectors[NOISE, Y], vectors[VELOCITY, Y] = frame.noise_y_cm_s, frame.velocity_y_cm_s
        sampled = sample(s.core, s.model, s.signal, s.trial)
        _follow(s.core, s.signal, frame)
        learn(rule, s.core, s.model, s.trial, s.task, s.logs, sampled)
        write_frame(s.core, s.trial, s.task, s.frame_rings)
        state.tick += 1
        store(ctl, cells.FRAMES_HEAD, ctl[cells.FRAMES_HEAD] + 1)
        if k < features_out.shape[0]:
            for u in range(features_out.shape[1]):
                features_out[k, u] = s.signal.features[u]


def run_what_if(decoder: Any, rule: Any, session: Any, recorded: Any, counts: Any) -> None:
    """Decode and learn the ticks of a recording; a frame's decoded velocity and weights are new, the rest is recorded.

    The caller hands over chunks no longer than the frame ring.
    """
    _recompute(decoder, rule, session, recorded, counts, _NO_FEATURES)


def log_features(decoder: Any, rule: Any, session: Any, recorded: Any, counts: Any, features_out: Any) -> None:
    """Recompute ticks as `run_what_if` does, and write down what the decoder read at each, f8[tick, unit]."""
    _recompute(decoder, rule, session, recorded, counts, features_out)
