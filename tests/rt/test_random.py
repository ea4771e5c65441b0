"""Random numbers are a function of what they are for; as numbers they are uniform, normal and independent."""

import numba
import numpy as np
import pytest
from scipy import stats

from bmi_app.rt import random
from tests.rt import random_by_hand as by_hand

N = 200_000


@numba.njit
def draw_uniform(seed, stream, first, n, lane):
    return np.array([random.uniform(random.key(seed, stream, index), lane) for index in range(first, first + n)])


@numba.njit
def draw_normal(seed, stream, first, n, lane):
    return np.array([random.normal(random.key(seed, stream, index), lane) for index in range(first, first + n)])


@numba.njit
def draw_lanes(seed, stream, index, n):
    key = random.key(seed, stream, index)
    return np.array([random.uniform(key, lane) for lane in range(n)])


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**31 - 1])
def test_the_numbers_are_those_of_the_documentation(seed: int) -> None:
    for stream, index, lane in [(1, 0, 0), (4, 7, 3), (6, 360_000, 65_535), (3, 10**12, 1)]:
        key = by_hand.key(seed, stream, index)
        assert draw_uniform(seed, stream, index, 1, lane)[0] == by_hand.uniform(key, lane)
        assert draw_normal(seed, stream, index, 1, lane)[0] == pytest.approx(by_hand.normal(key, lane), rel=1e-12)


def test_the_mixer_is_splitmix64() -> None:
    # The first outputs of SplitMix64 from state 0, as published with java.util.SplittableRandom and xoshiro.
    golden = 0x9E3779B97F4A7C15
    found = [by_hand.mix(k * golden & (2**64 - 1)) for k in range(3)]
    assert found == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@pytest.mark.parametrize(
    "draws", [draw_uniform(1, 6, 0, N, 0), draw_lanes(1, 6, 99, N), draw_uniform(7, 4, 10**9, N, 5)]
)
def test_uniform_numbers_are_uniform(draws: np.ndarray) -> None:
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean() == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / N))
    assert draws.var() == pytest.approx(1 / 12, abs=5 * np.sqrt(1 / 180 / N))
    counts = np.histogram(draws, 100, (0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-4
    assert len(np.unique(draws)) == N


def test_normal_numbers_are_normal() -> None:
    draws = draw_normal(3, 4, 0, N, 1)
    assert draws.mean() == pytest.approx(0, abs=5 / np.sqrt(N))
    assert draws.var() == pytest.approx(1, abs=5 * np.sqrt(2 / N))
    assert stats.skew(draws) == pytest.approx(0, abs=5 * np.sqrt(6 / N))
    assert stats.kurtosis(draws) == pytest.approx(0, abs=5 * np.sqrt(24 / N))
    assert stats.kstest(draws, "norm").pvalue > 1e-4


def test_what_differs_in_seed_stream_index_or_lane_is_independent() -> None:
    reference = draw_normal(1, 4, 0, N, 0)
    others = {
        "seed": draw_normal(2, 4, 0, N, 0),
        "stream": draw_normal(1, 5, 0, N, 0),
        "next index": draw_normal(1, 4, 1, N, 0),
        "lane": draw_normal(1, 4, 0, N, 1),
    }
    for name, other in others.items():
        assert abs(np.corrcoef(reference, other)[0, 1]) < 5 / np.sqrt(N), name
        assert abs(np.corrcoef(reference**2, other**2)[0, 1]) < 5 / np.sqrt(N), name
