"""The sweep of ReFIT changes one thing at a time, and tells its figures as a table."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bmi_app.bench import refit_sweep
from bmi_app.decoders.contract import Samples
from bmi_app.session.recompute.fit_samples import Training


def test_a_lag_stays_within_its_piece() -> None:
    velocity = np.arange(1.0, 8.0)[:, None]
    piece = np.array([0, 0, 0, 1, 1, 1, 1])
    samples = Samples(np.zeros((7, 1)), velocity, np.zeros((7, 1)), piece, 0.01)
    found = refit_sweep.lagged(Training(samples, np.ones((1, 1)), {}, {}, ""), 2).samples.velocity[:, 0]
    np.testing.assert_array_equal(found, [0, 0, 1, 0, 0, 4, 5])


def test_what_is_wanted_while_holding_is_left_out_or_taken_from_the_cursor() -> None:
    velocity = np.array([1.0, 2.0, 0.0, 0.0, 3.0, 0.0, 4.0, 5.0])[:, None]
    piece = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    samples = Samples(np.arange(8.0)[:, None], velocity, np.zeros((8, 1)), piece, 0.01)
    training = Training(samples, np.ones((1, 1)), {}, {}, "")
    found = refit_sweep.without_holding(training).samples
    np.testing.assert_array_equal(found.features[:, 0], [0, 1, 4, 6, 7])
    np.testing.assert_array_equal(found.follows(), [True, False, False, True])
    moved = Training(replace(samples, velocity=np.full((8, 1), 9.0)), np.ones((1, 1)), {}, {}, "")
    found = refit_sweep.holding_as(training, moved).samples
    np.testing.assert_array_equal(found.velocity[:, 0], [1, 2, 9, 9, 3, 9, 4, 5])


def test_one_seed_has_a_row_for_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refit_sweep, "LESS_NOISE", (16,))
    monkeypatch.setattr(refit_sweep, "SLOWER", (0.7,))
    monkeypatch.setattr(refit_sweep, "LAGS_TICKS", (10,))
    monkeypatch.setattr(refit_sweep, "AIMS", ((5.0, 12.0),))
    monkeypatch.setattr(refit_sweep, "_SMOOTHING", {"smoothed": ()})
    rows = refit_sweep.measure(1, 1.0, lambda _: None)
    changes = {(row["filter"], row["change"]) for row in rows}
    each = {"nothing", "W / 16", "C / 0.7", "lag 100 ms"}
    assert changes == {(name, change) for name in ("kalman", "refit", "intent") for change in each} | {
        ("kalman", "no onsets"),
        ("refit", "no onsets"),
        ("refit", "holding left out"),
        ("refit", "holding as the cursor moved"),
        ("kalman", "aim 5/s, 12 cm/s"),
        ("refit", "aim 5/s, 12 cm/s"),
    }
    figures = {(row["filter"], row["change"]): row for row in rows}
    # What makes ReFIT slow on smoothed rates is that its velocities are too large: it enters, and does not stay.
    assert figures["refit", "C / 0.7"]["dial_in_s"][0] < figures["refit", "nothing"]["dial_in_s"][0]
    table = refit_sweep.markdown(rows).splitlines()
    assert len(table) == 2 + len({row["change"] for row in rows})
    assert re.fullmatch(
        r"\| smoothed \| nothing \|( [\d.]+, [\d.]+, [\d.]+ \|){3} [\d.]+ \([\d.]+-[\d.]+\) \|", table[2]
    )
