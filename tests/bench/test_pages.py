"""Benches write their tables into pages between markers, with the command that made them, and leave the rest alone."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bmi_app.bench import markdown, pages
from bmi_app.bench.science import coadaptation, movement
from bmi_app.bench.science import markdown as science_markdown
from bmi_app.cli.app import app
from tests.support.places import DOCS

PAGE = "# Title\n\nbefore\n\n<!-- table: movement -->\nold | old\n<!-- end -->\n\nafter\n<!-- table: other -->\n<!-- end -->\n"
_SIZE = {"time_s": 1.234, "error_s": 0.05, "success": 0.99, "trials": 100}
_LAW = {"coefficients": [0.5, 1.25], "r_squared": 0.75, "left_out_s": 0.125}
MOVEMENT = {
    "minutes": 2.0,
    "sizes": [{"distance_cm": 3.0, "radius_cm": 0.8, **_SIZE}, {"distance_cm": 3.0, "radius_cm": 2.0, **_SIZE}],
    "delays": [{"added_ms": 100.0, **_SIZE}],
    "fits": {"fitts": _LAW},
    "fits_of_all": {"fitts": _LAW},
    "left_out_cm": 0.8,
}


@given(
    st.lists(st.text("ab|-<>! ", max_size=8), max_size=6),
    st.lists(st.text("ab|- ", min_size=1, max_size=8), min_size=1, max_size=5),
    st.lists(st.text("ab|-<>! ", max_size=8), max_size=6),
)
def test_only_what_stands_between_the_markers_changes(before: list[str], table: list[str], after: list[str]) -> None:
    content = "\n".join(["x", *table, "x"])
    page = "\n".join([*before, pages.marker("t"), "old", pages.END, *after])
    once = pages.replaced(page, "t", content)
    assert once == "\n".join([*before, pages.marker("t"), content, pages.END, *after])
    assert pages.replaced(once, "t", content) == once


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("no marker", "stands there 0 times"),
        (PAGE + PAGE, "stands there 2 times"),
        ("<!-- table: movement -->\n", "is not followed by"),
        ("<!-- table: movement -->\n<!-- table: other -->\n<!-- end -->\n", "is not followed by"),
    ],
)
def test_a_page_without_room_is_refused_before_anything_is_measured(
    page: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movement, "measure", lambda *_: pytest.fail("measured"))
    path = tmp_path / "page.md"
    path.write_text(page)
    result = CliRunner().invoke(app, ["bench", "science", "movement", "--into", str(path)])
    assert result.exit_code == 2
    assert len(result.stderr.strip().split("\n")) == 1
    assert what in result.stderr
    assert path.read_text() == page


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "closed-loop", "--into", str(tmp_path / "none.md")])
    assert result.exit_code == 2
    assert f"bmi: --into {tmp_path / 'none.md'}: " in result.stderr


def test_the_command_stands_above_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movement, "measure", lambda *_: MOVEMENT)
    monkeypatch.chdir(tmp_path)
    Path("page.md").write_text(PAGE)
    words = ["bench", "science", "movement", "--minutes", "2", "--jobs", "1", "--into", "page.md"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    page = Path("page.md").read_text()
    assert page.startswith(
        "# Title\n\nbefore\n\n<!-- table: movement -->\n    bmi bench science movement --minutes 2 --into page.md\n\n"
    )
    assert page.endswith("\n<!-- end -->\n\nafter\n<!-- table: other -->\n<!-- end -->\n")
    assert "old" not in page
    assert "| 3 | 1.23 (0.05) | 1.23 (0.05) |" in page
    assert list(tmp_path.iterdir()) == [tmp_path / "page.md"]


def test_a_table_of_the_closed_loop_holds_means_ranges_and_dashes() -> None:
    case = {"decoder": "kalman, raw bins", "rule": "off", "success": [0.5, 1.0], "bits_s": [1.0, 2.0], "per_min": [1.0]}
    report = {
        "seeds": 2,
        "minutes": 3.0,
        "cases": [
            {**case, "start": "calibrated", "time_s": [1.0, None]},
            {**case, "start": "scrambled", "time_s": [None, None]},
        ],
        "refit_ratio": {"smoothed": [0.5, 1.5], "raw bins": []},
        "smoothbatch": {"every 60 s": {"at_first": [1.0, 2.0], "minutes": [3.0, None]}},
    }
    said = markdown.closed_loop(report)
    assert "| `kalman`, raw bins | off | 0.75 (0.50-1.00) | 1.00 | 1.50 | 0.75 (0.50-1.00) | - | 1.50 |" in said
    assert "smoothed: 1.00 (0.50-1.50)." in said
    assert "| every 60 s | 1.50 | 3.0 (3.0-3.0) | 1 of 2 |" in said


def test_a_bench_as_it_is_makes_a_table_of_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coadaptation, "LEARNERS", ("regression", "lms"))
    monkeypatch.setattr(coadaptation, "RULES", {rule: coadaptation.RULES[rule] for rule in ("off", "lms")})
    pairs = coadaptation.measure(1, 10.0, "nothing", 1.0, False, 1, lambda _: None)
    said = science_markdown.coadaptation(pairs)
    rows = [line for line in said.split("\n") if line.startswith("| `")]
    assert [row.split("|")[1].strip(" `") for row in rows] == list(coadaptation.LEARNERS)
    assert all(re.search(r"\d\.\d\d \(\d\.\d\d-\d\.\d\d\); \d\.\d\d; \d\.\d\d", row) for row in rows)


def test_every_table_of_the_documents_can_be_renewed_and_says_how() -> None:
    for path in DOCS.glob("*.md"):
        page = path.read_text()
        for name in re.findall(r"<!-- table: (.*) -->", page):
            inside = page.partition(pages.marker(name))[2].partition(pages.END)[0].strip("\n").split("\n")
            assert re.fullmatch(rf"    bmi bench .* --into docs/{path.name}", inside[0]), name
            assert any(line.startswith(("|---", "| ---")) for line in inside), name
            assert pages.replaced(page, name, "\n".join(inside)) == page
