"""Wait in real time for what makes the next tick, and say what is known of the source and of the engine's own delay.

What is known becomes input flags of the tick:

SOURCE_LOST     for `safety.watchdog_ms` acquisition has polled and found nothing. Only polls count, each for at most twice its
                length: an engine that was stopped has not looked for its source's data. A driver that says that its source is gone is
                believed, and an acquisition that has hung for more than a second is a lost source as well.
SOURCE_SILENT   a regular source has left out three samples, by its nominal rate or, where it sends in chunks, by its
                rhythm of late. With clock ticks only: without samples there are no stream ticks.
CATCHING_UP     more than `safety.watchdog_ms` of ticks wait behind this one: of the clock, because the engine was stopped; of a
                stream, because of that or because the source was late. `ENGINE_STOPPED` tells them apart. A late source may send
                what it owes no faster than it is decoded, so that little ever waits: then its samples come in a hurry, and
                so much later after their stamps than usual.
"""

from bmi_app.rt import cells
from bmi_app.rt.clock import sleep_until
from bmi_app.rt.codes import CATCH_UP, FLAG
from bmi_app.rt.jit import part
from bmi_app.rt.lsl import local_clock
from bmi_app.rt.ring import load, load_f8, store_f8

POLL_S = 0.010  # how long one poll may wait; also how soon acquisition notices a stop
_NAP_S = 0.000_1  # how often the tick loop looks for what it waits for
_GAP_S = 0.1  # between two polls: ten times the length of one
_RECENT_S = 1.0  # for so long a gap explains what waits
_RESUME_WAIT_S = 0.1
_HUNG_S = 1.0
_LEAST_STEP_S = 1e-6
_LAG_SHARE = 0.01  # of the newest sample in the usual lag, which follows a shorter one at once
_HURRIED = 0.5  # of a tick: samples that follow one another sooner
_MISSED_SAMPLES = 3.0
# The rhythm follows a longer interval at once, and comes back by a hundredth each arrival. What lasts a second is no rhythm.
_RHYTHM_SHARE, _LONGEST_RHYTHM_S = 0.01, 1.0


@part
def note_poll(ctl, before_s, began_s, arrived_s, result):
    """Write down what a poll has found; return when it was over. Acquisition thread only.

    Parameters
    ----------
    before_s
        When the poll before was over.
    began_s
        When this one began.
    arrived_s
        `LAST_ARRIVAL` at that moment.
    result
        What the driver has returned.
    """
    now_s = local_clock()
    polled_s = min(now_s - before_s, 2.0 * POLL_S)
    quiet_s = load_f8(ctl, cells.QUIET) + polled_s
    if load_f8(ctl, cells.LAST_ARRIVAL) == arrived_s:
        store_f8(ctl, cells.QUIET, quiet_s)
    else:
        store_f8(ctl, cells.QUIET, 0.0)
        rhythm_s = load_f8(ctl, cells.RHYTHM)
        share = 1.0 if quiet_s > rhythm_s else _RHYTHM_SHARE
        if quiet_s < _LONGEST_RHYTHM_S and arrived_s > 0.0:
            store_f8(ctl, cells.RHYTHM, rhythm_s + share * (quiet_s - rhythm_s))
    if result == 0:
        store_f8(ctl, cells.EMPTIED, began_s)
    if now_s - before_s > _GAP_S:
        store_f8(ctl, cells.GAP, now_s)
    store_f8(ctl, cells.HEARTBEAT, now_s)
    return now_s


@part
def _quiet_s(ctl, start_s, now_s):
    """Return for how long acquisition has looked in vain for data; a poll that is not over counts as far as it may."""
    polling_s = max(min(now_s - load_f8(ctl, cells.HEARTBEAT), 2.0 * POLL_S), 0.0)
    gone_s = load_f8(ctl, cells.GONE)
    quiet_s = load_f8(ctl, cells.QUIET) + polling_s + (now_s - gone_s if gone_s > 0.0 else 0.0)
    return min(quiet_s, now_s - max(load_f8(ctl, cells.LAST_ARRIVAL), start_s))


@part
def _is_ending(ctl):
    """Tell whether nothing more is to be waited for."""
    return load(ctl, cells.STOP) != 0 or load(ctl, cells.SOURCE_ENDED) != 0


@part
def _has_come(ctl, state, spikes, due_s):
    """Tell whether all that belongs to a tick is in the ring: later entries are, or acquisition has found nothing more."""
    head = load(ctl, cells.SPIKES_HEAD)
    if head > 0:
        newest = spikes[(head - 1) & (spikes.shape[0] - 1)]
        if newest.stamp_s + newest.offset_s >= due_s:
            return True
    return load_f8(ctl, cells.EMPTIED) >= state.resumed_s


@part
def _wait_until_come(core, spikes, due_s, now_s):
    """Let acquisition fetch first what came while the engine was stopped: a tick that is overdue would not see it.

    Where that is in vain for a tick, it is not tried again until the engine has been stopped once more.

    Returns
    -------
    float
        The local clock.
    """
    ctl, config, state = core.ctl, core.config, core.state
    if state.resumed_s == 0.0 or now_s - state.turned_s > max(_GAP_S, 2.0 * config.tick_s):
        state.resumed_s, state.gave_up = now_s, 0
    give_up_s = now_s + _RESUME_WAIT_S
    while state.gave_up == 0 and not _has_come(ctl, state, spikes, due_s) and not _is_ending(ctl):
        if now_s > give_up_s:
            state.gave_up = 1
        sleep_until(now_s + _NAP_S)
        now_s = local_clock()
    return now_s


@part
def _stuck_s(ctl, config, state, now_s):
    """Return for how long of this loop's own time acquisition has not finished a poll."""
    beat_s, turned_s = load_f8(ctl, cells.HEARTBEAT), state.turned_s
    state.stuck_s += min(now_s - turned_s, 2.0 * config.tick_s)
    if beat_s != state.beat_s or turned_s == 0.0:
        state.stuck_s = 0.0
    state.beat_s, state.turned_s = beat_s, now_s
    return state.stuck_s


@part
def wait_for_edge(core, spikes):
    """Wait for this tick's edge and grace, and set its input flags; return when it was due."""
    ctl, config, state = core.ctl, core.config, core.state
    state.edge_s = config.start_s + (state.tick + 1) * config.tick_s
    due_s = state.edge_s + config.grace_s
    sleep_until(due_s)
    now_s = local_clock()
    overdue = now_s - due_s > config.watchdog_s
    if overdue:
        now_s = _wait_until_come(core, spikes, due_s, now_s)
    else:
        state.resumed_s = 0.0
    quiet_s, stuck_s = _quiet_s(ctl, config.start_s, now_s), _stuck_s(ctl, config, state, now_s)
    interval_s = load_f8(ctl, cells.INTERVAL)
    state.inputs = FLAG.CATCHING_UP | FLAG.ENGINE_STOPPED if overdue else 0
    if quiet_s > config.watchdog_s or stuck_s > config.watchdog_s + _HUNG_S:
        state.inputs |= FLAG.SOURCE_LOST
        return due_s
    expected_s = max(interval_s, load_f8(ctl, cells.RHYTHM))
    on_time = now_s - due_s < config.tick_s  # else it is this loop that is late
    if interval_s > 0.0 and on_time and quiet_s > _MISSED_SAMPLES * expected_s:
        state.inputs |= FLAG.SOURCE_SILENT
    return due_s


@part
def _set_edge(state, stamped_s, latest_s):
    """Put the edge of a stream tick where its sample's stamp says, but never before the edge before, nor after it came.

    One stamp from far away then costs one tick, and after a stall the edges come back to the stamps.
    """
    edge_s = latest_s
    if stamped_s < latest_s:  # false for NaN
        edge_s = stamped_s
    least_s = state.edge_s + _LEAST_STEP_S
    if state.tick > 0 and edge_s < least_s:
        edge_s = least_s
    if not stamped_s <= latest_s:
        state.edges_ahead += 1
    elif edge_s != stamped_s:
        state.edges_behind += 1
    state.edge_s = edge_s


@part
def _is_owed(config, state, stamped_s, arrival_s):
    """Tell whether a sample should have come more than the watchdog's time ago, and comes in a hurry now."""
    lag_s, spacing_s = arrival_s - stamped_s, arrival_s - state.sampled_s
    state.sampled_s = arrival_s
    hurried = spacing_s < _HURRIED * config.tick_s
    if not abs(lag_s) < 1e15:  # NaN as well
        return False
    owed = lag_s - state.usual_lag_s > config.watchdog_s and (hurried or spacing_s > config.watchdog_s)
    if state.samples_taken == 0 or lag_s < state.usual_lag_s:
        state.usual_lag_s = lag_s
        owed = False
    elif not hurried and not owed:
        state.usual_lag_s += _LAG_SHARE * (lag_s - state.usual_lag_s)
    return owed


@part
def _waiting_flags(core, stamped_s, arrival_s, now_s):
    """Return the flags of a stream tick: whether too many samples wait behind its own or are owed, and why."""
    ctl, config, state = core.ctl, core.config, core.state
    waiting = load(ctl, cells.SAMPLES) - state.samples_taken - 1 + load(ctl, cells.QUEUED)
    owed = _is_owed(config, state, stamped_s, arrival_s)
    if waiting * config.tick_s <= config.watchdog_s and not owed:
        return 0
    gap_s = load_f8(ctl, cells.GAP)
    by_engine = gap_s > 0.0 and now_s - gap_s < _RECENT_S
    if state.catching:  # what was the cause stays it
        by_engine = state.catching == CATCH_UP.ENGINE_STOPPED
    return FLAG.CATCHING_UP | (FLAG.ENGINE_STOPPED if by_engine else 0)


@part
def wait_for_sample(core, spikes):
    """Wait for the next sample of a counts stream; return when it came. Without one, make held ticks so that commands still act."""
    ctl, config, state = core.ctl, core.config, core.state
    was_lost = state.inputs & FLAG.SOURCE_LOST
    began_s = before_s = local_clock()
    waited_s = 0.0  # of this loop's own time
    while True:
        now_s = local_clock()
        waited_s += min(now_s - before_s, POLL_S)
        before_s = now_s
        ending = _is_ending(ctl)
        tail = ctl[cells.SPIKES_DECODED]
        if load(ctl, cells.SPIKES_HEAD) > tail:
            first = spikes[tail & (spikes.shape[0] - 1)]
            stamped_s = first.stamp_s + first.offset_s
            _set_edge(state, stamped_s, first.arrival_s)
            state.inputs = _waiting_flags(core, stamped_s, first.arrival_s, now_s)
            return first.arrival_s
        lost = _quiet_s(ctl, config.start_s, now_s) > config.watchdog_s or waited_s > config.watchdog_s + _HUNG_S
        if ending or (lost and (not was_lost or now_s > began_s + config.tick_s)):
            state.edge_s = max(state.edge_s + _LEAST_STEP_S, now_s) if state.tick > 0 else now_s
            state.inputs = FLAG.SOURCE_LOST
            return now_s
        sleep_until(now_s + _NAP_S)
