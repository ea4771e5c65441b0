"""Decode the batches of one file back into records."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record.damage import Damage
from bmi_app.record.kinds import NAMED, Kind, Layout, file_name, row_dtype
from bmi_app.record.message import Message, MessageFile
from bmi_app.rt.records import RECORDS


@dataclass(frozen=True)
class Batch:
    """Hold the records of one batch, and what stands beside them.

    Attributes
    ----------
    records : ndarray[n]
        With the dtype `RECORDS[kind]`.
    rows : ndarray[n, width]
        The list columns side by side; width 0 for kinds without.
    texts : list of str
        One a record for events and commands, else empty.
    committed : dict
        For frames: how many records of each other kind were written before this batch.
    """

    records: np.ndarray
    rows: np.ndarray
    texts: list[str]
    committed: dict[str, int]


class BatchFile:
    """Walk through the batches of one kind up to the end of its file or the first damage.

    After the walk `layout` (None when the schema is lost), `metadata`, `damage`, `closed` and `good_bytes` are known;
    they mean what they mean for `MessageFile`.
    """

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.kind = kind
        self.layout: Layout | None = None
        self.metadata: dict[str, str] = {}
        self._messages = MessageFile(folder / file_name(kind))
        self._damage: Damage | None = None
        self._last_tick = -1

    @property
    def damage(self) -> Damage | None:
        """Return what ended the walk early, or None."""
        damage = self._damage or self._messages.damage
        return damage and replace(damage, last_tick=self._last_tick)

    @property
    def closed(self) -> bool:
        """Tell whether the stream was ended in order."""
        return self._messages.closed

    @property
    def good_bytes(self) -> int:
        """Return how long the intact part of the file is."""
        return self._messages.good_bytes

    def __iter__(self) -> Iterator[Batch]:
        """Yield every batch whose CRC is right, up to the first that is not."""
        import pyarrow as pa  # here, so that listing sessions starts quickly

        schema = None
        for message in self._messages:
            try:
                if schema is None:
                    schema = self._take_schema(pa.ipc.read_schema(pa.py_buffer(message.raw)))
                    continue
                batch = self._decode(pa.ipc.read_record_batch(pa.py_buffer(message.raw), schema), message)
            except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as error:
                # The bytes are as they were written, so whoever wrote them is another program or version.
                what = f"not what this version of the program writes: {error}".splitlines()[0]
                self._damage = Damage(file_name(self.kind), message.batch, message.offset, what)
                return
            if len(batch.records) > 0:
                self._last_tick = int(batch.records["tick"].max())
            yield batch

    def _take_schema(self, schema: Any) -> Any:
        self.metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        self.layout = Layout(int(self.metadata["n_units"]), int(self.metadata["n_axes"]))
        return schema

    def _decode(self, batch: Any, message: Message) -> Batch:
        assert self.layout is not None, "the schema comes first"
        n_records = len(batch)
        if n_records != message.rows:
            raise ValueError(f"{n_records} records where {message.rows} were announced")
        records = np.empty(n_records, RECORDS[self.kind])
        for name in records.dtype.names or ():
            records[name] = batch.column(name).to_numpy()
        rows = np.empty(self.layout.row_shape(self.kind, n_records), row_dtype(self.kind))
        first = 0
        for name, width in self.layout.lists(self.kind).items():
            rows[:, first : first + width] = batch.column(name).flatten().to_numpy().reshape(n_records, width)
            first += width
        texts = batch.column("text").to_pylist() if self.kind in NAMED else []
        return Batch(records, rows, texts, message.committed)
