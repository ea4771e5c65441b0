"""Order the indices of rings between threads, and push spikes.

An index is published with release and read with acquire order (LLVM atomics), so that what was written to a slot
before the index moved is seen by every thread that sees the index move, on any processor.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from bmi_app.rt import cells
from bmi_app.rt.jit import f4, f8, i8, i8_1, kernel, part, records, void
from bmi_app.rt.records import SPIKE

spikes_t = records(SPIKE)


def _cell(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    return builder.gep(view.data, [index])


@intrinsic  # type: ignore[untyped-decorator]
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Read `array[index]` (int64) with acquire order."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_cell(context, builder, signature.args[0], args[0], args[1]), "acquire", 8)

    return types.int64(array, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write `array[index] = value` (int64) with release order."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _cell(context, builder, signature.args[0], args[0], args[1]), "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def bits_of(typing_context: Any, value: Any) -> Any:
    """Reinterpret a float64 as the int64 of the same bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def float_of(typing_context: Any, bits: Any) -> Any:
    """Reinterpret an int64 as the float64 of the same bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@part
def load_f8(ctl: np.ndarray, cell: int) -> float:
    """Read a cell that holds the bits of a float64."""
    return float_of(load(ctl, cell))


@part
def store_f8(ctl: np.ndarray, cell: int, value: float) -> None:
    """Write a float64 into a cell."""
    store(ctl, cell, bits_of(value))


@kernel(void(spikes_t, i8_1, f8, f8, f8, i8, f4))
def push(spikes, ctl, stamp_s, offset_s, arrival_s, unit, count):
    """Append one entry to the spike ring, or count it as dropped when the ring is full.

    Acquisition thread only. The head is published by the caller's `publish`, once a poll, so that a poll's
    spikes cost one release store.
    """
    head = ctl[cells.SPIKES_HEAD + 1]  # the unpublished head, beside the published one; this thread's own
    if head - load(ctl, cells.SPIKES_SAVED) >= spikes.shape[0]:
        ctl[cells.DROPPED] += 1
        return
    entry = spikes[head & (spikes.shape[0] - 1)]
    entry.stamp_s = stamp_s
    entry.offset_s = offset_s
    entry.arrival_s = arrival_s
    entry.tick = -1
    entry.unit = unit
    entry.count = count
    entry.stamping = 0  # Stamping.SOURCE
    if unit < 0:
        store(ctl, cells.SAMPLES, ctl[cells.SAMPLES] + 1)
    ctl[cells.SPIKES_HEAD + 1] = head + 1


@kernel(i8(i8_1, f8))
def publish(ctl, arrival_s):
    """Make what was pushed visible to decode; return how many entries are new."""
    head = ctl[cells.SPIKES_HEAD + 1]
    new = head - ctl[cells.SPIKES_HEAD]
    if new > 0:
        store_f8(ctl, cells.LAST_ARRIVAL, arrival_s)
        store(ctl, cells.SPIKES_HEAD, head)
    return new


@kernel(i8(i8_1, i8))
def read_cell(ctl, cell):
    """Read a cell with acquire order, for Python threads."""
    return load(ctl, cell)


@kernel(void(i8_1, i8, i8))
def write_cell(ctl, cell, value):
    """Write a cell with release order, for Python threads."""
    store(ctl, cell, value)


@kernel(f8(i8_1, i8))
def read_cell_f8(ctl, cell):
    """Read a float64 cell with acquire order, for Python threads."""
    return load_f8(ctl, cell)


@kernel(void(i8_1, i8, f8))
def write_cell_f8(ctl, cell, value):
    """Write a float64 cell with release order, for Python threads."""
    store_f8(ctl, cell, value)
