"""Load liblsl, and keep its log out of ours; whoever uses pylsl takes it from here.

liblsl reads its configuration once, at its first use, and looks for it in the current folder as well, where another user's file
could send our streams to a network of their choice. So it is read here, from the user's and the system's places only, and handed
over. Where there is none, liblsl's reports of streams that come and go would run over what we print.
"""

import contextlib
import os
from pathlib import Path

import pylsl

__all__ = ["pylsl"]

_QUIET = "[log]\nlevel = -3\n"


def configuration() -> tuple[Path | None, str]:
    """Return the file of liblsl's configuration, if there is one, and its content."""
    named = os.environ.get("LSLAPICFG")
    places = [Path(named)] if named else []
    with contextlib.suppress(RuntimeError):  # a user without a home
        places.append(Path.home() / "lsl_api" / "lsl_api.cfg")
    places.append(Path("/etc/lsl_api/lsl_api.cfg"))
    for path in places:
        try:
            return path, path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return None, _QUIET


def _configure() -> None:
    path, content = configuration()
    try:
        pylsl.set_config_content(content or "\n")  # an empty one would be none, and liblsl would look for itself
    except NotImplementedError:  # liblsl before 1.17.7 takes files only
        os.environ["LSLAPICFG"] = os.devnull if path is None else str(path.absolute())


_configure()
