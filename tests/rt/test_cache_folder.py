"""A kernel is compiled anew when anything that it may depend on was edited."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bmi_app.rt import jit
from bmi_app.rt.imported import sources_of

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
values = np.arange(3.0)
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


_SECOND_LAB = """
from bmi_app.rt.jit import part
from {package} import GAIN

@part
def changed(values):
    values[0] = GAIN * 2.0
"""


@pytest.mark.parametrize("installed", [False, True])
def test_a_helper_in_another_package_and_what_that_imports_are_noticed(installed: bool, tmp_path: Path) -> None:
    """A lab's plugins may share a package of parts, and that one a package of constants; only their own was looked at."""
    place = tmp_path / "site-packages" if installed else tmp_path
    for package in ("lab", "parts_of_lab", "numbers_of_lab"):
        (place / package).mkdir(parents=True)
        (place / package / "__init__.py").touch()
    (place / "lab" / "plugin.py").write_text(_KERNEL.format(helper="parts_of_lab.inner.helper"))
    (place / "parts_of_lab" / "inner").mkdir()
    (place / "parts_of_lab" / "inner" / "helper.py").write_text(_SECOND_LAB.format(package="numbers_of_lab.values"))
    values = place / "numbers_of_lab" / "values.py"
    for gain in (1.0, 2.0):
        values.write_text(f"GAIN = {gain}\n")
        assert act(place, "lab.plugin") == [str(2.0 * gain), "0"]
        assert act(place, "lab.plugin") == [str(2.0 * gain), "1"]


def test_a_plugin_beside_which_something_imports_from_folders_without_init_is_compiled(tmp_path: Path) -> None:
    """Such a folder was looked up by its whole name, for which Python asks the package above it, which nobody imported."""
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "deep.py").write_text("VALUE = 1.0\n")
    (tmp_path / "neighbour.py").write_text("import outer.inner.deep\n")
    (tmp_path / "helper.py").write_text(_PART.format(value=3.0))
    (tmp_path / "plugin.py").write_text(_KERNEL.format(helper="helper"))
    assert act(tmp_path, "plugin") == ["3.0", "0"]
    assert sources_of(tmp_path / "plugin.py") == sorted(tmp_path.rglob("*.py"))


_LAID_OUT = """
from bmi_app.rt.jit import f8_1, kernel, void
from bmi_app.rt.memory import MemoryLayout
from helper import PARTS

layout = MemoryLayout(PARTS)

@kernel(void(f8_1))
def act(values):
    m = layout.named(values)
    values[0] = m.last
"""
_LAYOUTS = """
PARTS = {parts!r}
"""


def test_a_layout_is_found_compiled_in_a_second_process_and_anew_when_it_was_edited(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(_LAID_OUT)
    for parts, at in (({"first": (2,), "last": ()}, 2.0), ({"last": ()}, 0.0)):
        (tmp_path / "helper.py").write_text(_LAYOUTS.format(parts=parts))
        assert act(tmp_path, "plugin") == [str(at), "0"]
        assert act(tmp_path, "plugin") == [str(at), "1"]


def names_that_kernels_import() -> list[tuple[str, str, str]]:
    """Return each module that a kernel or a part takes a name from, with the file and the name."""
    found = []
    for home in HOMES:
        for path in sorted((ROOT / home).rglob("*.py")):
            tree = ast.parse(path.read_text())
            imported = {
                alias.asname or alias.name: (f"{node.module}.{alias.name}", node.module)
                for node in tree.body
                if isinstance(node, ast.ImportFrom) and node.module
                for alias in node.names
            }
            kernels = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _is_compiled(node)]
            # What a plugin says of itself to the program is no constant of a kernel, as long as no kernel reads it.
            read = {each.id for node in kernels for each in ast.walk(node) if isinstance(each, ast.Name)}
            assert "TRAITS" not in read, path
            constants = [
                node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) != "TRAITS"
            ]
            for node in (*kernels, *constants):
                used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                found += [
                    (str(path.relative_to(ROOT)), name, imported[name][1]) for name in sorted(used & set(imported))
                ]
    return found


def _is_compiled(function: ast.FunctionDef) -> bool:
    names = {each.id for made_by in function.decorator_list for each in ast.walk(made_by) if isinstance(each, ast.Name)}
    return bool(names & {"kernel", "part"})


def test_all_that_kernels_take_from_elsewhere_stands_in_their_homes() -> None:
    """What a kernel is compiled with counts for its cache: of the core the core alone, of plugins all homes."""
    packages = {home: home.replace("/", ".") for home in HOMES}
    names = names_that_kernels_import()
    assert len(names) > 300
    for file, name, module in names:
        ours = module.split(".")[0] in ("bmi_app", "drivers", "protocols")
        if not ours:
            continue
        allowed = [packages["bmi_app/rt"]] if file.startswith("bmi_app/rt/") else list(packages.values())
        assert any(module == home or module.startswith(f"{home}.") for home in allowed), (file, name, module)


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
