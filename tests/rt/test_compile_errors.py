"""A kernel that cannot be compiled, above all one that would allocate, is refused in one line that says what to do."""

import re

import numba
import numpy as np
import pytest

from bmi_app.bench import machine_code
from bmi_app.rt.compile_errors import KernelError
from bmi_app.rt.jit import f8, f8_1, kernel, part, void


def makes_an_array(given):
    total = np.zeros(3)
    return total.sum()


def makes_an_array_of_its_argument(given):
    given[:] = given * 2.0


def makes_a_list(given):
    words = [1.0, 2.0]
    words.append(given[0])
    return words[0]


def makes_a_text(given):
    text = str(given.shape[0])
    return len(text)


def knows_no_such_name(given):
    return given.no_such_thing


@part
def copied(given):
    return given.copy()


def calls_a_part_that_allocates(given):
    return copied(given)[0]


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (makes_an_array, f8(f8_1)),
        (makes_an_array_of_its_argument, void(f8_1)),
        (makes_a_list, f8(f8_1)),
        (makes_a_text, f8(f8_1)),
        (knows_no_such_name, f8(f8_1)),
        (calls_a_part_that_allocates, f8(f8_1)),
    ],
)
def test_it_is_refused_in_one_line(function, signature) -> None:
    with pytest.raises(KernelError) as raised:
        kernel(signature)(function)
    said = str(raised.value)
    assert "\n" not in said
    assert "\x1b" not in said
    assert said.startswith(f"kernel {function.__name__} (test_compile_errors.py:")
    first = function.__code__.co_firstlineno
    line = int(re.search(r"\.py:(\d+)\)", said)[1])
    assert first <= line <= first + 4 or function is calls_a_part_that_allocates
    assert "it can allocate nothing" in said


def test_what_was_compiled_apart_may_allocate_and_is_found_in_the_machine_code() -> None:
    """Here a kernel that allocates does compile: the laws of plugins have to look at what it calls."""
    apart = numba.njit(f8(f8_1))(makes_an_array)

    @kernel(f8(f8_1))
    def calls_it(given):
        return apart(given)

    assert calls_it(np.zeros(1)) == 0.0
    assert any(name.startswith("NRT_") for name in machine_code.forbidden(machine_code.calls_of(calls_it)))


def test_a_part_may_return_a_view_to_a_kernel_but_not_to_python() -> None:
    @part
    def tail(given):
        return given[1:]

    @kernel(f8(f8_1))
    def sum_of_tail(given):
        total = 0.0
        for each in tail(given):
            total += each
        return total

    @part
    def ends(given):
        return given[:1], given[-1:]

    given = np.arange(4.0)
    assert sum_of_tail(given) == 6.0
    with pytest.raises(numba.TypingError, match="returning of array"):
        tail(given)
    with pytest.raises(TypeError, match=r"part .*ends returns an array, which only a kernel can take"):
        ends(given)
    with pytest.raises(numba.TypingError, match="what calls it must be a kernel or a part"):
        numba.njit(f8(f8_1))(lambda given: ends(given)[0][0])
