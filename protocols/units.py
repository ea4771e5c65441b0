"""Read which units a population holds, and which index a (channel, unit) pair of a source has."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

PopulationSpec = str | tuple[int, ...]

REST = "rest"  # a population of every unit that no other population names
MAX_UNITS = 16384  # bounds what a mistyped range can allocate
_RANGE = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def parse_population(spec: PopulationSpec) -> tuple[int, ...]:
    """Return the unit indices that a population names, in ascending order.

    Parameters
    ----------
    spec
        `"0-31"`, `"0-3,8,10-12"` or the indices themselves; not `"rest"`, which depends on the other populations.

    Raises
    ------
    ValueError
        If the text is not of this form, a range runs backwards, a unit is named twice, or none is named.
    """
    indices: list[int] = []
    if isinstance(spec, str):
        for part in spec.split(","):
            match = _RANGE.fullmatch(part)
            if match is None:
                raise ValueError(f"{part.strip()!r} is not a unit or a range of units")
            first = int(match[1])
            last = first if match[2] is None else int(match[2])
            if last < first:
                raise ValueError(f"the range {part.strip()!r} runs backwards")
            if last - first > MAX_UNITS:
                raise ValueError(f"the range {part.strip()!r} holds more than {MAX_UNITS} units")
            indices.extend(range(first, last + 1))
    else:
        indices.extend(spec)
    if not indices:
        raise ValueError("a population needs at least one unit")
    indices.sort()
    twice = sorted({index for index, following in pairwise(indices) if index == following})
    if twice:
        raise ValueError(f"{format_units(twice)} named twice")
    return tuple(indices)


def resolve_populations(specs: Mapping[str, PopulationSpec], n_units: int) -> dict[str, tuple[int, ...]]:
    """Return the unit indices of each population, `"rest"` included.

    Raises
    ------
    ValueError
        If a population cannot be read.
    """
    indices = {name: parse_population(spec) for name, spec in specs.items() if spec != REST}
    taken = {index for population in indices.values() for index in population}
    rest = tuple(index for index in range(n_units) if index not in taken)
    return {name: rest if spec == REST else indices[name] for name, spec in specs.items()}


def format_units(indices: Sequence[int]) -> str:
    """Write ascending unit indices as a reader would: `unit 3`, `units 0-3, 8`."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return f"unit{'s' if len(indices) > 1 else ''} {text}"
