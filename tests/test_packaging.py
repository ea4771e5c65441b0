"""Test what is shipped: the wheel, the pins, the layers, and what an import costs."""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest

from tests.support import lent_kernels
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = out.glob("*.whl")
    return found


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        [metadata] = [archive.read(name).decode() for name in held if name.endswith(".dist-info/METADATA")]
        [points] = [archive.read(name).decode() for name in held if name.endswith("entry_points.txt")]

    source = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for suffix in ("*.py", "*.toml", "py.typed")
        for path in (ROOT / package).rglob(suffix)
    }
    assert {f"{package}/py.typed" for package in PACKAGES} <= source <= held
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == set(PACKAGES)
    assert "bmi = bmi_app.__main__:main" in points
    assert "License-Expression: GPL-3.0-or-later" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in held)


@pytest.mark.timeout(900)  # where the kernels are not compiled yet, this compiles them
def test_the_wheel_alone_finds_its_protocols_and_runs_a_session(wheel: Path, tmp_path: Path) -> None:
    """In an environment without a checkout: what the wheel lacks nobody else has. Only its dependencies are borrowed."""
    venv.create(tmp_path / "venv", with_pip=False)
    base = str(tmp_path / "venv")
    paths = sysconfig.get_paths("venv", vars={"base": base, "platbase": base})
    site, own_python = Path(paths["purelib"]), Path(paths["scripts"]) / Path(sys.executable).name
    installed = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            str(site),
            str(wheel),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    borrowed = Path(np.__file__).parents[1]
    (site / "borrowed.pth").write_text(
        f"{borrowed}\n"
    )  # the .pth files there, that of the checkout too, are not obeyed
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*words: str) -> str:
        done = subprocess.run(
            [str(own_python), "-m", "bmi_app", *words],
            cwd=tmp_path,
            env=surroundings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = json.loads(run("protocols", "list", "--json"))["protocols"]
    shipped = [row for row in listed if Path(row["file"]).is_relative_to(site)]
    assert {row["name"] for row in shipped} == {path.stem for path in (ROOT / "protocols").glob("*.toml")}
    asked = ("--speed", "max", "--duration", "1", "--verify", "--json", "--out", str(tmp_path / "out"))
    with lent_kernels.to(site):
        summary = json.loads(run("run", "center_out", *asked))
    assert summary["ticks"] == 100
    assert summary["replay"]["exact"] is True


def test_what_the_program_imports_is_declared() -> None:
    """Else the wheel would miss what a checkout has by chance, from a tool of its developers."""
    declared = {_name(line) for line in PROJECT["project"]["dependencies"]}
    extras = PROJECT["project"]["optional-dependencies"]
    offered = {_name(line) for line in extras["reports"]}
    in_laws = {_name(line) for line in extras["testing"]}  # what the laws of plugins need, and nothing else may
    homes = packages_distributions()
    missing = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            allowed = declared | offered | (in_laws if path.is_relative_to(ROOT / "bmi_app/testing") else set())
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for top in {name.split(".")[0] for name in names} - set(PACKAGES) - set(sys.stdlib_module_names):
                    if not {_name(home) for home in homes.get(top, [top])} & allowed:
                        missing.add(f"{path.relative_to(ROOT)}: {top}")
    # Parts of what is declared, which have always come with it.
    assert {entry for entry in missing if not entry.endswith((": llvmlite", ": hdmf", ": pydantic_core"))} == set()


def test_every_extra_serves_something() -> None:
    """`sweeps` and `diffusion` were offered for months, and nothing used what they installed."""
    offered = set(PROJECT["project"]["optional-dependencies"]) - {"dev", "docs"}  # of the project's own tools
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "bmi_app").rglob("*.py"))
    assert {extra for extra in offered if f"bmi-app[{extra}]" not in text} == set()


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.+!]+( ?; .*)?", pin)] == []
    pinned = {re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins}
    project = PROJECT["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in wanted}
    assert names - pinned == {"bmi-app"}


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
