"""See to it that the files which a session writes are still there, and go on elsewhere when they are not."""

from collections.abc import Callable
from pathlib import Path

from bmi_app.record.damage import JournalError
from bmi_app.record.journal import Journal
from bmi_app.record.liveness import Hold
from bmi_app.rt import clock
from bmi_app.session.engine import rescue_folder
from bmi_app.session.engine.prepare import Prepared

_LOOK_S = 1.0
_RETRY_S = 5.0  # where there was no place to go on: an attempt copies all that was recorded


class FileWatch:
    """Look each second whether files were removed while they are written; as often as that happens, go on elsewhere.

    Parameters
    ----------
    prepared : Prepared
        Its folder is where the session is.
    journal : Journal
        Asked by the thread that appends to it, which is the one to call `look`.
    alarm : callable
        Told in one line what was removed, and where the session goes on.
    on_moved : callable
        Told the new folder.
    """

    def __init__(
        self,
        prepared: Prepared,
        journal: Journal,
        alarm: Callable[[str], object],
        on_moved: Callable[[Path], object],
    ) -> None:
        self._prepared, self._journal = prepared, journal
        self._alarm, self._on_moved = alarm, on_moved
        self._first = prepared.folder  # its name leads to all that follow
        self._look_s = clock.now_s()
        self._told: list[str] = []  # what was removed, and where the session went on
        self._failure = ""  # why it did not go on after the last removal

    @property
    def words(self) -> str:
        """Say what was removed while it was recorded; an empty text where nothing was."""
        return "; ".join([*self._told, *([self._failure] if self._failure else [])])

    def look(self) -> None:
        """Look, if it is time to; say to every view what was found."""
        now_s = clock.now_s()
        if now_s < self._look_s:
            return
        self._look_s = now_s + _LOOK_S
        if missing := self._journal.missing():
            self._go_on(f"{', '.join(missing)} removed while it was recorded")

    def _go_on(self, removed: str) -> None:
        prepared = self._prepared
        text = prepared.core.protocol.to_toml()
        try:
            place = rescue_folder.move(self._journal, prepared.folder, self._first, prepared.session, text)
        except JournalError as error:
            self._look_s = clock.now_s() + _RETRY_S
            failure = f"{error}; {prepared.folder}: {removed}"  # what matters first: views show so many letters
            if failure != self._failure:
                self._failure = failure
                self._alarm(failure)
            return
        self._failure = ""
        self._told.append(f"{prepared.folder}: {removed}; the session goes on in {place}")
        prepared.folder = place
        self._on_moved(place)
        try:
            hold = Hold(place, prepared.session["id"])
        except JournalError as error:
            self._alarm(f"{error}; others may take the session for dead")
        else:
            # What is left of the old folder names this engine's memory and socket: nobody may take it for dead meanwhile.
            prepared.hold.on_lost = lambda _: None
            hold.on_lost = self._alarm
            prepared.left_holds.append(prepared.hold)
            prepared.hold = hold
        self._alarm(f"the session goes on in {place}: {removed}")
