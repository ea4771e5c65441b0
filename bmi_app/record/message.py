"""Protect the messages of an Arrow IPC stream, and take a stream apart without trusting any byte of it.

An Arrow IPC stream is a row of messages: first the schema, then batches, then an end mark::

    FF FF FF FF | metadata length, i4 | metadata (flatbuffer, padded) | body: the columns' buffers, LZ4
    FF FF FF FF | 00 00 00 00                                           end of the stream

In the metadata of every message stands, under the key ``check``, one text of fixed length::

    crc32=1a2b3c4d body=000000012345 batch=00000007 rows=00000100

``crc32`` is zlib's CRC32, in lower-case hexadecimal, over *all* bytes of the message from the first FF to the end of
the body, with these eight digits as zeros; so a flipped bit is found wherever it is, in the lengths as well. ``body``
is the length of the body in bytes, ``batch`` counts batches from 0, ``rows`` is the number of records. The schema
carries the same with ``batch=00000000 rows=00000000``. In a batch of frames there follow, as
``spikes=000000001234 ...``, the numbers of records that were in each other file when it was written.

Nothing is given to Arrow before this check has passed, and no length that leads beyond the file is accepted: a
damaged stream can neither crash the reader nor make it ask for absurd memory.
"""

import os
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bmi_app.record.damage import Damage

CHECK = "check"
CUT_OFF = "cut off"
END_MARK = b"\xff\xff\xff\xff\x00\x00\x00\x00"

_BLANK = b"crc32=00000000 body=000000000000 "
_PATTERN = re.compile(rb"crc32=([0-9a-f]{8}) body=([0-9]{12}) batch=([0-9]{8}) rows=([0-9]{8})((?: [a-z]+=[0-9]{12})*)")
_MAX_METADATA_BYTES = 1 << 24


def check_text(batch: int, rows: int, committed: Mapping[str, int]) -> str:
    """Return the text of a check whose CRC and body length are still blank."""
    others = "".join(f" {kind}={count:012d}" for kind, count in committed.items())
    return f"{_BLANK.decode()}batch={batch:08d} rows={rows:08d}{others}"


def seal(parts: list[Any]) -> list[Any]:
    """Fill in the body length and the CRC of one serialized message.

    Parameters
    ----------
    parts : list of buffers
        The message in pieces; the check's text lies whole in one piece, which is `bytes`.

    Returns
    -------
    list of buffers
        The pieces to write, the large ones not copied.
    """
    place = next(i for i, part in enumerate(parts) if isinstance(part, bytes) and _BLANK in part)
    head = b"".join(parts[: place + 1])
    metadata_bytes = int.from_bytes(head[4:8], "little")
    body_bytes = len(head) + sum(len(part) for part in parts[place + 1 :]) - 8 - metadata_bytes
    head = head.replace(_BLANK, b"crc32=00000000 body=%012d " % body_bytes, 1)
    crc = zlib.crc32(head)
    for part in parts[place + 1 :]:
        crc = zlib.crc32(part, crc)
    return [head.replace(b"crc32=00000000 ", b"crc32=%08x " % crc, 1), *parts[place + 1 :]]


@dataclass(frozen=True)
class Message:
    """Hold one message whose CRC was found right."""

    raw: bytes = field(repr=False)
    offset: int
    batch: int  # -1 for the schema
    rows: int
    committed: dict[str, int]


class MessageFile:
    """Walk through the messages of a stream up to its end or the first damage.

    After the walk, `damage` says what ended it (None: nothing is wrong), `closed` whether the end mark was there, and
    `good_bytes` how long the intact part is, without the end mark.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: Damage | None = None
        self.closed = False
        self.good_bytes = 0

    def __iter__(self) -> Iterator[Message]:
        """Yield the schema, then each batch.

        The file may be one that is being written: what was added since the walk began is not looked at.
        """
        batch = -1
        try:
            with self.path.open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                while self.good_bytes < size:
                    found = self._next(file, size - self.good_bytes, batch)
                    if not isinstance(found, Message):
                        if found:
                            self.damage = Damage(self.path.name, batch, self.good_bytes, found)
                        return
                    yield found
                    self.good_bytes += len(found.raw)
                    batch += 1
        except OSError as error:
            what = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
            self.damage = Damage(self.path.name, batch, self.good_bytes, what)

    def _next(self, file: Any, left: int, batch: int) -> Message | str:
        """Return the next message, or what is wrong, or an empty text at the end mark."""
        prefix = file.read(min(8, left))
        if prefix == END_MARK:
            self.closed = True
            return "bytes after the end of the stream" if left > 8 else ""
        if len(prefix) < 8:
            return CUT_OFF
        metadata_bytes = int.from_bytes(prefix[4:], "little", signed=True)
        if prefix[:4] != END_MARK[:4] or not 0 < metadata_bytes <= _MAX_METADATA_BYTES:
            return "this is not the beginning of a message"
        if metadata_bytes > left - 8:
            return f"{CUT_OFF}, or its length is damaged"
        metadata = _read(file, metadata_bytes)
        checks = list(_PATTERN.finditer(metadata))
        if len(checks) != 1:
            return "its check is damaged"
        crc_text, body_text, batch_text, rows_text, committed_text = checks[0].groups()
        if int(body_text) > left - 8 - metadata_bytes:
            return f"{CUT_OFF}, or its length is damaged"
        body = _read(file, int(body_text))
        raw = b"".join((prefix, metadata, body))
        begin = 8 + checks[0].start(1)
        crc = zlib.crc32(b"00000000", zlib.crc32(memoryview(raw)[:begin]))
        if zlib.crc32(memoryview(raw)[begin + 8 :], crc) != int(crc_text, 16):
            return "its CRC32 is wrong: bytes were changed after they were written"
        if int(batch_text) != max(batch, 0):
            return f"batch {int(batch_text)} stands where batch {batch} belongs"
        pairs = (pair.split("=") for pair in committed_text.decode().split())
        return Message(raw, self.good_bytes, batch, int(rows_text), {kind: int(count) for kind, count in pairs})


def _read(file: Any, n_bytes: int) -> bytes:
    """Read exactly `n_bytes`, which the file was found to have."""
    pieces = []
    while n_bytes > 0:
        piece = file.read(n_bytes)
        if not piece:
            raise OSError(5, "the file became shorter while it was read")
        pieces.append(piece)
        n_bytes -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
