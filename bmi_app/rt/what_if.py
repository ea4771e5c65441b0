"""Decode and learn from a recording under another protocol: targets, cursor and rewards stay as they were recorded.

The subject's spikes do not react to the other decoder; what comes out is a score of its decoding, not of a session.
"""

from bmi_app.rt import cells
from bmi_app.rt.bins import collect, freeze_baselines, gather_rest, smooth
from bmi_app.rt.commands import take_commands
from bmi_app.rt.contracts import DECODE, LEARN, frames_t, session_t
from bmi_app.rt.cursor import NOISE, VELOCITY, decode, intend
from bmi_app.rt.jit import f4_2, kernel, part, void
from bmi_app.rt.learn import learn
from bmi_app.rt.records import HOLDING_FLAGS, INPUT_FLAGS, Flag, TaskState
from bmi_app.rt.ring import store
from bmi_app.rt.samples import begin_samples, sample
from bmi_app.rt.tick import begin, write_frame

_INPUTS, _HELD = int(INPUT_FLAGS), int(HOLDING_FLAGS | Flag.PAUSED)
_REST = int(TaskState.REST)


@part
def _follow(core, features, frame):
    """Take the task's state from the recorded frame instead of making it."""
    state = core[2][0]
    if state.state == _REST and (frame.state != _REST or frame.block != state.block):
        freeze_baselines(core, features)
    if frame.trial != state.trial:
        begin_samples(core[1][0], state)
        state.trial_ticks = 0
    elif not state.held:
        state.trial_ticks += 1
    state.block, state.state, state.state_ticks = frame.block, frame.state, frame.state_ticks
    state.trial, state.target, state.outcome, state.reward = frame.trial, frame.target, frame.outcome, frame.reward
    state.target_x_cm, state.target_y_cm = frame.target_x_cm, frame.target_y_cm
    state.cursor_x_cm, state.cursor_y_cm = frame.cursor_x_cm, frame.cursor_y_cm
    state.assist = frame.assist


@kernel(void(DECODE, LEARN, session_t, frames_t, f4_2))
def run_what_if(decoder, rule, session, recorded, counts):
    """Decode and learn the ticks of a recording; a frame's decoded velocity and weights are new, the rest is recorded.

    The caller hands over chunks no longer than the frame ring.
    """
    core, model, features, trial, task, frame_rings, logs, inputs = session
    ctl, state, pending, vectors = core[0], core[2][0], features[0], trial[5]
    for k in range(recorded.shape[0]):
        frame = recorded[k]
        state.edge_s = frame.edge_s
        state.inputs = frame.flags & _INPUTS
        state.hand_x_cm, state.hand_y_cm = frame.hand_x_cm, frame.hand_y_cm
        fresh = pending[state.tick & (pending.shape[0] - 1)]
        for u in range(fresh.shape[0]):
            fresh[u] = counts[k, u]
        begin(core, features, logs)
        take_commands(core, model, features, trial, logs, inputs)
        state.held = 1 if frame.flags & _HELD else 0
        collect(core, features, inputs)
        smooth(core, features, frame_rings)
        if state.state == _REST and not state.held:
            gather_rest(core, features, frame_rings)
        decode(decoder, core, model, features, trial)
        intend(core[1][0], state, vectors)
        vectors[NOISE, 0], vectors[VELOCITY, 0] = frame.noise_x_cm_s, frame.velocity_x_cm_s
        if vectors.shape[1] > 1:
            vectors[NOISE, 1], vectors[VELOCITY, 1] = frame.noise_y_cm_s, frame.velocity_y_cm_s
        sampled = sample(core, model, features, trial)
        _follow(core, features, frame)
        learn(rule, core, model, features, trial, task, logs, sampled)
        write_frame(core, trial, task, frame_rings)
        state.tick += 1
        store(ctl, cells.FRAMES_HEAD, ctl[cells.FRAMES_HEAD] + 1)
