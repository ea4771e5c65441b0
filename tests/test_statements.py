"""The table of what the program says of a session names words that stand in the program, and tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| `([^`]+)` \| (\S+) \| (tests/\S+)::(test_\w+) \|$",
    (ROOT / "docs" / "statements.md").read_text(),
    re.MULTILINE,
)


def test_every_row_is_read() -> None:
    lines = [line for line in (ROOT / "docs" / "statements.md").read_text().splitlines() if line.startswith("| `")]
    assert len(ROWS) == len(lines) >= 20


@pytest.mark.parametrize(("words", "file", "test_file", "test"), ROWS, ids=[row[0] for row in ROWS])
def test_words_and_test_are_there(words: str, file: str, test_file: str, test: str) -> None:
    assert words in (ROOT / file).read_text(encoding="utf-8")
    assert f"def {test}(" in (ROOT / test_file).read_text(encoding="utf-8")
