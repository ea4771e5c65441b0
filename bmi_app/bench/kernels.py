"""Pace a source, and pull it with the least that a loop needs: what the engine's latency is compared with."""

from bmi_app.rt.clock import sleep_until
from bmi_app.rt.jit import f4_1, f4_2, f8, f8_1, i4_1, i8, kernel, void
from bmi_app.rt.lsl import local_clock, pull_sample_f, push_sample_f

PULLED, TOTAL = range(2)  # places in the bare loop's `found`


@kernel(void(i8, f4_2, f8, f8, f8_1))
def pace(outlet, counts, start_s, period_s, late_s):
    """Push sample i at `start_s + i period_s`, stamped with the moment of the push.

    Parameters
    ----------
    outlet
        Handle.
    counts : float32[rows, units]
        What is sent, row after row, again and again.
    start_s, period_s
        On the local clock.
    late_s : float64[samples]
        Gets how late each push began.
    """
    for i in range(late_s.shape[0]):
        due_s = start_s + i * period_s
        sleep_until(due_s)
        now = local_clock()
        push_sample_f(outlet, counts[i % counts.shape[0]].ctypes.data, now, 1)
        late_s[i] = now - due_s


@kernel(i8(i8, f4_1, i4_1, f8, f8, f8, i8, f8_1, f8_1, f8_1, f8_1, f8_1))
def pull_and_wait(
    inlet, sample, error, start_s, period_s, grace_s, n_samples, due_s, arrival_s, stamp_s, published_s, found
):
    """Do what an engine does, and no more: take the sample of each bin, wait for edge and grace, note the time.

    It blocks in liblsl until the sample of the bin is there, and sleeps for the rest. Returns how many ticks it made:
    as many as there is room for, or until some bins after the last sample.

    Parameters
    ----------
    inlet
        Handle.
    sample : float32[units]
    error : int32[1]
        liblsl's, of the last pull.
    start_s, period_s, grace_s
        Bin k ends at `start_s + (k + 1) period_s`.
    n_samples
        How many samples the source will send.
    due_s, arrival_s, stamp_s, published_s : float64[ticks]
        As in a session's health records.
    found : float64[2]
        Gets how many samples came, and the sum of their counts.
    """
    stamp, arrival = 0.0, 0.0
    n_empty = 0
    for k in range(due_s.shape[0]):
        due = start_s + (k + 1) * period_s + grace_s
        while stamp < start_s + k * period_s:
            wait_s = max(due - local_clock(), 0.0)
            fresh = pull_sample_f(inlet, sample.ctypes.data, sample.shape[0], wait_s, error.ctypes.data)
            if fresh == 0.0:
                break
            stamp, arrival = fresh, local_clock()
            found[PULLED] += 1
            for unit in range(sample.shape[0]):
                found[TOTAL] += sample[unit]
        sleep_until(due)
        due_s[k], arrival_s[k], stamp_s[k], published_s[k] = due, arrival, stamp, local_clock()
        n_empty = n_empty + 1 if found[PULLED] == n_samples else 0
        if n_empty > 10:
            return k + 1
    return due_s.shape[0]


@kernel(void(f8, f8, f8_1))
def only_sleep(start_s, period_s, late_s):
    """Sleep until each multiple of a period, and note in `late_s` how late each sleep ended."""
    for i in range(late_s.shape[0]):
        due_s = start_s + i * period_s
        sleep_until(due_s)
        late_s[i] = local_clock() - due_s
