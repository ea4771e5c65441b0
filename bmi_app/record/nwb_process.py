"""Write a session as NWB in a process of its own.

On a full disk HDF5 cannot close its file, complains at length, and crashes when its process ends: that must cost neither the window nor
the words of the mistake. The process is given JSON and says JSON lines: {"remark": text}, {"writing": path}, then {"path": path} or {"error": text}.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bmi_app import own_python
from bmi_app.record.nwb import ExportError, Subject, export, why_unwritten


def export_apart(
    folder: Path,
    to: Path | None = None,
    subject: Subject | None = None,
    tell: Callable[[str], object] = lambda remark: None,
    *,
    damaged_too: bool = False,
) -> Path:
    """Write a complete session as NWB; return the file. As `nwb.export`.

    Raises
    ------
    ExportError
        If it cannot be exported; nothing half written is left.
    """
    request = {
        "folder": str(folder.absolute()),
        "to": None if to is None else str(to.absolute()),
        "subject": asdict(subject or Subject()),
        "damaged_too": damaged_too,
    }
    done = subprocess.run(
        own_python.command("-m", "bmi_app.record.nwb_process", json.dumps(request)),
        env=own_python.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        message = _parsed(line)
        said |= message
        if "remark" in message:
            tell(message["remark"])
    if "path" in said:
        return Path(said["path"])
    if "writing" in said:
        Path(said["writing"]).unlink(missing_ok=True)
    if "error" in said:
        raise ExportError(said["error"], said["exit_code"])
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise ExportError(
        f"{folder.name}: cannot be exported: the writing process ended with {done.returncode}: {last[0]}", 1
    )


def main() -> int:
    """Export what the first argument asks for; return the exit code."""
    request = json.loads(sys.argv[1])
    folder, to = Path(request["folder"]), request["to"]
    try:
        path = export(
            folder,
            None if to is None else Path(to),
            Subject(**request["subject"]),
            tell=lambda remark: _say(remark=remark),
            on_writing=lambda part: _say(writing=str(part)),
            damaged_too=request["damaged_too"],
        )
    except ExportError as error:
        _say(error=str(error), exit_code=error.exit_code)
        return 1
    except Exception as error:  # noqa: BLE001 - h5py raises what HDF5 complains of in several kinds, hdmf wraps them
        _say(error=f"{folder.name}: cannot be exported: {why_unwritten(error)}", exit_code=1)
        return 1
    _say(path=str(path))
    return 0


def _say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    return message if isinstance(message, dict) else {}


if __name__ == "__main__":
    code = main()
    os._exit(code)  # at an ordinary end h5py would try once more to close what it cannot close
