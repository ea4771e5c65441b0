"""Copies of what a rule adapts hold a model, which has more rows than there are axes, as well as a readout."""

import numpy as np
import pytest

from bmi_app.rt.log import keep_copy, norm_of_change, put_back


@pytest.mark.parametrize(("rows", "n_axes"), [(1, 1), (2, 2), (3, 1), (4, 2)])
def test_a_copy_is_whole_and_touches_nothing_behind_it(rows: int, n_axes: int) -> None:
    generator = np.random.default_rng(rows)
    adapted, bias = generator.normal(0, 1, (rows, 7)), generator.normal(0, 1, n_axes)
    room = np.full(rows * 7 + n_axes + 4, 5.0)
    copy = room[: rows * 7 + n_axes]
    keep_copy(adapted, bias, copy)
    np.testing.assert_array_equal(copy, np.concatenate([adapted.ravel(), bias]))
    assert (room[len(copy) :] == 5.0).all()
    first = adapted.copy(), bias.copy()
    adapted += 0.5
    bias -= 0.25
    assert norm_of_change(adapted, bias, copy) == pytest.approx(np.sqrt(rows * 7 * 0.25 + n_axes * 0.0625))
    put_back(adapted, bias, copy)
    np.testing.assert_array_equal(adapted, first[0])
    np.testing.assert_array_equal(bias, first[1])
