"""Check whether this machine can run a session well, and say what to do where it cannot.

Every check returns findings and raises nothing. Each imports what it checks itself, so that one broken package does not
hide the others.
"""

import getpass
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from bmi_app import own_python
from bmi_app.plain_text import plain

Status = Literal["ok", "warn", "fail"]

DISTRIBUTION = "bmi-app"
_CHECKOUT = Path(__file__).resolve().parents[1]
_SETUP = "make setup" if (_CHECKOUT / "Makefile").exists() else f"pip install --upgrade {DISTRIBUTION}"

_TESTED_PYTHONS = ((3, 11), (3, 13))  # what constraints.txt was resolved for
_SHORT_SLICE_KERNEL = (6, 12)  # sched_setattr takes a slice for SCHED_OTHER (EEVDF) from this version on
_LSL_TIMEOUT_S = 3.0
_QT_TIMEOUT_S = 20.0
_WAKE_UPS = 200
_LATE_WAKE_UP_US = 1000.0  # a tick of 1 kHz would be missed
_LITTLE_SHARED_MEMORY_MIB = 64.0
_FULL_DISK_GIB, _LITTLE_DISK_GIB = 0.2, 5.0


@dataclass(frozen=True)
class Finding:
    """Say what one check found, and how to mend it."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def run_checks() -> list[Finding]:
    """Run every check; takes a few seconds. A check that breaks is itself a finding."""
    findings: list[Finding] = []
    for check in _CHECKS:
        try:
            findings.extend(check())
        except Exception as error:  # noqa: BLE001  the report must come out whatever is broken
            name = check.__name__.removeprefix("check_").replace("_", " ")
            findings.append(Finding(name, "fail", f"{type(error).__name__}: {error}", _SETUP))
    return findings


def worst(findings: Iterable[Finding]) -> Status:
    """Return the worst status of `findings`."""
    found = {finding.status for finding in findings}
    return "fail" if "fail" in found else "warn" if "warn" in found else "ok"


def render(findings: list[Finding], *, as_json: bool = False) -> None:
    """Print `findings` on standard output: a table, or one JSON object."""
    if as_json:
        print(json.dumps({"status": worst(findings), "findings": [asdict(finding) for finding in findings]}))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        text = Text("\n".join(map(plain, finding.detail.splitlines())))
        if finding.remedy:
            text.append(f"\n-> {plain(finding.remedy)}", style="bold")
        table.add_row(Text(finding.status, style=colours[finding.status]), finding.name, text)
    Console().print(table)


def check_python() -> list[Finding]:
    """Compare the interpreter with those that the pinned versions were resolved for."""
    here = sys.version_info[:2]
    detail = f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}"
    if _TESTED_PYTHONS[0] <= here <= _TESTED_PYTHONS[1]:
        return [Finding("Python", "ok", detail)]
    span = " to ".join(f"{major}.{minor}" for major, minor in _TESTED_PYTHONS)
    return [Finding("Python", "warn", detail, f"the pinned packages were tested with {span}")]


def check_packages() -> list[Finding]:
    """Compare the installed packages with what the project requires and what constraints.txt pins."""
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return [Finding("packages", "fail", f"{DISTRIBUTION} is not installed", _SETUP)]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required if "extra ==" not in line]
    pinned = _pinned_versions()
    missing, different = [], []
    for name in names:
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if pinned.get(_canonical(name), installed) != installed:
            different.append(f"{name} {installed} instead of {pinned[_canonical(name)]}")
    if missing:
        return [Finding("packages", "fail", f"missing: {', '.join(missing)}", _SETUP)]
    if different:
        remedy = f"{sys.executable} -m pip install -c constraints.txt -e ."
        return [Finding("packages", "warn", f"not as tested: {', '.join(different)}", remedy)]
    told = "as pinned in constraints.txt" if pinned else "no constraints.txt beside them to compare with"
    return [Finding("packages", "ok", f"{len(names)} required packages, {told}")]


def check_liblsl() -> list[Finding]:
    """Load liblsl and pass one sample from an outlet to an inlet of this process."""
    try:
        from bmi_app.rt.liblsl import pylsl
    except (ImportError, RuntimeError, OSError) as error:  # pylsl raises RuntimeError where it finds no liblsl
        return [Finding("liblsl", "fail", f"cannot be loaded: {str(error).splitlines()[0]}", _SETUP)]
    version = pylsl.library_version()
    loaded = Finding("liblsl", "ok", f"{version // 100}.{version % 100}, pylsl {importlib.metadata.version('pylsl')}")

    source_id = f"bmi-doctor-{uuid.uuid4()}"
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("bmi-doctor", "Test", 1, pylsl.IRREGULAR_RATE, "int32", source_id))
    asked_at = time.perf_counter()
    found = pylsl.resolve_byprop("source_id", source_id, 1, _LSL_TIMEOUT_S)
    took_ms = (time.perf_counter() - asked_at) * 1e3
    remedy = (
        "let UDP port 16571 and TCP and UDP ports 16572-16604 through the firewall, or set ResolveScope in lsl_api.cfg"
    )
    if not found:
        return [loaded, Finding("LSL loopback", "fail", "an outlet of this process could not be found", remedy)]
    inlet = pylsl.StreamInlet(found[0], recover=False)
    try:
        inlet.open_stream(_LSL_TIMEOUT_S)
        outlet.wait_for_consumers(_LSL_TIMEOUT_S)
        outlet.push_sample([42])
        sample, _ = inlet.pull_sample(_LSL_TIMEOUT_S)
    except (pylsl.TimeoutError, pylsl.LostError) as error:
        return [loaded, Finding("LSL loopback", "fail", f"found, but it cannot be opened: {error}", remedy)]
    finally:
        inlet.close_stream()
        del inlet, outlet  # in this order: an inlet whose outlet has gone waits for it
    if sample != [42]:
        return [loaded, Finding("LSL loopback", "fail", f"sent 42, received {sample}", remedy)]
    return [loaded, Finding("LSL loopback", "ok", f"found in {took_ms:.0f} ms, one sample passed")]


def check_kernel_cache() -> list[Finding]:
    """Write into the folder of compiled kernels, and tell whether they are there already."""
    from bmi_app.rt.jit import cache_folder

    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = f"make {folder.parent} writable: without it every start compiles for about a minute"
        return [Finding("kernel cache", "fail", f"{folder}: {error.strerror}", remedy)]
    compiled = sum(1 for _ in folder.rglob("*.nbc"))
    told = f"{compiled} kernels" if compiled else "empty: the first session compiles for about a minute"
    return [Finding("kernel cache", "ok", f"{told}, {folder}")]


def check_scheduling() -> list[Finding]:
    """Try what the real-time threads ask the kernel for."""
    if sys.platform != "linux":
        detail = f"{platform.system()}: threads run at ordinary priority"
        return [Finding("scheduling", "warn", detail, "for the best timing use Linux 6.12 or newer")]
    import resource

    findings = []
    if _may_use_fifo():
        findings.append(Finding("real-time priority", "ok", "SCHED_FIFO is allowed"))
    else:
        findings.append(Finding("real-time priority", "warn", "SCHED_FIFO is not allowed", _allow("rtprio 80")))

    release = platform.release()
    numbers = tuple(int(number) for number in re.findall(r"\d+", release)[:2])
    if numbers >= _SHORT_SLICE_KERNEL:
        findings.append(Finding("short time slices", "ok", f"Linux {release}"))
    else:
        findings.append(Finding("short time slices", "warn", f"Linux {release}", "Linux 6.12 or newer, or SCHED_FIFO"))

    locked_bytes, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if locked_bytes == resource.RLIM_INFINITY or os.geteuid() == 0:
        findings.append(Finding("locked memory", "ok", "unlimited"))
    else:
        detail = f"at most {locked_bytes / 2**20:.0f} MiB"
        findings.append(Finding("locked memory", "warn", detail, _allow("memlock unlimited")))
    return findings


def check_wake_up() -> list[Finding]:
    """Measure how late this process wakes from sleeps of 1 ms."""
    late_us = []
    for _ in range(_WAKE_UPS):
        before = time.perf_counter()
        time.sleep(0.001)
        late_us.append((time.perf_counter() - before - 0.001) * 1e6)
    late_us.sort()
    p50, p99 = late_us[_WAKE_UPS // 2], late_us[_WAKE_UPS * 99 // 100]
    detail = f"p50 {p50:.0f} us, p99 {p99:.0f} us late, of {_WAKE_UPS} sleeps of 1 ms"
    if p99 <= _LATE_WAKE_UP_US:
        return [Finding("wake-up latency", "ok", detail)]
    return [Finding("wake-up latency", "warn", detail, "end what else is busy; set the power profile to performance")]


def check_space() -> list[Finding]:
    """Look for room in shared memory (the live file) and where sessions are written."""
    from bmi_app.record.session_folder import sessions_root

    findings = []
    if sys.platform == "linux":
        free_mib = shutil.disk_usage("/dev/shm").free / 2**20
        little = free_mib < _LITTLE_SHARED_MEMORY_MIB
        remedy = "sudo mount -o remount,size=1G /dev/shm (in a container: --shm-size=1g)" if little else ""
        findings.append(Finding("shared memory", "warn" if little else "ok", f"{free_mib:.0f} MiB free", remedy))

    folder = sessions_root()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        remedy = "set BMI_SESSIONS to a folder that you may write to"
        return [*findings, Finding("sessions folder", "fail", f"{folder}: not writable", remedy)]
    free_gib = shutil.disk_usage(existing).free / 2**30
    status: Status = "fail" if free_gib < _FULL_DISK_GIB else "warn" if free_gib < _LITTLE_DISK_GIB else "ok"
    remedy = "" if status == "ok" else "free some space, or set BMI_SESSIONS to a folder on another disk"
    return [*findings, Finding("sessions folder", status, f"{folder}: {free_gib:.1f} GiB free", remedy)]


def check_display() -> list[Finding]:
    """Open Qt in a process of its own, which a platform plugin that cannot be loaded would abort."""
    screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    environment = os.environ if screen else {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    program = "from PyQt6.QtWidgets import QApplication as A; print(A([]).platformName())"
    try:
        done = subprocess.run(
            own_python.command("-c", program),
            env=own_python.environment(environment),
            capture_output=True, text=True, timeout=_QT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return [Finding("Qt", "fail", f"no window system answered within {_QT_TIMEOUT_S:.0f} s", "check DISPLAY")]
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        cause = next((line for line in said if "Error" in line or "could not" in line.lower()), "ended without a word")
        unreachable = "connect to display" in done.stderr
        return [Finding("Qt", "fail", cause.strip(), "check DISPLAY" if unreachable else _qt_remedy())]
    name = done.stdout.strip()
    if screen:
        return [Finding("Qt", "ok", f"a window can be opened ({name})")]
    return [Finding("Qt", "ok", "loads; no display, so sessions show the terminal dashboard")]


def check_sessions() -> list[Finding]:
    """Look for sessions that share the processor with the next one, that want to be recovered, or that are damaged."""
    from bmi_app.record import integrity, session_folder
    from bmi_app.session.store import leftovers

    states: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for folder in session_folder.sessions(session_folder.sessions_root()):
        standing = integrity.quick(folder)
        states.setdefault(standing.state, []).append(folder.name)
        words[folder.name] = standing.words
    findings = []
    if running := states.get("running"):
        remedy = f"`bmi gui --attach {running[0]}` shows it; a second one makes both later"
        findings.append(Finding("running sessions", "warn", ", ".join(running), remedy))
    if interrupted := states.get("interrupted"):
        remedy = f"bmi sessions recover {interrupted[0]}"
        findings.append(Finding("interrupted sessions", "warn", ", ".join(interrupted), remedy))
    if unfinished := states.get("recovery unfinished"):
        remedy = f"bmi sessions recover {unfinished[0]}"
        findings.append(Finding("unfinished recoveries", "warn", ", ".join(unfinished), remedy))
    never = {folder.name for folder in leftovers.find(session_folder.sessions_root()).folders}
    for state in ("damaged", "unreadable"):
        if wrong := [name for name in states.get(state, []) if name not in never]:
            detail = "; ".join(f"{name}: {words[name].removeprefix(f'{state}: ')}" for name in wrong)
            remedy = f"`bmi sessions verify {wrong[0]}` tells what is damaged, and what is still whole"
            findings.append(Finding(f"{state} sessions", "warn", detail, remedy))
    findings += _leftovers()
    return findings or [Finding("sessions", "ok", "none is running or interrupted, and none is seen to be damaged")]


def _leftovers() -> list[Finding]:
    """Look for what engines left that died: recovery takes from live files what had not reached the disk."""
    from bmi_app.record import session_folder
    from bmi_app.session.store import leftovers

    found = leftovers.find(session_folder.sessions_root())
    findings = []
    if found.live_files:
        size_mib = sum(path.stat().st_size for path in found.live_files) / 2**20
        detail = f"{len(found.live_files)} of engines that died, {size_mib:.0f} MiB of shared memory; no session here needs them"
        remedy = "recover sessions that were written elsewhere first, then: bmi doctor --fix"
        findings.append(Finding("left-over live files", "warn", detail, remedy))
    if found.folders:
        detail = f"{', '.join(path.name for path in found.folders)}: their engines died before anything was recorded"
        findings.append(Finding("sessions that never began", "warn", detail, "bmi doctor --fix"))
    if found.sockets:
        detail = f"{len(found.sockets)} command sockets that nobody listens to"
        findings.append(Finding("left-over sockets", "warn", detail, "bmi doctor --fix"))
    return findings


def fix() -> list[Finding]:
    """Remove what engines left that died before their session began, and say what that was."""
    from bmi_app.record import session_folder
    from bmi_app.session.store import leftovers

    found = leftovers.find(session_folder.sessions_root())
    failed = leftovers.remove(found)
    removed = [str(path) for path in found.paths if not os.path.lexists(path)]
    findings = [Finding("removed", "ok", ", ".join(removed) or "nothing was left over")]
    return findings + [Finding("not removed", "warn", line) for line in failed]


_CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    check_python, check_packages, check_liblsl, check_kernel_cache, check_scheduling, check_wake_up, check_space,
    check_display, check_sessions,
)  # fmt: skip


def _pinned_versions() -> dict[str, str]:
    path = _CHECKOUT / "constraints.txt"
    if not path.exists():  # installed from a wheel
        return {}
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {_canonical(name): version for name, version in pins}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _may_use_fifo() -> bool:
    """Try it in a thread of its own, which alone keeps the priority, and ends with it."""
    allowed = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # 0: on Linux, this thread
        except PermissionError:
            return
        allowed.append(True)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return bool(allowed)


def _allow(limit: str) -> str:
    """Return the command that grants this user a limit."""
    line = f"{getpass.getuser()} - {limit}"
    return f"echo '{line}' | sudo tee -a /etc/security/limits.d/bmi.conf, then log in again"


def _qt_remedy() -> str:
    """Name the packages of the libraries that Qt lacks; tools/apt-packages.txt lists them for Debian and its kin."""
    packages = _CHECKOUT / "tools" / "apt-packages.txt"
    if sys.platform == "linux" and shutil.which("apt-get") and packages.exists():
        return f"sudo apt-get install {' '.join(packages.read_text(encoding='utf-8').split())}"
    return "install the libraries that Qt 6 needs (https://doc.qt.io/qt-6/linux-requirements.html)"
