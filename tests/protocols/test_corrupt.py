"""A protocol spoiled in any way is refused with problems, never with another error."""

import contextlib
import copy
import datetime as dt
import tomllib

import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.load import SHIPPED_FOLDER, parse
from protocols.problems import ProtocolError

TEXT = (SHIPPED_FOLDER / "center_out.toml").read_text()
ODD_VALUES = [
    0, -1, 3, 1e300, float("nan"), float("inf"), True, "", "x", "0-3", [], [1], [[]], {}, {"x": 1}, [{}], [{"x": 1}],
    [{"kind": "rest"}], 10**18, dt.date(2026, 1, 1),
]  # fmt: skip


def paths(value, path=()):
    """Return the path of every table, list entry and key."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, entry in entries for inner in paths(entry, (*path, key)))]


PATHS = paths(tomllib.loads(TEXT))[1:]
spoiled = st.tuples(st.sampled_from(PATHS), st.sampled_from(["replace", "remove", "add"]), st.sampled_from(ODD_VALUES))


def spoil(document, path, how, value):
    place = document
    for part in path[:-1]:
        place = place[part]
    if how == "replace":
        place[path[-1]] = value
    elif how == "remove":
        del place[path[-1]]
    elif isinstance(place[path[-1]], dict):
        place[path[-1]]["odd"] = value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(spoiled, min_size=1, max_size=4))
def test_spoiled_values_are_problems(changes):
    document = tomllib.loads(TEXT)
    for path, how, value in changes:
        with contextlib.suppress(KeyError, IndexError, TypeError):  # an earlier change took the place away
            spoil(document, path, how, copy.deepcopy(value))
    with contextlib.suppress(ProtocolError):
        parse(tomlkit.dumps(document), "spoiled")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(at=st.integers(0, len(TEXT)), length=st.integers(0, 30), put=st.text("=[]{}\"'\n#.x1 \x00é", max_size=5))
def test_spoiled_text_is_a_problem(at, length, put):
    with contextlib.suppress(ProtocolError):
        parse(TEXT[:at] + put + TEXT[at + length :], "spoiled")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    st.sampled_from(PATHS),
    st.sampled_from(["", ".odd", ".0", ".99"]),
    st.sampled_from(["", "=", "=3", "=[[1]]", '={kind="rest"}', "=\x00", "=nan"]),
)
def test_a_spoiled_override_is_a_problem(path, more, value):
    with contextlib.suppress(ProtocolError):
        parse(TEXT, "spoiled", [".".join(str(part) for part in path) + more + value])
