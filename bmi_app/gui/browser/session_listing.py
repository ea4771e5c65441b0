"""Gather what the session browser lists of each session."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bmi_app.record.damage import JournalError
from bmi_app.record.reading import read_texts
from bmi_app.session.store import catalogue


@dataclass(frozen=True)
class Listed:
    """Describe a session in words, as the browser shows it; `words` say how it stands, `status` in one word."""

    folder: Path
    status: str
    words: str
    protocol: str
    subject: str
    label: str
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def begun_text(self) -> str:
        """Return when the session began, in local time; its folder's name has the UTC time."""
        try:
            begun = datetime.strptime(self.folder.name[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:  # a folder that was given another name
            return ""
        return begun.astimezone().strftime("%Y-%m-%d %H:%M")

    @property
    def length_text(self) -> str:
        """Return the length, or nothing where there is no summary."""
        length_s = self.summary.get("duration_s")
        return "" if length_s is None else f"{int(length_s) // 60}:{int(length_s) % 60:02d} min"

    @property
    def trials_text(self) -> str:
        """Return the number of trials."""
        return str(self.summary.get("trials", ""))

    @property
    def success_text(self) -> str:
        """Return the share of trials that succeeded."""
        rate = self.summary.get("success_rate")
        return "" if rate is None else f"{rate:.0%}"

    @property
    def searched(self) -> str:
        """Return the text in which a search looks."""
        return f"{self.folder} {self.words} {self.protocol} {self.subject} {self.label}".lower()


def list_sessions(roots: Iterable[Path]) -> list[Listed]:
    """List the sessions below any of `roots`, the newest first."""
    found = []
    entries = [entry for root in dict.fromkeys(roots) for entry in catalogue.entries(root)]
    for entry in sorted(entries, key=lambda entry: entry.folder.name, reverse=True):
        labels: dict[str, Any] = {}
        with contextlib.suppress(JournalError):
            labels = read_texts(entry.folder)[0].get("labels", {})
        subject, label = str(labels.get("subject", "")), str(labels.get("session", ""))
        found.append(Listed(entry.folder, entry.status, entry.words, entry.protocol, subject, label, entry.summary))
    return found
