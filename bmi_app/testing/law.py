"""Hold a law of a plugin as something that can be called, and draw what it is tried on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Law:
    """Hold a law, and of what it holds.

    Attributes
    ----------
    name
        Of which plugin, in which case, and what is said.
    check
        Raises where it does not hold.
    """

    name: str
    check: Callable[[], object]

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Try the law."""
        self.check()


def law(of: object, check: Callable[..., object], *given_: Any) -> Law:
    """Return a law of one case; its name is what the check is called."""
    return Law(f"{of}-{check.__name__.lstrip('_')}", lambda: check(of, *given_))


def drawn_law(
    of: object, check: Callable[..., object], sizes: Sequence[tuple[int, int]], examples: int = 6, **more: Any
) -> Law:
    """Return a law of one case that is tried on worlds drawn anew: a seed, and numbers of units and axes.

    Parameters
    ----------
    of, check
        The case, and `check(of, seed, n_units, n_axes, **more)`.
    more
        Strategies of what else is drawn.
    """

    @settings(max_examples=examples, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from(list(sizes)), **more)
    def drawn(seed: int, size: tuple[int, int], **rest: Any) -> None:
        check(of, seed, *size, **rest)

    return Law(f"{of}-{check.__name__.lstrip('_')}", drawn)


def close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Assert that two results are as good as equal, relative to the largest number."""
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(np.abs(expected).max(), 1e-9))
