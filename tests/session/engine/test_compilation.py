"""It is said beforehand when a session has to wait for its kernels, whatever else was compiled before."""

from pathlib import Path

import pytest

from bmi_app.rt import loop
from bmi_app.session.engine import compilation


def test_it_is_due_until_the_loop_and_a_plugin_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laws of a lab's decoder had compiled some kernels; the session after it waited a minute without a word."""
    core, plugins = tmp_path / "core", tmp_path / "plugins"
    monkeypatch.setattr(compilation, "_folders", lambda: (core, plugins))
    for path, due in (
        (core / "rt_1" / "bins.count-3.py311.nbi", True),
        (plugins / "decoders_1" / "leaky.DECODE-20.py311.nbi", True),
        (core / "rt_1" / "loop.run-104.py311.nbi", False),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert compilation.is_due() is due


def test_the_loop_is_kept_under_the_name_that_is_looked_for() -> None:
    assert loop.run.signatures
    assert not compilation.is_due()
