"""Give the parts of a flat memory their names: one declaration, for Python and for kernels.

A declaration names the parts in order, with symbolic sizes:

    layout = MemoryLayout({"keep": (), "square": ("k", "k"), "cross": ("k", "units")})

Python gets a dict of arrays from it (`named_parts`). A kernel gets the same parts by name (`m = layout.named(memory, units=n_units)`,
then `m.square[i, j]`, and `m.keep` for a number); `memory_views` compiles that. Only numpy is imported here.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bmi_app.rt import sizes

Layout = Mapping[str, tuple[int, ...]]
Shape = tuple[int | str, ...]
SizesOf = Callable[[Any, int, int], Mapping[str, int]]


def length(layout: Layout) -> int:
    """Return how many words a layout needs."""
    return sum(math.prod(shape) for shape in layout.values())


def named_parts(memory: np.ndarray, layout: Layout) -> dict[str, np.ndarray]:
    """Return views of `memory` by name, one after the other in the order of the layout.

    Of an array of more than one axis the last one is cut: of many rows at once each part has many rows.
    """
    parts, at = {}, 0
    for name, shape in layout.items():
        size = math.prod(shape)
        parts[name] = memory[..., at : at + size].reshape(*memory.shape[:-1], *shape)
        at += size
    return parts


@dataclass(frozen=True)
class Together:
    """Declare a part that is one array in Python, with parts of its own for kernels: scratch, settings, counters.

    Attributes
    ----------
    shape
        Of the array; it is as long as its parts together.
    parts
        Name and shape of each, in order.
    """

    shape: Shape
    parts: Mapping[str, Shape]


def words(*names: str) -> Together:
    """Declare a vector each of whose words is a number with a name."""
    return Together((len(names),), dict.fromkeys(names, ()))


class MemoryLayout:
    """Declare the parts of a flat vector of float64, in order; call it for their shapes.

    Parameters
    ----------
    parts : mapping
        Of each part its shape; `()` is a number, which in Python is float64[1], so that it can be written. A size is an
        integer or an expression of symbols (see `sizes`). A symbol is one of `where`, or a number that stands
        earlier in the memory. Any other the kernel gives to `named`; in Python it is `units`, `axes`, what `sizes_of`
        returns, or a field of the settings.
    where : mapping, optional
        Expressions for symbols that several sizes use.
    sizes_of : callable, optional
        Return symbols from (settings, n_units, n_axes), where the settings have no such fields.

    Attributes
    ----------
    fields : dict
        Shape of each part that a kernel can name.
    given : tuple of str
        Symbols that a kernel must give to `named`.
    read : frozenset of str
        Numbers in the memory that sizes depend on.
    digest : str
        Tells layouts apart.

    Raises
    ------
    ValueError
        If a name stands twice, or a size is no such expression.
    """

    def __init__(
        self,
        parts: Mapping[str, Shape | Together],
        where: Mapping[str, str] | None = None,
        sizes_of: SizesOf | None = None,
    ) -> None:
        self.parts, self.where, self._sizes_of = dict(parts), dict(where or {}), sizes_of
        self.fields: dict[str, Shape] = {}
        self._places: dict[str, tuple[str, int]] = {}  # of each number: its part in Python, and which word of it
        self.trees: dict[str, Any] = {}
        for name, part in self.parts.items():
            for field, shape in fields_of(name, part).items():
                if field in self.fields:
                    raise ValueError(f"{field!r} stands twice in a layout of memory; names must differ")
                self.fields[field] = shape
                self.trees |= {str(size): sizes.parsed(field, str(size)) for size in shape}
            if isinstance(part, Together):
                self.trees |= {str(size): sizes.parsed(name, str(size)) for size in part.shape}
                numbers = {field: at for at, field in enumerate(part.parts)} if not any(part.parts.values()) else {}
                self._places |= {field: (name, at) for field, at in numbers.items()}
            elif not part:
                self._places[name] = (name, 0)
        self.trees |= {symbol: sizes.parsed(symbol, text) for symbol, text in self.where.items()}
        used = dict.fromkeys(symbol for tree in self.trees.values() for symbol in sizes.symbols(tree))
        self.read = frozenset(used) & frozenset(self._places)
        self.given = tuple(symbol for symbol in used if symbol not in self.read and symbol not in self.where)
        self.digest = hashlib.sha256(repr((self.parts, self.where)).encode()).hexdigest()[:12]
        self._check_order()

    def _check_order(self) -> None:
        """Refuse a part whose size depends on a number that stands behind it: nobody could find either."""
        for at, symbol in enumerate(self.where):
            if later := set(list(self.where)[at:]) & set(sizes.symbols(self.trees[symbol])):
                raise ValueError(
                    f"{symbol!r} of a layout of memory depends on {min(later)!r}, which must be defined before it"
                )
        behind = set(self.read)
        for name, part in self.parts.items():
            for field, shape in fields_of(name, part).items():
                for size in shape:
                    if found := behind & self._depends_on(str(size)):
                        raise ValueError(
                            f"{field!r} of a layout of memory: its size {size!r} depends on {min(found)!r}, which must stand before it"
                        )
                behind.discard(field)

    def _depends_on(self, size: str) -> set[str]:
        found = set(sizes.symbols(self.trees[size]))
        return found.union(*(self._depends_on(symbol) for symbol in found if symbol in self.where))

    def sized_by(self, sizes_of: SizesOf) -> "MemoryLayout":
        """Return the same layout with another source of symbols in Python."""
        return MemoryLayout(self.parts, self.where, sizes_of)

    def __call__(self, settings: Any, n_units: int, n_axes: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each part for these settings and sizes."""
        known: dict[str, int] = {"units": n_units, "axes": n_axes}
        if self._sizes_of is not None:
            known |= self._sizes_of(settings, n_units, n_axes)
        for symbol in {*self.given, *self.read} - known.keys():
            known[symbol] = int(getattr(settings, symbol))
        return self.shapes(**known)

    def shapes(self, **known: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each part in Python, where all symbols that are needed are known."""
        symbols = dict(known)
        for symbol in self.where:
            symbols[symbol] = sizes.value(self.trees[symbol], symbols)
        found = {}
        for name, part in self.parts.items():
            shape = part.shape if isinstance(part, Together) else part or (1,)
            found[name] = tuple(
                size if isinstance(size, int) else sizes.value(self.trees[size], symbols) for size in shape
            )
        return found

    def fill(self, memory: Mapping[str, np.ndarray], **numbers: float) -> None:
        """Write numbers by their names into the parts that Python has of a memory."""
        for name, number in numbers.items():
            part, at = self._places[name]
            memory[part][at] = number

    def array(self, name: str, **numbers: float) -> np.ndarray:
        """Return a part whose words have names, filled by these."""
        names = [field for field, (part, _) in self._places.items() if part == name]
        assert set(numbers) == set(names), f"{name} has the words {', '.join(names)}"
        return np.array([numbers[each] for each in names], np.float64)

    def number(self, memory: Mapping[str, np.ndarray], name: str) -> float:
        """Return a number by its name, from the parts that Python has of a memory."""
        part, at = self._places[name]
        return float(memory[part][at])

    def sizing(self, memory: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return the numbers in a memory that sizes depend on: written once, when a session is built."""
        return {name: self.number(memory, name) for name in sorted(self.read)}

    def named(self, memory: np.ndarray, **given: int) -> Any:
        """Return the parts of a memory by name; for kernels."""
        raise TypeError("`named` is for kernels; in Python take named_parts(memory, layout(settings, n_units, n_axes))")


def fields_of(name: str, part: Shape | Together) -> dict[str, Shape]:
    """Return what a kernel can name of a part, and the shapes: the part, and those inside it."""
    if isinstance(part, Together):
        return {name: part.shape, **part.parts}
    return {name: part}
