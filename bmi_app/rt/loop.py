"""Run ticks: in real time beside an acquisition loop, as fast as possible on a manual clock, or from a recording.

All of it is nopython and GIL-free: once a loop has started it allocates nothing, touches no Python object and calls only
liblsl and the C library.
"""

import math
from typing import Any

import numpy as np

from bmi_app.rt import cells
from bmi_app.rt.codes import EVENT_KIND, STOP_REASON
from bmi_app.rt.contracts import ACT, DECODE, LEARN, NO_ACT, NO_POLL, POLL, frames_t, named, session_t
from bmi_app.rt.hand import take_hand
from bmi_app.rt.jit import f4_2, f8_1, i8, i8_1, kernel, part
from bmi_app.rt.log import log_event_at
from bmi_app.rt.lsl import local_clock
from bmi_app.rt.records import FRAME
from bmi_app.rt.ring import load, load_f8, spikes_t, store, store_f8
from bmi_app.rt.tick import take_inputs, tick
from bmi_app.rt.waiting import POLL_S, note_poll, wait_for_edge, wait_for_sample

LIVE, FAST, RECORDED = range(3)  # where a tick's inputs come from: time and a source, a manual clock, a recording

_NO_MEMORY, _NO_FRAMES, _NO_COUNTS = np.zeros(1), np.zeros(0, FRAME), np.zeros((0, 0), np.float32)
_FOR_EVER = 1 << 62
_NO_MORE = -math.inf  # in place of when a tick was due
_SOURCE_LOST = -1  # what a driver returns then (`drivers.contract`)


@kernel(i8(POLL, ACT, f8_1, spikes_t, i8_1, frames_t))
def acquire(poll, act, memory, spikes, ctl, frames):
    """Poll the driver until the session stops; return 0, or the driver's fault code."""
    before_s = local_clock()
    store_f8(ctl, cells.GONE, 0.0)
    while load(ctl, cells.STOP) == 0 and load(ctl, cells.DECODE_DONE) == 0:
        began_s, arrived_s = local_clock(), load_f8(ctl, cells.LAST_ARRIVAL)
        result = poll(act, memory, spikes, ctl, frames, began_s + POLL_S)
        before_s = note_poll(ctl, before_s, began_s, arrived_s, result)
        if result < 0:
            if result == _SOURCE_LOST:
                store_f8(ctl, cells.GONE, before_s)
            return result
    return 0


@part
def _publish(core, frame_rings, due_s, published_s):
    """Write the health record beside the frame, and make both visible."""
    ctl, config, state = core.ctl, core.config, core.state
    head = ctl[cells.FRAMES_HEAD]
    if published_s > due_s + config.tick_s:
        state.missed_ticks += 1
    health = frame_rings.health[head & (frame_rings.health.shape[0] - 1)]
    health.tick, health.due_s, health.published_s = state.tick, due_s, published_s
    health.arrival_s, health.stamp_s = state.arrival_s, state.stamp_s
    health.backlog = state.backlog
    health.late_spikes, health.future_spikes = state.late_spikes, state.future_spikes
    health.dropped_spikes, health.bad_values = ctl[cells.DROPPED], ctl[cells.BAD_VALUES]
    health.unmapped_spikes, health.missed_ticks = ctl[cells.UNMAPPED], state.missed_ticks
    health.before_spikes, health.ahead_spikes = state.before_spikes, ctl[cells.AHEAD]
    health.no_offset_spikes, health.no_stamp_spikes = ctl[cells.NO_OFFSET], ctl[cells.NO_STAMP]
    health.ignored_spikes = ctl[cells.IGNORED]
    health.edges_ahead, health.edges_behind = state.edges_ahead, state.edges_behind
    state.tick += 1
    store(ctl, cells.FRAMES_HEAD, head + 1)


@part
def _end_untimely(core, logs, reason):
    """Log an end that no tick has made, the source's or a failure's; it belongs to the last tick that was."""
    state = core.state
    state.stop_reason = reason
    log_event_at(core, logs, max(state.tick - 1, 0), EVENT_KIND.SESSION_STOP, reason, 0.0)


@part
def _wait(core, spikes):
    """Wait for what makes the next tick; return when it was due, or minus infinity when no more is to come."""
    ctl, config, state = core.ctl, core.config, core.state
    if load(ctl, cells.STOP) != 0 or state.stop_reason != 0:
        return _NO_MORE
    if config.stream_ticks:
        due_s = wait_for_sample(core, spikes)
    else:
        due_s = wait_for_edge(core, spikes)
    take_hand(ctl, state, state.edge_s)
    source_ended = load(ctl, cells.SOURCE_ENDED)  # before the head: what came before the end is seen with it
    drained = load(ctl, cells.SPIKES_HEAD) == ctl[cells.SPIKES_DECODED] and state.tick > state.last_bin
    return _NO_MORE if source_ended and drained else due_s


@part
def _feed(poll, act, memory, core, spikes, frames):
    """Let the manual clock go on by a tick, and the driver with it; return whether the source still sends."""
    ctl, config, state = core.ctl, core.config, core.state
    state.edge_s = config.start_s + (state.tick + 1) * config.tick_s
    state.inputs = 0
    if poll(act, memory, spikes, ctl, frames, state.edge_s) < 0:
        store(ctl, cells.SOURCE_ENDED, 1)
        return False
    take_hand(ctl, state, state.edge_s)
    return True


@kernel(i8(i8, POLL, ACT, f8_1, DECODE, LEARN, session_t, frames_t, f4_2, i8))
def run(way, poll, act, memory, decoder, rule, session, recorded, counts, n_ticks):
    """Make up to `n_ticks` ticks; return how many were made. One kernel for every way: each would hold the whole tick.

    Parameters
    ----------
    way
        LIVE, FAST or RECORDED: where a tick's inputs come from.
    poll, act, memory
        The driver's, for FAST.
    recorded, counts
        The inputs of the ticks, for RECORDED.
    """
    s = named(session)
    ctl, state = s.core.ctl, s.core.state
    asked = state.refits_due + state.fits_due
    made, published_s = 0, 0.0
    while made < n_ticks:
        if way == RECORDED:
            take_inputs(state, s.signal.pending, recorded[made], counts[made])
            due_s = state.edge_s
        elif way == FAST:
            if state.stop_reason or state.refits_due + state.fits_due != asked:
                break
            if not _feed(poll, act, memory, s.core, s.inputs.spikes, s.frame_rings.frames):
                _end_untimely(s.core, s.logs, STOP_REASON.SOURCE_ENDED)
                break
            due_s = state.edge_s
        else:
            due_s = _wait(s.core, s.inputs.spikes)
            if due_s == _NO_MORE:
                break
        tick(decoder, rule, s)
        if way == LIVE:
            published_s = local_clock()
        _publish(s.core, s.frame_rings, due_s, published_s)
        made += 1
    if way == LIVE:
        if state.stop_reason == 0:
            _end_untimely(s.core, s.logs, load(ctl, cells.STOP) or STOP_REASON.SOURCE_ENDED)
        store(ctl, cells.DECODE_DONE, 1)
    return made


def run_live(decoder: Any, rule: Any, session: Any) -> None:
    """Make ticks in real time until the session stops."""
    run(LIVE, NO_POLL, NO_ACT, _NO_MEMORY, decoder, rule, session, _NO_FRAMES, _NO_COUNTS, _FOR_EVER)


def run_fast(poll: Any, act: Any, memory: Any, decoder: Any, rule: Any, session: Any, n_ticks: int) -> int:
    """Make up to `n_ticks` ticks on a manual clock; return how many were made before the session stopped.

    It returns at once after a tick that asks for a fit or for a staged update.

    The caller drains the rings between calls; `n_ticks` must not exceed the frame ring.
    """
    return int(run(FAST, poll, act, memory, decoder, rule, session, _NO_FRAMES, _NO_COUNTS, n_ticks))


def run_recorded(decoder: Any, rule: Any, session: Any, recorded: Any, counts: Any) -> None:
    """Make the ticks of a recording again: its counts, edges, hand and input flags are given, commands wait in the queue.

    The caller hands over chunks no longer than the frame ring, and compares between calls.
    """
    run(RECORDED, NO_POLL, NO_ACT, _NO_MEMORY, decoder, rule, session, recorded, counts, len(recorded))
