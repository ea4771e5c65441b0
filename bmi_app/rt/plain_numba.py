"""Import numba without a configuration from the current folder; kernels take it from here.

numba obeys a file `.numba_config.yaml` in the folder where a process happens to start: one that switches the compiler off would make every
tick a hundred times slower. Environment variables (NUMBA_...) remain the user's way to set something.
"""

import os
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
