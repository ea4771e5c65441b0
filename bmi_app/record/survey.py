"""Find out how far each file of a session can be trusted."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bmi_app.record.batches import BatchFile
from bmi_app.record.damage import Damage
from bmi_app.record.kinds import KINDS, OPTIONAL, Kind, Layout, file_name

EMPTY = "is empty: not even its header is there"


@dataclass
class Finding:
    """Hold what a walk through one file found.

    Attributes
    ----------
    last_tick : int
        The highest tick of any intact record, -1 without records.
    ended : bool
        The stream was closed in order and nothing is wrong with it: nothing can be missing from its end.
    commits : list of (last tick, records of each other kind)
        For frames, what each batch says: up to this tick, the other files held that many records.
    """

    kind: Kind
    layout: Layout | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    damage: Damage | None = None
    ended: bool = False
    good_bytes: int = 0
    n_records: int = 0
    last_tick: int = -1
    commits: list[tuple[int, dict[str, int]]] = field(default_factory=list)


def survey(folder: Path, kind: Kind) -> Finding:
    """Walk through one file, checking every CRC and, in frames and health, that no tick is missing."""
    if kind in OPTIONAL and not (folder / file_name(kind)).is_file():
        return Finding(kind, ended=True)
    file = BatchFile(folder, kind)
    finding = Finding(kind)
    for number, batch in enumerate(file):
        ticks = batch.records["tick"]
        n_good = _before_gap(ticks, finding.last_tick) if kind in {"frames", "health"} else len(ticks)
        finding.n_records += n_good
        finding.last_tick = max(finding.last_tick, int(ticks[:n_good].max(initial=-1)))
        if n_good < len(ticks):
            what = f"tick {ticks[n_good]} stands where tick {finding.last_tick + 1} belongs"
            finding.damage = Damage(file_name(kind), number, file.good_bytes, what, finding.last_tick)
            break
        if batch.committed:
            finding.commits.append((finding.last_tick, batch.committed))
    finding.layout, finding.metadata, finding.good_bytes = file.layout, file.metadata, file.good_bytes
    finding.damage = finding.damage or file.damage
    if finding.damage is None and finding.layout is None:  # a journal writes the header at once
        finding.damage = Damage(file_name(kind), -1, 0, EMPTY)
    finding.ended = file.closed and finding.damage is None
    return finding


def survey_all(folder: Path) -> dict[Kind, Finding]:
    """Walk through all files of a session; one is missing if it always is there, or the frames tell of it."""
    findings = {kind: survey(folder, kind) for kind in KINDS}
    told = {kind for _, counts in findings["frames"].commits for kind in counts}
    for kind in OPTIONAL:
        name = file_name(kind)
        if kind in told and not (folder / name).is_file():
            findings[kind] = Finding(kind, damage=Damage(name, -1, 0, "is missing"))
    return findings


def common_tick(findings: dict[Kind, Finding]) -> int:
    """Return the last tick of which every file holds all that belongs to it; -1 when there is none."""
    frames = findings["frames"]
    return max(-1, min([frames.last_tick, *(complete_through(findings[kind], frames) for kind in KINDS)]))


def is_short(finding: Finding, frames: Finding) -> bool:
    """Tell whether a file lacks records that the frames say were in it, ended in order or not."""
    return any(counts.get(finding.kind, 0) > finding.n_records for _, counts in frames.commits)


def complete_through(finding: Finding, frames: Finding) -> int:
    """Return up to which tick nothing is missing from a file."""
    if finding.kind in {"frames", "health"}:
        return finding.last_tick
    if finding.ended and not is_short(finding, frames):
        return frames.last_tick
    committed = [tick for tick, counts in frames.commits if counts.get(finding.kind, 0) <= finding.n_records]
    through = max(committed, default=-1)
    if finding.kind == "spikes":  # which are in the order of their arrival, not of the ticks that count them
        return through
    return max(through, min(finding.last_tick - 1, frames.last_tick))


def _before_gap(ticks: np.ndarray, last_tick: int) -> int:
    """Return how many ticks follow on each other and on the last one; a session may begin at any tick."""
    if len(ticks) == 0:
        return 0
    first = last_tick + 1 if last_tick >= 0 else int(ticks[0])
    wrong = np.flatnonzero(ticks != first + np.arange(len(ticks)))
    return int(wrong[0]) if len(wrong) > 0 else len(ticks)
