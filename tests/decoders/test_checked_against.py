"""What was checked against what: the table of docs/checked.md, whose every figure is asserted here or in the test it names."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from bmi_app.testing.called_decoder import Decoder
from tests.support.places import DOCS, ROOT

TABLE = DOCS / "checked.md"


@pytest.mark.parametrize("block", [0, 1])
def test_linear_is_the_decoder_of_another_lab_on_every_bin(block: int, real_data: Path) -> None:
    """velNext = M1 vel + M2 spikes + M0 of neural_redundancy (Hennig et al. 2018), in mm/s, from the file's `vel` at each bin."""
    path = real_data / "neural_redundancy" / "20131218.mat"
    if not path.is_file():
        pytest.skip(f"no recording {path}")
    found = scipy.io.loadmat(path, simplify_cells=True)["D"]["blocks"][block]
    theirs = found["nDecoder"]
    decoder = Decoder(
        "linear",
        np.ones((2, found["spikes"].shape[1])),
        m1=tuple(map(tuple, theirs["M1"].tolist())),
        m2=tuple(map(tuple, theirs["M2"].tolist())),
        m0=tuple(np.ravel(theirs["M0"]).tolist()),
    )
    worst_mm_s = 0.0
    for counts, before, after in zip(
        np.ascontiguousarray(found["spikes"], np.float64), found["vel"], found["velNext"], strict=True
    ):
        decoder.named["previous"][:] = before
        said = decoder(counts[None])[0]
        if np.isfinite(after).all():
            worst_mm_s = max(worst_mm_s, float(np.abs(said - after).max()))
    assert worst_mm_s <= 1e-4


def test_every_row_of_the_table_names_a_test_that_exists() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| ") and "`tests/" in line]
    assert len(rows) >= 10
    for row in rows:
        for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row) or [("", "")]:
            assert f"def {name}(" in (ROOT / file).read_text(), row
