"""Be the source of a latency measurement: a process that streams counts over LSL, one sample a period, paced exactly.

Arguments: stream name, units, period (s), samples. It says that its outlet is there, reads from standard input when to
begin (local clock), and says at the end what it sent. Its outlet stays until standard input is closed, because
destroying it drops what has not been received.
"""

import json
import sys

import numpy as np
from pylsl.lib import cf_float32

from bmi_app.bench import kernels
from bmi_app.rt.liblsl import pylsl
from bmi_app.rt.lsl import handle_of
from bmi_app.session import priority

_ROWS = 1024
_RATE_HZ = 20.0  # of each unit
_CONNECT_S = 30.0  # the session measures the clock first, which takes up to seven seconds


def main(name: str, n_units: int, period_s: float, n_samples: int) -> None:
    """Stream `n_samples` samples of Poisson counts."""
    scheduling = priority.raise_thread(priority.ACQUISITION)  # before the outlet: liblsl's sending threads inherit it
    info = pylsl.StreamInfo(name, "SpikeCounts", n_units, round(1 / period_s), cf_float32, f"{name}-source")
    outlet = pylsl.StreamOutlet(info)
    counts = np.random.default_rng(1).poisson(_RATE_HZ * period_s, (_ROWS, n_units)).astype(np.float32)
    late_s = np.zeros(n_samples)
    print(json.dumps({"scheduling": scheduling}), flush=True)
    start_s = float(sys.stdin.readline())
    if not outlet.wait_for_consumers(_CONNECT_S):
        sys.exit("no consumer came")
    kernels.pace(handle_of(outlet), counts, start_s, period_s, late_s)
    sums = counts.sum(axis=1, dtype=np.float64)
    total = float(sums[np.arange(n_samples) % _ROWS].sum())
    said = {"samples": n_samples, "spikes": total, "late_us": (np.percentile(late_s, (50, 99.9, 100)) * 1e6).tolist()}
    print(json.dumps(said), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
