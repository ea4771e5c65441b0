"""Decision records can be found by their number, and each says since when it holds and whether it still does."""

import re
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs" / "decisions"
FILES = sorted(RECORDS.glob("[0-9]*.md"))
HEADING = re.compile(
    r"^##? (?P<number>\d+)\. (?P<title>\S.*)\n\n- Date: (?P<date>\d{4}-\d\d-\d\d)\n- Status: (?P<status>\S.*)$",
    re.MULTILINE,
)
STATUS = re.compile(r"accepted|(?:amended|superseded) by \[decision (\d+)\]\((\S+)\)")


def numbers_of(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^##? (\d+)\.", text, re.MULTILINE)]


def all_numbers() -> list[int]:
    return [
        number for path in (*FILES, RECORDS / "small.md") for number in numbers_of(path.read_text(encoding="utf-8"))
    ]


def test_numbers_run_without_gap_and_none_is_given_twice() -> None:
    numbers = sorted(all_numbers())
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 92


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_named_by_its_number_and_says_what_it_decided(path: Path) -> None:
    assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+", path.stem)
    text = path.read_text(encoding="utf-8")
    heading = HEADING.match(text)
    assert heading is not None, "it begins unlike docs/decisions/template.md"
    assert int(heading["number"]) == int(path.stem[:4])
    assert text[heading.end() :].strip(), "it has no text"


@pytest.mark.parametrize("path", [*FILES, RECORDS / "small.md"], ids=lambda path: path.stem)
def test_dates_are_dates_and_a_later_record_that_is_named_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    headings = list(HEADING.finditer(text))
    assert [int(heading["number"]) for heading in headings] == numbers_of(text)
    for heading in headings:
        assert date.fromisoformat(heading["date"]) >= date(2026, 11, 23)
        status = STATUS.fullmatch(heading["status"])
        assert status is not None, f"{heading['number']}: the status is none of those in docs/decisions/README.md"
        if status[2]:
            later, _, anchor = status[2].partition("#")
            assert int(status[1]) in numbers_of((RECORDS / later).read_text(encoding="utf-8")), anchor


def cited() -> set[tuple[str, int]]:
    """Return where the program and its documents cite a decision, and its number."""
    places = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    places += [
        path for folder in ("bmi_app", "drivers", "protocols", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    return {
        (str(path.relative_to(ROOT)), int(number))
        for path in places
        for number in re.findall(r"\b[Dd]ecision (\d+)\b", path.read_text(encoding="utf-8"))
    }


def test_every_cited_decision_is_there() -> None:
    numbers = all_numbers()
    missing = {(file, number) for file, number in cited() if number not in numbers}
    assert cited()
    assert not missing
