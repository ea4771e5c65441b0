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

from bmi_app.rt import imported, memory_views  # noqa: F401 - with views, kernels name the parts of memories
from bmi_app.rt.compile_errors import kernel_error
from bmi_app.rt.parts import Part
from bmi_app.rt.plain_numba import numba, types

_ROOT = Path(__file__).resolve().parents[2]
_CORE = "bmi_app/rt"
_PLUGIN_HOMES = ("bmi_app/decoders", "bmi_app/learning", "bmi_app/subject", "drivers")


@functools.cache
def cache_folder(homes: tuple[str, ...] = (_CORE, *_PLUGIN_HOMES), others: Path | None = None) -> Path:
    """Return the folder of the compiled kernels that depend on the sources in `homes`, as these now are.

    Parameters
    ----------
    homes : tuple of str
        Folders of this program; their sub-folders count too.
    others : Path, optional
        A package elsewhere (a plugin that was installed, a benchmark) whose sources count as well; or a module, with
        those beside it; and what they import beyond this program (`imported`).
    """
    digest = hashlib.sha256()
    for word in (version("numba"), version("llvmlite"), version("numpy"), platform.python_version()):
        digest.update(word.encode())
    paths = [path for home in homes for path in sorted((_ROOT / home).rglob("*.py"))]
    for path in paths + (imported.sources_of(others) if others else []):
        digest.update(path.read_bytes())
    return Path(platformdirs.user_cache_dir("bmi_app")) / "kernels" / digest.hexdigest()[:16]


@functools.cache
def keeps_kernels(folder: Path) -> bool:
    """Tell whether compiled kernels can be kept in a folder, which is made if need be."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _folder_of(function: Any) -> Path:
    """Return where the compiled form of a function is kept: apart for each state of all that it may depend on."""
    if function.__module__.startswith("bmi_app.rt."):
        return cache_folder((_CORE,))  # it calls plugins through pointers only: a change in a plugin leaves it valid
    file = Path(function.__code__.co_filename).resolve()
    if any(file.is_relative_to(_ROOT / home) for home in _PLUGIN_HOMES):
        return cache_folder()
    top = file
    while (top.parent / "__init__.py").is_file() and top.parent != _ROOT / "bmi_app":
        top = top.parent
    return cache_folder(others=top) if top.exists() else cache_folder()


def _compile(function: Any, signature: Any) -> Any:
    folder = _folder_of(function)
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    # Where it cannot write there, numba would use folders that are not named by the sources, and old kernels would run.
    try:
        return numba.njit(signature, nogil=True, cache=keeps_kernels(folder), error_model="numpy", _nrt=False)(function)
    except numba.NumbaError as error:
        raise kernel_error(function, error) from error


def kernel(signature: Any) -> Callable[[Any], Any]:
    """Decorate a nopython, GIL-free kernel with one explicit signature.

    No fastmath: replay is bit-exact only while the compiler may not reorder sums. Division follows numpy
    (infinity, not an exception), because an exception could not leave a real-time loop. References to arrays are not
    counted, as their owner in Python outlives the call; so a kernel that allocates does not compile, unless it does so
    in a function that was compiled apart before, which `bmi_app.testing` finds.

    Raises
    ------
    KernelError
        When it is applied, if the function does not compile.
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
