"""Edges of stream ticks ascend whatever the stamps say, follow them where they can, and each that does not is counted by cause."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmi_app.rt.waiting import _set_edge as set_edge
from tests.rt.ticker import QUICK, ticker

STATE = ticker(QUICK).arrays["state"]
# What a source may do between two samples, or from one on: a step, a stall, one far stamp, NaN. A stamp that is not finite is
# counted as a bad value by the driver, and does not come so far.
STAMPS = st.one_of(
    st.floats(-0.02, 0.02),
    st.sampled_from([-86_400.0, -500.0, -5.0, -0.0025, 0.5, 5.0, 200_000.0, np.nan, np.inf]),
)


def edges_of(stamps_s: np.ndarray, arrivals_s: np.ndarray) -> tuple[np.ndarray, int, int]:
    state = STATE.copy()[0]
    edges = []
    for tick, (stamp_s, arrival_s) in enumerate(zip(stamps_s, arrivals_s, strict=True)):
        state["tick"] = tick
        set_edge(state, stamp_s, arrival_s)
        edges.append(float(state["edge_s"]))
    return np.array(edges), int(state["edges_ahead"]), int(state["edges_behind"])


@given(errors_s=st.lists(STAMPS, min_size=2, max_size=60), data=st.data())
def test_edges_ascend_and_every_one_that_is_not_its_stamp_is_counted(
    errors_s: list[float], data: st.DataObject
) -> None:
    gaps_s = data.draw(st.lists(st.floats(0.0, 0.05), min_size=len(errors_s), max_size=len(errors_s)))
    arrivals_s = 1000.0 + np.cumsum(gaps_s)
    stamps_s = arrivals_s - 0.001 + np.array(errors_s)
    edges_s, ahead, behind = edges_of(stamps_s, arrivals_s)
    assert (np.diff(edges_s) >= 0.9e-6).all()
    assert (edges_s[0] <= arrivals_s[0]) or np.isnan(stamps_s[0])
    assert np.count_nonzero(edges_s != stamps_s) == ahead + behind
    assert ahead == np.count_nonzero(~(stamps_s <= arrivals_s))
    # By the rule, in plain words.
    previous_s = -np.inf
    for edge_s, stamp_s, arrival_s in zip(edges_s, stamps_s, arrivals_s, strict=True):
        inner_s = arrival_s if np.isnan(stamp_s) else min(stamp_s, arrival_s)
        assert edge_s == max(previous_s + 1e-6, inner_s)
        previous_s = edge_s


@pytest.mark.parametrize("step_s", [-86_400.0, -5.0, -0.0025])
def test_after_a_step_of_the_clock_edges_creep_until_it_is_measured_and_then_return(step_s: float) -> None:
    arrivals_s = 100.0 + 0.01 * np.arange(100)
    stamps_s = arrivals_s - 0.0005
    stamps_s[40:60] += step_s
    edges_s, ahead, behind = edges_of(stamps_s, arrivals_s)
    assert (np.diff(edges_s) > 0).all()
    np.testing.assert_array_equal(edges_s[60:], stamps_s[60:])
    assert (ahead, behind) == (0, np.count_nonzero(edges_s != stamps_s))


def test_one_stamp_from_far_away_costs_one_tick() -> None:
    arrivals_s = 100.0 + 0.01 * np.arange(100)
    stamps_s = arrivals_s - 0.0005
    stamps_s[40] += 200_000.0
    edges_s, ahead, behind = edges_of(stamps_s, arrivals_s)
    assert np.flatnonzero(edges_s != stamps_s).tolist() == [40]
    assert (ahead, behind, edges_s[40]) == (1, 0, arrivals_s[40])


def test_the_first_edge_of_a_source_of_a_minute_ago_stays_where_it_is() -> None:
    """A stall of ten seconds: all samples come at once, and their edges are their stamps, which ascend."""
    stamps_s = 100.0 + 0.01 * np.arange(1000)
    edges_s, ahead, behind = edges_of(stamps_s, np.full(1000, 110.0))
    np.testing.assert_array_equal(edges_s, stamps_s)
    assert (ahead, behind) == (0, 0)
