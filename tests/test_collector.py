"""The garbage collector looks seldom while the program is loaded, and by Python's own limits while a session or a window runs."""

import json
import subprocess
import sys

from bmi_app import own_python

_COUNTED = """
import gc, json, runpy, sys
began = []
gc.callbacks.append(lambda phase, told: began.append(told["generation"]) if phase == "start" else None)
sys.argv = ["bmi", *sys.argv[1:]]
try:
    runpy.run_module("bmi_app", run_name="__main__")
except SystemExit:
    pass
print(json.dumps([len(began), gc.get_threshold()]))
"""

_RUNNING = """
import gc, json
from bmi_app import collector
usual = gc.get_threshold()
collector.look_seldom()
seldom = gc.get_threshold()
collector.look_as_usual()
print(json.dumps([usual == gc.get_threshold(), seldom[0] > 100 * usual[0], gc.get_freeze_count() > 0]))
"""


def test_it_hardly_looks_while_a_command_is_loaded_and_run() -> None:
    """With Python's own limits it looks more than a hundred times."""
    done = subprocess.run(
        own_python.command("-c", _COUNTED, "protocols", "check", "center_out", "--json"),
        capture_output=True,
        text=True,
        check=True,
    )
    n_looks, _ = json.loads(done.stdout.splitlines()[-1])
    assert n_looks <= 10


def test_what_runs_for_hours_is_looked_through_as_usual_but_for_what_was_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", _RUNNING], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, True, True]
