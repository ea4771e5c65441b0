"""Where a decoder may be saved: over nothing unless told, through no link, into no recording but `weights/`, whole or not at all."""

import errno
import os
import socket
from pathlib import Path

import pytest

from bmi_app.record import new_file


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "recording"
    (folder / "blobs").mkdir(parents=True)
    (folder / "session.toml").write_text("")
    (folder / "spikes.arrows").write_bytes(b"spikes")
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_existing_file_is_replaced_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    new_file.write(path, b"first")
    with pytest.raises(FileExistsError, match="exists already"):
        new_file.write(path, b"second")
    assert path.read_bytes() == b"first"
    new_file.write(path, b"second", replace=True)
    assert path.read_bytes() == b"second"
    assert left(tmp_path) == ["d.npz"]


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe", "socket", "device"])
def test_what_is_no_plain_file_is_never_written_to(kind: str, replace: bool, tmp_path: Path) -> None:
    path, thesis = tmp_path / "d.npz", tmp_path / "thesis.tex"
    thesis.write_text("ten years")
    listener = None
    if kind == "link":
        path.symlink_to(thesis)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "not-there")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
    else:
        path = Path("/dev/null")
    with pytest.raises(OSError, match=r"is a (link|folder|device, a pipe or a socket)"):
        new_file.write(path, b"weights", replace=replace)
    if listener is not None:
        listener.close()
    assert thesis.read_text() == "ten years"
    assert not (tmp_path / "not-there").exists()
    assert [name for name in left(tmp_path) if "part" in name] == []


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    "name", ["spikes.arrows", "new.npz", "blobs/000001.npz", "weights/deep/d.npz", "blobs/../spikes.arrows"]
)
def test_a_recording_is_written_to_in_its_folder_of_weights_only(name: str, replace: bool, recording: Path) -> None:
    (recording / "weights" / "deep").mkdir(parents=True)
    with pytest.raises(OSError, match=f"lies in a recording; allowed in {recording}: the folder weights"):
        new_file.write(recording / name, b"weights", replace=replace)
    assert (recording / "spikes.arrows").read_bytes() == b"spikes"
    assert left(recording) == ["blobs", "session.toml", "spikes.arrows", "weights"]


def test_the_folder_of_weights_is_made_where_it_is_wanted(recording: Path, tmp_path: Path) -> None:
    new_file.write(recording / "weights" / "d.npz", b"weights")
    assert left(recording / "weights") == ["d.npz"]
    # By way of a link to the recording it is the recording all the same.
    (tmp_path / "shortcut").symlink_to(recording)
    new_file.write(tmp_path / "shortcut" / "weights" / "e.npz", b"weights")
    with pytest.raises(OSError, match="lies in a recording"):
        new_file.write(tmp_path / "shortcut" / "session.toml", b"weights", replace=True)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "d.npz"
    new_file.write(path, b"first")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            new_file.write(path, b"second", replace=True)
    assert path.read_bytes() == b"first"
    assert left(tmp_path) == ["d.npz"]


def test_where_there_are_no_links_between_files_nothing_is_replaced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "this file system has no links")

    monkeypatch.setattr(os, "link", refuse)
    new_file.write(tmp_path / "d.npz", b"first")
    with pytest.raises(FileExistsError):
        new_file.write(tmp_path / "d.npz", b"second")
    assert (tmp_path / "d.npz").read_bytes() == b"first"
