"""Run ticks: in real time beside an acquisition loop, as fast as possible on a manual clock, or from a recording.

All of it is nopython and GIL-free: once a loop has started it allocates nothing, touches no Python object and calls only
liblsl and the C library.
"""

from bmi_app.rt import cells
from bmi_app.rt.contracts import ACT, DECODE, LEARN, POLL, frames_t, session_t
from bmi_app.rt.hand import take_hand
from bmi_app.rt.jit import f4_2, f8_1, i8, i8_1, kernel, part, void
from bmi_app.rt.log import log_event_at
from bmi_app.rt.lsl import local_clock
from bmi_app.rt.records import INPUT_FLAGS, EventKind, StopReason
from bmi_app.rt.ring import load, load_f8, spikes_t, store, store_f8
from bmi_app.rt.tick import tick
from bmi_app.rt.waiting import POLL_S, note_poll, wait_for_edge, wait_for_sample

_INPUTS = int(INPUT_FLAGS)
_SESSION_STOP, _SOURCE_ENDED = int(EventKind.SESSION_STOP), int(StopReason.SOURCE_ENDED)
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
    ctl, config, state = core[0], core[1][0], core[2][0]
    head = ctl[cells.FRAMES_HEAD]
    if published_s > due_s + config.tick_s:
        state.missed_ticks += 1
    health = frame_rings[2][head & (frame_rings[2].shape[0] - 1)]
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
    state = core[2][0]
    state.stop_reason = reason
    log_event_at(core, logs, max(state.tick - 1, 0), _SESSION_STOP, reason, 0.0)


@kernel(void(DECODE, LEARN, session_t))
def run_live(decoder, rule, session):
    """Make ticks in real time until the session stops."""
    core, frame_rings, spikes = session[0], session[5], session[7][0]
    ctl, config, state = core[0], core[1][0], core[2][0]
    while load(ctl, cells.STOP) == 0 and state.stop_reason == 0:
        if config.stream_ticks:
            due_s = wait_for_sample(core, spikes)
        else:
            due_s = wait_for_edge(core, spikes)
        take_hand(ctl, state, state.edge_s)
        source_ended = load(ctl, cells.SOURCE_ENDED)  # before the head: what came before the end is seen with it
        drained = load(ctl, cells.SPIKES_HEAD) == ctl[cells.SPIKES_DECODED] and state.tick > state.last_bin
        if source_ended and drained:
            break
        tick(decoder, rule, session)
        _publish(core, frame_rings, due_s, local_clock())
    if state.stop_reason == 0:
        _end_untimely(core, session[6], load(ctl, cells.STOP) or _SOURCE_ENDED)
    store(ctl, cells.DECODE_DONE, 1)


@kernel(i8(POLL, ACT, f8_1, DECODE, LEARN, session_t, i8))
def run_fast(poll, act, memory, decoder, rule, session, n_ticks):
    """Make up to `n_ticks` ticks on a manual clock; return how many were made before the session stopped.

    It returns at once after a tick that asks for a fit or for a staged update.

    The caller drains the rings between calls; `n_ticks` must not exceed the frame ring.
    """
    core, frame_rings, spikes = session[0], session[5], session[7][0]
    ctl, config, state = core[0], core[1][0], core[2][0]
    asked = state.refits_due + state.fits_due
    for made in range(n_ticks):
        if state.stop_reason or state.refits_due + state.fits_due != asked:
            return made
        state.edge_s = config.start_s + (state.tick + 1) * config.tick_s
        state.inputs = 0
        if poll(act, memory, spikes, ctl, frame_rings[0], state.edge_s) < 0:
            store(ctl, cells.SOURCE_ENDED, 1)
            _end_untimely(core, session[6], _SOURCE_ENDED)
            return made
        take_hand(ctl, state, state.edge_s)
        tick(decoder, rule, session)
        _publish(core, frame_rings, state.edge_s, 0.0)
    return n_ticks


@kernel(void(DECODE, LEARN, session_t, frames_t, f4_2))
def run_recorded(decoder, rule, session, recorded, counts):
    """Make the ticks of a recording again: its counts, edges, hand and input flags are given, commands wait in the queue.

    The caller hands over chunks no longer than the frame ring, and compares between calls.
    """
    core, features, frame_rings = session[0], session[2], session[5]
    state, pending = core[2][0], features[0]
    for k in range(recorded.shape[0]):
        state.edge_s = recorded[k].edge_s
        state.inputs = recorded[k].flags & _INPUTS
        state.hand_x_cm, state.hand_y_cm = recorded[k].hand_x_cm, recorded[k].hand_y_cm
        fresh = pending[state.tick & (pending.shape[0] - 1)]
        for u in range(fresh.shape[0]):
            fresh[u] = counts[k, u]
        tick(decoder, rule, session)
        _publish(core, frame_rings, state.edge_s, 0.0)
