"""Give every test its own session folder and its own corner of LSL, and fail the tests that leave something behind."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Before anything imports Qt or liblsl, and inherited by every process that a test starts. The session id keeps streams
# of other test workers, and of whoever else works on this machine, out of sight.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_lsl_folder = Path(tempfile.mkdtemp(prefix="bmi-test-lsl-"))
_lsl_config = _lsl_folder / "lsl_api.cfg"
_lsl_config.write_text(
    f"[multicast]\nResolveScope = machine\n[lab]\nSessionID = bmi-test-{os.getpid()}\n[log]\nlevel = -2\n"
)
os.environ["LSLAPICFG"] = str(_lsl_config)

# Whoever runs the tests in the background of a script has Ctrl-C ignored, and so would every process that they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The time of one example depends on what else the machine does, and CI must fail for the same reason twice.
hypothesis.settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("project")

_SHARED_MEMORY = Path("/dev/shm")
_PROCESSES = Path("/proc")
_PATIENCE_S = 2.0  # what a test stopped in its last line may still take to go away


def pytest_unconfigure() -> None:
    shutil.rmtree(_lsl_folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def sessions_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the sessions of this test, and of the processes it starts, are written."""
    folder = tmp_path / "sessions"
    monkeypatch.setenv("BMI_SESSIONS", str(folder))
    monkeypatch.setenv("BMI_CHECKS", str(tmp_path / "checks"))
    return folder


@pytest.fixture(autouse=True)
def live_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the live files of this test's engines lie: in shared memory, as a user's do, but apart from everyone's."""
    if not _SHARED_MEMORY.is_dir():
        monkeypatch.setenv("BMI_LIVE_FOLDER", str(tmp_path))
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="bmi-tests-", dir=_SHARED_MEMORY))
    monkeypatch.setenv("BMI_LIVE_FOLDER", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_left_behind(sessions_folder: Path, live_folder: Path) -> Iterator[None]:
    threads_before, processes_before = set(threading.enumerate()), set(_process_numbers())
    yield
    give_up_at = time.monotonic() + _PATIENCE_S
    while left := [
        *(f"thread {thread.name}" for thread in set(threading.enumerate()) - threads_before if not thread.daemon),
        *_processes_of(sessions_folder, set(_process_numbers()) - processes_before),
        *(f"shared memory {path}" for path in live_folder.glob("bmi-*")),
    ]:
        if time.monotonic() > give_up_at:
            pytest.fail("the test left behind: " + ", ".join(left))
        time.sleep(0.02)  # only where something is left to wait for


@pytest.fixture
def real_data() -> Path:
    """The folder of real recordings, which are not part of the project."""
    named = os.environ.get("BMI_REAL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder} (BMI_REAL_DATA names another folder)")
    return folder


def _process_numbers() -> list[str]:
    return [name for name in os.listdir(_PROCESSES) if name.isdigit()] if _PROCESSES.is_dir() else []


def _processes_of(sessions_folder: Path, numbers: set[str]) -> Iterator[str]:
    """Name the processes that this test started: our children, and whatever inherited its session folder.

    The second catches an engine whose parent has ended. Python's own resource tracker lives as long as we do.
    """
    inherited = f"BMI_SESSIONS={sessions_folder}\0".encode()
    for folder in (_PROCESSES / number for number in numbers):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            ours = int(parent) == os.getpid() or inherited in (folder / "environ").read_bytes() + b"\0"
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # ended meanwhile, or somebody else's
            continue
        if ours and state != "Z" and "multiprocessing.resource_tracker" not in command:
            yield f"process {folder.name} ({command})"
