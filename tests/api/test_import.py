"""The front door is light, typed, and says what it has."""

import ast
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest

import bmi_app

ROOT = Path(bmi_app.__file__).parent
HEAVY = ("numba", "PyQt6", "pyarrow", "pandas", "scipy", "pylsl", "pydantic", "numpy", "bmi_app.api")


def test_the_import_alone_loads_nothing_heavy() -> None:
    program = f"import sys, bmi_app\ndir(bmi_app)\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_recorded_session_is_loaded_without_numba_and_qt(tmp_path: Path) -> None:
    """Tables need neither the kernels nor the window."""
    asked = f"bmi_app.run('center_out', speed='max', duration_s=1, out={str(tmp_path)!r}, progress=False).folder"
    folder = subprocess.run(
        [sys.executable, "-c", f"import bmi_app; print({asked})"], capture_output=True, text=True, check=True
    ).stdout.strip()
    program = (
        f"import sys, bmi_app\ns = bmi_app.load({folder!r})\nassert len(s.frames) == 100\ns.trials, s.events, s.weights\n"
        "print([name for name in ('numba', 'PyQt6', 'pandas', 'pynwb') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there_and_typed() -> None:
    for name in bmi_app.__all__:
        assert getattr(bmi_app, name) is not None
    assert set(bmi_app.__all__) <= set(dir(bmi_app))
    tree = ast.parse((ROOT / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == bmi_app._HOMES
    assert sorted(seen) == sorted(bmi_app.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'laod'"):
        bmi_app.laod  # noqa: B018


def test_the_packages_say_that_they_are_typed() -> None:
    for package in ("bmi_app", "drivers", "protocols"):
        assert (ROOT.parent / package / "py.typed").is_file()
    assert files("bmi-app")
