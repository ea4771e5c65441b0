"""Kernels speak in names: nothing is taken from a tuple by its place, and codes of enumerations are made in one file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import ROOT

SOURCES = [
    path
    for path in sorted([*(ROOT / "bmi_app").rglob("*.py"), *(ROOT / "drivers").glob("*.py")])
    if "@kernel" in path.read_text(encoding="utf-8") or "@part" in path.read_text(encoding="utf-8")
]
# Arrays of which a kernel takes a row or a number by its place: x and y, time and channel, now and before, the three outlets.
ARRAYS = {
    "hand",
    "m.hand",
    "motor_noise",
    "m.spikes",
    "m.prior",
    "views",
    "babbled",
    "states",
    "handles",
    "text_address",
}
ARRAYS |= {"spike", "sample", "error"}  # what liblsl reads from and writes to
CODES = ROOT / "bmi_app" / "rt" / "codes.py"


def kernels(path: Path) -> Iterator[ast.FunctionDef]:
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            named = {ast.unparse(each).split("(")[0].split(".")[-1] for each in function.decorator_list}
            if named & {"kernel", "part"}:
                yield function


def taken_by_place(function: ast.FunctionDef) -> list[str]:
    """Return what a kernel takes by a literal number, but for sizes and the arrays above."""
    return [
        ast.unparse(each)
        for each in ast.walk(function)
        if isinstance(each, ast.Subscript)
        and isinstance(each.slice, ast.Constant)
        and isinstance(each.slice.value, int)
        and not ast.unparse(each.value).endswith(".shape")
        and ast.unparse(each.value) not in ARRAYS
    ]


def test_the_finder_finds() -> None:
    (function,) = ast.parse("def f(core):\n    return core[2][0] + m.hand[0] + x.shape[0]").body
    assert isinstance(function, ast.FunctionDef)
    assert taken_by_place(function) == ["core[2][0]", "core[2]"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_kernel_takes_nothing_from_a_tuple_by_its_place(path: Path) -> None:
    assert {function.name: found for function in kernels(path) if (found := taken_by_place(function))} == {}


def test_some_kernels_are_found() -> None:
    assert sum(1 for path in SOURCES for _ in kernels(path)) > 200


def test_codes_of_enumerations_are_made_in_one_place() -> None:
    """`_PAUSE, _RESUME = int(CommandKind.PAUSE), ...` stood at the top of each file of kernels."""
    others = [path for path in (ROOT / "bmi_app" / "rt").glob("*.py") if path != CODES]
    found = {
        path.name: ast.unparse(each)
        for path in others
        if any(True for _ in kernels(path))
        for each in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(each, ast.Assign)
        for call in ast.walk(each.value)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {"int", "map"}
        and any(isinstance(argument, ast.Attribute) for argument in call.args)
    }
    assert found == {}
