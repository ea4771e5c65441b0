"""A lab's own package of plugins, installed as pip lays it out, is found, conforms, runs a session and replays."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

_ENTRY_POINTS = """\
[bmi_app.decoders]
leaky = example_lab.leaky

[bmi_app.learning]
sign_lms = example_lab.sign_lms

[bmi_app.drivers]
metronome = example_lab.metronome

[bmi_app.subjects]
swaying = example_lab.swaying

[bmi_app.outputs]
bell = example_lab.bell
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Install the package into a folder of its own; return the environment in which it is found."""
    target = tmp_path / "site"
    shutil.copytree(Path(__file__).parent / "example_lab", target / "example_lab")
    info = target / "example_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(target), str(ROOT)])}


def bmi(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bmi_app.cli.app", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=110)


def test_a_session_with_a_labs_own_decoder_rule_and_driver(installed: dict[str, str], tmp_path: Path) -> None:
    chosen = ("decoder.kind=leaky", "decoder.settings.keep=0.5", "learning.rule=sign_lms", "learning.when=tick")
    given = [part for override in chosen for part in ("--set", override)]
    result = bmi(
        installed,
        *("run", "center_out", "--driver", "metronome", "--speed", "max", "--duration", "20"),
        *("--headless", "--json", "--out", str(tmp_path / "out"), *given),
    )
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["ticks"] == 2000
    assert summary["spikes"] == pytest.approx(20 * 20 * 96, abs=96)
    assert summary["weight_updates"] > 0
    replayed = bmi(installed, "replay", summary["session"], "--verify", "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["exact"] is True


def test_a_mistake_in_its_settings_is_told_as_of_any_plugin(installed: dict[str, str]) -> None:
    result = bmi(installed, *("protocols", "check", "center_out", "--set", "decoder.kind=leaky"))
    assert result.returncode == 0, result.stderr
    given = ("--set", "decoder.kind=leaky", "--set", "decoder.settings.keep=2")
    result = bmi(installed, "protocols", "check", "center_out", *given)
    assert result.returncode == 2
    assert "decoder.settings.keep" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_conformance_suite_finds_and_tests_it(installed: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", "tests/conformance"]
    command += ["-k", "leaky or sign_lms or metronome"]
    result = subprocess.run(command, env=installed, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    assert result.returncode == 0, result.stdout[-3000:]
    # Three kernels; the decoder at five sizes, and once more; the rule at five sizes with three numbers of samples.
    assert result.stdout.count(" PASSED") >= 3 + 6 + 15


def test_the_labs_own_tests_run_the_laws(installed: dict[str, str], tmp_path: Path) -> None:
    """As in a repository of its own: `from bmi_app.testing import laws_of_decoder`, and a line for each plugin."""
    laws = tmp_path / "site/example_lab/laws.py"
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(laws)]
    result = subprocess.run(
        command, env=installed, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110
    )
    assert result.returncode == 0, result.stdout[-3000:]
    for law in (
        "test_leaky[leaky-adapted-the_order_of_units_does_not_matter]",
        "test_leaky[leaky-DECODE_runs_in_real_time]",
        "test_sign_lms[sign_lms-silence_teaches_nothing_of_2048]",
        "test_metronome[metronome-POLL_runs_in_real_time]",
        "test_swaying[swaying-acts_with_2048_units_and_2_axes]",
        "test_bell[bell-close_needs_no_open_and_may_come_twice]",
    ):
        assert f"{law} PASSED" in result.stdout, law


def test_a_law_that_does_not_hold_is_named(installed: dict[str, str], tmp_path: Path) -> None:
    """A decoder that adds 1 to a silent velocity moves at rest; one that counts units from the left knows their order."""
    leaky = tmp_path / "site/example_lab/leaky.py"
    leaky.write_text(leaky.read_text().replace("weights[a, u] * features[u]", "u * weights[a, u] * features[u]"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    command += [str(tmp_path / "site/example_lab/laws.py"), "-k", "test_leaky and order and not 2048"]
    result = subprocess.run(
        command, env=installed, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110
    )
    assert result.returncode == 1, result.stdout[-3000:]
    assert "FAILED" in result.stdout
    assert "leaky-adapted-the_order_of_units_does_not_matter" in result.stdout


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_without_the_extra_it_says_which_to_install(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\ntry: import bmi_app.testing\nexcept ImportError as e: print(e)"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == (
        f"bmi_app.testing needs {missing}, which is not installed; install the extra: pip install 'bmi-app[testing]'"
    )


def test_a_misspelled_trait_is_a_mistake_of_the_protocol(installed: dict[str, str], tmp_path: Path) -> None:
    leaky = tmp_path / "site/example_lab/leaky.py"
    leaky.write_text(leaky.read_text().replace("needs_map=True", "need_map=True"))
    result = bmi(installed, "protocols", "check", "center_out", "--set", "decoder.kind=leaky")
    assert result.returncode == 2
    assert "decoder 'leaky' (example_lab.leaky): TRAITS: DecoderTraits has no 'need_map'" in result.stderr
    assert "Traceback" not in result.stderr
    assert bmi(installed, "protocols", "check", "center_out").returncode == 0  # it disturbs nobody else
