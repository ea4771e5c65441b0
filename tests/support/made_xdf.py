"""Write XDF files, which nothing maintained does, as LabRecorder does."""

import struct
from collections.abc import Sequence

BOUNDARY = bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")


def chunk(tag: int, content: bytes) -> bytes:
    body = struct.pack("<H", tag) + content
    return b"\x04" + struct.pack("<I", len(body)) + body


def header(stream: int, name: str, type_: str, channel_format: str, n_channels: int, rate_hz: float) -> bytes:
    xml = (
        f"<info><name>{name}</name><type>{type_}</type><channel_count>{n_channels}</channel_count>"
        f"<nominal_srate>{rate_hz:g}</nominal_srate><channel_format>{channel_format}</channel_format>"
        f"<source_id>{name}-id</source_id></info>"
    )
    return chunk(2, struct.pack("<I", stream) + xml.encode())


def samples(stream: int, rows: Sequence[Sequence[int]], stamps_s: Sequence[float | None], code: str) -> bytes:
    content = struct.pack("<IBI", stream, 4, len(rows))
    for row, stamp_s in zip(rows, stamps_s, strict=True):
        content += b"\x00" if stamp_s is None else b"\x08" + struct.pack("<d", stamp_s)
        content += struct.pack(f"<{len(row)}{code}", *row)
    return chunk(3, content)


def texts(stream: int, rows: Sequence[str], stamps_s: Sequence[float]) -> bytes:
    content = struct.pack("<IBI", stream, 4, len(rows))
    for row, stamp_s in zip(rows, stamps_s, strict=True):
        content += b"\x08" + struct.pack("<d", stamp_s) + b"\x01" + bytes([len(row)]) + row.encode()
    return chunk(3, content)


def made_xdf(n_chunks: int = 8, per_chunk: int = 25) -> bytes:
    """Make a file of spike events, counts and markers, with clock offsets and boundaries between."""
    parts = [
        b"XDF:",
        chunk(1, b"<info><version>1.0</version></info>"),
        header(1, "spikes", "SpikeEvents", "int32", 2, 0),
        header(2, "counts", "Binned", "float32", 3, 100),
        header(3, "markers", "Markers", "string", 1, 0),
    ]
    for k in range(n_chunks):
        at = [100.0 + (k * per_chunk + i) * 0.01 for i in range(per_chunk)]
        parts.append(samples(1, [(i % 7, i % 2) for i in range(per_chunk)], at, "i"))
        parts.append(samples(2, [(i % 3, 0, 1) for i in range(per_chunk)], [at[0], *[None] * (per_chunk - 1)], "f"))
        parts.append(texts(3, ["go", ""], at[:2]))
        parts += [chunk(4, struct.pack("<Idd", stream, at[-1], 0.001)) for stream in (1, 2, 3)]
        parts.append(chunk(5, BOUNDARY))
    parts += [chunk(6, struct.pack("<I", stream) + b"<info><sample_count>1</sample_count></info>") for stream in (1, 2)]
    return b"".join(parts)
