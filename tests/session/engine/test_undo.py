"""Undo puts back what updates changed, the decoder's model and what follows from it among it, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmi_app.record.drain import Drain
from bmi_app.record.journal import Journal
from bmi_app.record.summary import Tally
from bmi_app.rt import cells
from bmi_app.rt.memory import length, named_parts
from bmi_app.rt.records import UpdateCause, UpdateVerdict
from bmi_app.rt.stored import READOUT
from bmi_app.session.engine import staging
from bmi_app.session.engine.operator import Operator
from bmi_app.session.engine.staged_fits import Staged
from tests.rt.ticker import QUICK, Ticker, ticker

KALMAN = (*QUICK, "decoder.kind=kalman", "task.target_radius_cm=4", "task.timeout_ms=2000")
RML = (*KALMAN, "learning.rule=rml", "learning.when=trial", "learning.settings.warm_up_s=0.1")
STEADY = (*KALMAN, "decoder.settings.gain=steady", "learning.rule=smoothbatch", "learning.when=seconds")
N_UNITS = 96


class Session:
    """Hold a session whose ticks are made by hand, with its journal and its operator."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        self.made: Ticker = ticker(overrides)
        core = self.made.core
        sizes = core.sizes
        self.journal = Journal(folder, sizes.n_units, sizes.n_axes, model_rows=sizes.model_rows)
        self.drain = Drain(core.arrays, self.journal, Tally())
        self.operator = Operator(core, self.drain, self.journal, folder)
        (folder / "session.toml").write_text("")
        (folder / "protocol.toml").write_text("")
        self.parts = named_parts(core.arrays["decoder_memory"], core.decoder_layout)

    def run(self, n_ticks: int, seed: int) -> None:
        counts = np.random.default_rng(seed).poisson(0.1, (n_ticks, N_UNITS))
        self.made.run(counts)
        self.save()

    def save(self) -> None:
        arrays = self.made.arrays
        arrays["ctl"][cells.SPIKES_SAVED] = arrays["ctl"][cells.SPIKES_DECODED]
        self.drain.step()
        self.journal.flush()

    def undo(self, to_tick: int | None = None) -> None:
        self.operator.handle({"do": "undo"} | ({} if to_tick is None else {"to_tick": to_tick}))
        self.made.tick()
        self.save()

    def standing(self) -> dict[str, np.ndarray]:
        """Return copies of what updates change: the readout, and the decoder's memory but for its state and scratch."""
        kept = {"model", "flags", "transition", "process", "steady", "steady_bias"}
        names = ("weights", "bias", "feature_offset", "feature_scale")
        found = {name: self.made.arrays[name].copy() for name in names}
        return found | {name: self.parts[name].copy() for name in kept}


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for name, values in wanted.items():
        assert found[name].tobytes() == values.tobytes(), name


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)
    made: list[Session] = []

    def start(*overrides: str) -> Session:
        folder = tmp_path / f"session {len(made)}"
        folder.mkdir()
        made.append(Session(folder, *overrides))
        return made[-1]

    yield start
    for one in made:
        one.journal.close()


def updates_of(one: Session) -> np.ndarray:
    entries, _ = one.made.stored_weights()
    return entries["tick"][entries["cause"] == UpdateCause.TRIAL]


def test_undo_brings_a_model_back_that_a_rule_changed_in_the_tick(session) -> None:
    one = session(*RML)
    stages = [one.standing()]
    while len(updates_of(one)) < 4:
        n = len(updates_of(one))
        one.run(1, int(one.made.state["tick"]))
        if len(updates_of(one)) > n:
            stages.append(one.standing())
    ticks = updates_of(one).tolist()
    assert not np.array_equal(stages[2]["model"], stages[3]["model"])
    one.undo()
    assert_same(one.standing(), stages[3])
    one.undo()  # of the undo
    assert_same(one.standing(), stages[4])
    one.undo(ticks[1])
    assert_same(one.standing(), stages[1])
    one.undo(0)
    assert_same(one.standing(), stages[0])


def test_the_command_of_an_undo_says_what_it_takes_back(session) -> None:
    one = session(*RML)
    while len(updates_of(one)) < 3:
        one.run(1, int(one.made.state["tick"]))
    entries, _ = one.made.stored_weights()
    ticks = updates_of(one).tolist()
    first = int(np.flatnonzero(entries["tick"] == ticks[1])[0])
    _, answer = one.operator.handle({"do": "undo", "to_tick": ticks[1]})
    assert answer["undone_tick"] == ticks[1]
    one.made.tick()
    one.save()
    assert one.made.commands_done()["undone"].tolist() == [first]
    one.undo()  # takes back the undo, which stored the last row
    assert one.made.commands_done()["undone"].tolist() == [first, len(entries)]
    one.operator.adopt_staged(Staged(UpdateCause.FIT, blob_of(one, 1), "a test"))
    one.run(1, 0)
    assert one.made.commands_done()["undone"].tolist() == [first, len(entries), 0]


def blob_of(one: Session, seed: int, *names: str) -> np.ndarray:
    """Return a blob that changes the readout and some parts of the decoder's memory."""
    sizes = one.made.core.sizes
    generator = np.random.default_rng(seed)
    blob = np.full(length(sizes.blob), np.nan)
    parts = named_parts(blob, sizes.blob)
    for name in ("weights", "bias"):
        parts[name][...] = generator.uniform(0.1, 0.2, parts[name].shape)
    memory = named_parts(parts["decoder_memory"], one.made.core.decoder_layout)
    for name in names:
        memory[name][...] = one.parts[name] * generator.uniform(0.9, 1.1)
    return blob


def test_undo_brings_back_what_follows_from_an_adopted_model(session) -> None:
    one = session(*STEADY)
    one.run(50, 1)
    stages = [one.standing()]
    for k in range(3):
        blob = blob_of(one, k, "model", "steady", "steady_bias")
        one.operator.adopt_staged(Staged(UpdateCause.STAGED, blob, "a test"))
        one.run(20, 2 + k)
        stages.append(one.standing())
    adopted = one.made.arrays["updates"][:3]
    assert (adopted["cause"] == UpdateCause.STAGED).all()
    assert set(adopted["verdict"].tolist()) <= {UpdateVerdict.ACCEPTED, UpdateVerdict.SHORTENED}
    one.undo(int(adopted["tick"][1]))
    assert_same(one.standing(), stages[1])
    one.undo()
    assert_same(one.standing(), stages[3])
    one.undo(0)
    assert_same(one.standing(), stages[0])


def test_two_adoptions_that_wait_for_one_tick_are_undone_one_by_one(session) -> None:
    one = session(*STEADY)
    one.run(50, 1)
    for k in range(2):
        blob = blob_of(one, k, "steady")
        one.operator.adopt_staged(Staged(UpdateCause.FIT, blob, "a test"))
        if k == 0:
            first = blob
    one.run(5, 2)
    one.undo()
    parts = named_parts(first, one.made.core.sizes.blob)
    memory = named_parts(parts["decoder_memory"], one.made.core.decoder_layout)
    assert_same(one.standing(), {"steady": memory["steady"]})


@given(data=st.data(), n=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_whatever_was_adopted_undo_restores_what_it_changed(data: st.DataObject, n: int) -> None:
    core = ticker(STEADY).core if not CORES else CORES[0]
    CORES[:] = [core]
    words, readout = length(core.sizes.blob), length(READOUT.shapes(units=core.sizes.n_units, axes=core.sizes.n_axes))
    generator = np.random.default_rng(data.draw(st.integers(0, 1000)))
    stands = [generator.normal(0, 1, words)]
    adopted = []
    for _ in range(n):
        blob = np.where(generator.random(words) < 0.5, generator.normal(0, 1, words), np.nan)
        adopted.append({"blob": blob, "before": stands[-1]})
        stands.append(np.where(np.isnan(blob), stands[-1], blob))
    back = data.draw(st.integers(0, n - 1))
    n_model = core.sizes.model_rows * core.sizes.n_units
    at = readout + 2 * core.sizes.n_units
    n_units = core.sizes.n_units
    row = np.concatenate([stands[back][:readout], stands[back][at : at + n_model], stands[back][-n_units:]])
    undone = staging.undo_blob(core, row, adopted[back:][::-1])
    after = np.where(np.isnan(undone), stands[-1], undone)
    np.testing.assert_array_equal(after, stands[back])
    untouched = np.isnan([one["blob"] for one in adopted[back:]]).all(axis=0)
    untouched[:readout] = untouched[at : at + n_model] = untouched[-n_units:] = False
    assert np.isnan(undone[untouched]).all()


CORES: list = []


# Units that were moved


def mapping(one: Session) -> tuple[list[int], list[list[float]], list[list[float]]]:
    """Return each unit's population, the mask and the weights."""
    arrays = one.made.arrays
    return arrays["unit_population"].tolist(), arrays["mask"].tolist(), arrays["weights"].tolist()


def move(one: Session, unit: int, population: int) -> int:
    name = list(one.made.core.protocol.population_indices())[population]
    one.operator.handle({"do": "move_unit", "unit": unit, "population": name})
    one.made.tick()
    one.save()
    return int(one.made.state["tick"]) - 1


@pytest.mark.parametrize("population", [1, 2])
def test_undo_of_a_move_gives_the_unit_back_with_its_weight_and_the_undo_can_be_undone(
    session, population: int
) -> None:
    one = session(*QUICK, "learning.when=trial")
    while len(updates_of(one)) < 2:
        one.run(1, int(one.made.state["tick"]))
    before = mapping(one)
    assert before[2][0][5] not in (0.0, 1.0)  # what was learnt comes back, not the sign
    tick = move(one, 5, population)
    moved = mapping(one)
    assert moved != before
    one.undo(tick)
    assert mapping(one) == before
    one.undo()
    assert mapping(one) == moved
    one.undo(tick)
    assert mapping(one) == before


def test_undo_to_before_several_moves_takes_all_of_them_back(session) -> None:
    one = session(*QUICK)
    stages = [mapping(one)]
    ticks = []
    for unit, population in ((5, 1), (40, 0), (5, 2), (70, 0)):
        ticks.append(move(one, unit, population))
        stages.append(mapping(one))
    for back in (3, 1, 2, 0):
        one.undo(ticks[back])
        assert mapping(one) == stages[back], back
        one.undo()
        assert mapping(one) == stages[4]


def test_loading_and_fitting_leave_units_where_they_are(session) -> None:
    one = session(*STEADY)
    move(one, 5, 1)
    one.operator.adopt_staged(Staged(UpdateCause.FIT, blob_of(one, 1, "model"), "a test"))
    one.made.tick()
    assert one.made.arrays["unit_population"][5] == 1
    assert one.made.arrays["mask"][:, 5].tolist() == [0.0, 1.0]


def test_a_unit_of_no_population_goes_back_to_none(session) -> None:
    one = session(*QUICK, 'populations={horizontal="0-31",vertical="32-63"}')
    assert one.made.arrays["unit_population"][80] == -1
    before = mapping(one)
    move(one, 80, 0)
    assert one.made.arrays["weights"][0, 80] == 1.0
    one.undo()
    assert mapping(one) == before
