"""Measure what the checksums of a session cost: at full speed, and at its end."""

import json
import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from bmi_app.record import seal, session_folder, stream

_PAIRS = 5
_ENDS = 20


class _NoDigest:
    """Stand for a checksum that costs nothing."""

    def update(self, part: Any) -> None:
        """Take bytes."""

    def hexdigest(self) -> str:
        """Return what no file has."""
        return "0" * 64


def measure(simulate: Callable[[], tuple[float, Path]]) -> dict[str, Any]:
    """Compare sessions at full speed that hash what they write with sessions that do not, in turns, in this process.

    Parameters
    ----------
    simulate : callable
        Run a session at full speed; return how long that took (s), and its folder.

    Returns
    -------
    dict
        ``ratio`` is the median of the ratios of elapsed time within each pair, ``processor_ratio`` that of processor time;
        ``end_ms`` how long it takes to write `summary.json` without checksums, with those that were taken while writing,
        and if all files were hashed then.
    """
    ratios: list[float] = []
    cpu_ratios: list[float] = []
    folder: Path | None = None
    for turn in range(_PAIRS):
        found: dict[bool, tuple[float, float]] = {}
        for is_hashed in (True, False) if turn % 2 else (False, True):
            with nullcontext() if is_hashed else patch.object(stream, "hashlib", SimpleNamespace(sha256=_NoDigest)):
                began_cpu_s = time.process_time()
                elapsed_s, made = simulate()
                found[is_hashed] = elapsed_s, time.process_time() - began_cpu_s
            folder, done_with = (made, folder) if is_hashed else (folder, made)
            if done_with is not None:
                shutil.rmtree(done_with, ignore_errors=True)
        ratios.append(found[True][0] / found[False][0])
        cpu_ratios.append(found[True][1] / found[False][1])
    assert folder is not None
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "processor_ratio": round(statistics.median(cpu_ratios), 3),
        "mb": round(sum(path.stat().st_size for path in folder.glob("*.arrows")) / 1e6, 1),
        "end_ms": _end_ms(folder),
    }


def _end_ms(folder: Path) -> dict[str, float]:
    summary = session_folder.read_summary(folder) or {}
    known = {name: found for name, found in summary.pop("files").items() if name.endswith((".arrows", ".npz"))}
    ways: dict[str, Callable[[], object]] = {
        "without": lambda: json.dumps(summary, indent=2),
        "while_writing": lambda: session_folder.summary_text(folder, summary, known),
        "all_at_the_end": lambda: seal.seals(folder),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ENDS):
        for name, act in ways.items():
            began_s = time.perf_counter()
            act()
            spent[name].append(time.perf_counter() - began_s)
    return {name: round(statistics.median(each) * 1e3, 2) for name, each in spent.items()}
