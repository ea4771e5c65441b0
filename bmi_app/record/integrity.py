"""Answer for every command and page whether a session is whole, at one of two depths.

``quick``
    Sizes, headers and end marks against `summary.json`: for lists. What was checked in full before, and has not been touched
    since (`checks`), is told as it was found then.
``full``
    Every checksum, row count and blob. Only this may be called intact, and only after it a replay may be called exact.

Checksums detect damage, not forgery: who can write a session can write its checksums as well.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bmi_app.record import checks, full_check, quick_check, session_folder
from bmi_app.record.damage import Damage, JournalError
from bmi_app.record.reading import read_texts

State = Literal[
    "running", "perhaps running", "interrupted", "recovery unfinished", "complete", "recovered", "damaged", "unreadable"
]
_UNENDED: tuple[State, ...] = ("running", "perhaps running", "interrupted", "recovery unfinished")
UNBOUND = "bound by row counts only"  # sessions of format 1: neither ids nor checksums


@dataclass(frozen=True)
class Standing:
    """Say how a session stands, and how well that is known.

    Attributes
    ----------
    damage : tuple of Damage
        What was found to be wrong, at most once a file.
    checked : str
        When every byte was checked, by the clock on the wall here; empty after a quick look.
    is_bound : bool
        Whether its files are bound to it by id and checksum; else by their row counts only.
    dt_s : float
        Of a tick; 0 where that is not known.
    cut : str
        Of a recovered session, where it was cut, and how long it was before where that is known.
    is_failed : bool
        Whether its summary says that a failure has ended it.
    """

    folder: Path
    state: State
    damage: tuple[Damage, ...] = ()
    checked: str = ""
    is_bound: bool = False
    dt_s: float = 0.0
    cut: str = ""
    is_failed: bool = False

    @property
    def is_ended(self) -> bool:
        """Tell whether the session was ended, or recovered, and no damage was found."""
        return self.state in ("complete", "recovered")

    @property
    def is_intact(self) -> bool:
        """Tell whether every byte was checked, is as it was written, and is of this session."""
        return self.is_ended and bool(self.checked) and self.is_bound

    @property
    def words(self) -> str:
        """Say in a few words how it stands."""
        if self.state == "damaged":
            recovered = f"; recovered, {self.cut}" if self.cut else ""
            return f"damaged: {self.damage_words(0)}{_and_more(len(self.damage) - 1)}{recovered}"
        if self.state == "unreadable" and self.damage:
            return f"unreadable: {self.damage_words(0)}"
        if not self.is_ended:
            return self.state
        cut = (f", {self.cut}" if self.cut else "") + (", ended by a failure" if self.is_failed else "")
        depth = f"checked {self.checked}" if self.checked else "not checked"
        return f"{self.state}{cut}, {depth}{'' if self.is_bound or not self.checked else f', {UNBOUND}'}"

    def damage_words(self, index: int) -> str:
        """Say of one damaged file its name, and from which time on it is damaged."""
        found = self.damage[index]
        if found.is_missing:
            return f"{found.file} is missing"
        if found.whole_through is None or self.dt_s <= 0 or not found.file.endswith(".arrows"):
            return found.file
        return f"{found.file} from {minutes((found.whole_through + 1) * self.dt_s)} on"

    def explained(self) -> list[str]:
        """Say of each damaged file from which time on it is damaged, and what was found there."""
        return [f"{self.damage_words(i)}: {found.what}" for i, found in enumerate(self.damage)]

    def doubts(self) -> list[str]:
        """Say why the session is not called whole; nothing where it is."""
        if self.damage or self.is_ended:
            return self.explained()
        return [f"the session is {self.state}: it may lack what came last; `bmi sessions recover` keeps what is whole"]

    def whole_files(self) -> list[str]:
        """Name the files of the journal in which nothing was found to be wrong."""
        wrong = {found.file for found in self.damage}
        return [name for name in full_check.names(self.folder) if name not in wrong]


def quick(folder: Path) -> Standing:
    """Look at sizes, headers and end marks; tell what a full check found if nothing was touched since."""
    found = _standing(folder)
    if found.state not in ("complete", "recovered"):
        return found
    damage = quick_check.damage_of(folder, _summary(folder) or {})
    known = checks.recall(folder)
    if known is None or (damage and not known.damage):
        return _judged(found, damage)
    return replace(_judged(found, known.damage), checked=known.checked)


def full(folder: Path) -> Standing:
    """Check every byte; a running session's last batch, which is just being written, is not held against it."""
    found = _standing(folder)
    if found.state == "unreadable":
        return found
    before, began_s = checks.settled_signature(folder), time.time()
    damage = full_check.damage_of(folder, is_running=found.state == "running")
    found = replace(found, damage=tuple(damage)) if found.state in _UNENDED else _judged(found, damage)
    if found.state in _UNENDED:
        return found
    checked = time.strftime("%Y-%m-%d %H:%M", time.localtime(began_s))
    checks.remember(folder, before, damage, checked, began_s)
    return replace(found, checked=checked)


def known_or_full(folder: Path) -> Standing:
    """Tell what a full check found if nothing was touched since; else make one."""
    found = quick(folder)
    return full(folder) if not found.checked and (found.is_ended or found.state == "damaged") else found


def verify(folder: Path) -> list[Damage]:
    """Return all that is wrong in a session folder; see `full_check.damage_of`."""
    return full_check.damage_of(folder, is_running=session_folder.status(folder) == "running")


def refusal(found: Standing) -> str:
    """Say in one line why what a session holds is not taken for whole, and what to do; empty where it is whole."""
    if found.state not in ("damaged", "unreadable"):
        return ""
    name = found.folder.name
    more = _and_more(len(found.damage) - 1)
    first = found.explained()[0] if found.damage else "it cannot be read"
    return f"{name}: is {found.state}: {first}{more}; `bmi sessions verify {name}` says what is still whole"


def refuse_damaged(folder: Path) -> Standing:
    """Check a session in full, unless that was done and nothing was touched since; return how it stands.

    Raises
    ------
    JournalError
        If it is damaged.
    """
    found = known_or_full(folder)
    if text := refusal(found):
        raise JournalError(text)
    return found


def minutes(time_s: float) -> str:
    """Write a time as minutes and seconds."""
    return f"{int(time_s) // 60}:{int(time_s) % 60:02d}"


def _standing(folder: Path) -> Standing:
    """Say how a session stands by its small files."""
    status = session_folder.status(folder)
    session: Mapping[str, Any] = {}
    try:
        session = read_texts(folder)[0]
    except JournalError as error:
        if status == "running":  # it begins now
            return Standing(folder, "running")
        missing = next((name for name in ("session.toml", "protocol.toml") if not (folder / name).is_file()), "")
        broken = missing or ("protocol.toml" if "protocol.toml: " in str(error) else "session.toml")
        damage = Damage(broken, -1, 0, "is missing" if missing else str(error))
        return Standing(folder, "unreadable", (damage,))
    found = Standing(folder, "complete", is_bound=isinstance(session.get("id"), str), dt_s=_number(session.get("dt_s")))
    try:
        summary = session_folder.read_summary(folder)
    except JournalError as error:
        if status == "recovery unfinished":
            return replace(found, state=status)
        return replace(found, state="damaged", damage=(full_check.told(error, "summary.json"),))
    if summary is None:
        if status == "unreadable":  # a file is missing of a journal that had begun
            return _judged(found, quick_check.missing(folder))
        return replace(found, state=status)
    state: State = "recovered" if summary.get("recovered") is True else "complete"
    if status == "recovery unfinished":
        state = "recovery unfinished"
    bound = found.is_bound and isinstance(summary.get("files"), Mapping)
    cut = _cut_words(summary, found.dt_s) if summary.get("recovered") is True else ""
    return replace(found, state=state, is_bound=bound, cut=cut, is_failed="error" in summary)


def _cut_words(summary: Mapping[str, Any], dt_s: float) -> str:
    """Say where recovery cut a session, and how long that was before; recoveries of before kept no length."""
    cut = minutes(_number(summary.get("duration_s")))
    about = summary.get("recovery")
    about = about if isinstance(about, Mapping) else {}
    before = minutes(_number(about.get("ticks_before")) * dt_s)
    if before == cut or _number(about.get("ticks_before")) <= _number(summary.get("ticks")):
        return f"cut at {cut}"
    return f"cut at {cut} of {'at least ' if about.get('ticks_before_is_least') is not False else ''}{before}"


def _judged(found: Standing, damage: list[Damage]) -> Standing:
    """Add to how a session stands what a check found; each damaged file is named once, in the words of the check."""
    if found.state != "damaged":
        return replace(found, state="damaged" if damage else found.state, damage=tuple(damage))
    named = {known.file for known in damage}
    return replace(found, damage=(*(known for known in found.damage if known.file not in named), *damage))


def _summary(folder: Path) -> dict[str, Any] | None:
    try:
        return session_folder.read_summary(folder)
    except JournalError:
        return None


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if is_number else 0.0


def _and_more(n_more: int) -> str:
    return "" if n_more <= 0 else f" and {n_more} more file{'s' if n_more > 1 else ''}"
