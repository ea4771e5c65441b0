"""Be a view at its worst: read all that is new at display rate, and compute in Python for the rest of the time.

Argument: the session folder to attach to, or nothing, to read an array of its own instead: the same load beside a loop
that has no live file. Ends when it is killed.
"""

import sys
import time
from pathlib import Path

import numpy as np

from bmi_app.session.priority import lower_view
from bmi_app.session.view.attachment import Attachment

_PERIOD_S = 1 / 60
_ROWS = 17  # a frame's share of ticks at 1 kHz


def main(folder: str) -> None:
    """Load one processor, niced as every view is."""
    lower_view()
    attachment = Attachment(Path(folder)) if folder else None
    scratch = np.zeros((_ROWS, 1024), np.float32)
    head = attachment.head if attachment else 0
    print("{}", flush=True)
    next_s = time.monotonic()
    work = 0
    while True:
        if attachment is None:
            scratch.copy()
        else:
            head, _ = attachment.since(head, "frames", "counts", "health")
        next_s = max(next_s + _PERIOD_S, time.monotonic())
        while time.monotonic() < next_s:
            work += sum(range(100))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
