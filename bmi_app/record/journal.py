"""Write a session's records to disk while it runs."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from bmi_app.record import blobs, identity
from bmi_app.record.damage import JournalError
from bmi_app.record.durable import replace_file, sync_folder
from bmi_app.record.kinds import KINDS, ROOM, ROOM_BYTES, Kind, Layout, file_name
from bmi_app.record.stream import StreamFile
from bmi_app.rt.records import RECORDS


class Journal:
    """Write records of every kind into a session folder.

    `append` copies records into columns, `flush` hands what is pending to the operating system, as one batch a kind
    (more, where there is much), frames last. So whenever the frames of some tick are in their file, all that belongs
    to the ticks up to it is in the others: a kill at any moment loses no more than what was not flushed. `sync` has
    it all on the disk, against a loss of power.

    One thread appends, flushes and closes; another one may sync; any may write blobs.

    Parameters
    ----------
    folder : Path
        The session folder; it holds no journal yet.
    n_units, n_axes, model_rows : int
        Lengths of the list columns; `model_rows` 0 where no rule adapts the decoder's model.
    metadata : mapping of str to str
        Put into the schema of every file, for a reader who has only that file, beside the id in `session.toml`.
    clock : callable
        Gives the time (s) that `last_sync_s` tells.

    Raises
    ------
    JournalError
        From every method: a file cannot be written, the disk is full. All batches before are readable, none is cut.
        Afterwards only `close` is of use.
    """

    def __init__(
        self,
        folder: Path,
        n_units: int,
        n_axes: int,
        metadata: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        model_rows: int = 0,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._session_id = identity.expected_id(folder) or ""
        self._blob_seals: dict[str, dict[str, Any]] = {}
        self._synced_bytes: dict[str, int] = {}
        self._closing = Lock()  # held by `sync` and by the last step of `close`, never by `append` or `flush`
        self._last_sync_s = 0.0
        self._files: dict[Kind, StreamFile] = {}
        layout = Layout(n_units, n_axes, model_rows)
        about = {**(metadata or {}), **({identity.KEY: self._session_id} if self._session_id else {})}
        try:
            replace_file(folder / ROOM, bytes(ROOM_BYTES))
            for kind in KINDS:
                self._files[kind] = StreamFile(folder / file_name(kind), kind, layout, about)
        except JournalError:
            self._close_files()
            raise
        sync_folder(folder)

    @property
    def bytes_written(self) -> int:
        """Return how many bytes were handed to the operating system."""
        return sum(file.n_bytes for file in self._files.values()) + self._blob_bytes()

    @property
    def last_sync_s(self) -> float:
        """Return when the last `sync` ended; 0 before the first."""
        return self._last_sync_s

    def append(
        self,
        kind: Kind,
        records: np.ndarray,
        rows: np.ndarray | None = None,
        texts: Sequence[str] | None = None,
    ) -> None:
        """Copy records into the journal; they may be overwritten once this has returned.

        Where a kind's columns are full they are written at once; if these are the frames, everything else is
        written before.

        Parameters
        ----------
        kind : Kind
            What they are.
        records : ndarray[n]
            With the dtype `RECORDS[kind]`.
        rows : ndarray[n, width], optional
            The list columns side by side: counts (f4) of frames; weights, bias and gain (f8) of weights.
        texts : sequence of n str, optional
            For events and commands; empty without it.
        """
        assert records.dtype == RECORDS[kind], f"these are no {kind}"
        file = self._files[kind]
        begin = 0
        while begin < len(records):
            if file.pending == file.capacity:
                self._make_room(file)
            begin += file.add(
                records[begin:],
                rows[begin:] if rows is not None else None,
                texts[begin:] if texts is not None else None,
            )

    def flush(self) -> None:
        """Hand everything pending to the operating system, frames last."""
        counts: dict[str, int] = {}
        for kind, file in self._files.items():
            file.write_batch(counts if kind == "frames" else {})
            counts[kind] = file.n_records

    def sync(self) -> None:
        """Have what was flushed on the disk. May take long; `append` and `flush` go on meanwhile."""
        with self._closing:
            for kind, file in self._files.items():
                n_bytes = file.n_bytes
                if file.descriptor >= 0 and self._synced_bytes.get(kind) != n_bytes:
                    file.sync()
                    self._synced_bytes[kind] = n_bytes
        self._last_sync_s = self._clock()

    def write_blob(self, blob_id: int, arrays: Mapping[str, np.ndarray]) -> Path:
        """Have the arrays of an adoption on the disk before the command that adopts them is sent."""
        path, seal = blobs.write(self._folder, blob_id, arrays, self._session_id)
        self._blob_seals[f"{blobs.FOLDER}/{path.name}"] = seal
        return path

    def seals(self) -> dict[str, dict[str, Any]]:
        """Return size, rows and SHA-256 of each file as they were written, by its name in the folder."""
        found = {file_name(kind): file.seal() for kind, file in self._files.items()}
        return {name: seal for name, seal in found.items() if seal is not None} | self._blob_seals

    def missing(self) -> list[str]:
        """Name the files that are not there any more under their names, while the journal still writes to them."""
        return [file.path.name for file in self._files.values() if not file.is_linked()]

    def move_to(self, folder: Path) -> None:
        """Go on in another folder, which exists, with all that was written so far; for the thread that appends.

        Raises
        ------
        JournalError
            If it cannot be written; then the journal goes on where it was.
        """
        made: dict[Kind, int] = {}
        with self._closing:
            try:
                replace_file(folder / ROOM, bytes(ROOM_BYTES))
                for kind, file in self._files.items():
                    made[kind] = file.copy_to(folder / file_name(kind))
                sync_folder(folder)
            except JournalError:
                for descriptor in made.values():
                    os.close(descriptor)
                raise
            for kind, file in self._files.items():
                file.go_on_in(folder / file_name(kind), made[kind])
            self._folder = folder
            self._synced_bytes.clear()

    def close(self) -> None:
        """Flush, end every stream, sync, and close the files.

        Files that can be ended and closed are so also if this raises: they then hold what could be written.
        """
        room = self._folder / ROOM
        try:
            if any(file.descriptor >= 0 for file in self._files.values()):
                try:
                    self.flush()
                finally:
                    room.unlink(missing_ok=True)  # after the records, which would fill it on a full disk
                    for file in self._files.values():
                        file.write_end_mark()
                self.sync()
        finally:
            room.unlink(missing_ok=True)
            self._close_files()

    def _blob_bytes(self) -> int:
        return sum(seal["bytes"] for seal in list(self._blob_seals.values()))

    def _make_room(self, file: StreamFile) -> None:
        if file.kind == "frames":
            self.flush()
        else:
            file.write_batch({})

    def _close_files(self) -> None:
        with self._closing:
            for file in self._files.values():
                file.close()
