"""Name the folders of the project that tests read, and unpack the sessions recorded before."""

import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FORMAT_1 = ROOT / "tests" / "fixtures" / "format_1"
NO_DRIFT = ROOT / "tests" / "fixtures" / "no_drift"


def unpacked(name: str, into: Path, fixtures: Path = FORMAT_1) -> Path:
    """Unpack a recorded session `name` into a folder; return its own folder there."""
    with tarfile.open(fixtures / f"{name}.tar.xz") as archive:
        archive.extractall(into, filter="data")
    return into / name
