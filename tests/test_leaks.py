"""Test that a test which leaves something behind fails, and says what it left."""

import subprocess
import sys
from pathlib import Path

import pytest

LEAKY = """
import os, subprocess, sys, threading, time
from pathlib import Path

def test_thread():
    threading.Thread(target=time.sleep, args=(4,), name="forgotten").start()

def test_child():
    globals()["child"] = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(4)"])

def test_orphan():
    starter = "import subprocess, sys; subprocess.Popen(['sleep', '4'], start_new_session=True)"
    subprocess.run([sys.executable, "-c", starter], check=True)

def test_memory():
    Path(os.environ["BMI_LIVE_FOLDER"], "bmi-left-by-test").touch()

def test_clean():
    done = threading.Thread(target=time.sleep, args=(0.2,))
    done.start()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_what_is_left_behind_fails_the_test(tmp_path: Path) -> None:
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    (tmp_path / "conftest.py").write_bytes((Path(__file__).parent / "conftest.py").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rE", "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    errors = {line.split("::")[1].split(" ")[0]: line for line in done.stdout.splitlines() if line.startswith("ERROR ")}
    assert errors.keys() == {"test_thread", "test_child", "test_orphan", "test_memory"}, done.stdout
    assert "5 passed, 4 errors" in done.stdout
