"""Two whole sessions, to be damaged."""

import shutil
from pathlib import Path

import pytest

from bmi_app.record import session_folder
from bmi_app.session.engine import full_speed_loop
from bmi_app.session.engine.full_speed import run_fast
from bmi_app.session.request import SessionRequest


def record(root: Path, seed: int, duration_s: float = 12.0) -> Path:
    request = SessionRequest(
        protocol="center_out",
        overrides=[
            'blocks=[{kind="rest",duration_s=2},{kind="closed_loop"}]',
            'learning.rule="smoothbatch"',
            'learning.when="seconds"',
            "learning.every_s=3",
            "task.target_radius_cm=3.0",
            f"session.duration_s={duration_s}",
            f"session.seed={seed}",
        ],
        out=root,
        speed="max",
        source_timeout_s=1.0,
    )
    return Path(run_fast(request, lambda _: None, lambda _: None)["session"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patched:  # so that every file has several batches, however busy the machine
        patched.setattr("bmi_app.record.kinds._BATCH_BYTES", 1 << 14)
        patched.setattr(full_speed_loop, "_CHUNK_TICKS", 50)
        return record(root, 1), record(root, 2)


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out of account that the process which recorded these sessions, this one, still lives; and use wide lines."""
    monkeypatch.setattr(session_folder, "life_of", lambda _folder, _session: "dead")
    monkeypatch.setenv("COLUMNS", "240")


@pytest.fixture
def copy(pair: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(pair[0], tmp_path / pair[0].name))
