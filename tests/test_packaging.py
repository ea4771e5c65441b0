"""Test what is shipped: the wheel, the pins, the layers, and what an import costs."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.places import ROOT

PACKAGES = ("bmi_app", "drivers", "protocols")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def modules() -> list[str]:
    """Every module of the project."""
    files = [path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files)


def python(program: str) -> list[str]:
    """Run `program` in a fresh interpreter and return the words of its last line."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def test_the_wheel_holds_the_packages_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        [metadata] = [archive.read(name).decode() for name in held if name.endswith(".dist-info/METADATA")]
        [points] = [archive.read(name).decode() for name in held if name.endswith("entry_points.txt")]

    source = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for suffix in ("*.py", "*.toml")
        for path in (ROOT / package).rglob(suffix)
    }
    assert source <= held
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == set(PACKAGES)
    assert "bmi = bmi_app.__main__:main" in points
    assert "License-Expression: GPL-3.0-or-later" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.+!]+( ?; .*)?", pin)] == []
    pinned = {re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins}
    project = PROJECT["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in wanted}
    assert names - pinned == {"bmi-app", "torch"}  # itself, and the one whose builds differ between machines


def test_every_part_of_the_application_has_its_layer() -> None:
    layers, *rooms, qt = PROJECT["tool"]["importlinter"]["contracts"]
    layered = {name for layer in layers["layers"] for name in layer.split(" | ")}
    parts = {f"bmi_app.{path.parent.name}" for path in (ROOT / "bmi_app").glob("*/__init__.py")}
    modules = {f"bmi_app.{path.stem}" for path in (ROOT / "bmi_app").glob("[!_]*.py")}
    assert layered == parts | modules | {"drivers", "protocols"}
    assert parts - {"bmi_app.gui", "bmi_app.cli"} <= set(qt["source_modules"])
    assert {name for room in rooms for name in room["containers"]} == {"bmi_app.session", "bmi_app.gui"}
    assert all(room["exhaustive"] for room in rooms)


def test_each_room_says_in_a_sentence_what_lives_there() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            said = ast.get_docstring(ast.parse(path.read_text()))
            assert said is not None, path
            assert said.endswith("."), path


@pytest.mark.timeout(600)  # where the kernels are not compiled yet, this compiles them
def test_qt_is_imported_by_the_window_only() -> None:
    free = [name for name in modules() if not name.startswith("bmi_app.gui")]
    imports = "\n".join(f"import {name}" for name in free if not name.endswith("__main__"))
    loaded = python(f"import sys\n{imports}\nprint('loaded', *{{name.split('.')[0] for name in sys.modules}})")
    assert {"PyQt6", "pyqtgraph"} & set(loaded) == set()


def test_help_answers_without_the_heavy_packages() -> None:
    loaded = python(
        "import sys\n"
        "from bmi_app.__main__ import main\n"
        "sys.argv = ['bmi', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print('loaded', *{name.split('.')[0] for name in sys.modules})"
    )
    heavy = {"PyQt6", "matplotlib", "numba", "pandas", "pyarrow", "pylsl", "pynwb", "pyqtgraph", "scipy"}
    assert heavy & set(loaded) == set()
