"""Tell whether kernels have still to be compiled: on a new machine, and after a change of the program."""

from pathlib import Path

from bmi_app.rt.jit import cache_folder, keeps_kernels

SAID = "compiling the kernels: once on this machine and after each update, for a minute or two"
_SAID_EACH_TIME = (
    "compiling the kernels, for a minute or two, and again at each start: they cannot be kept in {folder}; make it writable, or set "
    "XDG_CACHE_HOME to a folder that is"
)


# What is kept on disk where the session's loop is compiled, which takes longest, and where any plugin of ours is: the laws of
# a lab's own plugin compile some kernels too, and none of these.
_KEPT = ("loop.run-*.nbi", "*.nbi")


def is_due() -> bool:
    """Return whether the session's loop, or every plugin, has still to be compiled for the program as it now is."""
    return not all(
        keeps_kernels(folder) and any(folder.rglob(name)) for folder, name in zip(_folders(), _KEPT, strict=True)
    )


def said() -> str:
    """Say that it is due, and how often that will be."""
    unkept = [folder for folder in _folders() if not keeps_kernels(folder)]
    return _SAID_EACH_TIME.format(folder=unkept[0].parent) if unkept else SAID


def _folders() -> tuple[Path, Path]:
    return cache_folder(("bmi_app/rt",)), cache_folder()
