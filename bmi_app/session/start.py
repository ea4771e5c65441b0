"""Be the engine process: say what takes a while, run one session, leave nothing behind.

The request is the first argument, as JSON (`bmi_app.session.prepare.prepare`). Until the session runs, messages go to
standard output as JSON lines: {"progress": text}, {"error": [lines]}, {"ready": folder}; afterwards to `engine.log`.
"""

import contextlib
import faulthandler
import json
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def main() -> int:
    """Run the engine that the first argument asks for; return the exit code."""
    request = json.loads(sys.argv[1])
    _announce_compilation()
    from bmi_app.session.prepare import PrepareError, prepare

    try:
        prepared = prepare(request, lambda text: _say(progress=text))
    except PrepareError as error:
        _say(error=error.lines)
        return 2
    log = (prepared.folder / "engine.log").open("ab", buffering=0)
    faulthandler.enable(log)
    try:
        return _run(prepared, log)
    except Exception as error:  # noqa: BLE001 - the last line of defence: said to the user, kept in the log
        log.write(f"{time.strftime('%FT%T')} {traceback.format_exc()}\n".encode())
        _say(error=[str(error) if not _has_frames(prepared) else f"the session stopped: {error}; see engine.log"])
        if not _has_frames(prepared):
            shutil.rmtree(prepared.folder, ignore_errors=True)  # it never began: an empty folder would only mislead
        return 1
    finally:
        prepared.live_path.unlink(missing_ok=True)


def _run(prepared: Any, log: Any) -> int:
    from bmi_app.record.session_folder import write_summary
    from bmi_app.session.engine import Engine

    engine = Engine(prepared)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.stop())
    summary = engine.run(lambda: _hand_over(prepared.folder, log))
    write_summary(prepared.folder, summary)
    return 1 if "error" in summary else 0


def _has_frames(prepared: Any) -> bool:
    from bmi_app.rt import cells

    return bool(prepared.core.arrays["ctl"][cells.FRAMES_HEAD])


def _announce_compilation() -> None:
    from bmi_app.rt.jit import cache_folder

    if not any(cache_folder(("bmi_app/rt",)).rglob("*.nbi")):
        _say(progress="compiling the kernels: once on this machine, about a minute")


def _hand_over(folder: Path, log: Any) -> None:
    """Tell the launcher that the session runs; from now on the engine speaks to its log only."""
    _say(ready=str(folder))
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)


def _say(**message: Any) -> None:
    """Write one JSON line to the launcher; a launcher that has gone is no reason to stop."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
