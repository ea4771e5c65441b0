"""Say how this program starts another Python process: none of them imports from the folder that it is started in.

`python -m` and `python -c` put the current folder first on the path: beside a file `random.py` no session would start, and in another
user's folder that user's code would run. An empty entry of PYTHONPATH means the current folder as well.
"""

import os
import sys
from collections.abc import Mapping


def command(*arguments: str) -> list[str]:
    """Return the command line of this Python with `arguments`, without the current folder on its path."""
    return [sys.executable, "-P", *arguments]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of such a process, and of all that it starts."""
    inherited = {**os.environ, **(more or {}), "PYTHONSAFEPATH": "1"}
    if "PYTHONPATH" in inherited:
        kept = [entry for entry in inherited["PYTHONPATH"].split(os.pathsep) if entry not in ("", os.curdir)]
        inherited["PYTHONPATH"] = os.pathsep.join(kept)
    return inherited


def leave_current_folder() -> None:
    """Take the current folder from this process's path where an empty entry of PYTHONPATH has put it there.

    What Python imports before any program begins (`sitecustomize`, and this package itself) cannot be kept from it.
    """
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.environ.get("PYTHONPATH") else []
    try:
        current = os.getcwd()
    except OSError:  # it was removed
        current = ""
    is_meant = not {"", os.curdir} & set(named) or current in named
    if is_meant or os.path.realpath(current) == os.path.dirname(os.path.dirname(os.path.realpath(__file__))):
        return
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.curdir, current)]
