"""Compile every kernel once, by all processors, before many processes want them: they then find them in the cache.

Without it each worker of the tests compiles all of them for itself, side by side with the others.
"""

import importlib
import multiprocessing
import pkgutil

import bmi_app.bench
from bmi_app import plugins

LONGEST = ("bmi_app.rt.loop", "bmi_app.subject.autonomous")  # these first; the tick is the greater part of the loops


def compile_in(module: str) -> None:
    """Import a module: its kernels have explicit signatures, so that this compiles them."""
    importlib.import_module(module)


def main() -> None:
    """Import what holds kernels: at first what has no kernels in common, then what builds on it."""
    kinds = ("drivers", "decoders", "learning", "subjects")
    shipped = [f"{plugins.HOMES[kind][0]}.{name}" for kind in kinds for name in plugins.names(kind)]
    first = dict.fromkeys((*LONGEST, "drivers.rig_loop", *shipped))
    with multiprocessing.Pool() as pool:
        pool.map(compile_in, first, chunksize=1)
    for bench in pkgutil.iter_modules(bmi_app.bench.__path__):
        compile_in(f"bmi_app.bench.{bench.name}")
    compile_in("bmi_app.rt.what_if")


if __name__ == "__main__":
    main()
