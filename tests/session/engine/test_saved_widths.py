"""A decoder that is saved while `regression` learns says how sure each of its weights is."""

from pathlib import Path

import numpy as np

from bmi_app.learning import regression
from bmi_app.rt.memory import named_parts
from tests.rt.ticker import QUICK
from tests.session.engine.test_undo import Session


def saved_by(folder: Path, *overrides: str) -> tuple[Session, dict[str, np.ndarray]]:
    folder.mkdir()
    one = Session(folder, *QUICK, *overrides)
    one.run(300, 1)
    file = folder.with_suffix(".npz")  # beside the recording: inside of it only `weights` may be written to
    one.operator.handle({"do": "save_weights", "file": str(file)})
    one.journal.close()
    with np.load(file) as archive:
        return one, dict(archive)


def test_the_file_holds_half_of_each_weights_interval(tmp_path: Path) -> None:
    one, saved = saved_by(tmp_path / "on", "learning.rule=regression", "learning.when=trial")
    core = one.made.core
    layout = regression.layout(regression.Settings(), core.sizes.n_units, core.sizes.n_axes)
    expected = regression.confidence(named_parts(core.arrays["rule_memory"], layout))
    np.testing.assert_array_equal(saved["half_width_95"], expected)
    used = core.arrays["mask"] != 0
    assert np.isfinite(expected[used]).all()
    assert (expected[used] > 0).all()


def test_other_rules_say_nothing_of_it(tmp_path: Path) -> None:
    assert "half_width_95" not in saved_by(tmp_path / "lms", "learning.rule=lms", "learning.when=trial")[1]
    assert "half_width_95" not in saved_by(tmp_path / "off", "learning.rule=regression")[1]
