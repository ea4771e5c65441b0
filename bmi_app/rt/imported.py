"""Find the sources that the kernels of somebody else's plugin may depend on, without importing any of them.

A kernel is compiled with what it calls and with the constants that it uses, wherever these are imported from: a helper
beside it, another package of the same lab, and what that imports in turn.
"""

import ast
import importlib.machinery
import sys
from collections.abc import Iterator
from pathlib import Path

_OURS = frozenset({"bmi_app", "drivers", "protocols"})
# Their versions say enough (`jit.cache_folder`), or no kernel can use them.
_LIBRARIES = frozenset({"numba", "numpy", "llvmlite", "scipy", "pydantic", "pylsl", "pyarrow", "PyQt6", "pyqtgraph"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_HAS_KERNELS = ("bmi_app", "numba")


def sources_of(top: Path) -> list[Path]:
    """Return the sources of a package, or those beside a module, and all that they import beyond this program.

    Of an installed library that mentions neither this program nor numba only the modules count that are imported
    from outside; what it imports in turn can be no kernel's.
    """
    found = dict.fromkeys(sorted(top.rglob("*.py") if top.is_dir() else top.parent.glob("*.py")))
    waiting = list(found)
    while waiting:
        path = waiting.pop()
        text = path.read_bytes()
        is_library = bool(_INSTALLED & set(path.parts)) and not any(name.encode() in text for name in _HAS_KERNELS)
        if is_library and not (top in path.parents or path.parent == top.parent):
            continue
        new = [each for each in _imported_by(text, path, top.parent) if each not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return sorted(found)


def _imported_by(text: bytes, path: Path, beside: Path) -> Iterator[Path]:
    """Yield the sources of the modules that a source names in its import statements."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.ImportFrom):
            yield from _relative(node, path)
            continue
        else:
            continue
        for name in names:
            yield from _files_of(name, beside)


def _relative(node: ast.ImportFrom, path: Path) -> Iterator[Path]:
    """Yield what a relative import names."""
    folder = path.parents[node.level - 1] if node.level <= len(path.parents) else path.parent
    folder = folder.joinpath(*(node.module or "").split(".")) if node.module else folder
    for place in (folder, *(folder / alias.name for alias in node.names)):
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file


def _files_of(name: str, beside: Path) -> Iterator[Path]:
    """Yield the sources of a module and of the packages that it stands in, as far as they are not known by version."""
    words = name.split(".")
    if words[0] in _OURS | _LIBRARIES or words[0] in sys.stdlib_module_names:
        return
    places: list[str] | None = [str(beside), *sys.path]
    for at in range(len(words)):
        spec = importlib.machinery.PathFinder.find_spec(words[at], places)  # the whole name asks for what is imported
        if spec is None:
            return
        if spec.origin is not None and spec.origin.endswith(".py"):
            yield Path(spec.origin)
        if spec.submodule_search_locations is None:
            return
        places = list(spec.submodule_search_locations)
