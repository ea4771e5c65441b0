"""What docs/python.md shows is run, block by block."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bmi_app

from .test_fitting import made

PAGE = Path(bmi_app.__file__).parents[1] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.timeout(600)
def test_every_block_but_the_live_one_runs(
    sessions_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live session of ten minutes is shown in one block; tests/api/test_running.py does the same with a shorter one."""
    monkeypatch.chdir(tmp_path)
    changed = bmi_app.protocol("center_out", decoder__scramble=0.2)
    first, second = (bmi_app.run(changed, speed="max", duration_s=20, seed=seed, progress=False) for seed in (1, 2))
    lab = made()
    names: dict[str, Any] = {
        "first": first,
        "second": second,
        "counts": lab["counts"],
        "velocity": lab["velocity"],
        "trial": lab["pieces"],
        "other_counts": lab["counts"][:60],
        "other_trial": lab["pieces"][:60],
        "weights": np.zeros((2, 96)),
    }
    live = [block for block in BLOCKS if "bmi_app.launch(" in block]
    assert len(live) == 1
    shown = [block for block in BLOCKS if block not in live]
    assert len(shown) >= 7
    for block in shown:
        lines = [line for line in block.splitlines() if not line.endswith("# in real time")]
        exec(compile("\n".join(lines), str(PAGE), "exec"), names)
    assert names["found"].is_exact
    assert (tmp_path / "tuesday.npz").is_file()
    decoded = [first.frames[f"decoded_{axis}_cm_s"][0] for axis in "xy"]
    np.testing.assert_array_equal(first.decoder().step(first.features[0]), decoded)
