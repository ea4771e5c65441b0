"""Write what is kept of a session's files beside them, ended in order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record.batches import Batch, BatchFile, select
from bmi_app.record.keeping import Keeping
from bmi_app.record.kinds import OPTIONAL, Kind, Layout, file_name
from bmi_app.record.message import CHECK
from bmi_app.record.redo import new_path
from bmi_app.record.survey import Finding


class Rewriting:
    """Prepare the changed files of one session, the frames last: they commit how many records the others have.

    Attributes
    ----------
    files : dict of Kind to Path
        What was prepared.
    seals : dict of str to dict
        Size, rows and SHA-256 of each, by the name that it is to have.
    cut_records : dict of Kind to int
        How many intact records of each file were left out, because they belong to later ticks.
    """

    def __init__(
        self,
        folder: Path,
        findings: Mapping[Kind, Finding],
        keeping: Keeping,
        layout: Layout,
        metadata: Mapping[str, str],
    ) -> None:
        self._folder, self._findings, self._keeping, self._layout = folder, findings, keeping, layout
        self._metadata = metadata
        self._dropped: dict[Kind, np.ndarray] = {}  # places of the records that were left out, ascending
        self._counts: dict[Kind, int] = {}
        self.files: dict[Kind, Path] = {}
        self.seals: dict[str, dict[str, Any]] = {}
        self.cut_records: dict[str, int] = {}

    def write_all(self) -> None:
        """Prepare each file that must change: one that is damaged, not ended, too long, or too short."""
        for kind, finding in self._findings.items():
            until, more = self._keeping.until[kind], self._keeping.more[kind]
            unchanged = finding.ended and finding.last_tick <= until and len(more.records) == 0
            if unchanged and kind in OPTIONAL and not (self._folder / file_name(kind)).is_file():
                continue  # of which the frames shall go on saying nothing
            if unchanged and not (kind == "frames" and any(len(places) for places in self._dropped.values())):
                self._counts[kind] = finding.n_records
            else:
                self._counts[kind] = self._write(finding, until, more)

    def _write(self, finding: Finding, until: int, more: Batch) -> int:
        """Prepare one file; return its number of records."""
        from bmi_app.record.stream import StreamFile  # here, so that checking a session's state needs no Arrow

        kind = finding.kind
        path = new_path(self._folder, file_name(kind))
        own = finding.metadata if finding.layout is not None else {}  # not those of another session's file
        metadata = {key: value for key, value in {**own, **self._metadata}.items() if key not in (CHECK, "kind")}
        file = StreamFile(path, kind, finding.layout or self._layout, metadata)
        self.files[kind] = path
        dropped, read, n_cut = [np.empty(0, int)], 0, 0
        committed: dict[str, int] = {}
        try:
            for batch in BatchFile(self._folder, kind):
                # A gap in the ticks may end a file in mid-batch.
                good = np.arange(read, read + len(batch.records)) < finding.n_records
                keep = good & (batch.records["tick"] <= until)
                n_cut += int(np.count_nonzero(batch.records["tick"][good] > max(until, self._keeping.end)))
                dropped.append(read + np.flatnonzero(~keep))
                read += len(batch.records)
                committed = self._committed(batch.committed) or committed
                _write(file, select(batch, keep), committed)
            if kind == "frames":  # of a file that lost its end, they go on telling how long it was
                committed = {name: max(count, committed.get(name, 0)) for name, count in self._counts.items()}
            _write(file, more, committed)
            file.write_end_mark()
            file.sync()
            self.seals[file_name(kind)] = file.seal() or {}
        finally:
            file.close()
        self._dropped[kind] = np.concatenate(dropped) if len(more.records) == 0 else np.empty(0, int)
        if n_cut:
            self.cut_records[kind] = n_cut
        return file.n_records

    def _committed(self, committed: Mapping[str, int]) -> dict[str, int]:
        """Return what a batch of frames says of the other files, less what was left out of these."""
        return {
            kind: count - int(np.searchsorted(self._dropped[kind], count)) if kind in self._dropped else count
            for kind, count in committed.items()
        }


def _write(file: Any, batch: Batch, committed: Mapping[str, int]) -> None:
    begin = 0
    while begin < len(batch.records):
        begin += file.add(batch.records[begin:], batch.rows[begin:], batch.texts[begin:])
        file.write_batch(committed)
