"""What the site generates from the program holds all of it: commands, fields, codes and decisions."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

import docs_hooks  # noqa: E402  (the folder above must be known first)

from bmi_app.rt import records  # noqa: E402


def test_every_record_and_each_of_its_fields_has_a_row() -> None:
    page = docs_hooks.records()
    for name, dtype in records.RECORDS.items():
        assert f"### {name}\n" in page
        assert all(f"| `{field}` |" in page for field in dtype.names or ())
    assert "end of the bin on the local clock" in page


def test_codes_are_listed_wherever_they_are_defined() -> None:
    page = docs_hooks.codes()
    for kind in (records.EventKind, records.CommandKind, records.BlockKind, records.Outcome, records.Flag):
        assert page.count(f"### {kind.__name__}\n") == 1
        assert all(f"| {int(one)} | `{one.name}` |" in page for one in kind)
    assert "never inside the target" in page  # said beside the code
    assert "code: block index" in page  # said above it


def test_every_command_has_a_section_with_its_options() -> None:
    page = docs_hooks.command_line()
    assert "## `bmi run`\n" in page
    assert "## `bmi sessions recover`\n" in page
    assert "--headless" in page


def test_a_page_keeps_its_text_around_what_is_generated() -> None:
    page = docs_hooks.on_page_markdown("before\n\n<!-- generated: decisions -->\n\nafter")
    assert page.startswith("before\n\n| number |")
    assert page.endswith("\n\nafter")
    assert "| 88 | [Parts of kernels" in page
