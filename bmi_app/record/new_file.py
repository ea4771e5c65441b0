"""Write a file where a user says: whole or not at all, over nothing that was there, through no link, into no recording."""

import contextlib
import errno
import os
import stat
from pathlib import Path

WEIGHTS = "weights"  # the folder of a session in which decoders may be saved


def write(path: Path, content: bytes, *, replace: bool = False) -> None:
    """Write a file aside, and give it its name once it is on the disk.

    Parameters
    ----------
    path : Path
        Where to; its folder must be there, but for `weights` of a session.
    content : bytes
    replace : bool
        Whether a file of this name may be replaced; what is no plain file never is.

    Raises
    ------
    OSError
        If it cannot be written, with words in `strerror`; what stood there is then still there.
    """
    _refuse_recording(path)
    _refuse_standing(path, replace)
    if path.parent.name == WEIGHTS and (path.parent.parent / "session.toml").is_file():
        path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(temporary, flags, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _name(temporary, path, replace)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _name(temporary: Path, path: Path, replace: bool) -> None:
    """Give a file its name; without `replace` never that of another, also where one was made meanwhile."""
    if not replace:
        try:
            os.link(temporary, path, follow_symlinks=False)
            return
        except FileExistsError:
            raise OSError(errno.EEXIST, "exists already", str(path)) from None
        except (OSError, NotImplementedError):  # a file system without links
            _refuse_standing(path, replace)
    os.replace(temporary, path)


def _refuse_standing(path: Path, replace: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "is a link; name the file itself, or another one", str(path))
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
        raise OSError(errno.EINVAL, f"is {kind}, not a file", str(path))
    if not replace:
        raise OSError(errno.EEXIST, "exists already", str(path))


def _refuse_recording(path: Path) -> None:
    """Refuse the folder of a session: what is written there belongs to the recording."""
    folder = path.parent.resolve()
    for above in (folder, *folder.parents):
        if (above / "session.toml").is_file():
            if folder == above / WEIGHTS:
                return
            raise OSError(errno.EPERM, f"lies in a recording; allowed in {above}: the folder {WEIGHTS}", str(path))
