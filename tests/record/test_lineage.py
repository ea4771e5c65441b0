"""Which stored weights are undone, and which an undo of the undo has brought back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bmi_app.record.lineage import Lineage
from bmi_app.rt.records import UpdateCause

TRIAL, ADOPTED = UpdateCause.TRIAL, UpdateCause.ADOPTED


def follow(*rows: tuple[float, int]) -> Lineage:
    lineage = Lineage()
    for value, cause in rows:
        lineage.add(np.array([value]), cause)
    return lineage


def test_what_lies_between_an_undo_and_where_it_goes_back_to_is_undone() -> None:
    lineage = follow((0, UpdateCause.START), (1, TRIAL), (2, TRIAL), (3, TRIAL), (1, ADOPTED), (4, TRIAL))
    assert lineage.undone() == {2, 3}
    assert lineage.undone(3) == set()


def test_an_undo_of_the_undo_brings_back_what_it_took() -> None:
    lineage = follow((0, UpdateCause.START), (1, TRIAL), (0, ADOPTED), (1, ADOPTED))
    assert lineage.undone(2) == {1}
    assert lineage.undone() == {2}


def test_weights_that_come_again_by_learning_or_by_loading_the_present_ones_undo_nothing() -> None:
    assert follow((0, UpdateCause.START), (1, TRIAL), (0, TRIAL), (0, ADOPTED)).undone() == set()


@given(steps=st.lists(st.integers(-6, 3), max_size=25))
def test_a_walk_of_updates_and_undos_leaves_those_that_a_list_of_steps_would(steps: list[int]) -> None:
    lineage = Lineage()
    lineage.add(np.array([0.0]), UpdateCause.START)
    standing = [0]  # rows whose change has a part in what stands, as a list of steps would keep them
    value, values = 0.0, [0.0]
    for step in steps:
        row = len(values)
        if step >= 0 or len(standing) < 2:  # an update: never a value that was there before
            value += 1.0
            values.append(value)
            lineage.add(np.array([value]), TRIAL)
            standing.append(row)
            continue
        back = max(len(standing) + step - 1, 0)
        target = standing[back]
        values.append(values[target])
        to = lineage.add(np.array([values[target]]), ADOPTED)
        standing = [*standing[: back + 1], row]
        assert to is None or values[to] == values[target]
    last = {values[row] for row in range(len(values)) if row not in lineage.undone()}
    assert {values[row] for row in standing} == last


def test_an_undo_that_says_what_it_takes_back_is_not_guessed_from_equal_weights() -> None:
    """A loaded decoder that equals earlier weights was taken for an undo; an undo to weights that stood twice went to the wrong ones."""
    loaded = Lineage()
    for value, cause, undone in ((0, UpdateCause.START, -1), (1, TRIAL, -1), (2, TRIAL, -1), (1, ADOPTED, 0)):
        loaded.add(np.array([value]), cause, undone)
    assert loaded.undone() == set()
    twice = Lineage()
    for value, cause, undone in (
        (0, UpdateCause.START, -1),
        (1, TRIAL, -1),
        (2, TRIAL, -1),
        (1, TRIAL, -1),
        (3, TRIAL, -1),
    ):
        twice.add(np.array([value]), cause, undone)
    assert twice.add(np.array([1]), ADOPTED, 2) == 1  # before row 2, not before row 4
    assert twice.undone() == {2, 3, 4}


def test_an_undo_beyond_what_a_late_view_knows_takes_back_all_that_it_knows() -> None:
    late = Lineage(first=10)
    for value in (5, 6):
        late.add(np.array([value]), TRIAL)
    assert late.add(np.array([0]), ADOPTED, 3) is None
    assert late.undone() == {0, 1}
    assert late.add(np.array([7]), TRIAL) is None
    assert late.add(np.array([5]), ADOPTED, 11) == 0
    assert late.undone() == {1, 2, 3}
