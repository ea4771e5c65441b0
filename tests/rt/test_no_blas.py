"""No process imports scipy.linalg to look whether a kernel could call BLAS."""

import subprocess
import sys

_PROGRAM = """
import sys
from bmi_app.rt import loop
print("scipy.linalg" in sys.modules)
import scipy.linalg  # the fits still find it
print(scipy.linalg.inv([[2.0]])[0, 0])
"""


def test_nothing_looks_for_blas_before_the_first_kernel() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.splitlines() == ["False", "0.5"]
