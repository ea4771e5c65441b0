"""Tell whether kernels have still to be compiled: on a new machine, and after a change of the program."""

from pathlib import Path

from bmi_app.rt.jit import cache_folder, keeps_kernels

SAID = "compiling the kernels: once on this machine and after each update, for some minutes"
_SAID_EACH_TIME = (
    "compiling the kernels, for some minutes, and again at each start: they cannot be kept in {folder}; make it writable, or set "
    "XDG_CACHE_HOME to a folder that is"
)


def is_due() -> bool:
    """Return whether nothing is compiled yet, of the core or of the plugins, for the program as it now is."""
    return not all(keeps_kernels(folder) and any(folder.rglob("*.nbi")) for folder in _folders())


def said() -> str:
    """Say that it is due, and how often that will be."""
    unkept = [folder for folder in _folders() if not keeps_kernels(folder)]
    return _SAID_EACH_TIME.format(folder=unkept[0].parent) if unkept else SAID


def _folders() -> tuple[Path, Path]:
    return cache_folder(("bmi_app/rt",)), cache_folder()
