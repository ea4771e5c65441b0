"""Each word of a summary is left out, or turned, where it would not be true."""

from typing import Any

import pytest

from bmi_app.record.damage import JournalError
from bmi_app.session.store import printing

USUAL: dict[str, Any] = {
    "session": "s",
    "protocol": "center_out",
    "ticks": 1000,
    "duration_s": 10.0,
    "trials": 4,
    "successes": 3,
    "success_rate": 0.75,
    "trials_per_min": 24.0,
    "median_time_to_target_s": 1.5,
    "movement": {},
    "spikes": 500,
    "late_spikes": 0,
    "dropped_spikes": 0,
    "future_spikes": 0,
    "bad_values": 0,
    "unmapped_spikes": 0,
    "missed_ticks": 0,
    "source_losses": 0,
    "source_lost_s": 0.0,
    "weight_updates": 1,
    "rejected_updates": 0,
    "latency_us": {"p50": 40.0, "p99": 60.0, "p999": 80.0, "max": 90.0},
    "signal_us": {"p50": 51_000.0, "p99": 100_000.0, "p999": 101_000.0, "max": 102_000.0},
    "longest_data_age_s": 0.1,
    "journal_bytes": 1000,
    "longest_sync_gap_s": 1.0,
    "stop_reason": "OPERATOR",
    "recovered": False,
}


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    def show(**changes: Any) -> str:
        printing.summary(USUAL | changes)
        return capsys.readouterr().out

    return show


def test_a_replay_is_called_exact_only_where_it_is(said) -> None:
    """A damaged session whose ticks are all recomputed was called `every bit the same`."""
    exact = {"exact": True, "failed": False, "ticks": 1000}
    assert "1000 ticks recomputed, every bit the same" in said(replay=exact)
    assert "another machine" not in said(replay=exact)
    assert "another machine" in said(replay=exact | {"recorded_elsewhere": ["numba"]})
    for inexact in (
        {"exact": False, "failed": True, "ticks": 1000, "damage": ["spikes.arrows: batch 1, byte 8: cut off"]},
        {"exact": False, "failed": True, "ticks": 1000, "difference": "tick 3: frame cursor_x_cm"},
        {"exact": False, "failed": True},
    ):
        told = said(replay=inexact)
        assert "every bit the same" not in told
        assert ("spikes.arrows" in told) == ("damage" in inexact)
        assert ("tick 3" in told) == ("difference" in inexact)


def test_nothing_is_said_of_what_was_not_counted(said) -> None:
    assert "success 75%, median time to target 1.50 s" in said()
    assert "success -, median time to target -" in said(success_rate=None, median_time_to_target_s=None, trials=0)
    assert "latency  p50 40" in said()
    for latency in ({}, dict.fromkeys(("p50", "p99", "p999", "max"))):
        assert "latency" not in said(latency_us=latency)
    assert "signal  p50 51, p99 100 ms" in said()
    for signal in ({}, dict.fromkeys(("p50", "p99", "p999", "max")), {"p50": 1.7e15, "p99": 1.7e15}):
        assert " signal " not in said(signal_us=signal)
    for lacking in ("late_spikes", "ticks", "stop_reason", "success_rate"):
        with pytest.raises(JournalError, match=f"lacks {lacking}"):
            printing.summary({key: value for key, value in USUAL.items() if key != lacking})


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ({"late_spikes": 6}, "of the spikes were late"),
        ({"source_losses": 2, "source_lost_s": 1.0}, "the source was lost 2 times, for 1.0 s"),
        ({"spikes": 0}, "not one spike came"),
        ({"future_spikes": 1}, "1 spikes stamped in the future"),
        ({"bad_values": 3}, "3 values that are no counts"),
        ({"unmapped_spikes": 7}, "7 spikes of channels that the protocol does not name"),
        ({"spikes": None}, "not one spike came"),
        ({"spikes": 0, "unmapped_spikes": 7}, "no spike was used, and 7 spikes of channels"),
        ({"ahead_spikes": 4}, "4 spikes stamped later than they arrived"),
        ({"no_offset_spikes": 4}, "4 spikes timed by their arrival, because the source's clock was not known"),
        ({"no_stamp_spikes": 4}, "4 spikes timed by their arrival, because the source gave them no stamp"),
        ({"silent_rests": 1}, "no spike came in 1 rest block:"),
        ({"source_silent_s": 0.1}, "the source left out samples: the task was held for 0.10 s"),
        ({"edges_ahead": 2, "edges_behind": 1}, "the edges of 3 ticks are not where their stamps say"),
        ({"undecoded_ticks": 9}, "in 9 of 1,000 ticks the decoder yielded NaN or infinity"),
        ({"caught_up_s": 0.5, "engine_stops": 1, "late_sources": 0}, "the engine was stopped once: the task was held"),
        ({"caught_up_s": 0.5, "engine_stops": 0, "late_sources": 2}, "the source was late 2 times: the task was held"),
        ({"late_spikes": 500, "stamp_lag_s": 1e6}, "nearly all spikes are late: stamps lie 1,000,000 s before"),
        ({"clock_s": 11.0}, "samples come at 90.91 Hz instead of 100"),
        ({"missed_ticks": 3}, "(1000 ticks, 3 missed)"),
        ({"dropped_spikes": 3}, "late 0, dropped 3"),
    ],
)
def test_each_warning_of_the_summary_has_its_cause(said, cause: dict[str, Any], words: str) -> None:
    assert words not in said()
    if cause != {"spikes": None}:
        assert words in said(**cause)
    else:  # stamps and counts were infinite: their sum is not known, and nothing may be concluded from it
        assert words not in said(**cause)
