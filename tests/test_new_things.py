"""Add one thing of each kind, and count the files that it touches beside its tests and its line in the documentation.

The numbers are those of the table "How many files a new thing may touch" in the layout's plan.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bmi_app.record.reading import read
from tests.support.places import ROOT

PANEL = '''
"""Show how long ago the session began."""

from PyQt6.QtWidgets import QLabel

from bmi_app.gui.panels.declaration import Declaration


class AgePanel(QLabel):
    """Show a number."""

    period_s = 0.5

    def take(self, fresh):
        """Take in what came."""

    def redraw(self, whole=False):
        """Show it."""

    def restart(self):
        """Forget what was taken."""


PANEL = Declaration("Age", lambda shared: AgePanel(), tab=(0, 9), grid=(3, 0))
'''


def test_a_panel_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bmi_app.gui.panels as home
    from bmi_app.gui.panels.declaration import columns, declared

    before = [panel.title for panel in declared()]
    (tmp_path / "age_panel.py").write_text(PANEL)
    monkeypatch.setattr(home, "__path__", [*home.__path__, str(tmp_path)])
    panels = declared()
    assert sorted([*before, "Age"]) == sorted(panel.title for panel in panels)
    assert columns({panel.title: panel.tab for panel in panels})[0][-1] == "Age"
    assert columns({panel.title: panel.grid for panel in panels})[-1] == ["Age"]
    assert len(list(tmp_path.glob("*.py"))) == 1

    (tmp_path / "age_again.py").write_text(PANEL)
    with pytest.raises(ValueError, match="two panels have the title 'Age'"):
        declared()


DRIP = """    OperatorCommand(
        "drip", "Give a drop of water.", ('{"do": "drip", "value": 0.5}',),
        (Argument("value", "number", "value", 0.0, 1.0, absent=1.0),), CommandKind.DRIP,
        button=Button("Drip", "Give a drop (D)", "D", "give a drop"),
        tells=lambda acted: f"drip {acted.value:g} ml",
    ),
"""


def patched(into: Path, patches: dict[str, tuple[str, str]]) -> set[str]:
    """Copy the program, and put a piece of text before another in some of its files; return which files differ then."""
    for package in ("bmi_app", "protocols"):
        shutil.copytree(ROOT / package, into / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (before, piece) in patches.items():
        text = (into / name).read_text()
        assert text.count(before) == 1, f"{name}: {before!r}"
        (into / name).write_text(text.replace(before, piece + before))
        compile((into / name).read_text(), name, "exec")
    files = (path.relative_to(into) for path in into.rglob("*.py"))
    return {str(file) for file in files if (into / file).read_bytes() != (ROOT / file).read_bytes()}


def run_in(folder: Path, code: str) -> Any:
    """Run code with the program as it stands in a folder; return the JSON that it prints.

    A protocol is taken there by its keys alone (`Protocol`), since to look for its plugins (`load`) would compile them anew.
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_event_kind_is_one_file(tmp_path: Path) -> None:
    kind = '    THIRST = 42, Event(Outcome, tells="thirst: {words}")\n'
    files = patched(tmp_path, {"bmi_app/rt/event_kinds.py": ("\n    @property\n    def is_by_tick", kind)})
    found = run_in(
        tmp_path,
        "import json, sys\n"
        "from bmi_app.rt.markers import tables\n"
        "from bmi_app.rt.records import EventKind\n"
        "from bmi_app.record.kinds import NAMED\n"
        "names, words, numbered = tables()\n"
        "text = lambda row: row.tobytes().rstrip(b'\\0').decode()\n"
        "print(json.dumps([text(names[42]) + text(words[42, 1]), EventKind(42).told(1), EventKind(42).code_name(1),\n"
        "    NAMED['events'](42).name, 'numba' in sys.modules]))",
    )
    assert found == ["thirst/success", "thirst: success", "success", "THIRST", False]
    assert files == {"bmi_app/rt/event_kinds.py"}


def test_an_operator_command_is_two_files(tmp_path: Path) -> None:
    """The declaration, and the kernel in which it acts; what is told, checked, echoed and offered follows."""
    declared = {
        "bmi_app/rt/operator_commands.py": (
            '    OperatorCommand(\n        "assist",',
            DRIP,
        ),
        "bmi_app/rt/commands.py": (
            "    elif kind == COMMAND_KIND.SKIP_TRIAL:\n        state.skip = 1",
            "    elif kind == COMMAND_KIND.DRIP:\n        state.reward_owed = 1\n",
        ),
    }
    files = patched(tmp_path, declared)
    kinds = tmp_path / "bmi_app/rt/operator_commands.py"
    last = '    LABEL = 12, "the session was ending already"  # index: which of session.event_labels\n'
    assert last in kinds.read_text()
    kinds.write_text(kinds.read_text().replace(last, f'{last}    DRIP = 13, "the bottle was empty"\n'))
    found = run_in(
        tmp_path,
        "import json\n"
        "from bmi_app.rt.operator_commands import BUTTONS, BY_KIND, Acted, CommandKind, guide_table\n"
        "from bmi_app.session.engine import commands\n"
        "from pathlib import Path\n"
        "from protocols.schema import Protocol\n"
        "protocol = Protocol.of_session(Path('protocols/center_out.toml').read_text())\n"
        "request = {'do': 'drip', 'value': 0.5}\n"
        "record = commands.record(commands.check(request), request, protocol)\n"
        "try: commands.record('drip', {'do': 'drip', 'value': 2}, protocol)\n"
        "except commands.CommandError as error: refused = str(error)\n"
        "print(json.dumps([record['kind'].tolist(), record['value'].tolist(), refused, commands.echo(record[0])['why'],\n"
        "    BY_KIND[CommandKind.DRIP].told(Acted(0, 0.5, '', '')), BUTTONS['drip'].key, 'Give a drop of water.' in guide_table()]))",
    )
    assert found == [
        [13],
        [0.5],
        "drip: `value` must be a number from 0 to 1",
        "did nothing: the bottle was empty",
        "drip 0.5 ml",
        "D",
        True,
    ]
    assert files == {"bmi_app/rt/operator_commands.py", "bmi_app/rt/commands.py"}


def test_a_protocol_key_that_a_kernel_is_told_is_two_files(tmp_path: Path) -> None:
    """Its section, with what the reference says of it, and the field of `CONFIG`; the kernel that heeds it comes beside."""
    files = patched(
        tmp_path,
        {
            "protocols/task.py": (
                "    hold_break_fails: bool = Field(",
                '    wait_ms: float = Field(250.0, ge=0, description="Waiting.", json_schema_extra=MOMENT)\n',
            ),
            "bmi_app/rt/state.py": ('        ("hold_break_fails", "<i8"),\n', '        ("wait_ticks", "<i8"),\n'),
        },
    )
    found = run_in(
        tmp_path,
        "import json\n"
        "import tomllib\n"
        "from pathlib import Path\n"
        "from bmi_app.session.engine.config_fields import by_name\n"
        "from protocols.reference import generate\n"
        "from protocols.schema import Protocol\n"
        "document = tomllib.loads(Path('protocols/center_out.toml').read_text())\n"
        "def told_with(ms):\n"
        "    task = document['task'] | {'wait_ms': ms}\n"
        "    return by_name(Protocol.model_validate(document | {'task': task}))['wait_ticks']\n"
        "told = [told_with(ms) for ms in (250, 400)]\n"
        "print(json.dumps([told, '`wait_ms`' in generate()]))",
    )
    assert found == [[25, 40], True]
    assert files == {"protocols/task.py", "bmi_app/rt/state.py"}


def test_a_frame_field_is_two_files(tmp_path: Path) -> None:
    """The record, and the kernel that writes it; the ring and the columns of the journal follow."""
    files = patched(
        tmp_path,
        {
            "bmi_app/rt/records.py": ('        ("hold_fraction", "<f8"),  # 0..1\n', '        ("thirst", "<f8"),\n'),
            "bmi_app/rt/tick.py": ("    frame.hold_fraction = ", "    frame.thirst = 0.5\n"),
        },
    )
    found = run_in(
        tmp_path,
        "import json\n"
        "from bmi_app.record.kinds import Layout\n"
        "from bmi_app.record.stream import schema\n"
        "from bmi_app.rt.livefile import _own_types\n"
        "from bmi_app.rt.rings import RINGS\n"
        "print(json.dumps(['thirst' in schema('frames', Layout(3, 2), {}).names,\n"
        "    'thirst' in _own_types()[RINGS['frames'].array][0].names]))",
    )
    assert found == [True, True]
    assert files == {"bmi_app/rt/records.py", "bmi_app/rt/tick.py"}


TOUCHES = """
import json
import numpy as np
from pathlib import Path
from bmi_app.record import session_folder
from bmi_app.record.drain import Drain
from bmi_app.record.journal import Journal
from bmi_app.record.reading import read
from bmi_app.rt import cells
from bmi_app.rt.arrays import Sizes, allocate
from bmi_app.rt.rings import RINGS

one = dict.fromkeys(("n_units", "n_axes", "n_populations", "n_targets", "n_blocks", "n_transitions", "decoder_words",
                     "rule_words", "boxcar_ticks", "trial_samples", "sample_rows"), 1)
arrays = allocate(Sizes(**one, model_rows=0, frame_slots=16, spike_slots=16))
folder = session_folder.create(Path("sessions"), "center_out", {"dt_s": 0.01}, "[task]\\nhold_ms = 500\\n")
journal = Journal(folder, 1, 1)
drain = Drain(arrays, journal)
ctl, ring = arrays["ctl"], RINGS["touches"]
for tick in range(8):
    arrays[ring.array][tick] = tick, 0.25 * tick
    arrays["frames"]["tick"][tick] = arrays["health"]["tick"][tick] = tick
    ctl[ring.head] += 1
    ctl[cells.FRAMES_HEAD] += 1
    drain.step()
journal.close()
found = read(folder)
path = folder / "touches.arrows"
before = path.read_bytes()
path.write_bytes(before[: len(before) // 2])
cut = read(folder)
print(json.dumps([found.more["touches"]["force_n"].tolist(), len(found.damage), [each.file for each in cut.damage]]))
"""


def test_a_record_kind_is_three_files(tmp_path: Path) -> None:
    """The record, its ring, and its place in the journal; drain, recovery, checks and reading follow."""
    files = patched(
        tmp_path,
        {
            "bmi_app/rt/records.py": (
                '    "subject": SUBJECT,\n',
                '    "touches": np.dtype([("tick", "<i8"), ("force_n", "<f8")]),\n',
            ),
            "bmi_app/rt/rings.py": (
                '    "words": Ring(',
                '    "touches": Ring("touches", records.RECORDS["touches"], 64, cells.spare(0)),\n',
            ),
            "bmi_app/record/kinds.py": ('"frames"]\nKINDS', '"touches", '),
        },
    )
    kinds = tmp_path / "bmi_app/record/kinds.py"
    optional = 'OPTIONAL: frozenset[Kind] = frozenset({"subject", '
    assert optional in kinds.read_text()
    kinds.write_text(kinds.read_text().replace(optional, f'{optional}"touches", '))
    assert run_in(tmp_path, TOUCHES) == [[0.25 * tick for tick in range(8)], 0, ["touches.arrows"]]
    assert files == {"bmi_app/rt/records.py", "bmi_app/rt/rings.py", "bmi_app/record/kinds.py"}


# Of the lab in tests/plugins/example_lab: what each plugin is, its one file, how a session uses it, and what shows that it did.
LAB = ROOT / "tests/plugins/example_lab"
PLUGINS = {
    "decoder": ("decoders", "leaky", ("--set", "decoder.kind=leaky")),
    "driver": ("drivers", "metronome", ("--driver", "metronome")),
    "subject": ("subjects", "swaying", ("--set", "subject.kind=swaying")),
    "learning rule": ("learning", "sign_lms", ("--set", "learning.rule=sign_lms", "--set", "learning.when=tick")),
    "learning rule of the subject": (
        "learning",
        "sign_lms",
        ("--set", "subject.kind=autonomous", "--set", "subject.learner=sign_lms", "--set", "subject.prior=nothing"),
    ),
    "output": ("outputs", "bell", ("--set", "outputs=[{on='session',kind='bell',settings={file='rung'}}]")),
}


@pytest.mark.parametrize("thing", PLUGINS)
def test_a_plugin_is_one_file(thing: str, tmp_path: Path) -> None:
    """A package that has nothing but the plugin's own file, and an entry point, is enough for a session."""
    kind, name, chosen = PLUGINS[thing]
    package, info = tmp_path / "site/one_plugin", tmp_path / "site/one_plugin-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: one-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bmi_app.{kind}]\n{name} = one_plugin.{name}\n")
    (package / f"{name}.py").write_text((LAB / f"{name}.py").read_text())
    touched = [path for path in package.rglob("*") if path.is_file()]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    speed = ("--duration", "2") if thing == "output" else ("--duration", "30", "--speed", "max")
    command = [sys.executable, "-m", "bmi_app.cli.app", "run", "center_out", *speed, *chosen]
    result = subprocess.run(
        [*command, "--headless", "--json", "--out", str(tmp_path / "out")],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    recording = read(Path(json.loads(result.stdout)["session"]))
    assert name in recording.protocol_text
    if thing == "learning rule":
        assert len(recording.updates) > 0
    if thing == "learning rule of the subject":
        models = recording.subject_rows
        assert np.abs(models[-1] - models[0]).max() > 0
    if thing == "output":
        assert (tmp_path / "rung").read_text().startswith("session")
    assert len(touched) == 1
