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
from bmi_app.rt.memory import named_parts
from bmi_app.rt.records import UpdateCause, UpdateVerdict
from bmi_app.session import staging
from bmi_app.session.operator import Operator
from bmi_app.session.refit import Staged
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


def blob_of(one: Session, seed: int, *names: str) -> np.ndarray:
    """Return a blob that changes the readout and some parts of the decoder's memory."""
    sizes = one.made.core.sizes
    generator = np.random.default_rng(seed)
    blob = np.full(sizes.blob_words, np.nan)
    at = sizes.n_axes * sizes.n_units
    blob[: at + sizes.n_axes] = generator.uniform(0.1, 0.2, at + sizes.n_axes)
    memory = named_parts(blob[sizes.weight_words + 2 * sizes.n_units :], one.made.core.decoder_layout)
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
    memory = named_parts(first[one.made.core.sizes.weight_words + 2 * N_UNITS :], one.made.core.decoder_layout)
    assert_same(one.standing(), {"steady": memory["steady"]})


@given(data=st.data(), n=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_whatever_was_adopted_undo_restores_what_it_changed(data: st.DataObject, n: int) -> None:
    core = ticker(STEADY).core if not CORES else CORES[0]
    CORES[:] = [core]
    words, readout = core.sizes.blob_words, core.sizes.weight_words
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
    row = np.concatenate([stands[back][:readout], stands[back][at : at + n_model]])
    undone = staging.undo_blob(core, row, adopted[back:][::-1])
    after = np.where(np.isnan(undone), stands[-1], undone)
    np.testing.assert_array_equal(after, stands[back])
    untouched = np.isnan([one["blob"] for one in adopted[back:]]).all(axis=0)
    untouched[:readout] = untouched[at : at + n_model] = False
    assert np.isnan(undone[untouched]).all()


CORES: list = []
