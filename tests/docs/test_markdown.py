"""Lines of Markdown are short, so that a change of a sentence is seen as one; lists and tables stand as the site reads them."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

from wrap_markdown import WIDTH, too_long, wrapped  # noqa: E402  (the folder above must be known first)

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_is_longer_than_100(page: Path) -> None:
    assert not list(too_long(page.read_text(encoding="utf-8"))), (
        f"run: python tools/wrap_markdown.py {page.relative_to(ROOT)}"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lists_and_tables_follow_a_blank_line(page: Path) -> None:
    """Python-Markdown takes them for a part of the paragraph otherwise."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    joined = re.findall(r"^(?![-*#|<]|\d+\. |    |  )(.+\n(?:[-*] |1\. |\|).*)", text, re.MULTILINE)
    assert not joined


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_goes_on_within_an_item_is_indented_by_four(page: Path) -> None:
    """Python-Markdown ends the list otherwise: the steps of the subject's page stood in one paragraph, from the third on."""
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"\n\n {1,3}\S.*", text)
    assert not re.findall(r"\n\n    \S.*(?:\n    \S.*)*\n(?:[-*]|\d+\.) .*", text), (
        "the next item needs a blank line before it"
    )


def test_what_is_too_long_is_found_and_what_cannot_be_broken_is_not() -> None:
    long = "word " * 25
    kept = [f"| {long}|", f"[{long}](x)", f"![{long}](x)", f"# {long}", "- `" + "x" * 120 + "`", f"<!-- {long}-->"]
    page = "\n".join([long, *kept, "<!-- table: t -->", f"    bmi {long}", "<!-- end -->", f"- {long}"])
    assert [number for number, _ in too_long(page)] == [1, 11]


@given(st.lists(st.text("ab-#1.`* ", min_size=1, max_size=30), min_size=1, max_size=60))
def test_wrapping_changes_no_word_and_once_is_enough(words: list[str]) -> None:
    text = " ".join(word.strip() or "x" for word in words)
    paragraph = "Begin " + text
    once = wrapped(paragraph)
    assert once.split() == paragraph.split()
    assert wrapped(once) == once


@pytest.mark.parametrize("begins", ["- ", "2. "])
def test_code_within_an_item_keeps_its_lines(begins: str) -> None:
    """Two equations of the simulated neurons had become one."""
    inner = " " * len(begins)
    page = f"{begins}Item:\n\n{inner}    u = I\n{inner}    v = W\n\n{inner}and text\n{inner}that goes on.\n"
    assert wrapped(page) == page.replace(f"text\n{inner}that", "text that")
    assert wrapped(wrapped(page)) == wrapped(page)


def test_items_keep_their_indent_and_code_stays_whole() -> None:
    item = "- " + "word " * 19 + "`bmi run center_out --duration 60` end"
    lines = wrapped(item).split("\n")
    assert all(line.startswith("  ") for line in lines[1:])
    assert sum("`bmi run center_out --duration 60`" in line for line in lines) == 1
    assert all(len(line) <= WIDTH for line in lines)
