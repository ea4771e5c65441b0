"""Declare liblsl's C functions for nopython code.

liblsl is loaded before any cached kernel, so that the kernels' symbols resolve; handles travel as int64. Signatures as
in `lsl_c.h` of liblsl 1.16 and later.
"""

import ctypes

import llvmlite.binding as llvm
import pylsl.lib
from numba import types

from bmi_app.rt.liblsl import pylsl

_LIBRARY = pylsl.lib.lib._name
llvm.load_library_permanently(_LIBRARY)

_handle = types.int64
_address = types.int64  # a pointer; nopython code passes `array.ctypes.data`

local_clock = types.ExternalFunction("lsl_local_clock", types.float64())

# (inlet, buffer, buffer_elements, timeout, error_code) -> stamp, 0 when none came
pull_sample_f = types.ExternalFunction(
    "lsl_pull_sample_f", types.float64(_handle, _address, types.int32, types.float64, _address)
)
pull_sample_d = types.ExternalFunction(
    "lsl_pull_sample_d", types.float64(_handle, _address, types.int32, types.float64, _address)
)
# (inlet, data, stamps, data_elements, stamp_elements, timeout, error_code) -> elements written
pull_chunk_d = types.ExternalFunction(
    "lsl_pull_chunk_d",
    types.uint64(_handle, _address, _address, types.uint64, types.uint64, types.float64, _address),
)
# (inlet) -> 1 where the source was connected anew since the last call, so that its clock may be another one; liblsl says so
# without any post-processing, and before it hands over the first sample that came since
was_clock_reset = types.ExternalFunction("lsl_was_clock_reset", types.uint32(_handle))
samples_available = types.ExternalFunction("lsl_samples_available", types.uint32(_handle))

# (outlet, data, stamp, pushthrough) -> error code
push_sample_f = types.ExternalFunction(
    "lsl_push_sample_ftp", types.int32(_handle, _address, types.float64, types.int32)
)
push_sample_i = types.ExternalFunction(
    "lsl_push_sample_itp", types.int32(_handle, _address, types.float64, types.int32)
)
push_sample_str = types.ExternalFunction(
    "lsl_push_sample_strtp", types.int32(_handle, _address, types.float64, types.int32)
)
have_consumers = types.ExternalFunction("lsl_have_consumers", types.int32(_handle))


def handle_of(stream: pylsl.StreamInlet | pylsl.StreamOutlet) -> int:
    """Return the C handle of a pylsl inlet or outlet; the object must outlive every use of it."""
    value = ctypes.cast(stream.obj, ctypes.c_void_p).value
    assert value is not None, "an open stream has a handle"
    return value
