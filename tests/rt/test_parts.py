"""Parts are compiled within kernels and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import typed_passes
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from bmi_app.rt.jit import f8, f8_1, kernel, part, void
from bmi_app.rt.parts import Part

_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import holder
print(int(holder.sums.stats.cache_hits.total()), len(holder.doubled.overloads))
import numpy as np
out = np.zeros(3)
holder.sums(np.arange(3.0), 2.0, out)
print(out.tolist())
"""

_HOLDER = """
from bmi_app.rt.jit import f8, f8_1, kernel, part, void

@part
def added(value, extra):
    return value + extra

@part
def doubled(value, extra):
    return added(2.0 * value, extra)

@kernel(void(f8_1, f8, f8_1))
def sums(values, extra, out):
    for k in range(len(values)):
        out[k] = doubled(values[k], extra)
"""


@part
def halved(value):
    return 0.5 * value


@part
def filled(values, value):
    values[:] = halved(value)


@kernel(void(f8_1, f8))
def fill(values, value):
    filled(values, value)


def test_a_part_has_no_machine_code_and_no_wrapper_of_its_own() -> None:
    """Three quarters of what was compiled to reach the loop was code that nobody called."""
    assert isinstance(filled, Part)
    numba.njit(void(f8_1, f8))(lambda values, value: filled(values, value))  # `fill` may be found on disk, with no part
    for one, kinds in ((filled, (f8_1, f8)), (halved, (f8,))):
        compiled = one.overloads[kinds]
        assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name) == 0
        names = [function.name for function in compiled.library.get_defined_functions()]
        assert compiled.fndesc.llvm_func_name in names
        assert compiled.fndesc.llvm_cpython_wrapper_name not in names
        assert compiled.fndesc.llvm_cfunc_wrapper_name not in names


def test_a_kernel_holds_its_parts() -> None:
    values = np.zeros(4)
    fill(values, 3.0)
    assert values.tolist() == [1.5] * 4


def test_python_calls_a_kernel_around_a_part() -> None:
    assert halved(3.0) == 1.5
    assert halved.alone.signatures == [(f8,)]
    assert halved.py_func(3.0) == 1.5


def test_a_constant_is_no_type_of_its_own() -> None:
    @kernel(void(f8_1))
    def both(values):
        values[0] = halved(1)
        values[1] = halved(2)

    values = np.zeros(2)
    both(values)
    assert values.tolist() == [0.5, 1.0]
    assert len(halved.overloads) <= 2  # for whole and for real numbers


def test_a_second_process_finds_the_kernel_and_compiles_no_part(tmp_path: Path) -> None:
    (tmp_path / "holder.py").write_text(_HOLDER)
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    said = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100).stdout.split(
            "\n"
        )
        for _ in range(2)
    ]
    assert said[0] == ["0 1", "[2.0, 4.0, 6.0]", ""]
    assert said[1] == ["1 0", "[2.0, 4.0, 6.0]", ""]
    kept = {path.name.split("-")[0] for path in (tmp_path / "cache").rglob("holder.*.nbi")}
    assert kept == {"holder.sums"}


def test_numba_has_the_pass_that_parts_replace() -> None:
    """Where a new version of numba lacks it, `rt/parts.py` must be mended, or parts be compiled as kernels are."""
    seen: list[type] = []

    class Looked(CompilerBase):
        def define_pipelines(self):
            manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
            seen.extend(kind for kind, _ in manager.passes)
            return [manager]

    numba.njit(f8(f8), pipeline_class=Looked)(lambda value: value)
    assert seen.count(typed_passes.NativeLowering) == 1


@pytest.mark.parametrize("wrong", [lambda values: values.nothing, lambda values: "text" + values])
def test_what_cannot_be_compiled_says_so(wrong) -> None:
    broken = part(wrong)

    def outer(values):
        broken(values)

    with pytest.raises(Exception, match=r"nothing|unicode"):
        kernel(void(f8_1))(outer)
