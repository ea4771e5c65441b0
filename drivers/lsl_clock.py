"""Measure how the clock of a stream's source differs from ours, with liblsl's exchange of packets over UDP."""

import ctypes

from pylsl.lib import lib

from bmi_app.rt.liblsl import pylsl
from drivers.contract import ClockReading

# Ports as liblsl's documentation of networks names them.
REMEDY = (
    "lsl: the clock of stream {name!r} on host {host!r} cannot be measured, so that its stamps mean nothing here; let the "
    "firewalls of both machines pass UDP and TCP on ports 16572-16604 and UDP on port 16571, or set "
    'driver.clock = "arrival" to take arrivals for stamps'
)

_measure = lib.lsl_time_correction_ex
_measure.restype = ctypes.c_double
_measure.argtypes = [
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_double),
    ctypes.POINTER(ctypes.c_double),
    ctypes.c_double,
    ctypes.POINTER(ctypes.c_int),
]


def measure(inlet: pylsl.StreamInlet, wait_s: float) -> ClockReading | None:
    """Return the latest measurement, for the first of which it waits; None where there is none, or the stream is lost.

    liblsl measures every 2 s, and forgets what it measured when it has connected anew. A measurement that fails leaves the
    one before, whose age then grows.
    """
    remote_s, uncertainty_s, error = ctypes.c_double(), ctypes.c_double(), ctypes.c_int()
    offset_s = _measure(inlet.obj, ctypes.byref(remote_s), ctypes.byref(uncertainty_s), wait_s, ctypes.byref(error))
    if error.value != 0:
        return None
    return ClockReading(offset_s, uncertainty_s.value, remote_s.value + offset_s)
