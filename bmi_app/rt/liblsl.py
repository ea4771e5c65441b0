"""Load liblsl, and keep its log out of ours; whoever uses pylsl takes it from here.

Where the user has no configuration of liblsl, its reports of streams that come and go would run over what we print. It
reads its configuration once, at its first use.
"""

import os
from pathlib import Path

import pylsl

__all__ = ["pylsl"]

_CONFIGS = (Path("lsl_api.cfg"), Path.home() / "lsl_api" / "lsl_api.cfg", Path("/etc/lsl_api/lsl_api.cfg"))
if "LSLAPICFG" not in os.environ and not any(path.is_file() for path in _CONFIGS):
    pylsl.set_config_content("[log]\nlevel = -3\n")
