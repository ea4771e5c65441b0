"""Say in a line why a kernel does not compile: numba's own message takes a page, and does not know what kernels may do."""

import re
from pathlib import Path
from typing import Any

from bmi_app.traits import PluginError

_COLOURS = re.compile(r"\x1b\[\d*m")
_PLACE = re.compile(r"(?:at |File \")([^\s\"]+\.py)(?:\"?, line | \()(\d+)")


class KernelError(PluginError):
    """Tell in one line which kernel does not compile, where, what it may do, and what numba says."""


def kernel_error(function: Any, error: Exception) -> KernelError:
    """Return the error of a kernel that numba refused.

    Parameters
    ----------
    function : function
        The kernel's source.
    error : Exception
        What numba raised.
    """
    text = _COLOURS.sub("", str(error))
    file = Path(function.__code__.co_filename)
    lines = [int(line) for path, line in _PLACE.findall(text) if Path(path).name == file.name]
    said = next(
        (line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Failed in nopython mode")),
        type(error).__name__,
    )
    return KernelError(
        f"kernel {function.__qualname__} ({file.name}:{lines[-1] if lines else function.__code__.co_firstlineno}) does not "
        f"compile: {said.rstrip(' :')}. A kernel may use numbers, loops, records, and views of the arrays that it is given; "
        "it can allocate nothing (no np.zeros, list or text), so keep what it needs in its memory (docs/plugins.md)"
    )
