"""Protocols and changes of them as Python values."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bmi_app
from bmi_app.api.changes import overrides
from protocols.load import load
from protocols.overrides import parse_value

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_is_what_it_was_on_the_other_side(value: Any) -> None:
    (override,) = overrides({"task__x": value})
    key, _, text = override.partition("=")
    assert key == "task.x"
    assert parse_value(text) == value


def test_values_of_numpy_and_paths_are_taken() -> None:
    given = {"a": np.float64(0.5), "b": np.array([1, 2]), "c": Path("x/y"), "d": (1, "2"), "e": math.inf}
    assert overrides(given) == ["a=0.5", "b=[1, 2]", 'c="x/y"', 'd=[1, "2"]', "e=inf"]


def test_what_no_protocol_holds_is_refused() -> None:
    with pytest.raises(bmi_app.BmiError, match=r"task.hold_ms: is a NoneType; allowed: a number"):
        bmi_app.protocol("center_out", task__hold_ms=None)


def test_keys_are_written_with_underscores_or_dots() -> None:
    changed = bmi_app.protocol("center_out", task__hold_ms=500, **{"learning.when": "trial"})
    assert changed == load("center_out", ["task.hold_ms=500", "learning.when=trial"])
    again = bmi_app.protocol(changed, blocks__0__duration_s=7)
    assert again.task.hold_ms == 500
    assert again.blocks[0].duration_s == 7


def test_every_mistake_is_told_without_the_words_of_a_command() -> None:
    with pytest.raises(bmi_app.BmiError) as refused:
        bmi_app.protocol("center_out", task__hold_mss=500, units__count=-3)
    assert len(refused.value.lines) == 2
    assert "--set" not in str(refused.value)
    assert "task.hold_mss" in str(refused.value)
    with pytest.raises(bmi_app.BmiError, match="no protocol of this name; did you mean 'center_out'"):
        bmi_app.protocol("centre_out")
