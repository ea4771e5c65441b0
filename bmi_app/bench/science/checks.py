"""Hold what was expected beside what was obtained, and show it as a table."""

from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Check:
    """Say what a check expects and what it found.

    Attributes
    ----------
    what
        What is looked at, with its conditions.
    expected, obtained
        In words or figures.
    holds
        Whether the expectation holds.
    """

    what: str
    expected: str
    obtained: str
    holds: bool


def report(title: str, checks: list[Check]) -> dict[str, Any]:
    """Return a report ready for JSON."""
    return {"title": title, "checks": [vars(check) | {"holds": bool(check.holds)} for check in checks]}


def show(found: dict[str, Any]) -> None:
    """Show a report as a table."""
    table = Table(title=found["title"], box=box.SIMPLE, padding=(0, 1, 0, 0))
    for head in ("check", "expected", "obtained", "holds"):
        table.add_column(head)
    for check in found["checks"]:
        table.add_row(check["what"], check["expected"], check["obtained"], "yes" if check["holds"] else "NO")
    Console().print(table)


def near(obtained: float, expected: float, rel: float, unit: str = "", digits: int = 4) -> tuple[str, str, bool]:
    """Return expectation and finding in words, and whether they agree within a share."""
    holds = abs(obtained - expected) <= rel * abs(expected)
    return f"{expected:.{digits}g}{unit} within {100 * rel:g} %", f"{obtained:.{digits}g}{unit}", holds
