"""Give the parts of a kernel's flat memory their names, for Python; only numpy is imported here."""

import math
from collections.abc import Mapping

import numpy as np

Layout = Mapping[str, tuple[int, ...]]


def length(layout: Layout) -> int:
    """Return how many words a layout needs."""
    return sum(math.prod(shape) for shape in layout.values())


def named_parts(memory: np.ndarray, layout: Layout) -> dict[str, np.ndarray]:
    """Return views of `memory` by name, one after the other in the order of the layout."""
    parts, at = {}, 0
    for name, shape in layout.items():
        size = math.prod(shape)
        parts[name] = memory[at : at + size].reshape(shape)
        at += size
    return parts
