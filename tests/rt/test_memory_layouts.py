"""One declaration of a memory gives Python and kernels the same parts, at no cost, and kernels are still found on disk."""

import ast

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app import plugins
from bmi_app.bench import machine_code
from bmi_app.rt import stored
from bmi_app.rt.jit import f8_1, f8_2, i8, void
from bmi_app.rt.memory import MemoryLayout, Together, length, named_parts, words
from tests.support.places import ROOT

LAYOUT = MemoryLayout(
    {
        "lags": (),
        "flags": words("steady", "shared"),
        "past": ("lags", "axes", "units"),
        "scratch": Together(("n + 2", "n"), {"prior": ("n", "n"), "predicted": ("n",), "gathered": ("n",)}),
        "history": ("lags * 3 + 1", "units"),
        "now": (),
        "covariance": ("1 if shared else axes", "units", "units - 1"),
        "estimate": ("axes if shared == 2 else 0",),
        "last": ("n",),
    },
    where={"n": "2 * axes if shared != 1 else axes"},
)
SHIPPED = [
    pytest.param(plugins.load(kind, name).layout, id=f"{kind}-{name}")
    for kind in ("decoders", "learning", "subjects")
    for name in plugins.names(kind)
    if isinstance(plugins.load(kind, name).layout, MemoryLayout)
]
STORED = [
    pytest.param(getattr(stored, name), id=name) for name in ("READOUT", "ROW", "BLOB", "ADAPTED", "MODEL", "GOOD")
]


def places_of(layout: MemoryLayout):
    """Return a kernel that writes, for each part that it can name, its size and its first and last word into a row."""
    lines = [f"    m = layout.named(memory{''.join(f', {name}={name}' for name in layout.given)})"]
    for row, (name, shape) in enumerate(layout.fields.items()):
        if shape:
            lines += [f"    out[{row}, 0] = m.{name}.size", f"    if m.{name}.size:"]
            lines += [
                f"        out[{row}, 1], out[{row}, 2] = m.{name}.ravel()[0], m.{name}.ravel()[m.{name}.size - 1]"
            ]
        else:
            lines += [f"    out[{row}, 0], out[{row}, 1], out[{row}, 2] = 1, m.{name}, m.{name}"]
    source = "\n".join([f"def places(memory, out{''.join(f', {name}' for name in layout.given)}):", *lines])
    names: dict = {"layout": layout}
    exec(source, names)
    return numba.njit(void(f8_1, f8_2, *[i8 for _ in layout.given]))(names["places"])


def in_python(layout: MemoryLayout, memory: np.ndarray, shapes) -> dict[str, tuple[float, float, float]]:
    """Return the same of the parts that Python has."""
    return {
        name: (array.size, array.ravel()[0], array.ravel()[-1]) if array.size else (0, 0.0, 0.0)
        for name, array in named_parts(memory, shapes).items()
    }


def check(layout: MemoryLayout, kernel, symbols: dict[str, int]) -> None:
    shapes = layout.shapes(**symbols)
    memory = np.arange(1.0, length(shapes) + 1)
    parts = named_parts(memory, shapes)
    layout.fill(parts, **{name: symbols[name] for name in layout.read})
    out = np.zeros((len(layout.fields), 3))
    kernel(memory, out, *[symbols[name] for name in layout.given])
    found = dict(zip(layout.fields, map(tuple, out), strict=True))
    expected = in_python(layout, memory, shapes)
    assert {name: found[name] for name in expected} == expected
    for name, part in layout.parts.items():
        if isinstance(part, Together):  # its parts lie one behind the other, and fill it
            inside = [found[field] for field in part.parts]
            assert sum(size for size, _, _ in inside) == found[name][0]


@pytest.fixture(scope="module")
def places():
    return places_of(LAYOUT)


@given(st.integers(0, 4), st.integers(0, 2), st.integers(1, 2), st.integers(1, 7))
@settings(max_examples=100, deadline=None)
def test_a_kernel_names_the_same_words_as_python(places, lags: int, shared: int, axes: int, units: int) -> None:
    check(LAYOUT, places, {"lags": lags, "shared": shared, "axes": axes, "units": units})


@pytest.mark.parametrize("layout", SHIPPED + STORED)
def test_so_it_is_with_every_memory_of_a_plugin_and_with_stored_weights(layout: MemoryLayout) -> None:
    kernel = places_of(layout)
    generator = np.random.default_rng(0)
    for _ in range(10):
        symbols = {name: int(generator.integers(0, 4)) for name in (*layout.given, *layout.read)}
        if "decoder_words" in symbols:
            symbols["decoder_words"] += 9  # a model is no longer than the memory that begins with it
        check(layout, kernel, symbols)


def test_numbers_are_read_and_written_and_nothing_is_called() -> None:
    def act(memory, axes, units):
        m = LAYOUT.named(memory, axes=axes, units=units)
        for row in range(m.history.shape[0]):
            for u in range(units):
                m.history[row, u] = m.now
        m.now += 1.0
        m.shared = m.now

    kernel = numba.njit(void(f8_1, i8, i8), nogil=True)(act)
    assert machine_code.calls_of(kernel) == set()
    shapes = LAYOUT.shapes(lags=2, shared=1, axes=2, units=3)
    memory = np.zeros(length(shapes))
    parts = named_parts(memory, shapes)
    LAYOUT.fill(parts, lags=2, shared=1, now=5)
    kernel(memory, 2, 3)
    assert (parts["history"] == 5.0).all()
    assert LAYOUT.number(parts, "now") == 6.0 == parts["flags"][1]
    assert np.count_nonzero(memory) == parts["history"].size + 3  # lags, shared, now, and nothing else


@pytest.mark.parametrize(
    ("parts", "where", "said"),
    [
        ({"a": (), "b": words("a", "c")}, {}, "'a' stands twice"),
        ({"a": ("units / 2",)}, {}, "'units / 2' is no size"),
        ({"a": ("units[0]",)}, {}, "no size"),
        ({"a": ("units +",)}, {}, "no size"),
        ({"a": ("lags",), "lags": ()}, {}, "depends on 'lags', which must stand before it"),
        ({"a": ("n",), "lags": ()}, {"n": "lags + 1"}, "depends on 'lags', which must stand before it"),
        ({"a": ("n",)}, {"n": "m + 1", "m": "axes"}, "depends on 'm', which must be defined before it"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_in_words(parts, where, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        MemoryLayout(parts, where)


def test_in_python_a_view_says_what_to_take_instead() -> None:
    with pytest.raises(TypeError, match="named_parts"):
        LAYOUT.named(np.zeros(9), axes=1, units=1)


def test_parts_of_many_rows_are_those_of_each() -> None:
    generator = np.random.default_rng(3)
    for model_rows in (0, 4):
        rows = generator.normal(0, 1, (5, length(stored.ROW.shapes(units=7, axes=2, model_rows=model_rows))))
        many = stored.named_row(rows, 7, 2)
        for i, row in enumerate(rows):
            for name, part in stored.named_row(row, 7, 2).items():
                np.testing.assert_array_equal(many[name][i], part)
        assert many["model"].shape == (5, model_rows, 7)
        np.testing.assert_array_equal(many["population"], rows[:, -7:])
    assert stored.named_row(np.zeros((0, 0)), 0, 0)["weights"].size == 0


# The table of offsets of the autonomous subject, and the head of a simulation, which holds integers.
_COUNTS_PLACES = {("bmi_app/subject/mind.py", "vector"), ("bmi_app/subject/simulate.py", "parts")}


def test_no_kernel_of_a_plugin_counts_places_in_its_memory() -> None:
    """40 places did, beside six functions that cut a memory by hand."""
    found = set()
    for home in ("bmi_app/decoders", "bmi_app/learning", "bmi_app/subject", "tests/plugins/example_lab"):
        for path in sorted((ROOT / home).rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_text())):
                is_compiled = isinstance(function, ast.FunctionDef) and {"kernel", "part"} & _decorators(function)
                if is_compiled and any(_cuts_memory(node) for node in ast.walk(function)):
                    found.add((str(path.relative_to(ROOT)), function.name))
    assert found == _COUNTS_PLACES


def _decorators(function: ast.FunctionDef) -> set[str]:
    return {node.id for by in function.decorator_list for node in ast.walk(by) if isinstance(node, ast.Name)}


def _cuts_memory(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "memory"
