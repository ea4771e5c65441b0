"""Let the same sources in another place use the kernels that are compiled for those here.

numba keeps compiled kernels apart by the path of their source's folder, and heeds a source's time and size. A program that is
installed anew for a test would therefore compile all of them again: a minute and a half of a processor, for the same machine code.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from numba.core.caching import _CacheLocator

from bmi_app.rt import jit
from tests.support.places import ROOT

_HOMES = ("bmi_app", "drivers")


@contextlib.contextmanager
def to(site: Path) -> Iterator[None]:
    """Lend the compiled kernels of this checkout to the packages below `site`, whose sources must be the same."""
    links = []
    for here in sorted(path for home in _HOMES for path in (ROOT / home).rglob("*.py")):
        there = site / here.relative_to(ROOT)
        assert there.read_bytes() == here.read_bytes(), there
        os.utime(there, ns=(here.stat().st_atime_ns, here.stat().st_mtime_ns))
    for home in {path.parent.relative_to(ROOT) for name in _HOMES for path in (ROOT / name).rglob("*.py")}:
        kept, asked = (_CacheLocator.get_suitable_cache_subpath(str(root / home / "any.py")) for root in (ROOT, site))
        for folder in {jit.cache_folder(), jit.cache_folder(("bmi_app/rt",))}:
            (folder / kept).mkdir(parents=True, exist_ok=True)  # else what the other compiles would be kept nowhere
            (folder / asked).symlink_to(kept)
            links.append(folder / asked)
    try:
        yield
    finally:
        for link in links:
            link.unlink()
