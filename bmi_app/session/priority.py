"""Ask the kernel for what a real-time thread needs, and take what it gives; lower the views.

On Linux a thread asks for SCHED_FIFO and the process for locked memory, where it may; without that privilege, for a
short slice (0.1 ms, Linux 6.12 and later), which makes it run sooner after it wakes. Elsewhere nothing is asked.
"""

import contextlib
import ctypes
import mmap
import os
import platform
import struct
import sys
from collections.abc import Iterable

import numpy as np

_SYS_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_OTHER = 0
_SLICE_NS = 100_000
_PR_SET_TIMERSLACK = 29
_MCL_CURRENT_FUTURE_ONFAULT = 7  # without `onfault` all that libraries reserve would be filled, too
_NICE_OF_VIEWS = 10  # at 19 a window stands still for minutes where other programs take all processors

# Acquisition goes before decode: a spike that waits is late, a tick that waits is not yet due.
ACQUISITION, DECODE, PUBLISHER = 30, 20, 10


def raise_thread(fifo_priority: int) -> str:
    """Raise the calling thread, as far as the system allows; return what it got, for the journal.

    Threads that it starts afterwards inherit it: liblsl's receiving threads, when a driver is opened.
    """
    if sys.platform != "linux":
        return "default"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # ns: by default a sleep ends up to 50 us late
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(fifo_priority))
        return f"SCHED_FIFO {fifo_priority}"
    except OSError:
        return "short slice" if _ask_for_slice(libc, _SLICE_NS) else "default"


def lower_thread() -> None:
    """Give the calling thread back to the ordinary scheduler."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def hold_in_memory(arrays: Iterable[np.ndarray]) -> bool:
    """Map every page of the arrays now, and keep the process from being paged out, where that is allowed.

    A live file's pages are allocated when it is created, but mapped at the first write: without this every tick at
    1024 units takes a page fault, a third of its time. No other thread may use the arrays yet.
    """
    for array in arrays:
        first_bytes = array.reshape(-1).view(np.uint8)[:: mmap.PAGESIZE]
        first_bytes |= 0
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT_FUTURE_ONFAULT) == 0  # type: ignore[no-any-return]


def lower_view() -> None:
    """Lower the calling process behind every engine: views give way."""
    if hasattr(os, "nice"):
        os.nice(_NICE_OF_VIEWS)


def _ask_for_slice(libc: ctypes.CDLL, slice_ns: int) -> bool:
    number = _SYS_SCHED_SETATTR.get(platform.machine())
    if number is None:
        return False
    # struct sched_attr: size, policy, flags, nice, priority, runtime (the slice), deadline, period
    attributes = struct.pack("<IIQiIQQQ", 48, _SCHED_OTHER, 0, 0, 0, slice_ns, 0, 0)
    return libc.syscall(number, 0, attributes, 0) == 0  # type: ignore[no-any-return]
