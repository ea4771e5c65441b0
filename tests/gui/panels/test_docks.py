import os
import subprocess
import sys

# A window that is shown is garbage: Qt hides its docks while Python takes them, and what their signals call, apart.
_DROPPED = """
import gc
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QMainWindow, QWidget
from bmi_app.gui.panels.docks import Docks

class Shown(QWidget):
    def redraw(self, whole):
        pass

def hold(window):
    '''Name the window in a slot, as keys and buttons do: it goes last, once what its docks call is taken apart.'''
    window.timer = QTimer(window)
    window.timer.timeout.connect(lambda: window.update())

application = QApplication(["bmi"])
gc.disable()
for _ in range(3):
    window = QMainWindow()
    window.docks = Docks(window, QWidget(), {"Spikes": Shown()}, [["Spikes"]], [["Spikes"]])
    hold(window)
    window.show()
    application.processEvents()
    assert window.docks.docks["Spikes"].isVisible()
    del window
    gc.collect()
print("alive")
"""


def test_docks_that_the_collector_takes_apart_while_they_are_shown_do_not_end_the_process() -> None:
    """The process ended with a segmentation fault: a signal called a `partial` that had no function any more."""
    came = subprocess.run(
        [sys.executable, "-c", _DROPPED],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (came.returncode, came.stdout) == (0, "alive\n"), came.stderr
