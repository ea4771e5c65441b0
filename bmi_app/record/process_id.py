"""Tell a process from another one that got its number later."""

import os
import platform
import subprocess
from pathlib import Path


def process_start(pid: int) -> str:
    """Return when a process began, as a text to compare; empty when it is not alive, or cannot be asked."""
    if pid <= 0:
        return ""
    if platform.system() == "Linux":
        try:
            # Fields after the name, which may hold blanks and parentheses: state is the 3rd of all, start the 22nd.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    if os.name == "nt":
        return _windows_start(pid)
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _windows_start(pid: int) -> str:
    command = f"(Get-Process -Id {pid} -ErrorAction SilentlyContinue).StartTime.Ticks"
    answer = subprocess.run(
        ["powershell", "-NoProfile", "-Command", command], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()
