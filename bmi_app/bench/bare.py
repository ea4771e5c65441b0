"""Be the bare loop that the engine is compared with: one thread, one inlet, no session.

Arguments: stream name, units, period (s), grace (s), samples, file for the times. It says when bin 0 begins, and at the
end what came.
"""

import json
import sys

import numpy as np

from bmi_app.bench import kernels
from bmi_app.rt.clock import now_s
from bmi_app.rt.liblsl import pylsl
from bmi_app.rt.lsl import handle_of
from bmi_app.session import priority

_TIMEOUT_S = 10.0
_LEAD_S = 0.1
_SPARE_S = 3.0  # of ticks before the first sample and after the last


def main(name: str, n_units: int, period_s: float, grace_s: float, n_samples: int, path: str) -> None:
    """Pull `n_samples` samples and write down the times of every tick."""
    priority.raise_thread(
        priority.ACQUISITION
    )  # before the inlet: liblsl's receiving threads inherit it, as a driver's
    (stream,) = pylsl.resolve_byprop("name", name, timeout=_TIMEOUT_S)
    inlet = pylsl.StreamInlet(stream, processing_flags=pylsl.proc_none)
    inlet.open_stream(_TIMEOUT_S)
    scheduling = priority.raise_thread(priority.DECODE)
    times = np.zeros((4, n_samples + round(_SPARE_S / period_s)))
    sample, error, found = np.zeros(n_units, np.float32), np.zeros(1, np.int32), np.zeros(2)
    start_s = now_s() + _LEAD_S
    print(json.dumps({"start_s": start_s, "scheduling": scheduling}), flush=True)
    n_ticks = kernels.pull_and_wait(
        handle_of(inlet), sample, error, start_s, period_s, grace_s, n_samples, *times, found
    )
    np.save(path, times[:, :n_ticks])
    print(json.dumps({"samples": int(found[kernels.PULLED]), "spikes": float(found[kernels.TOTAL])}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
