"""Lengths, speeds and times that make no sense are refused where they are said, and nowhere else."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.load import SHIPPED_FOLDER, load, parse
from protocols.problems import ProtocolError
from protocols.reference import generate
from protocols.schema import Protocol
from protocols.wording import most_of
from tests.protocols.test_mistakes import RIGHT, problems_in, spoil
from tests.support.places import FORMAT_1, NO_DRIFT, unpacked


def with_key(table: str, line: str) -> str:
    return f"{RIGHT}{line}\n" if table == "task" else f"{RIGHT}\n[{table}]\n{line}\n"


CASES = {
    "task.cursor_radius_cm": (with_key("task", "cursor_radius_cm = 7000"), "7000 cm", "above 0 to 500"),
    "task.target_radius_cm": (spoil("target_radius_cm = 1", "target_radius_cm = 7000"), "7000 cm", "above 0 to 500"),
    "task.hold_ms": (spoil("hold_ms = 300", "hold_ms = 90000").replace("3000\n", "3000000\n"), "90000 ms", "60000"),
    "task.inter_trial_ms": (spoil("inter_trial_ms = 500", "inter_trial_ms = 700000"), "700000 ms", "from 0 to 600000"),
    "task.reward_ms": (with_key("task", "reward_ms = 61000"), "61000 ms", "above 0 to 60000"),
    "workspace.size_cm": (with_key("workspace", "size_cm = [20, 30000]"), "30000 cm", "[width, height]"),
    "safety.max_speed_cm_s": (with_key("safety", "max_speed_cm_s = 1e6"), "1000000 cm/s", "above 0 to 10000"),
    "learning.exploration_tau_ms": (with_key("learning", "exploration_tau_ms = 70000"), "70000 ms", "60000"),
    "learning.intent_speed_cm_s": (with_key("learning", "intent_speed_cm_s = 5e4"), "50000 cm/s", "10000"),
    "neurons.shared_tau_ms": (with_key("neurons", "shared_tau_ms = 1e7"), "1e+07", "3.6e+06"),  # never computed with
    "blocks.1.duration_s": (spoil('"closed_loop"\n', '"closed_loop"\nduration_s = 2e7\n'), "2e+07", "1e+07"),
}


@pytest.mark.parametrize("key", CASES)
def test_a_length_a_speed_and_a_time_have_a_bound_that_the_message_says(key: str) -> None:
    text, wrong, allowed = CASES[key]
    found = [problem for problem in problems_in(text) if problem[1].startswith(key)]
    assert len(found) == 1
    assert wrong in found[0][3]
    assert allowed in found[0][3].partition("; allowed: ")[2]
    assert found[0][2] is not None  # the line


def test_the_cursor_of_the_issue_is_a_mistake_on_the_command_line() -> None:
    """A cursor radius of 7000 cm was no mistake."""
    words = ["-m", "bmi_app.cli.app", "protocols", "show", "center_out", "--set", "task.cursor_radius_cm=7000"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "task.cursor_radius_cm: 7000 cm makes no sense in a session; allowed: a number above 0 to 500" in done.stderr


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("task.cursor_radius_cm=13", "more than the workspace holds; allowed: up to 12, half of the shorter side"),
        ("safety.max_speed_cm_s=2500", "crosses the whole workspace in one tick; allowed: up to 2400"),
        ("learning.exploration_cm_s=2500", "crosses the whole workspace in one tick; allowed: up to 2400"),
        ("learning.intent_speed_cm_s=2500", "crosses the whole workspace in one tick; allowed: up to 2400"),
    ],
)
def test_what_makes_sense_alone_must_make_sense_beside_the_others(override: str, said: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        load("center_out", [override])
    assert [problem.key for problem in refused.value.problems] == [override.partition("=")[0]]
    assert said in str(refused.value)


def test_a_plugins_own_lengths_and_speeds_are_bounded_by_their_units(real_plugins: None) -> None:
    for key, most in (("sight_noise_cm", 1000), ("speed_cm_s", 10_000)):
        load("center_out", [f"subject.settings.{key}={most}"])
        with pytest.raises(ProtocolError, match=f"subject.settings.{key}: .* makes no sense .*; allowed: up to {most}"):
            load("center_out", [f"subject.settings.{key}={2 * most}"])


@given(st.floats(0.1, 12.0))
def test_a_cursor_that_fits_is_taken(radius_cm: float) -> None:
    assert load("center_out", [f"task.cursor_radius_cm={radius_cm!r}"]).task.cursor_radius_cm == radius_cm


def test_every_length_speed_and_time_of_the_schema_has_a_bound_that_the_reference_says() -> None:
    text = generate()
    for table, model in Protocol.model_fields.items():
        for name, info in getattr(model.annotation, "model_fields", {}).items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and extra.get("unit") in ("cm", "cm/s", "ms", "s"):
                bounds = [getattr(entry, end, None) for entry in info.metadata for end in ("le", "lt")]
                most = next((bound for bound in bounds if bound is not None), None) or most_of(info)
                assert most is not None, f"{table}.{name}"
                rows = [line.split("|")[2] for line in text.splitlines() if line.startswith(f"| `{name}` |")]
                assert any(str(int(most)) in allowed for allowed in rows), f"{table}.{name}"


def test_every_shipped_protocol_loads(real_plugins: None) -> None:
    for path in SHIPPED_FOLDER.glob("*.toml"):
        load(path)


def test_every_session_recorded_before_is_read_and_loads_as_recorded(real_plugins: None, tmp_path) -> None:
    names = [(path.name.removesuffix(".tar.xz"), path.parent) for path in FORMAT_1.glob("*.tar.xz")]
    names += [(path.name.removesuffix(".tar.xz"), path.parent) for path in NO_DRIFT.glob("*.tar.xz")]
    assert len(names) >= 49
    for name, fixtures in names:
        text = (unpacked(name, tmp_path, fixtures) / "protocol.toml").read_text()
        assert parse(text, name, recorded=True).task == Protocol.of_session(text).task
        parse(text, name)  # and would be a new session as well


@pytest.mark.parametrize(
    "wild", ["task.cursor_radius_cm=7000", "safety.max_speed_cm_s=1e6", "workspace.size_cm=[5000, 5000]"]
)
def test_a_recorded_protocol_may_have_what_a_new_one_may_not(wild: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr("protocols.load.check_bounds", lambda _: ())
        recorded = load("center_out", [wild]).to_toml()
    assert parse(recorded, "p.toml", recorded=True) == Protocol.of_session(recorded)
    assert parse(recorded, "p.toml", ["learning.rate=0.1"], recorded=True).learning.rate == 0.1
    with pytest.raises(ProtocolError, match="makes no sense"):
        parse(recorded, "p.toml")  # a new session
    with pytest.raises(ProtocolError, match=r"learning\.exploration_cm_s: 20000 cm/s makes no sense"):
        parse(recorded, "p.toml", ["learning.exploration_cm_s=2e4"], recorded=True)  # a what-if, newly said
