"""No name that others chose is obeyed by the terminal: not one of a stream, a session on the network, a file."""

import io
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bmi_app import doctor
from bmi_app.cli import app
from bmi_app.plain_text import plain, plain_toml
from bmi_app.session.sources import rig
from bmi_app.session.store import printing
from bmi_app.session.view import run_command

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u009b2J\u202e\r"


def is_harmless(said: str) -> bool:
    return not set(said) & set("\x1b\x07\u009b\u202e\r")


def test_a_rig_tells_a_session_of_another_machine_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with rig._Status(f"rig {HOSTILE}", shown=True) as status:
        status.show(f"session{HOSTILE}", 3)
    said = capsys.readouterr().err
    assert f"rig {plain(HOSTILE)}: sees session{plain(HOSTILE)}" in said
    assert is_harmless(said)


def test_a_rig_on_a_terminal_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    status = rig._Status("rig", shown=True)
    file = io.StringIO()
    status._console = Console(file=file, force_terminal=True, width=200, color_system=None)
    shown: list[Any] = []
    monkeypatch.setattr(status._live, "update", lambda text, **_: shown.append(text))
    status.show(f"session{HOSTILE}", 3)
    assert is_harmless(file.getvalue())
    assert is_harmless(shown[0].plain)


def test_what_an_engine_says_of_its_source_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    run_command._tell(f"note: the rates of {HOSTILE} become counts")
    said = capsys.readouterr().err
    assert said == f"note: the rates of {plain(HOSTILE)} become counts\n"


def test_a_what_if_tells_names_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"rmse_cm_s": 1.0, "angle_deg": 2.0, "progress_cm_s": 3.0}
    printing.what_if(
        {
            "changed": [HOSTILE],
            "ticks": 1,
            "weight_updates": 0,
            "as_recorded": scores,
            "what_if": scores,
            "commands_as_recorded": [HOSTILE],
            "note": HOSTILE,
        }
    )
    said = capsys.readouterr().out
    assert said.count(plain(HOSTILE)) == 3
    assert is_harmless(said)


def test_the_doctor_names_what_it_found_as_it_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.render([doctor.Finding("leftovers", "warn", f"folder {HOSTILE}\nsecond line", f"remove {HOSTILE}")])
    said = capsys.readouterr().out
    assert is_harmless(said)
    assert "second line" in said


def test_titles_of_protocols_are_written_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("protocols.load.catalogue", lambda: [("mine", tmp_path, f"title {HOSTILE}")])
    run(app.main, ["protocols", "list"])
    said = capsys.readouterr().out
    assert f"title {plain(HOSTILE)}" in said
    assert is_harmless(said)


def test_a_protocol_is_shown_as_text_that_reads_back_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """tomlkit writes out what ASCII has of control characters, but neither C1 nor what turns the direction of writing."""
    from protocols.load import load, parse

    hostile = HOSTILE + "\U000e0041 \u2028ü"
    path = tmp_path / "mine.toml"
    path.write_text(load("center_out").model_copy(update={"title": hostile}).to_toml(), encoding="utf-8")
    run(app.main, ["protocols", "show", str(path)])
    said = capsys.readouterr().out
    assert is_harmless(said)
    assert "\\u009b2J\\u202e" in said
    assert "\u2028" not in said
    assert parse(said, "shown.toml").title == hostile
    run(app.main, ["protocols", "show", "center_out"])
    assert capsys.readouterr().out == load("center_out").to_toml()


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_whatever_stands_in_toml_reads_back_equal(text: str) -> None:
    made = plain_toml(tomlkit.dumps({"a": text, f"key {text}": [text]}))
    assert tomllib.loads(made) == {"a": text, f"key {text}": [text]}
    assert all(letter == "\n" or plain(letter) == letter for letter in made.replace("\t", ""))


def test_a_file_that_is_checked_is_named_as_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from protocols.load import load

    path = tmp_path / "a\x1b[2Jb.toml"
    path.write_text(load("center_out").to_toml())
    run(app.main, ["protocols", "check", str(path)])
    said = capsys.readouterr()
    assert "a\\x1b[2Jb.toml: no mistake found" in said.out
    assert is_harmless(said.out + said.err)


def run(main: Callable[[list[str]], None], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
