"""Run the simulated rig behind LSL, without the GIL: see the session's states, act, send each spike when it is due.

The subject acts once a step, as in the simulated driver; a step's spikes are drawn and sent in parts of about 1 ms, so that
none waits longer. All times are closed form in the part's index: a rig that was held up sends all that it owes at once,
with the stamps that it would have had.
"""

import math

import numpy as np
from numba import literal_unroll

from bmi_app.rt import random
from bmi_app.rt.clock import sleep_until
from bmi_app.rt.contracts import ACT, frames_t
from bmi_app.rt.jit import f4_1, f8_1, i4_1, i4_2, i8, i8_1, kernel, part, void
from bmi_app.rt.lsl import local_clock, pull_sample_f, push_sample_i
from bmi_app.rt.published import STATE_FIELDS
from bmi_app.rt.ring import load, load_f8, store, store_f8
from bmi_app.subject import simulate
from bmi_app.subject.neurons import fire, spikes_of_span
from bmi_app.subject.simulate import act_once, is_due, parts, see_frame, see_hand

# Words of `ctl`, a cache line apart; floats as the bits of a float64.
_LINE = 8
STOP = 0 * _LINE  # anyone: other than 0 ends the loop
INLET = 1 * _LINE  # Python: handle of the inlet to read states from, 0 for none
IN_USE = 2 * _LINE  # loop: the handle it reads from; Python may destroy any other
LOST = 3 * _LINE  # loop: the handle whose stream was lost, until Python takes it away
OFFSET = 4 * _LINE  # Python: what to add to a state's stamp to be on the local clock (s)
SPIKES = 5 * _LINE  # loop: spikes sent
LARGEST_LAG = 6 * _LINE  # loop: how late a part went out at worst (s)
N_WORDS = 7 * _LINE

RECEIVED = 4096  # states that can wait to be seen: four times the longest delay at the shortest tick

_SEED, _STEP, _FRAME = simulate.SEED, simulate.STEP, simulate.FRAME
_DELAY_S, _START_S, _STEP_S = simulate.DELAY_S, simulate.START_S, simulate.STEP_S
_TIMEOUT_ERROR = -1  # lsl_error_code_t: there was nothing to pull
_NO_HAND = (math.nan, math.nan)  # a person's hand does not travel over LSL


@part
def _fill(frame, sample):
    """Write each channel of a state into the field of the frame that it carries."""
    channel = 0
    for field in literal_unroll(STATE_FIELDS):
        frame[field] = sample[channel]
        channel += 1  # noqa: SIM113 - numba unrolls no enumerate


@part
def _receive(ctl, inlet, received, n_received, sample, error):
    """Take all states that have come; return how many were ever taken, or -1 when the stream is lost."""
    offset_s = load_f8(ctl, OFFSET)
    while True:
        stamp_s = pull_sample_f(inlet, sample.ctypes.data, sample.shape[0], 0.0, error.ctypes.data)
        if stamp_s == 0.0:
            return n_received if error[0] == 0 or error[0] == _TIMEOUT_ERROR else -1
        frame = received[n_received & (received.shape[0] - 1)]
        frame.edge_s = stamp_s + offset_s
        _fill(frame, sample)
        n_received += 1


@part
def _see(memory, received, n_received, now_s):
    """Show the subject the states that are due now; those that were overwritten meanwhile are never seen."""
    head = memory.view(np.int64)
    seen = parts(memory).seen
    head[_FRAME] = max(head[_FRAME], n_received - received.shape[0])
    while head[_FRAME] < n_received:
        frame = received[head[_FRAME] & (received.shape[0] - 1)]
        if not is_due(frame.edge_s, now_s, memory[_DELAY_S]):
            return
        see_frame(seen, frame)
        head[_FRAME] += 1


@part
def _fire(outlet, pairs, spike, key, fired, start_s, duration_s):
    """Send the spikes of one part, the last of which sends them off together; return how many."""
    n = fire(fired, key, start_s, duration_s)
    spikes = spikes_of_span(fired)
    for nth in range(n):
        channel = int(spikes[1, nth])
        spike[0], spike[1] = pairs[channel, 0], pairs[channel, 1]
        push_sample_i(outlet, spike.ctypes.data, spikes[0, nth], nth == n - 1)
    return n


@kernel(void(ACT, f8_1, i8_1, frames_t, f4_1, i4_1, i8, i4_2, i4_1, i8, i8))
def run_rig(act, memory, ctl, received, state, error, outlet, pairs, spike, n_parts, n_steps):
    """Simulate in real time until `ctl[STOP]`.

    Parameters
    ----------
    act, memory
        The subject's kernel, and the memory of the simulation (`bmi_app.subject.simulate`).
    ctl : int64[N_WORDS]
    received : FRAME[RECEIVED]
        Room for the states that are too new to be seen.
    state : float32[channels], error : int32[1]
        Room for one sample of the states, and for liblsl's error code.
    outlet
        Handle of the outlet of spikes.
    pairs : int32[unit, 2]
        Channel and sorted unit of each unit.
    spike : int32[2]
        Room for one sample of the spikes.
    n_parts
        In how many parts the spikes of a step are drawn and sent.
    n_steps
        When to end; 0: not by itself.
    """
    head = memory.view(np.int64)
    seen = parts(memory).seen
    step_s, start_s = memory[_STEP_S], memory[_START_S]
    part_s = step_s / n_parts
    inlet, n_received = np.int64(0), np.int64(0)
    while load(ctl, STOP) == 0 and (n_steps == 0 or head[_STEP] < n_steps):
        first_part = head[_STEP] * n_parts
        wanted = load(ctl, INLET)
        if wanted == 0:
            store(ctl, LOST, 0)
        elif wanted == load(ctl, LOST):
            wanted = np.int64(0)
        if wanted != inlet:
            inlet, n_received, head[_FRAME] = wanted, np.int64(0), 0
            seen[:] = 0.0
            store(ctl, IN_USE, inlet)
        if inlet != 0:
            n_received = _receive(ctl, inlet, received, n_received, state, error)
            if n_received < 0:
                store(ctl, LOST, inlet)
                n_received = np.int64(0)
            else:
                _see(memory, received, n_received, start_s + first_part * part_s)
        see_hand(seen, _NO_HAND)
        fired = act_once(act, memory)
        for index in range(first_part, first_part + n_parts):
            end_s = start_s + (index + 1) * part_s
            sleep_until(end_s)
            lag_s = local_clock() - end_s
            if lag_s > load_f8(ctl, LARGEST_LAG):
                store_f8(ctl, LARGEST_LAG, lag_s)
            key = random.key(head[_SEED], random.SPIKES, index)
            n = _fire(outlet, pairs, spike, key, fired, start_s + index * part_s, part_s)
            store(ctl, SPIKES, ctl[SPIKES] + n)
        head[_STEP] += 1
    store(ctl, IN_USE, 0)
    store(ctl, LOST, 0)
