"""What is said of a signal is true: causes are named where they are the cause, and not where they are not."""

from typing import Any

import pytest

from bmi_app.record.summary import Tally
from bmi_app.session.store.printing import _unusual
from bmi_app.session.view.signal_health import foreign_clock, offset_words, slow_rate
from protocols.load import load
from protocols.problems import ProtocolError


@pytest.mark.parametrize(
    ("late", "spikes", "lag_s", "told"),
    [
        (15_000, 15_645, 1.7e9, "before their arrival"),
        (15_000, 15_645, -1.7e9, "after their arrival"),
        (15_000, 15_645, 0.3, ""),  # a slow transport
        (100, 15_645, 1.7e9, ""),  # a few stamps far away are no clock
        (15_000, 15_645, None, ""),
        (0, 0, 5.0, ""),
    ],
)
def test_a_clock_of_the_device_is_named_where_nearly_all_is_late(
    late: int, spikes: int, lag_s: float | None, told: str
) -> None:
    said = foreign_clock(late, spikes, lag_s)
    assert told in said
    assert bool(said) == bool(told)
    assert not said or 'driver.clock = "arrival"' in said


def test_a_stream_that_sends_90_of_100_samples_a_second_is_told() -> None:
    said = slow_rate(16.67, 1500, 0.01)
    assert "at 89.98 Hz instead of 100" in said
    assert "15.0 s of ticks took 16.67 s" in said
    assert slow_rate(15.02, 1500, 0.01) == ""
    assert slow_rate(0.5, 20, 0.01) == ""  # too few to say


def unusual(**found: Any) -> str:
    summary = Tally().summary("folder", "center_out", 0.01) | {"spikes": 1000, "ticks": 1500, "duration_s": 15.0}  # type: ignore[arg-type]
    return "\n".join(_unusual(summary | found))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"clock_s": 16.67}, "15.0 s of ticks took 16.67 s"),
        ({"ahead_spikes": 7}, "7 spikes stamped later than they arrived"),
        ({"no_offset_spikes": 7}, "7 spikes timed by their arrival, because the source's clock was not known"),
        ({"no_stamp_spikes": 7}, "7 spikes timed by their arrival, because the source gave them no stamp"),
        ({"silent_rests": 1}, "no spike came in 1 rest block: the baselines stayed"),
        ({"bad_values": 3}, "NaN, infinite, negative or no whole number"),
        ({"late_spikes": 990, "stamp_lag_s": 1.7e9}, "a clock of the device"),
        ({"late_spikes": 100, "stamp_lag_s": 0.02}, "tick.grace_ms"),
    ],
)
def test_each_trouble_has_its_words_and_no_other_trouble_has_them(found: dict[str, Any], words: str) -> None:
    assert words in unusual(**found)
    assert words not in unusual()
    assert unusual() == ""


def test_a_source_that_was_lost_is_not_called_slow() -> None:
    assert "of ticks took" not in unusual(clock_s=18.0, source_losses=1, source_lost_s=3.0)


def test_a_population_of_one_unit_may_be_given_as_its_number() -> None:
    assert load("center_out", ["populations.vertical=32"]).populations["vertical"] == (32,)
    with pytest.raises(ProtocolError, match=r"populations\.vertical: -1 is not allowed"):
        load("center_out", ["populations.vertical=-1"])


@pytest.mark.parametrize(
    ("offset_s", "said"),
    [
        (-0.00002, "-0.02 ± 0.065 ms, 1 s ago"),
        (0.0123, "12.30 ± 0.065 ms, 1 s ago"),
        (-86400.00002, "-86400.000 s ± 0.065 ms, 1 s ago"),
    ],
)
def test_an_offset_is_said_in_the_unit_that_shows_it(offset_s: float, said: str) -> None:
    assert offset_words(offset_s, 0.000065, 1.2) == said
