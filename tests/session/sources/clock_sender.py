"""Send a known number of spikes, on whatever clock this process has; stall, and catch up.

Arguments, as one JSON object: `source_id`; `counts`: whether binned counts are sent, else single spikes; `first`, `until`:
which bins of 10 ms; `stall_at`: the bin before which nothing is sent for 2 s; `step_at`: that before which this clock steps
by 50 ms, where `other_clock.c` is preloaded. Once a receiver has come, the sending of bin k
is due at the beginning plus (k + 1) bins. Says how many spikes were sent, and stays until its input ends.
"""

import ctypes
import json
import select
import sys

import pylsl

BIN_S, N_UNITS, EVERY, STALL_S, STEP_S = 0.01, 16, 5, 2.0, 0.05  # each unit fires in every fifth bin: 20 Hz


def rest(duration_s):
    """Sleep without a deadline on a clock that may step."""
    if duration_s > 0:
        select.select([], [], [], duration_s)


def main():
    asked = json.loads(sys.argv[1])
    kind = ("SpikeCounts", N_UNITS, 1 / BIN_S) if asked["counts"] else ("SpikeEvents", 2, pylsl.IRREGULAR_RATE)
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("clocks", *kind, pylsl.cf_int32, asked["source_id"]), max_buffered=900)
    while not outlet.wait_for_consumers(1.0):
        pass
    begin_s, sent = pylsl.local_clock(), 0
    for k in range(asked["first"], asked["until"]):
        end_s = begin_s + (k + 1 - asked["first"]) * BIN_S
        rest(end_s - pylsl.local_clock())
        if k == asked.get("stall_at"):
            rest(STALL_S)
        if k == asked.get("step_at"):
            ctypes.CDLL(None).other_clock_step(ctypes.c_double(STEP_S))
        firing = [unit for unit in range(N_UNITS) if (k + unit) % EVERY == 0]
        sent += len(firing)
        if asked["counts"]:
            outlet.push_sample([int(unit in firing) for unit in range(N_UNITS)], end_s)
        else:
            for unit in firing:
                outlet.push_sample([unit, 0], end_s - BIN_S / 2)
    print(sent, flush=True)
    sys.stdin.read()
    rest(0.5)


main()
