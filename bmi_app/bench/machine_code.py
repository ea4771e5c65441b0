"""Read from a compiled kernel what it calls: the proof that it allocates nothing and touches no Python object.

Not the source is looked at but what numba keeps in its cache beside the machine code: the module after all
optimization, in which everything that the kernel uses is linked. A walk along its calls, from the kernel's entry for
nopython code, finds every function outside that it can reach. The kernels that it gets as pointers (`DECODE`, `LEARN`,
`ACT`, `POLL`) are looked at by themselves. Where a pointer is null, numba's code asks the interpreter for it; the walk
leaves this path out, and `has_address` says for each kernel that its pointer is not null.
"""

import re
from collections.abc import Iterator
from typing import Any

from llvmlite.binding import ValueKind
from numba.experimental.function_type import _get_jit_address

from bmi_app import plugins

# What a real-time loop must not call: an allocator, numba's counting of references, the interpreter, its lock.
_FORBIDDEN = (
    "NRT_",
    "malloc",
    "Py",
    "_Py",
    "numba_gil",
    "numba_unpickle",
)
# A kernel that is an argument arrives as three addresses: of its C wrapper, its Python object, its machine code.
_POINTER_IS_NULL = re.compile(r"= icmp (eq|ne) ptr %arg\.(poll|act|decoder|rule)\.2(\.fr)?, null$")
# Kinds of plugins, and the kernel that each plugin of a kind defines.
PLUGIN_KERNELS: tuple[tuple[plugins.Kind, str], ...] = (
    ("drivers", "POLL"),
    ("decoders", "DECODE"),
    ("learning", "LEARN"),
    ("subjects", "ACT"),
)


def kernels() -> dict[str, Any]:
    """Return every kernel that runs in real time by its name: those of the core, and of each plugin that is found."""
    from bmi_app.rt import loop, publish, wait

    found = {
        "bmi_app.rt.loop.run_live": loop.run,  # the tick is a part of it
        "bmi_app.rt.loop.acquire": loop.acquire,
        "bmi_app.rt.publish.publish_loop": publish.publish_loop,
        "bmi_app.rt.wait.wait_events": wait.wait_events,
    }
    for kind, kernel in PLUGIN_KERNELS:
        for name in plugins.names(kind):
            found[f"{kind}.{name}.{kernel}"] = vars(plugins.load(kind, name))[kernel]
    return found


def calls_of(kernel: Any) -> set[str]:
    """Return the names of all functions outside of its module that a kernel can call.

    Parameters
    ----------
    kernel
        With one signature, as `bmi_app.rt.jit.kernel` compiles it.
    """
    (compiled,) = kernel.overloads.values()
    functions = {function.name: function for function in compiled.library._get_module_for_linking().functions}
    reached, waiting = set(), [compiled.fndesc.llvm_func_name]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_calls(functions[name]))
    return {name for name in reached if functions[name].is_declaration and not name.startswith("llvm.")}


def forbidden(calls: set[str]) -> set[str]:
    """Return those calls that allocate, or need the interpreter."""
    return {name for name in calls if name.startswith(_FORBIDDEN)}


def has_address(kernel: Any) -> bool:
    """Tell whether a kernel that is handed to another one arrives as the address of its machine code."""
    (compiled,) = kernel.overloads.values()
    return bool(_get_jit_address(kernel, compiled.signature))


def _calls(function: Any) -> Iterator[str]:
    """Name every function that one function can call or passes on; a call through a pointer has no name."""
    blocks = {block.name: list(block.instructions) for block in function.blocks}
    seen, waiting = set(), list(blocks)[:1]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting.extend(_successors(blocks[name][-1]))
        for instruction in blocks[name]:
            yield from (operand.name for operand in instruction.operands if operand.value_kind == ValueKind.function)


def _successors(last: Any) -> list[str]:
    """Return the blocks that may follow a block's last instruction."""
    operands = list(last.operands)
    followers = [operand.name for operand in operands if operand.value_kind == ValueKind.basic_block]
    null = _POINTER_IS_NULL.search(str(operands[0])) if len(followers) == 2 else None
    if null is None:
        return followers
    where_false, where_true = followers  # LLVM keeps them in this order
    return [where_false if null[1] == "eq" else where_true]
