"""Places that a session needs and that are full, missing, too long or not to be written: a word of it, and nothing left behind."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmi_app.rt import livefile
from bmi_app.session.engine import command_socket, compilation
from bmi_app.session.view.launch import LaunchError, launch

from .conftest import PATIENCE_S, Live, request

BMI = str(Path(sys.executable).with_name("bmi"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk whose size can be changed, where we may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# In pages of 4 kB: of a full disk, of one that takes the first text, the log, the room, a file of the journal and no more, ...
@pytest.mark.parametrize("pages", [1, 2, 3, 4, 5, 6, 8, 12, 20, 40, 64, 66, 68, 70, 72])
def test_a_disk_that_is_full_at_the_start_is_one_line_with_a_path_and_leaves_nothing(
    pages: int, small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", f"remount,size={4 * pages}k", str(small_disk)], check=True)
    refused: LaunchError | None = None
    try:
        process, folder = launch(request("session.duration_s=0.2", out=small_disk), lambda _: None)
    except LaunchError as error:
        refused = error
    if refused is not None:
        assert refused.exit_code == 2
        (line,) = refused.lines
        assert str(small_disk) in line
        assert "No space left on device" in line
        assert list(small_disk.iterdir()) == []
    else:  # it began: its end says what became of it
        assert process.wait(PATIENCE_S) in (0, 1)
        assert (folder / "spikes.arrows").exists()
    assert list(livefile.folder().glob("bmi-*")) == []


def test_a_runtime_folder_that_is_named_and_missing_is_as_none(
    engine: Callable[..., Live], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for named in (tmp_path / "missing", Path("/proc/1/nothing"), tmp_path / ("long" * 30)):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(named))
        live = engine()
        assert Path(live.view.session["engine"]["socket"]).parent.name == f"bmi-{os.getuid()}"
        live.wait_for_tick(2)
        live.stop()
        assert not (tmp_path / "missing").exists()


def test_a_runtime_folder_of_everybody_else_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bmi").mkdir(mode=0o777)
    (tmp_path / "bmi").chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if len(str(tmp_path)) > 80:
        pytest.skip("this folder is too long for a socket")
    listener, address = command_socket.listen("session")
    listener.close()
    assert Path(address).parent.name == f"bmi-{os.getuid()}"
    Path(address).unlink()


def test_a_folder_of_temporary_files_that_is_too_long_for_a_socket_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sessions_folder: Path
) -> None:
    long = tmp_path / ("t" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(LaunchError) as raised:
        launch(request("session.duration_s=0.2"), lambda _: None)
    assert raised.value.exit_code == 2
    (line,) = raised.value.lines
    assert line.startswith(
        f"TMPDIR: {long} is too long for a command socket, whose path has at most 107 bytes; set TMPDIR or"
    )
    assert list(sessions_folder.iterdir()) == []
    short = tmp_path.parent / "r"  # with a runtime folder it starts all the same
    if len(str(short)) < 80:
        short.mkdir(exist_ok=True)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
        process, _ = launch(request("session.duration_s=0.2"), lambda _: None)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("room", range(1, 9))
def test_a_socket_has_a_name_wherever_its_folder_leaves_room(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ending = f"/bmi-{os.getuid()}/"
    base = Path("/tmp/bmi-socket-test-")
    folder = Path(f"{base}{'x' * (107 - len(str(base)) - len(ending) - len('-4194304.sock') - room)}")
    folder.mkdir(exist_ok=True)
    try:
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        listener, address = command_socket.listen("20260101T000000Z_center_out")
        listener.close()
        assert len(address) <= 107
        assert Path(address).name.endswith(f"-{os.getpid()}.sock")
        assert not Path(address).name.startswith("-")
    finally:
        shutil.rmtree(folder)


def test_kernels_that_cannot_be_kept_are_said_to_be_compiled_at_each_start(tmp_path: Path) -> None:
    """And none is kept where its name does not know from which sources it was made."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("nothing can be made read-only here")
    program = (
        "from bmi_app.session.engine import compilation as c; print(c.said()); print(c.is_due())\n"
        "from bmi_app.rt import jit\n"
        "@jit.kernel(jit.f8(jit.f8))\n"
        "def twice(x):\n    return 2 * x\n"
        "print(type(twice._cache).__name__, twice(2.0))"
    )
    module = tmp_path / "bmi_kernel_of_a_test.py"
    module.write_text(program)
    cache = tmp_path / "cache"
    cache.mkdir()
    script = (
        f"mount --bind -o ro {cache} {cache} && mount -o remount,ro,bind {cache} && exec {sys.executable} -P {module}"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("nothing can be made read-only here")
    said, due, kept = done.stdout.splitlines()
    assert said.startswith(
        "compiling the kernels, for a minute or two, and again at each start: they cannot be kept in "
    )
    assert str(cache) in said
    assert due == "True"
    assert kept == "NullCache 4.0"
    assert "once on this machine" in compilation.SAID
    assert list(tmp_path.rglob("*.nbi")) == []
