"""Import numba without a configuration from the current folder, and without BLAS; kernels take it from here.

numba reads a file `.numba_config.yaml` in the folder where a process happens to start: one that switches the compiler off would make every
tick a hundred times slower. Environment variables (NUMBA_...) remain the user's way to set something.

Before it loads the first kernel numba imports scipy.linalg, to see whether a kernel could call BLAS. No kernel may, and
the import is a seventh of the time until a session runs; so numba is told that there is none.
"""

import os
import sys
from pathlib import Path

__all__ = ["numba", "types"]


def _import_elsewhere() -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(Path(__file__).parent)
        import numba  # noqa: F401
    finally:
        os.fchdir(here)
        os.close(here)


if Path(".numba_config.yaml").is_file() and hasattr(os, "fchdir"):
    _import_elsewhere()

import numba  # noqa: E402
from numba import types  # noqa: E402


def _look_for_no_blas() -> None:
    name = "scipy.linalg"
    if name in sys.modules:
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails
    try:
        import numba.np.arraymath  # noqa: F401  (looks for BLAS once, while it is imported)
    finally:
        del sys.modules[name]


_look_for_no_blas()
