"""Read and wait on the one clock of a session: liblsl's local clock, monotonic seconds.

On Linux liblsl's clock is CLOCK_MONOTONIC (std::chrono::steady_clock; a test checks it), so a wait is one absolute
`clock_nanosleep`, which a preemption between reading the clock and sleeping cannot lengthen.
"""

import sys
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from bmi_app.rt.jit import f8, kernel, void
from bmi_app.rt.lsl import local_clock

_CLOCK_MONOTONIC = 1
_TIMER_ABSTIME = 1

if sys.platform == "linux":

    @intrinsic  # type: ignore[untyped-decorator]
    def _nap_until(typing_context: Any, at_s: Any) -> Any:
        """Sleep until `at_s` on CLOCK_MONOTONIC; the timespec lives on the stack."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            word, integer = ir.IntType(64), ir.IntType(32)
            timespec = cgutils.alloca_once(builder, ir.ArrayType(word, 2))
            seconds = builder.fptosi(args[0], word)
            rest = builder.fsub(args[0], builder.sitofp(seconds, ir.DoubleType()))
            nanoseconds = builder.fptosi(builder.fmul(rest, ir.Constant(ir.DoubleType(), 1e9)), word)
            builder.store(seconds, cgutils.gep_inbounds(builder, timespec, 0, 0))
            builder.store(nanoseconds, cgutils.gep_inbounds(builder, timespec, 0, 1))
            pointer = cgutils.voidptr_t
            signature_c = ir.FunctionType(integer, [integer, integer, pointer, pointer])
            sleep = cgutils.get_or_insert_function(builder.module, signature_c, "clock_nanosleep")
            at = builder.bitcast(timespec, pointer)
            clock_id, flags = ir.Constant(integer, _CLOCK_MONOTONIC), ir.Constant(integer, _TIMER_ABSTIME)
            builder.call(sleep, [clock_id, flags, at, ir.Constant(pointer, None)])
            return context.get_dummy_value()

        return types.void(types.float64), codegen

    @kernel(void(f8))
    def sleep_until(at_s):
        """Sleep until the local clock reads `at_s`; return at once if it has passed."""
        while local_clock() < at_s:  # a signal may end a sleep early
            _nap_until(at_s)

else:
    if sys.platform == "win32":
        import llvmlite.binding as llvm

        llvm.load_library_permanently("kernel32.dll")
        _sleep_ms = types.ExternalFunction("Sleep", types.void(types.uint32))

        @kernel(void(f8))
        def _nap(duration_s):
            _sleep_ms(types.uint32(max(duration_s * 1e3, 1.0)))
    else:
        _usleep = types.ExternalFunction("usleep", types.int32(types.uint32))

        @kernel(void(f8))
        def _nap(duration_s):
            _usleep(types.uint32(min(duration_s, 0.5) * 1e6))

    @kernel(void(f8))
    def sleep_until(at_s):
        """Sleep until the local clock reads `at_s`; return at once if it has passed."""
        rest_s = at_s - local_clock()
        while rest_s > 0.0:
            _nap(rest_s)
            rest_s = at_s - local_clock()


@kernel(f8())
def now_s():
    """Return the local clock in seconds."""
    return local_clock()
