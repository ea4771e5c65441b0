"""Texts of a session and names that are damaged, hostile or impossible: one line, exit code 2, never a traceback."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bmi_app.cli import app
from tests.support.places import unpacked

COMMANDS = (
    ("sessions", "show"),
    ("sessions", "show", "--updates"),
    ("sessions", "export"),
    ("sessions", "verify"),
    ("sessions", "stop"),
    ("sessions", "recover"),
    ("attach",),
    ("stream",),
    ("replay", "--verify"),
    ("replay", "--set", "learning.rate=0.1"),
    ("fit", "--decoder", "linear"),
)
TERMINAL = "\x1b]0;owned\x07\x1b[2J"


@pytest.fixture
def session(sessions_folder: Path) -> Path:
    sessions_folder.mkdir()
    return unpacked("live-commands", sessions_folder)


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process; return its exit code and what it said."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patched:
            patched.setattr("sys.stdout", sys.stdout)  # which the command guards
            patched.setattr("sys.stderr", sys.stderr)
            with pytest.raises(SystemExit) as ended:
                app.main(list(arguments))
        out, err = capfd.readouterr()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out + err), "a terminal would obey"
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    return run


def refused(told: tuple[int, str, str]) -> str:
    code, _, err = told
    lines = err.splitlines()
    assert (code, len(lines)) == (2, 1), told
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("session.toml", r"dt_s = 0.01", r'dt_s = "soon"'),
        ("session.toml", r"n_units = 12", r"n_units = [12]"),
        ("session.toml", r"[engine]", r"[engine"),
        ("session.toml", r"[clock]", "clock = 3\n[clocks]"),
        ("session.toml", r"start_s = 339.875134065", r"start_s = nan"),
        ("session.toml", r"seed = 3", f"seed = 1{'0' * 5000}"),
        ("session.toml", r"seed = 3", f"seed = {'[' * 1000}3{']' * 1000}"),
        ("protocol.toml", r"[units]", r"[unit"),
    ],
)
def test_a_damaged_text_is_named_in_one_line(
    session: Path, said: Callable[..., tuple[int, str, str]], command: tuple[str, ...], file: str, old: str, new: str
) -> None:
    text = (session / file).read_text()
    assert old in text
    (session / file).write_text(text.replace(old, new, 1))
    told = (
        said(*command[:2], str(session), *command[2:])
        if command[0] == "sessions"
        else said(command[0], str(session), *command[1:])
    )
    if command[1:] == ("verify",) or (command[1:] == ("show",) and file == "protocol.toml"):
        assert told[0] == (1 if command[1] == "verify" else 0)
        assert file in told[1]  # among the damage
    elif command[1:] != ("recover",) or file == "session.toml":
        named = refused(told)
        assert file in named or "live-commands" in named
    assert said("sessions", "list")[0] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda summary: summary | {"success_rate": "half"},
        lambda summary: summary | {"duration_s": [1]},
        lambda summary: summary | {"latency_us": 7},
        lambda summary: summary | {"signal_us": {"p50": "51"}},
        lambda summary: [summary],
        lambda summary: summary | {"late_spikes": None},
    ],
)
def test_a_damaged_summary_is_named_once_and_the_rest_is_shown(
    session: Path, said: Callable[..., tuple[int, str, str]], change: Callable[[dict], object]
) -> None:
    path = session / "summary.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    assert_summary_is_named(session, said)


def assert_summary_is_named(session: Path, said: Callable[..., tuple[int, str, str]]) -> None:
    """Check that every command that shows a session names its summary as damaged, once, and all else as whole."""
    for command, code in (("show", 0), ("verify", 1)):
        told = said("sessions", command, str(session), "--json")
        assert (told[0], told[2]) == (code, "")
        found = json.loads(told[1])
        assert (found["status"], found["standing"]) == ("damaged", "damaged: summary.json")
        (damage,) = found["damage"]
        assert damage.startswith("summary.json: ")
        assert "summary.json" not in found["whole"]
        assert {"session.toml", "protocol.toml", "frames.arrows"} <= set(found["whole"])
        told = said("sessions", command, str(session))
        assert (told[0], told[2]) == (code, "")
        assert damage in told[1]
    code, out, err = said("sessions", "list")
    assert (code, err) == (0, "")
    assert "damaged: summary.json" in out


def test_a_summary_that_lacks_what_every_one_says_is_refused_in_one_line(
    session: Path, said: Callable[..., tuple[int, str, str]]
) -> None:
    (session / "summary.json").write_text('{"session": "x"}')
    assert "summary.json" in refused(said("sessions", "show", str(session)))
    assert said("sessions", "list")[0] == 0


@pytest.mark.parametrize("name", ["[/x]", "[bold red]x", TERMINAL, "a\nb", "\u202eoof", "[link=file:///etc]x[/link]"])
def test_a_hostile_name_is_one_line_of_the_list(
    session: Path, said: Callable[..., tuple[int, str, str]], name: str
) -> None:
    text = (session / "session.toml").read_text()
    (session / "session.toml").write_text(text.replace('protocol = "center_out"', f"protocol = {json.dumps(name)}"))
    other = session.with_name("another[x]")
    other.mkdir()
    (other / "session.toml").write_bytes(b"\xff\xfe")
    code, out, err = said("sessions", "list")
    assert (code, err) == (0, "")
    assert len([line for line in out.splitlines() if "live-commands" in line]) == 1
    assert len([line for line in out.splitlines() if "another[x]" in line]) == 1
    if name.isprintable():
        assert name in out
    assert said("sessions", "show", str(session))[0] == 0
    assert said("sessions", "list", "--json")[0] == 0


def test_names_that_no_session_has_are_refused_in_one_line(
    session: Path, said: Callable[..., tuple[int, str, str]]
) -> None:
    (session.parent / "circle").symlink_to(session.parent / "circle")
    latin = os.fsdecode(b"caf\xe9")
    for name in ("~nosuchuser", "a" * 300, latin, str(session.parent / "circle"), "x" * 5000, TERMINAL):
        for command in COMMANDS:
            first, rest = (command[:2], command[2:]) if command[0] == "sessions" else (command[:1], command[1:])
            refused(said(*first, name, *rest))
    refused(said("sessions", "list", "--in", "~nosuchuser"))
    refused(said("sessions", "export", str(session), "--out", "~nosuchuser/x"))
    refused(said("run", "center_out", "--out", "~nosuchuser/x"))
    refused(said("run", "center_out", "--timeout", "1e308"))
    refused(said("rig", "center_out", "--duration", "1e308"))


def test_what_stands_in_place_of_a_text_is_not_opened(session: Path, said: Callable[..., tuple[int, str, str]]) -> None:
    for file in ("session.toml", "protocol.toml", "summary.json"):
        kept = (session / file).read_bytes()
        for replace in (
            lambda path: os.mkfifo(path),
            lambda path: path.symlink_to("/dev/zero"),
            lambda path: path.mkdir(),
        ):
            (session / file).unlink()
            replace(session / file)
            if file == "summary.json":
                assert_summary_is_named(session, said)
            else:
                refused(said("sessions", "show", str(session)))
            assert said("sessions", "list")[0] == 0
            (session / file).rmdir() if (session / file).is_dir() else (session / file).unlink()
            (session / file).write_bytes(kept)
    assert said("sessions", "show", str(session))[0] == 0
