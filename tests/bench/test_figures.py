import numpy as np
import pytest

from bmi_app.bench.figures import paired_ratio, percentiles


def test_percentiles_are_those_of_the_sorted_values() -> None:
    values = np.random.default_rng(1).permutation(10_001) / 10
    assert percentiles(values) == {"p50": 500.0, "p99": 990.0, "p999": 999.0, "max": 1000.0}


def test_the_median_of_pairs_is_not_the_ratio_of_medians() -> None:
    assert paired_ratio([2.0, 30.0, 4.0], [1.0, 10.0, 4.0])["median"] == 2.0


def test_a_tie_with_itself_is_one() -> None:
    found = paired_ratio([3.0] * 12, [3.0] * 12)
    assert (found["low"], found["median"], found["high"], found["pairs"]) == (1.0, 1.0, 1.0, 12)


# Table of the sign test: with 10 pairs the second smallest and second largest ratio enclose the median with 97.85 %.
@pytest.mark.parametrize(("n", "k", "coverage"), [(1, 1, 0.0), (5, 1, 0.9375), (10, 2, 0.9785), (20, 6, 0.9586)])
def test_interval_is_the_narrowest_that_covers_enough(n: int, k: int, coverage: float) -> None:
    ratios = np.random.default_rng(2).permutation(np.arange(1.0, n + 1))
    found = paired_ratio(ratios, np.ones(n))
    assert (found["low"], found["high"]) == (k, n + 1 - k)
    assert found["coverage"] == pytest.approx(coverage, abs=1e-4)


def test_interval_covers_the_median_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    n_covered = 0
    for _ in range(2000):
        found = paired_ratio(generator.lognormal(0.0, 1.0, 10), np.ones(10))
        n_covered += found["low"] <= 1.0 <= found["high"]
    assert n_covered / 2000 == pytest.approx(0.9785, abs=0.012)
