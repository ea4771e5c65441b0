"""Decode the batches of one file back into records."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bmi_app.record import identity
from bmi_app.record.damage import Damage
from bmi_app.record.kinds import ADDED, FORMAT_1, LATER, NAMED, Kind, Layout, file_name, row_dtype
from bmi_app.record.message import Message, MessageFile
from bmi_app.rt.records import RECORDS


@dataclass(frozen=True)
class Batch:
    """Hold the records of one batch, and the columns beside them.

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

    The file is that of a session's folder, or another one that holds the same kind.

    After the walk `layout` (None when the schema is lost), `metadata`, `damage`, `closed` and `good_bytes` are known;
    they mean what they mean for `MessageFile`. A file that belongs to another session than `session.toml` is damaged from
    its beginning.
    """

    def __init__(self, folder: Path, kind: Kind, path: Path | None = None) -> None:
        self.kind = kind
        self.layout: Layout | None = None
        self.metadata: dict[str, str] = {}
        self._folder = folder
        self._messages = MessageFile(path or folder / file_name(kind))
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
        for message, arrow_batch, layout in self._arrow_batches():
            batch = empty_batch(self.kind, layout, message.rows)
            self._decode_into(batch, arrow_batch)
            yield replace(batch, committed=message.committed)

    def read_all(self) -> Batch:
        """Return the records of all batches, up to the first damage, as one.

        The file is walked twice, so that no record is held twice.
        """
        n_records = sum(message.rows for message in MessageFile(self._messages.path) if message.batch >= 0)
        whole: Batch | None = None
        begin = 0
        for message, arrow_batch, layout in self._arrow_batches():
            whole = whole or empty_batch(self.kind, layout, n_records)
            end = begin + message.rows
            if end > n_records:  # written since it was counted
                break
            part = Batch(whole.records[begin:end], whole.rows[begin:end], whole.texts, {})
            self._decode_into(part, arrow_batch)
            begin = end
        whole = whole or empty_batch(self.kind, self.layout or Layout(0, 0), 0)
        return Batch(whole.records[:begin], whole.rows[:begin], whole.texts, {})

    def _arrow_batches(self) -> Iterator[tuple[Message, Any, Layout]]:
        import pyarrow as pa  # here, so that listing sessions starts quickly

        schema = None
        layout = Layout(0, 0)
        for message in self._messages:
            try:
                if schema is None:
                    schema = pa.ipc.read_schema(pa.py_buffer(message.raw))
                    layout = self._take_layout(schema)
                    continue
                batch = pa.ipc.read_record_batch(pa.py_buffer(message.raw), schema)
                if len(batch) != message.rows:
                    raise ValueError(f"{len(batch)} records where {message.rows} were announced")
            except (pa.ArrowException, KeyError, ValueError, OSError) as error:
                # The bytes are as they were written, so it was another program, or another version of this one.
                what = f"not what this version of the program writes: {error}".splitlines()[0]
                if isinstance(error, _ForeignError):
                    what = str(error)
                self._damage = Damage(file_name(self.kind), message.batch, message.offset, what)
                return
            yield message, batch, layout

    def _take_layout(self, schema: Any) -> Layout:
        from bmi_app.record.stream import schema as expected_schema

        self.metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        layout = Layout(*(int(self.metadata.get(size, 0)) for size in ("n_units", "n_axes", "model_rows")))
        if layout.n_units < 1 or layout.n_axes < 1 or layout.model_rows < 0:
            raise ValueError(f"it says that there are {layout.n_units} units and {layout.n_axes} axes")
        expected = expected_schema(self.kind, layout, {})
        added = ADDED if self.metadata.get("format") == FORMAT_1 else LATER
        expected = _of_before(self.kind, schema, expected, added)
        if not schema.equals(expected):
            raise ValueError(f"its columns are other ones, or have other types ({self.metadata.get('format')})")
        foreign = identity.foreign(self.metadata.get(identity.KEY, ""), identity.expected_id(self._folder))
        if foreign:
            raise _ForeignError(foreign)
        self.layout = layout
        return layout

    def _decode_into(self, batch: Batch, arrow_batch: Any) -> None:
        # `to_numpy` would import pandas, which takes half a second.
        there = set(arrow_batch.schema.names)
        for name in batch.records.dtype.names or ():
            batch.records[name] = np.from_dlpack(arrow_batch.column(name)) if name in there else ADDED[self.kind, name]
        first = 0
        assert self.layout is not None, "the schema comes first"
        for name, width in self.layout.lists(self.kind).items():
            n_there = arrow_batch.schema.field(name).type.list_size if name in there else 0
            if n_there:
                numbers = np.from_dlpack(arrow_batch.column(name).flatten())
                batch.rows[:, first : first + n_there] = numbers.reshape(len(batch.records), n_there)
            if n_there < width:
                batch.rows[:, first + n_there : first + width] = ADDED[self.kind, name]
            first += width
        if self.kind in NAMED:
            batch.texts.extend(arrow_batch.column("text").to_pylist())
        if len(batch.records) > 0:
            self._last_tick = int(batch.records["tick"].max())


class _ForeignError(ValueError):
    """Say that a file belongs to another session."""


def _of_before(kind: Kind, schema: Any, expected: Any, added: Container[tuple[Kind, str]]) -> Any:
    """Return the schema that a file of before must have: without, or with shorter, columns that were `added` since."""
    import pyarrow as pa

    fields = []
    for wanted in expected:
        field = wanted
        if (kind, field.name) in added:
            if schema.get_field_index(field.name) < 0:
                continue
            found = schema.field(field.name)
            shorter = pa.types.is_fixed_size_list(field.type) and pa.types.is_fixed_size_list(found.type)
            if shorter and found.type.list_size < field.type.list_size:
                field = field.with_type(pa.list_(field.type.value_field, found.type.list_size))
        fields.append(field)
    return pa.schema(fields)


def empty_batch(kind: Kind, layout: Layout, n_records: int) -> Batch:
    """Return a batch of `n_records` records that are still to be filled in."""
    rows = np.empty(layout.row_shape(kind, n_records), row_dtype(kind))
    return Batch(np.empty(n_records, RECORDS[kind]), rows, [], {})


def select(batch: Batch, keep: np.ndarray) -> Batch:
    """Return those records of a batch for which `keep`, bool[n], says so."""
    texts = [text for text, kept in zip(batch.texts, keep.tolist(), strict=False) if kept]
    return Batch(batch.records[keep], batch.rows[keep], texts, batch.committed)
