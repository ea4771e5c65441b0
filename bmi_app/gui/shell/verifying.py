"""Verify a session off the window's thread, and say in words what was found."""

import time
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from bmi_app.gui.shell.worker import Worker

_TELL_S = 0.1


class Verifier(QObject):
    """Recompute sessions one after the other.

    Signal `told(folder, text, is_done, is_exact)`: progress while it is not done, then the verdict.
    """

    told = pyqtSignal(Path, str, bool, bool)

    def __init__(self, worker: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = worker

    def verify(self, folder: Path) -> None:
        """Queue a session; returns at once."""
        self.told.emit(folder, "Verifying: reading the recording…", False, False)
        due_s = [0.0]

        def on_progress(done: int, total: int) -> None:
            if time.monotonic() >= due_s[0]:
                due_s[0] = time.monotonic() + _TELL_S
                text = f"Verifying: {done / max(total, 1):.0%} of {total:,} ticks recomputed"
                self._worker.post(lambda: self.told.emit(folder, text, False, False))

        def recompute() -> Any:
            from bmi_app.session.recompute import replay  # it loads the kernels

            return replay.verify(folder, on_progress)

        def tell(found: Any) -> None:
            self.told.emit(folder, _verdict(found), True, found.is_exact)

        self._worker.submit(
            recompute, tell, lambda error: self.told.emit(folder, f"Cannot be verified: {error}", True, False)
        )


def _verdict(found: Any) -> str:
    if found.damage:
        more = f" (and {len(found.damage) - 1} more)" if len(found.damage) > 1 else ""
        return f"✕ Not exact: {found.damage[0]}{more}"
    if found.difference is not None:
        first = found.difference
        where = f"; recorded elsewhere ({'; '.join(found.foreign)})" if found.foreign else ""
        return f"✕ Differs first at tick {first.tick:,}: {first.what}, {first.recorded} ≠ {first.replayed}{where}"
    commands = f", {found.commands} commands included" if found.commands else ""
    exact = f"✔ Bit-exact: all {found.ticks:,} ticks recomputed{commands}, every bit the same"
    return f"{exact}\nThe session is {found.standing}"  # in two lines, which leave room beside them
