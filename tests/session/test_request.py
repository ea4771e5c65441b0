"""The one form in which a session is asked for: what nobody would read is refused, and nothing is lost on its way."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmi_app.session.request import KEYS, RequestError, SessionRequest
from protocols.load import load

REQUESTS = st.builds(
    SessionRequest,
    protocol=st.text(),
    text=st.text(),
    overrides=st.lists(st.text()),
    driver=st.none() | st.text(),
    duration_s=st.none() | st.floats(allow_nan=False),
    trials=st.none() | st.integers(),
    seed=st.none() | st.integers(),
    out=st.none() | st.text(),
    speed=st.sampled_from(["real", "max"]),
    source_timeout_s=st.floats(0, 86_400),
    subject=st.text(),
    session_name=st.text(),
)


@given(REQUESTS)
def test_a_request_survives_its_way_to_the_engine(request: SessionRequest) -> None:
    assert SessionRequest.of_json(request.to_json()) == request


def test_a_field_that_nobody_reads_is_an_error() -> None:
    """A test of the window passed a `seed` that nobody read."""
    with pytest.raises(RequestError, match=r"'seeds': there is no such field; allowed: protocol, .*seed"):
        SessionRequest.of(protocol="center_out", seeds=3)
    with pytest.raises(TypeError):
        SessionRequest(protocol="center_out", seeds=3)  # type: ignore[call-arg]
    asked = json.dumps(asdict(SessionRequest(protocol="center_out")) | {"verbose": True})
    with pytest.raises(RequestError, match="'verbose'"):
        SessionRequest.of_json(asked)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"speed": "fast"}, "speed fast: must be `real` or `max`"),
        ({"source_timeout_s": -1.0}, "source_timeout_s -1: must be from 0 to 86400 s"),
        ({"source_timeout_s": float("nan")}, "source_timeout_s nan: must be"),
        ({"source_timeout_s": "5"}, "source_timeout_s '5': must be"),
        ({"overrides": "task.hold_ms=500"}, "overrides 'task.hold_ms=500': must be a list"),
        ({"overrides": [1]}, r"overrides \[1\]: must be a list"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(given: dict, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        SessionRequest(protocol="center_out", **given)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"speed": "max"}'])
def test_what_is_no_request_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(RequestError) as refused:
        SessionRequest.of_json(text)
    assert "\n" not in str(refused.value)
    engine = [sys.executable, "-m", "bmi_app.session.engine.process", text]
    done = subprocess.run(engine, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == [str(refused.value)]
    assert done.stderr == ""


def test_fields_win_over_overrides_and_reach_the_protocol(tmp_path: Path) -> None:
    request = SessionRequest(
        protocol="center_out", overrides=["session.seed=1", "task.hold_ms=100"], seed=2, trials=3, duration_s=4
    )
    resolved = request.resolved()
    assert (resolved.session.seed, resolved.session.trials, resolved.session.duration_s) == (2, 3, 4.0)
    assert resolved.task.hold_ms == 100
    assert set(KEYS) <= {field.name for field in fields(SessionRequest)}


def test_a_protocol_that_stands_in_no_file_is_resolved_alike() -> None:
    changed = load("center_out", ["task.hold_ms=100"])
    request = SessionRequest(protocol="changed", text=changed.to_toml(), overrides=["session.seed=9"])
    assert request.resolved() == load("center_out", ["task.hold_ms=100", "session.seed=9"])


def test_a_request_does_not_change() -> None:
    request = SessionRequest(protocol=Path("mine.toml"), overrides=["a=1"])
    assert request.protocol == str(Path("mine.toml").absolute())
    assert request.overrides == ("a=1",)
    with pytest.raises(FrozenInstanceError):
        request.seed = 3  # type: ignore[misc]
