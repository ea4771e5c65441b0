"""A kernel is compiled anew when anything that it may depend on was edited."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bmi_app.rt import jit

ROOT = Path(jit.__file__).parents[2]
HOMES = ("bmi_app/rt", "bmi_app/decoders", "bmi_app/learning", "bmi_app/subject", "drivers")

_KERNEL = """
from bmi_app.rt.jit import f8_1, kernel, void
from {helper} import changed

@kernel(void(f8_1))
def act(values):
    changed(values)
"""
_PART = """
from bmi_app.rt.jit import part

@part
def changed(values):
    values[0] = {value}
"""
_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from importlib import import_module
act = import_module(sys.argv[2]).act
values = np.zeros(1)
act(values)
print(values[0], int(act.stats.cache_hits.total()))
"""


def act(folder: Path, module: str) -> list[str]:
    """Call the kernel in a new process; return what it wrote, and whether it was found compiled."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    said = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(folder), module],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    ).stdout
    return said.split()


@pytest.mark.parametrize("package", ["", "lab"])
def test_a_part_beside_the_plugin_of_somebody_else_is_noticed(package: str, tmp_path: Path) -> None:
    """The cache knew nothing of a plugin's helpers: an edit in them went on running as it was before."""
    place = tmp_path / package if package else tmp_path
    place.mkdir(exist_ok=True)
    if package:
        (place / "__init__.py").touch()
        (place / "inner").mkdir()
        (place / "inner" / "__init__.py").touch()
    helper = place / "inner" / "helper.py" if package else place / "helper.py"
    (place / "plugin.py").write_text(_KERNEL.format(helper="lab.inner.helper" if package else "helper"))
    module = f"{package}.plugin" if package else "plugin"
    for value in (1.0, 2.0):
        helper.write_text(_PART.format(value=value))
        assert act(tmp_path, module) == [str(value), "0"]
        assert act(tmp_path, module) == [str(value), "1"]


@pytest.mark.parametrize("home", HOMES)
def test_an_edit_in_any_home_of_kernels_or_below_it_makes_another_folder(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in HOMES:
        shutil.copytree(ROOT / each, tmp_path / each, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(jit, "_ROOT", tmp_path)
    folder, core = jit.cache_folder.__wrapped__, ("bmi_app/rt",)
    before, core_before = folder(), folder(core)
    edited = next(path for path in sorted((tmp_path / home).glob("*.py")) if path.name != "__init__.py")
    edited.write_text(edited.read_text() + "\n# edited\n")
    after = folder()
    assert after != before
    assert (folder(core) != core_before) == (home == "bmi_app/rt")
    (tmp_path / home / "room").mkdir()
    (tmp_path / home / "room" / "inner.py").write_text("N = 3\n")
    assert folder() not in (before, after)
