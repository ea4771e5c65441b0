"""Say on what machine a measurement was made, and how quiet it was."""

import contextlib
import os
import platform
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.bench import figures, kernels
from bmi_app.rt.clock import now_s
from bmi_app.session import priority

_PERIOD_S = 0.001


def describe() -> dict[str, Any]:
    """Return the processor, its number, the system and the versions that matter."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numba": version("numba"),
        "pylsl": version("pylsl"),
    }


def load_average() -> float | None:
    """Return the load of the last minute, where the system tells it."""
    with contextlib.suppress(OSError, AttributeError):
        return round(os.getloadavg()[0], 2)
    return None


def timer_floor(duration_s: float) -> dict[str, Any]:
    """Measure how late a thread that does nothing but sleep 1 ms at a time wakes: no loop can be better than this.

    Returns
    -------
    dict
        Percentiles (us), and ``scheduling`` that the thread was given.
    """
    late_s = np.zeros(round(duration_s / _PERIOD_S))
    given: list[str] = []

    def sleep() -> None:
        given.append(priority.raise_thread(priority.ACQUISITION))
        kernels.only_sleep(now_s() + _PERIOD_S, _PERIOD_S, late_s)

    thread = threading.Thread(target=sleep)
    thread.start()
    thread.join()
    return {**figures.percentiles(late_s * 1e6), "scheduling": given[0]}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
