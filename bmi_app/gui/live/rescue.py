"""Make a session of what a dead engine has left, off the window's thread, and say how that stands."""

import time
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from bmi_app.gui.shell.worker import Worker
from bmi_app.session.engine.rescue_folder import now_in

_TELL_MS = 1000


class Rescue(QObject):
    """Recover one session, one attempt at a time.

    Signals: `told(text, is_done, is_good)`, each second until it is done; `recovered(report)` before the last of them.
    """

    told = pyqtSignal(str, bool, bool)
    recovered = pyqtSignal(object)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._worker: Worker | None = None
        self._began_s = 0.0
        self._telling = QTimer(self)
        self._telling.timeout.connect(self._tell_time)

    @property
    def is_under_way(self) -> bool:
        """Tell whether it has begun and is not done."""
        return self._telling.isActive()

    def begin(self) -> None:
        """Begin, if it is not under way."""
        if self.is_under_way:
            return
        self._began_s = time.monotonic()
        self._telling.start(_TELL_MS)
        self._tell_time()
        self._worker = self._worker or Worker("recovery", self)
        self._worker.submit(self._recover, self._tell_report, self._tell_failure)

    def close(self) -> None:
        """Say nothing more."""
        self._telling.stop()
        if self._worker is not None:
            self._worker.close()

    def _recover(self) -> Any:
        from bmi_app.session.store import catalogue

        report = catalogue.recover(now_in(self._folder))
        return report, *catalogue.told(report)

    def _tell_time(self) -> None:
        lasts_s = time.monotonic() - self._began_s
        self.told.emit(f"Recovering: reading what was recorded, {lasts_s:.0f} s", False, False)

    def _tell_report(self, found: Any) -> None:
        report, words, is_good = found
        self._telling.stop()
        self.recovered.emit(report)
        self.told.emit(f"Recovered: {words}", True, is_good)

    def _tell_failure(self, error: Exception) -> None:
        self._telling.stop()
        self.told.emit(f"Cannot be recovered: {error}", True, False)
