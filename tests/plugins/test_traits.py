"""What a plugin says of itself is checked when it is loaded, in words; nothing that it says is passed over in silence."""

import ast
import dataclasses
import sys
import textwrap
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bmi_app import plugins
from bmi_app.traits import (
    DecoderTraits,
    DriverTraits,
    LearningTraits,
    OutputTraits,
    PluginError,
    SubjectRole,
    SubjectTraits,
    check_module,
    described,
)

ROOT = Path(__file__).resolve().parents[2]
CLASSES = (DecoderTraits, LearningTraits, SubjectRole, DriverTraits, SubjectTraits, OutputTraits)
READOUT: Any = frozenset({"readout"})

DECODER = """
from bmi_app.traits import DecoderTraits
DECODE = Settings = layout = start = object()
"""
DRIVER = """
from bmi_app.traits import DriverTraits
POLL = Settings = object()
class Driver:
    def open(self, timeout_s): ...
    def close(self): ...
"""


def written(text: str, name: str = "written_plugin") -> ModuleType:
    """Make a module of a text, as an import does."""
    module = ModuleType(name)
    exec(textwrap.dedent(text), module.__dict__)
    return module


@pytest.mark.parametrize("kind", CLASSES)
def test_every_field_is_documented_and_in_the_guide(kind: type) -> None:
    said = described(kind)
    assert list(said) == [each.name for each in dataclasses.fields(kind)]
    guide = (ROOT / "docs/plugins.md").read_text()
    for name, words in said.items():
        assert f"| `{name}` | {words} |" in guide.replace("\\|", "|"), (
            f"{kind.__name__}.{name}: run tools/traits_tables.py"
        )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"has_dynamic": True}, "TRAITS: DecoderTraits has no 'has_dynamic'; allowed: adaptable, .*; did you mean 'has_dynamics'?"),
        ({"adaptable": {"readuot"}}, "DecoderTraits.adaptable is {'readuot'}; allowed: a frozenset of 'model' and 'readout'"),
        ({"needs_map": "no"}, "DecoderTraits.needs_map is 'no'; allowed: True or False"),
        ({"fit": lambda samples: samples}, r"DecoderTraits.fit is function; allowed: None, or a function of \(settings, samples, mask\)"),
        ({"fitted_to": "speed"}, "DecoderTraits.fitted_to is 'speed'; allowed: 'intent' or 'velocity' or 'refit'"),
        ({"model_acts": ["gain"]}, r"DecoderTraits.model_acts is \['gain'\]; allowed: a dict"),
        ({"adaptable": {"model"}}, "from_model must be given"),
    ],
)  # fmt: skip
def test_what_a_decoder_may_not_say(given: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=said) as caught:
        DecoderTraits(**({"adaptable": READOUT, "needs_map": True} | given))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"default_rate": 0}, "default_rate is 0; allowed: a number above 0"),
        ({"adapts": frozenset()}, "adapts is empty"),
        ({"cost": "cubic"}, "'linear' or 'quadratic'"),
        ({"for_subject": {"rate": 1}}, "LearningTraits.for_subject is dict; allowed: None, or a SubjectRole"),
        ({"adapts": frozenset({"model"}), "for_subject": SubjectRole(rate=1.0)}, "for_subject"),
        ({"refit": lambda settings, job: None, "for_subject": SubjectRole(rate=1.0)}, "for_subject"),
    ],
)
def test_what_a_rule_may_not_say(given: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError, match=said):
        LearningTraits(**({"adapts": READOUT, "default_rate": 1.0} | given))


def test_what_must_be_said() -> None:
    with pytest.raises(PluginError, match="DecoderTraits needs needs_map: Whether every axis must name a population"):
        DecoderTraits(adaptable=READOUT)  # type: ignore[call-arg]
    with pytest.raises(PluginError, match="SubjectRole needs rate"):
        SubjectRole()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"defines no TRAITS; write TRAITS = DecoderTraits\(...\) at its end"),
        ("TRAIT = 3", "did you mean 'TRAIT' by it?"),
        ("TRAITS = {}", "TRAITS is a dict"),
        ("ADAPTABLE = {}", "defines no TRAITS"),
    ],
)
def test_traits_are_not_forgotten(text: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        check_module(written(DECODER + text), DecoderTraits)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("HAS_DYNAMICS = True", r"HAS_DYNAMICS is not read any more; write TRAITS = DecoderTraits\(has_dynamics=...\)"),
        ("def flip(memory, signs): ...", r"defines flip, of which TRAITS does not know; write TRAITS = DecoderTraits\(..., flip=flip\)"),
        ("def filp(memory, signs): ...", r"flip=filp\); did you mean 'flip'\? If not, begin its name with an underscore"),
        ("del layout", "defines no layout; needed: DECODE, Settings, layout, start"),
        ("lay_out = layout\ndel layout", "did you mean 'lay_out'?"),
    ],
)  # fmt: skip
def test_nothing_that_is_defined_is_passed_over(text: str, said: str) -> None:
    whole = DECODER + "TRAITS = DecoderTraits(adaptable=frozenset(), needs_map=False)\n"
    check_module(written(whole + "def _filp(): ...\ndef other(): ..."), DecoderTraits)
    module = written(whole + text)
    for value in vars(module).values():
        if callable(value) and hasattr(value, "__code__"):
            value.__module__ = module.__name__
    with pytest.raises(PluginError, match=said):
        check_module(module, DecoderTraits)


@pytest.mark.parametrize(
    ("methods", "traits", "said"),
    [
        ("connect start", "", None),
        ("connect", "", "class Driver has no start; needed: open, close, connect, start"),
        ("conect start", "", "class Driver has no connect; .*did you mean 'conect'?"),
        ("connect start read_clock why_no_clock", "", r"has read_clock, which is not called while has_clock is False; write TRAITS = DriverTraits\(..., has_clock=True\)"),
        ("connect start read_clok", "", "class Driver has read_clok, which nothing calls; did you mean 'read_clock'?"),
        ("connect start read_clock", "has_clock=True", "class Driver has no why_no_clock"),
        ("begin clock_offset_s", "begins_at_once=True", None),
        ("begin clock_offset_s", "", "class Driver has begin, which is not called while begins_at_once is False|no connect"),
        ("connect start", "simulates_subject=True", "class Driver has no learnt"),
    ],
)  # fmt: skip
def test_a_drivers_class_has_what_its_traits_promise(methods: str, traits: str, said: str | None) -> None:
    class_ = DRIVER + "".join(f"    def {name}(self, *given): ...\n" for name in methods.split())
    module = written(class_ + f"TRAITS = DriverTraits({traits})")
    if said is None:
        check_module(module, DriverTraits)
        return
    with pytest.raises(PluginError, match=said):
        check_module(module, DriverTraits)


def test_loading_names_the_plugin_and_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A misspelled name is told as an error of the protocol, with the file; a plugin elsewhere does not disturb."""
    (tmp_path / "bad_lab.py").write_text(DECODER + "TRAITS = DecoderTraits(adaptable=frozenset(), need_map=False)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = SimpleNamespace(name="bad", value="bad_lab", module="bad_lab", load=lambda: __import__("bad_lab"))
    monkeypatch.setattr(plugins, "_third_party", lambda kind: (point,) if kind == "decoders" else ())
    with pytest.raises(PluginError, match=r"decoder 'bad' \(bad_lab\): TRAITS: DecoderTraits has no 'need_map'"):
        plugins.load("decoders", "bad")
    assert "bad" not in plugins.having("decoders", lambda traits: True)
    assert "kalman" in plugins.having("decoders", lambda traits: traits.has_dynamics)


def test_a_plugin_whose_kernel_allocates_is_refused_with_its_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel = """
import numpy as np
from bmi_app.rt.contracts import decode_signature
from bmi_app.rt.jit import kernel

@kernel(decode_signature)
def DECODE(weights, bias, memory, features, velocity_out):
    velocity_out[:] = np.zeros(weights.shape[0])
"""
    (tmp_path / "wasteful_lab.py").write_text(DECODER + kernel + "TRAITS = DecoderTraits(adaptable=frozenset())\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = SimpleNamespace(
        name="wasteful", value="wasteful_lab", module="wasteful_lab", load=lambda: __import__("wasteful_lab")
    )
    monkeypatch.setattr(plugins, "_third_party", lambda kind: (point,) if kind == "decoders" else ())
    with pytest.raises(
        PluginError, match=r"decoder 'wasteful' \(wasteful_lab\): kernel DECODE .*it can allocate nothing"
    ):
        plugins.load("decoders", "wasteful")


@pytest.mark.parametrize("name", plugins.names("drivers"))
def test_a_drivers_traits_are_read_without_running_it(name: str) -> None:
    assert plugins.driver_traits(name) == plugins.load("drivers", name).TRAITS


def test_reading_a_drivers_traits_loads_neither_numba_nor_lsl() -> None:
    import subprocess

    program = (
        "import sys; from bmi_app import plugins; print(plugins.driver_traits('lsl').takes_stream);"
        "assert not {'numba', 'pylsl', 'numpy'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("True\n", 0), result.stderr


# Where names may be asked for: the check of a plugin's file itself, and the engine's adapter, which does so by its traits.
PROBES = {"getattr", "hasattr"}
PLUGIN_WORDS = ("module", "rule", "decoder", "driver", "plugin", "output", "subject", "traits")


def test_nobody_asks_a_plugin_whether_it_has_a_name() -> None:
    """No `getattr(rule, "IN_ORDER", False)`: 36 of them were there. Those that are left ask for other things than plugins."""
    found = []
    for folder in ("bmi_app", "drivers", "protocols"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.is_relative_to(ROOT / "bmi_app/traits"):
                continue
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in PROBES:
                    asked = ast.unparse(call.args[0]).lower()
                    if asked.split(".")[-1].strip("_").rstrip("s") in PLUGIN_WORDS or "plugins.load" in asked:
                        found.append(f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call)}")
    # The parts of a protocol (`protocol.driver`) are no plugins, nor are the files of panels.
    assert [one for one in found if "protocol.driver" not in one and not one.startswith("bmi_app/gui/panels/")] == []
