"""Tell whether kernels have still to be compiled: on a new machine, and after a change of the program."""

from bmi_app.rt.jit import cache_folder

SAID = "compiling the kernels: once on this machine and after each update, for some minutes"


def is_due() -> bool:
    """Return whether nothing is compiled yet, of the core or of the plugins, for the program as it now is."""
    return not all(any(folder.rglob("*.nbi")) for folder in (cache_folder(("bmi_app/rt",)), cache_folder()))
