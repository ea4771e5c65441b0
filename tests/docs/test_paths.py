"""Files that the documents name are there, so that whoever follows a page finds them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(r"`((?:bmi_app|drivers|protocols|tests|tools|docs)/(?!decisions/NNNN)[\w/.-]+?)(?:::\w+)?`")


def missing(text: str) -> list[str]:
    return [path for path in NAMED.findall(text) if not (ROOT / path).exists() and not (ROOT / f"{path}.py").exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    assert not missing(page.read_text(encoding="utf-8"))


def test_a_file_that_is_not_there_is_told() -> None:
    assert missing("`tests/no_such_test.py::test_it` and `bmi_app/rt/tick.py`") == ["tests/no_such_test.py"]
