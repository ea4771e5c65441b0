"""Remember in which folders sessions were kept, so that the browser finds them again."""

from pathlib import Path

from PyQt6.QtCore import QSettings

from bmi_app.record.session_folder import sessions_root

_KEY = "sessions/folders"
_MOST = 12


class RecentFolders:
    """Hold the folders, the newest first; the default one is always among them."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings

    def all(self) -> list[Path]:
        """Return the folders that there are, the default one first."""
        remembered = [Path(text) for text in self._settings.value(_KEY, [], list) or []]
        return [sessions_root(), *(path for path in remembered if path != sessions_root() and path.is_dir())]

    def add(self, folder: Path) -> None:
        """Remember a folder."""
        folder = folder.expanduser().absolute()
        others = [path for path in self.all() if path not in (folder, sessions_root())]
        kept = [*([folder] if folder != sessions_root() else []), *others]
        self._settings.setValue(_KEY, [str(path) for path in kept[:_MOST]])
