"""A folder of somebody else's: nothing in it is imported, and nothing in it configures what the program uses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bmi_app import own_python
from bmi_app.bench.child import Child
from bmi_app.rt import liblsl
from bmi_app.session.request import SessionRequest
from tests.support.places import ROOT

from .conftest import PATIENCE_S, SHORT

BMI = Path(sys.executable).with_name("bmi")
SETTINGS = [part for override in SHORT for part in ("--set", override)]
TRAP = "import pathlib; pathlib.Path({mark!r}).touch(); raise ImportError('the folder of somebody else')\n"
MODULES = (
    "random",
    "numba",
    "numpy",
    "sitecustomize",
    "usercustomize",
    "typing_extensions",
    "bmi_app",
    "drivers",
    "pylsl",
    "h5py",
)


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A folder with modules of the names that the program imports; each leaves a mark."""
    folder = tmp_path / "somebody"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(TRAP.format(mark=str(tmp_path / f"{name}-was-run")))
    return folder


def run_in(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(BMI), *arguments],
        cwd=folder,
        env={name: value for name, value in (os.environ | environment).items() if value},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_session_started_beside_modules_of_the_same_names_imports_none(trapped: Path, tmp_path: Path) -> None:
    done = run_in(trapped, "run", "center_out", "--json", "--duration", "0.5", *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["replay"]["exact"]
    assert list(tmp_path.glob("*-was-run")) == []


def test_an_empty_entry_of_the_python_path_is_not_the_current_folder_to_an_engine(
    trapped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `export PYTHONPATH=$PYTHONPATH:/some/where` leaves one at the beginning.
    monkeypatch.chdir(trapped)
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}/nowhere{os.pathsep}.")
    program = (
        "import sys; sys.path[:] = [entry for entry in sys.path if entry not in ('', '.', sys.argv[1])]\n"
        "import os\nfrom bmi_app.session.request import SessionRequest\nfrom bmi_app.session.view.launch import launch\n"
        "process, folder = launch(SessionRequest.of_json(sys.argv[2]), lambda text: None)\n"
        "print(process.wait())"
    )
    request = SessionRequest(
        protocol="center_out",
        overrides=[*SHORT, "session.duration_s=0.3"],
        out=tmp_path / "out",
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(trapped), request.to_json()],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout.strip() == "0", done.stderr
    assert list(tmp_path.glob("*-was-run")) == []


@pytest.mark.parametrize("path", [f"{os.pathsep}/nowhere", f"/nowhere{os.pathsep}", f"/nowhere{os.pathsep}.", "."])
def test_an_empty_entry_of_the_python_path_is_not_the_current_folder_to_the_command(
    trapped: Path, tmp_path: Path, path: str
) -> None:
    for name in ("sitecustomize", "usercustomize", "bmi_app"):  # Python imports these before any of our code runs
        (trapped / f"{name}.py").unlink()
    for arguments in (("protocols", "check", "center_out"), ("doctor", "--json")):
        done = run_in(trapped, *arguments, PYTHONPATH=path)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("*-was-run")) == []


def test_a_folder_that_is_named_on_the_python_path_is_imported_from(trapped: Path, tmp_path: Path) -> None:
    for name in MODULES:
        (trapped / f"{name}.py").unlink()
    (trapped / "usual.py").write_text("SAID = 'from there'")
    program = (
        "import sys; sys.path.append(sys.argv[1]); from bmi_app import own_python; own_python.leave_current_folder()\n"
        "import usual; print(usual.SAID)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(Path(own_python.__file__).parents[1])],
        cwd=trapped,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(("", str(trapped)))},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout == "from there\n", done.stderr


def test_the_processes_of_measurements_and_the_doctor_import_nothing_from_there(
    trapped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_in(trapped, "doctor", "--json").returncode in (0, 1)
    monkeypatch.chdir(trapped)
    with Child("bmi_app.bench.source", f"test-{os.getpid()}", 8, 0.01, 1) as source:
        assert "scheduling" in source.hear()
    assert list(tmp_path.glob("*-was-run")) == []


def test_every_process_is_started_without_the_current_folder() -> None:
    """A new one that is not fails here, and not in somebody's folder."""
    for path in [*(ROOT / "bmi_app").rglob("*.py"), *(ROOT / "drivers").glob("*.py")]:
        if path.name != "own_python.py":
            found = re.findall(r"\[\s*sys\.executable\b[^\]]*\]", path.read_text())
            assert found == [], path


CONFIG = "[lab]\nSessionID = {name}\n"
SAYS = "from bmi_app.rt.liblsl import pylsl; print(pylsl.StreamInfo('n','t',1,1.0,'float32','s').session_id()); o = pylsl.StreamOutlet(pylsl.StreamInfo('n','t',1,1.0,'float32','s')); print(o.get_info().session_id())"


def session_id(folder: Path, **environment: str) -> str:
    """Return the LSL session id that a process of ours takes in a folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", SAYS],
        cwd=folder,
        env={name: value for name, value in (os.environ | environment).items() if value},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return done.stdout.split()[-1]


def test_liblsl_is_not_configured_by_the_current_folder_but_by_the_users_own_file(tmp_path: Path) -> None:
    folder, home = tmp_path / "somebody", tmp_path / "home"
    folder.mkdir()
    (home / "lsl_api").mkdir(parents=True)
    (folder / "lsl_api.cfg").write_text(CONFIG.format(name="theirs"))
    assert session_id(folder, LSLAPICFG="", HOME=str(home)) == "default"
    # One that is named and not there: liblsl itself would go on to the current folder.
    assert session_id(folder, LSLAPICFG=str(tmp_path / "none.cfg"), HOME=str(home)) == "default"
    (home / "lsl_api" / "lsl_api.cfg").write_text(CONFIG.format(name="the-labs"))
    assert session_id(folder, LSLAPICFG="", HOME=str(home)) == "the-labs"
    (home / "lsl_api" / "lsl_api.cfg").write_text("")
    assert session_id(folder, LSLAPICFG="", HOME=str(home)) == "default"
    (tmp_path / "named.cfg").write_text(CONFIG.format(name="named"))
    assert session_id(folder, LSLAPICFG=str(tmp_path / "named.cfg"), HOME=str(home)) == "named"


def test_liblsl_of_before_that_takes_files_only_is_given_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(content: str) -> None:
        raise NotImplementedError

    monkeypatch.setattr(liblsl.pylsl, "set_config_content", refuse)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LSLAPICFG", str(tmp_path / "none.cfg"))
    liblsl._configure()
    assert os.environ["LSLAPICFG"] == os.devnull
    (tmp_path / "named.cfg").write_text("")
    monkeypatch.setenv("LSLAPICFG", str(tmp_path / "named.cfg"))
    liblsl._configure()
    assert os.environ["LSLAPICFG"] == str(tmp_path / "named.cfg")


def test_numba_is_not_configured_by_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / ".numba_config.yaml").write_text("disable_jit: 1\n")
    program = "from bmi_app.rt.jit import numba; print(numba.config.DISABLE_JIT); import os; print(os.getcwd())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stdout.split() == ["0", str(tmp_path.resolve())]
