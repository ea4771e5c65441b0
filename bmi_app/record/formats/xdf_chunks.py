"""Find the whole chunks of an XDF file, so that pyxdf is handed no wrong length or count.

pyxdf makes room for as many samples as a chunk claims, and goes on reading where a damaged chunk seems to end: one changed
byte is enough for gigabytes. Here each chunk is walked through first, sample by sample: a chunk that does not end exactly
where its length says is left out, and the walk goes on behind the next boundary chunk.
"""

import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MAGIC = b"XDF:"
_BOUNDARY = bytes.fromhex("43A546DCCBF5410FB30ED5467383CBE4")
_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _BOUNDARY_TAG, _FOOTER = 1, 2, 3, 4, 5, 6
_ITEM_BYTES = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "double64": 8, "string": 0}
_MOST_CHANNELS = 1 << 16  # more than any rig has


class DamagedChunkError(Exception):
    """Say what is wrong with a chunk."""


@dataclass
class Survey:
    """Hold which parts of a file are whole.

    Attributes
    ----------
    spans : list of (begin, end)
        Bytes of the file that can be read, in order; neighbours are joined.
    damage : str
        The first thing that was found wrong; empty when all is whole.
    """

    spans: list[tuple[int, int]] = field(default_factory=list)
    damage: str = ""

    def keep(self, begin: int, end: int) -> None:
        """Add a whole chunk."""
        if self.spans and self.spans[-1][1] == begin:
            self.spans[-1] = self.spans[-1][0], end
        else:
            self.spans.append((begin, end))


def survey(content: Any) -> Survey:
    """Walk through a file, given as bytes or a memory map that begins with `MAGIC`."""
    found, streams, position = Survey(), dict[int, tuple[int, int]](), len(MAGIC)
    found.keep(0, position)
    while position < len(content):
        try:
            end = _check_chunk(content, position, streams)
            found.keep(position, end)
            position = end
        except DamagedChunkError as error:
            found.damage = found.damage or f"byte {position}: {error}"
            boundary = content.find(_BOUNDARY, position + 1)
            if boundary < 0:
                break
            position = boundary + len(_BOUNDARY)
    return found


def _check_chunk(content: Any, begin: int, streams: dict[int, tuple[int, int]]) -> int:
    """Return where a chunk ends, having checked all of it."""
    length, position = _length(content, begin, len(content))
    end = position + length
    if length < 2 or end > len(content):
        raise DamagedChunkError("a chunk that does not fit into the file")
    (tag,) = struct.unpack_from("<H", content, position)
    position += 2
    if tag in (_STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _FOOTER):
        if end - position < 4:
            raise DamagedChunkError("a chunk that is too short")
        (stream,) = struct.unpack_from("<I", content, position)
        position += 4
        if tag == _STREAM_HEADER:
            streams[stream] = _described(_xml(content, position, end))
        elif stream not in streams:
            raise DamagedChunkError(f"a chunk of stream {stream}, which has no header")
    if tag == _FILE_HEADER:
        _xml(content, position, end)
    elif tag == _SAMPLES:
        _check_samples(content, position, end, *streams[stream])
    elif tag == _CLOCK_OFFSET and end - position != 16:
        raise DamagedChunkError("a clock offset of another length")
    elif tag == _FOOTER:
        _xml(content, position, end)
    elif tag == _BOUNDARY_TAG and content[position:end] != _BOUNDARY:
        raise DamagedChunkError("a boundary chunk without its marker")
    return end


def _length(content: Any, position: int, limit: int) -> tuple[int, int]:
    """Return a number of variable length, and where the next thing begins."""
    n_bytes = content[position] if position < limit else 0
    if n_bytes not in (1, 4, 8) or position + 1 + n_bytes > limit:
        raise DamagedChunkError("a length that is not valid")
    return int.from_bytes(content[position + 1 : position + 1 + n_bytes], "little"), position + 1 + n_bytes


def _xml(content: Any, begin: int, end: int) -> ET.Element:
    try:
        return ET.fromstring(bytes(content[begin:end]).decode("utf-8", "replace"))
    except (ET.ParseError, ValueError, RecursionError) as error:
        raise DamagedChunkError(f"a description that is not XML ({error})") from error


def _described(header: ET.Element) -> tuple[int, int]:
    """Return how many channels a stream has, and how many bytes a value of it takes (0 for texts)."""
    texts = {name: (header.findtext(name) or "").strip() for name in ("channel_count", "channel_format", "name")}
    if not (texts["channel_count"].isascii() and texts["channel_count"].isdecimal()):
        raise DamagedChunkError(f"a stream of {texts['channel_count']!r} channels")
    n_channels = int(texts["channel_count"][:9])
    if not 0 < n_channels <= _MOST_CHANNELS or texts["channel_format"] not in _ITEM_BYTES:
        raise DamagedChunkError(f"a stream of {n_channels} channels of {texts['channel_format']!r}")
    try:
        rate_hz = float(header.findtext("nominal_srate") or 0)
    except ValueError:
        rate_hz = -1.0
    if not 0 <= rate_hz < 1e9:
        raise DamagedChunkError(f"a stream of {header.findtext('nominal_srate')!r} samples a second")
    if max(_depths(header)) > 64:  # pyxdf walks through it by recursion
        raise DamagedChunkError("a description that is nested too deep")
    return n_channels, _ITEM_BYTES[texts["channel_format"]]


def _depths(header: ET.Element) -> Iterator[int]:
    level, depth = [header], 0
    while level:
        yield depth
        level, depth = [child for element in level for child in element], depth + 1


def _check_samples(content: Any, position: int, end: int, n_channels: int, item_bytes: int) -> None:
    n_samples, position = _length(content, position, end)
    least = n_channels * (item_bytes or 2) + 1  # an empty text takes the two bytes of its length
    if n_samples * least > end - position:
        raise DamagedChunkError(f"{n_samples} samples where at most {(end - position) // least} fit")
    for _ in range(n_samples):
        if position >= end or content[position] not in (0, 8):
            raise DamagedChunkError("a sample whose first byte is wrong")
        position += 1 + content[position]
        if item_bytes:
            position += n_channels * item_bytes
        else:
            for _ in range(n_channels):
                length, position = _length(content, position, end)
                position += length
    if position != end:
        raise DamagedChunkError("samples that do not end with their chunk")
