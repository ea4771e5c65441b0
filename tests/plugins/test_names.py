"""No plugin's name stands in bmi_app outside its own file: what the program must know of a plugin, its traits say."""

import ast
from pathlib import Path

from bmi_app import plugins

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("bmi_app", "drivers")
# Words that are names of plugins, and something else in the file where they stand.
OTHER_MEANING: dict[str, tuple[str, ...]] = {
    "arm": ("bmi_app/rt/block_kinds.py",),  # a kind of block
    "linear": ("bmi_app/traits/kinds.py", "bmi_app/api/fitting.py"),  # a cost; the default of `fit`, named once
    "plain": (),
    "simulated": ("bmi_app/record/nwb.py", "bmi_app/api/simulation.py"),  # a subject's id in a file; what `simulate` runs
    "replay": ("bmi_app/session/view/run_command.py", "bmi_app/session/store/printing.py", "bmi_app/cli/app.py", "bmi_app/gui/replay/replay_page.py"),  # a report, a command, settings of a page
    "serial": (),
}  # fmt: skip
# Studies name the plugins that they compare; benchmarks are such.
STUDIES = ("bmi_app/bench", "bmi_app/api/simulation.py")  # `simulate` is a rig of its own, and runs nothing else


def homes() -> dict[str, set[str]]:
    """Return for each plugin's name the files in which it is at home: its own, of whatever kind."""
    found: dict[str, set[str]] = {}
    for kind, (package, _) in plugins.HOMES.items():
        for name in plugins.names(kind):
            found.setdefault(name, set()).add(f"{package.replace('.', '/')}/{name}.py")
            role = getattr(plugins.load(kind, name).TRAITS, "for_subject", None)
            if role is not None and role.learner:
                found.setdefault(role.learner, set()).add(f"{package.replace('.', '/')}/{name}.py")
    return found


def test_no_plugins_name_stands_outside_its_file() -> None:
    wrong = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            where = str(path.relative_to(ROOT))
            if where.startswith(STUDIES):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                word = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
                if word in HOMES and where not in HOMES[word] and where not in OTHER_MEANING.get(word, ()):
                    wrong.append(f"{where}:{node.lineno} {word!r}")  # type: ignore[attr-defined]
    assert wrong == []


def test_no_plugin_is_imported_by_name() -> None:
    """Whoever needs a plugin finds it by what the protocol says; a plugin may build on another one's file."""
    files = {file.removesuffix(".py").replace("/", ".") for of in HOMES.values() for file in of}
    wrong = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            where = str(path.relative_to(ROOT))
            if where.startswith(STUDIES) or where in {file for of in HOMES.values() for file in of}:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom):
                    wrong += [
                        f"{where}:{node.lineno}"
                        for alias in node.names
                        if {f"{node.module}.{alias.name}", node.module} & files
                    ]
    assert wrong == []


HOMES = homes()
