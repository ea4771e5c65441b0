"""Compile kernels one way everywhere: explicit signature, no GIL, cached on disk per user and per source state.

numba's own cache notices a change in a kernel's file but not in the files of the kernels that it calls. The cache
folder is therefore named by a hash over the sources that a kernel may depend on, and the versions that compile it.
"""

import contextlib
import functools
import hashlib
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs

from bmi_app.rt.parts import Part
from bmi_app.rt.plain_numba import numba, types

_ROOT = Path(__file__).resolve().parents[2]
_CORE = "bmi_app/rt"
_PLUGIN_HOMES = ("bmi_app/decoders", "bmi_app/learning", "bmi_app/subject", "drivers")


@functools.cache
def cache_folder(homes: tuple[str, ...] = (_CORE, *_PLUGIN_HOMES)) -> Path:
    """Return the folder of the compiled kernels that depend on the sources in `homes`, as these now are."""
    digest = hashlib.sha256()
    for word in (version("numba"), version("llvmlite"), version("numpy"), platform.python_version()):
        digest.update(word.encode())
    for home in homes:
        for path in sorted((_ROOT / home).glob("*.py")):
            digest.update(path.read_bytes())
    return Path(platformdirs.user_cache_dir("bmi_app")) / "kernels" / digest.hexdigest()[:16]


@functools.cache
def keeps_kernels(folder: Path) -> bool:
    """Tell whether compiled kernels can be kept in a folder, which is made if need be."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _compile(function: Any, signature: Any) -> Any:
    # The core calls plugins through pointers only, so a change in a plugin leaves its compiled form valid.
    core = function.__module__.startswith("bmi_app.rt.")
    folder = cache_folder((_CORE,)) if core else cache_folder()
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    # Where it cannot write there, numba would go on to folders whose name knows nothing of the sources: old kernels would run.
    return numba.njit(signature, nogil=True, cache=keeps_kernels(folder), error_model="numpy")(function)


def kernel(signature: Any) -> Callable[[Any], Any]:
    """Decorate a nopython, GIL-free kernel with one explicit signature.

    No fastmath: replay is bit-exact only while the compiler may not reorder sums. Division follows numpy
    (infinity, not an exception), because an exception could not leave a real-time loop.
    """
    return lambda function: _compile(function, signature)


def part(function: Any) -> Any:
    """Decorate a function that kernels call; see `parts`."""
    return Part(function, lambda alone: _compile(alone, None))


f8 = types.float64
i8 = types.int64
i4 = types.int32
u8 = types.uint64
f4 = types.float32
b1 = types.boolean
void = types.void
f8_1 = types.Array(f8, 1, "C")
f8_2 = types.Array(f8, 2, "C")
f4_1 = types.Array(f4, 1, "C")
f4_2 = types.Array(f4, 2, "C")
i8_1 = types.Array(i8, 1, "C")
i8_2 = types.Array(i8, 2, "C")
i4_1 = types.Array(i4, 1, "C")
i4_2 = types.Array(i4, 2, "C")


def records(dtype: Any) -> types.Array:
    """Return the numba type of a C-contiguous vector of `dtype` records."""
    return types.Array(numba.from_dtype(dtype), 1, "C")
