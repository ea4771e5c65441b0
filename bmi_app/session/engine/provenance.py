"""Say under which circumstances a session was recorded: versions, processor, clock."""

import functools
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bmi_app.rt.jit import cache_folder

_PACKAGES = ("bmi_app", "numpy", "numba", "llvmlite", "pylsl", "pyarrow", "pydantic")


def versions() -> dict[str, str]:
    """Return what a bit-exact replay depends on, and the rest of the software; `kernels` is a hash of their sources."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    return found | {"kernels": cache_folder().name} | {name: _version(name) for name in _PACKAGES}


@functools.cache  # of what this process has imported, whatever is installed meanwhile
def _version(package: str) -> str:
    return version(package.replace("_", "-"))


def processor() -> str:
    """Return the processor's model, as the system names it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def clock_anchor(local_s: float) -> dict[str, Any]:
    """Return one moment on both clocks: liblsl's local one, and the wall's."""
    return {"local_s": local_s, "unix_s": time.time()}
