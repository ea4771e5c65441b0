"""Open a folder in the computer's own program for folders, and say where it is when there is none."""

from pathlib import Path

from PyQt6.QtCore import QUrl
from PyQt6.QtGui import QDesktopServices, QGuiApplication


def trouble_opening(folder: Path) -> str:
    """Open a folder; return why it could not be opened, or nothing.

    Qt tells a failing launcher (no `xdg-open`, no program for folders) by False only. The path is put on the clipboard then, so
    that it can be pasted where it is wanted.
    """
    if not folder.is_dir():
        return f"✕ Cannot be opened: {folder} is not there any more"
    if QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
        return ""
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(str(folder))
    return f"✕ Cannot be opened: this computer has no program for folders. Its path is on the clipboard: {folder}"
