"""An export on a full disk: one line, and nothing half written, wherever the disk happens to be full."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmi_app.record import nwb
from bmi_app.record.nwb_process import export_apart
from tests.support.places import unpacked

ROOM_KB = (0, 100, 200, 300, 400, 500, 600, 640)  # the file takes 675 kB


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return unpacked("live-commands", tmp_path)


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


def resize(disk: Path, kb: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={max(kb, 4)}k", str(disk)], check=True)


def test_an_export_on_a_full_disk_is_one_line_and_leaves_nothing(session: Path, small_disk: Path) -> None:
    for kb in ROOM_KB:
        resize(small_disk, kb)
        done = subprocess.run(
            [Path(sys.executable).with_name("bmi"), "sessions", "export", session, "--out", small_disk],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1, (kb, done.stderr)
        assert done.stderr == f"bmi: {session.name}: cannot be exported: No space left on device\n"
        assert done.stdout == ""
        assert list(small_disk.iterdir()) == []


def test_a_file_that_was_exported_before_stays_when_the_disk_is_full(session: Path, small_disk: Path) -> None:
    resize(small_disk, 2000)
    path = export_apart(session, small_disk)
    before = path.read_bytes()
    resize(small_disk, len(before) // 1024 + 200)
    with pytest.raises(nwb.ExportError, match="No space left on device") as raised:
        export_apart(session, small_disk)
    assert raised.value.exit_code == 1
    assert list(small_disk.iterdir()) == [path]
    assert path.read_bytes() == before


def test_a_process_that_dies_while_it_writes_is_one_line_and_leaves_nothing(
    session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As when the system has no memory left for it: the address space ends while the file is written.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'bmi_app.record.nwb_process' in ' '.join(sys.orig_argv):\n"
        "    import os, signal\n"
        "    from pathlib import Path\n"
        "    import hdmf.backends.hdf5.h5tools as h5\n"
        "    h5.HDF5IO.write_builder = lambda *a, **k: os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "out").mkdir()
    with pytest.raises(nwb.ExportError, match="the writing process ended with -11") as raised:
        export_apart(session, tmp_path / "out")
    assert len(str(raised.value).splitlines()) == 1
    assert list((tmp_path / "out").iterdir()) == []
