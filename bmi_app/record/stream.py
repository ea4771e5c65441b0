"""Write one kind of record as an Arrow IPC stream."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bmi_app.record import disk, message
from bmi_app.record.damage import JournalError
from bmi_app.record.kinds import CODES, FORMAT, NAMED, Kind, Layout, row_dtype
from bmi_app.rt.records import RECORDS


def schema(kind: Kind, layout: Layout, metadata: Mapping[str, str]) -> Any:
    """Return the Arrow schema of a kind: the fields of its records, its lists, its texts."""
    fields = []
    dtype = RECORDS[kind]
    for name in dtype.names or ():
        codes = CODES.get((kind, name))
        meaning = {"codes": ", ".join(f"{code.value} {code.name}" for code in codes)} if codes else None
        if meaning and codes and issubclass(codes, IntFlag):
            meaning = {"bits": meaning["codes"]}
        fields.append(pa.field(name, pa.from_numpy_dtype(dtype[name]), nullable=False, metadata=meaning))
    value = pa.field("item", pa.from_numpy_dtype(row_dtype(kind)), nullable=False)
    fields += [pa.field(name, pa.list_(value, n), nullable=False) for name, n in layout.lists(kind).items()]
    if kind in NAMED:
        fields += [pa.field("name", pa.utf8(), nullable=False), pa.field("text", pa.utf8(), nullable=False)]
    about = {"format": FORMAT, "kind": kind, "n_units": str(layout.n_units), "n_axes": str(layout.n_axes)}
    if layout.model_rows:
        about["model_rows"] = str(layout.model_rows)
    return pa.schema(fields, {**metadata, **about, message.CHECK: message.check_text(0, 0, {})})


class StreamFile:
    """Collect records of one kind in columns, and write them to a new file batch by batch.

    Nothing is buffered between this object and the operating system: what `write_batch` has written survives the end
    of the process. Not thread-safe, except `sync`.
    """

    def __init__(self, path: Path, kind: Kind, layout: Layout, metadata: Mapping[str, str]) -> None:
        self.path = path
        self.kind = kind
        self.capacity = layout.batch_records(kind)
        self.pending = 0  # records that wait in the columns
        self.n_records = 0  # records that are in the file
        self.n_bytes = 0
        self._sha256 = hashlib.sha256()  # of the bytes that are in the file
        self._is_cut = True  # after a failed write: nothing of it is left in the file
        self._n_batches = 0
        self._texts: list[str] = []
        self._columns = {name: np.zeros(self.capacity, RECORDS[kind][name]) for name in RECORDS[kind].names or ()}
        self._lists = [np.zeros((self.capacity, n), row_dtype(kind)) for n in layout.lists(kind).values()]
        self._schema = schema(kind, layout, metadata)
        self._batch = self._whole_batch()
        self._pieces = _Pieces()
        # Compressing costs half of what the kernel takes to write the rest: spikes and counts shrink to a quarter.
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._pieces, "w"), self._schema, options=options)
        if kind in NAMED:
            self._names = _names(NAMED[kind])
            self._writer.write_batch(self._with_texts(self._batch.slice(0, 0)))
        else:
            self._writer.write_batch(self._batch.slice(0, 0))
        self._pieces.take()  # the schema, which is written here with its check, and an empty batch
        try:
            self._descriptor = disk.create(path)
        except OSError as error:
            raise JournalError(f"{path}: cannot be created: {error.strerror}") from error
        self._write(message.seal([self._schema.serialize().to_pybytes()]))

    @property
    def descriptor(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def seal(self) -> dict[str, Any] | None:
        """Return size, rows and SHA-256 of what was written; None where the file may hold more than that."""
        if not self._is_cut:
            return None
        return {"bytes": self.n_bytes, "sha256": self._sha256.hexdigest(), "rows": self.n_records}

    def add(self, records: np.ndarray, rows: np.ndarray | None, texts: Sequence[str] | None) -> int:
        """Copy as many records as there is room for into the columns; return their number."""
        begin = self.pending
        n_taken = min(len(records), self.capacity - begin)
        for name, column in self._columns.items():
            column[begin : begin + n_taken] = records[name][:n_taken]
        first = 0
        for column in self._lists:
            assert rows is not None, f"{self.kind} need rows"
            column[begin : begin + n_taken] = rows[:n_taken, first : first + column.shape[1]]
            first += column.shape[1]
        if self.kind in NAMED:
            self._texts += list(texts[:n_taken]) if texts is not None else [""] * n_taken
        self.pending += n_taken
        return n_taken

    def write_batch(self, committed: Mapping[str, int]) -> None:
        """Write what is pending as one batch.

        Raises
        ------
        JournalError
            If it cannot be written. The file then ends with its last whole batch, and the records are still pending.
        """
        if self.pending == 0:
            return
        check = message.check_text(self._n_batches, self.pending, committed)
        batch = self._batch.slice(0, self.pending)
        if self.kind in NAMED:
            batch = self._with_texts(batch)
        self._writer.write_batch(batch, custom_metadata={message.CHECK: check})
        self._write(message.seal(self._pieces.take()))
        self.n_records += self.pending
        self._n_batches += 1
        self.pending = 0
        self._texts.clear()

    def write_end_mark(self) -> None:
        """Write the mark that ends the stream."""
        self._write([message.END_MARK])

    def sync(self) -> None:
        """Have everything written so far on the disk; any thread may call this."""
        try:
            disk.sync(self._descriptor)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be synced: {error.strerror}") from error

    def is_linked(self) -> bool:
        """Tell whether the file is still there under its name; a file that is closed is not asked for."""
        if self._descriptor < 0:
            return True
        try:
            there, ours = os.stat(self.path), os.fstat(self._descriptor)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def copy_to(self, path: Path) -> int:
        """Write all that was written so far to a new file, also if the name is gone; return its descriptor.

        Raises
        ------
        JournalError
            If it cannot be read (only Linux reads what has no name) or written.
        """
        try:
            descriptor = disk.create(path)
            try:
                with open(f"/proc/self/fd/{self._descriptor}", "rb") as source:
                    left = self.n_bytes
                    while left > 0 and (piece := source.read(min(left, 1 << 22))):
                        disk.write(descriptor, [piece])
                        left -= len(piece)
                if left > 0:
                    raise OSError(5, "it is shorter than what was written")
                disk.sync(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
        return descriptor

    def go_on_in(self, path: Path, descriptor: int) -> None:
        """Write to another file from now on, which `copy_to` has made."""
        self.close()
        self.path, self._descriptor = path, descriptor

    def close(self) -> None:
        """Close the file, whatever it holds."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _whole_batch(self) -> Any:
        """Wrap the columns, without copying, as a batch of which each written one is a slice."""
        arrays = [_wrap(column) for column in self._columns.values()]
        arrays += [
            pa.FixedSizeListArray.from_arrays(_wrap(column.reshape(-1)), type=self._schema.field(len(arrays) + i).type)
            for i, column in enumerate(self._lists)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(list(self._schema)[: len(arrays)]))

    def _with_texts(self, batch: Any) -> Any:
        codes, last = self._columns["kind"][: len(batch)], len(self._names) - 1
        # Not `take`, for which pyarrow loads all its functions for computing (0.1 s).
        names = _wrap_texts([self._names[code] if 0 <= code <= last else self._names[last] for code in codes.tolist()])
        texts = _wrap_texts(self._texts)
        return pa.RecordBatch.from_arrays([*batch.columns, names, texts], schema=self._schema)

    def _write(self, parts: list[Any]) -> None:
        n_bytes = sum(len(part) for part in parts)
        try:
            disk.write(self._descriptor, parts)
        except OSError as error:
            self._cut_back()
            raise JournalError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.n_bytes += n_bytes
        for part in parts:
            self._sha256.update(part)

    def _cut_back(self) -> None:
        """Take back half a batch, which may also free the room to say why the session ended."""
        try:
            disk.cut(self._descriptor, self.n_bytes)
        except OSError:
            self._is_cut = False  # the reader finds the cut as well


class _Pieces:
    """Be the file that Arrow writes to, and keep the pieces it writes instead of copying them together."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[Any] = []

    def write(self, piece: Any) -> int:
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> list[Any]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _wrap(column: np.ndarray) -> Any:
    """Wrap a contiguous column as an Arrow array over the same memory."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(column.dtype), len(column), [None, pa.py_buffer(column)])


def _wrap_texts(texts: Sequence[str]) -> Any:
    """Return texts as an Arrow array. `pa.array` would import pandas, which takes half a second, to ask whether it is given some.

    What comes from outside may hold half a surrogate pair, which no file in UTF-8 can.
    """
    encoded = [text.encode(errors="replace") for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def _names(codes: type[IntEnum]) -> list[str]:
    """Return the name of every code; codes without one, and the last, give an empty text."""
    names = [""] * (max(codes) + 2)
    for code in codes:
        names[code] = code.name
    return names
