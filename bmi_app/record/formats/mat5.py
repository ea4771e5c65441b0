"""Read MATLAB 5 files without trusting them: scipy allocates whatever a length says, and crashes on changed bytes.

A file is a header of 128 bytes and elements: type and length of 4 bytes each, then the data, padded to 8 bytes. An element
that is a matrix holds elements: flags with its class, dimensions, name, and by class numbers, texts, or further matrices.
Compressed elements hold one element more; their checksum (of zlib) finds nearly every changed byte.
"""

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_DTYPES |= {16: "u1", 17: "u2", 18: "u4"}  # texts, whose units of code are read as numbers
_CELL, _STRUCT, _CHAR, _FIRST_NUMERIC, _LAST_NUMERIC = 1, 2, 4, 6, 15
_DEEPEST = 32
_LIMIT_BYTES = 256 << 20  # of all that is unpacked; the recording of Golub et al. takes 15 MB


class MatError(ValueError):
    """Say in one line what is wrong with a file."""


@dataclass(frozen=True)
class _Element:
    kind: int
    data: memoryview


def read(content: bytes) -> dict[str, Any]:
    """Return the variables of a file by name.

    Numbers are arrays without their dimensions of length 1, texts are str, cells lists, structs dicts, or lists of dicts
    where there are several; what is of another class is None.

    Raises
    ------
    MatError
        If an element is not what its length says, or all of them would take too much memory.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise MatError("its header is damaged")
    found: dict[str, Any] = {}
    left, position, view = _LIMIT_BYTES, _HEADER_BYTES, memoryview(content)
    while position < len(view):
        element, position = _element(view, position, order, padded=False)
        if element.kind == _COMPRESSED:
            unpacked = _unpacked(element.data, left)
            left -= len(unpacked)
            element, end = _element(memoryview(unpacked), 0, order)
            if end < len(unpacked):
                raise MatError("bytes follow a compressed element")
        name, value = _matrix(element, order, 0)
        found[name] = value
    return found


def _matrix(element: _Element, order: str, depth: int) -> tuple[str, Any]:
    """Return the name and value of a matrix."""
    if element.kind != _MATRIX:
        raise MatError(f"an element of type {element.kind} stands where a matrix belongs")
    if depth > _DEEPEST:
        raise MatError("its matrices are nested too deep")
    if not len(element.data):
        return "", np.empty(0)
    parts, position = [], 0
    while position < len(element.data):
        part, position = _element(element.data, position, order)
        parts.append(part)
    if len(parts) < 3:
        raise MatError("a matrix without a name")
    flags, dimensions = _numbers(parts[0], order), _numbers(parts[1], order).tolist()
    name = bytes(parts[2].data).decode("latin-1")
    if not len(flags) or len(dimensions) < 2 or any(int(length) != length or length < 0 for length in dimensions):
        raise MatError(f"the dimensions of {name!r} are damaged")
    class_, n_items = int(flags[0]) & 0xFF, math.prod(int(length) for length in dimensions)
    if class_ == _CELL:
        return name, [_matrix(part, order, depth + 1)[1] for part in _exactly(parts[3:], n_items, name)]
    if class_ == _STRUCT:
        return name, _struct(parts[3:], n_items, name, order, depth)
    if class_ == _CHAR:
        codes = _numbers(_exactly(parts[3:], 1, name)[0], order) if len(parts) > 3 else np.empty(0)
        return name, "".join(chr(code) if code < 0xD800 else "?" for code in codes.astype(np.uint32).tolist())
    if not _FIRST_NUMERIC <= class_ <= _LAST_NUMERIC:
        return name, None
    numbers = _numbers(parts[3], order) if len(parts) > 3 else np.empty(0)  # an imaginary part would follow
    if len(numbers) != n_items:
        raise MatError(f"{name or 'a matrix'} has {len(numbers)} numbers where its dimensions say {n_items}")
    return name, np.squeeze(numbers.astype(numbers.dtype.newbyteorder("=")).reshape(dimensions, order="F"))


def _struct(parts: list[_Element], n_items: int, name: str, order: str, depth: int) -> Any:
    """Return a struct: a text of fixed length for each field's name, then the fields of one item after the other."""
    if len(parts) < 2:
        raise MatError(f"the struct {name!r} has no fields")
    length = int(_numbers(parts[0], order)[0]) if len(parts[0].data) >= 4 else 0
    names = bytes(parts[1].data)
    if length <= 0 or len(names) % length:
        raise MatError(f"the names of the fields of {name!r} are damaged")
    fields = [names[at : at + length].partition(b"\0")[0].decode("latin-1") for at in range(0, len(names), length)]
    values = [_matrix(part, order, depth + 1)[1] for part in _exactly(parts[2:], n_items * len(fields), name)]
    items = [
        dict(zip(fields, values[at : at + len(fields)], strict=True)) for at in range(0, len(values), len(fields) or 1)
    ]
    return items[0] if len(items) == 1 else items


def _exactly(parts: list[_Element], n_wanted: int, name: str) -> list[_Element]:
    if len(parts) != n_wanted:
        raise MatError(f"{name or 'a matrix'} has {len(parts)} parts where its dimensions say {n_wanted}")
    return parts


def _numbers(element: _Element, order: str) -> np.ndarray:
    dtype = np.dtype(f"{order}{_DTYPES[element.kind]}") if element.kind in _DTYPES else None
    if dtype is None or len(element.data) % dtype.itemsize:
        raise MatError(f"an element of type {element.kind} stands where numbers belong")
    return np.frombuffer(element.data, dtype)


def _element(data: memoryview, position: int, order: str, *, padded: bool = True) -> tuple[_Element, int]:
    """Return the element at `position`, and where the next one begins."""
    if position + 8 > len(data):
        raise MatError("it is cut off")
    kind, n_bytes = struct.unpack_from(f"{order}II", data, position)
    if kind >> 16:  # a small element: length, type and data in 8 bytes
        kind, n_bytes = kind & 0xFFFF, kind >> 16
        if n_bytes > 4:
            raise MatError("the length of an element is damaged")
        return _Element(kind, data[position + 4 : position + 4 + n_bytes]), position + 8
    begin, end = position + 8, position + 8 + n_bytes
    if end > len(data):
        raise MatError("it is cut off, or the length of an element is damaged")
    after = begin + (n_bytes + 7) // 8 * 8 if padded else end
    return _Element(kind, data[begin:end]), min(after, len(data))


def _unpacked(data: memoryview, limit_bytes: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data, limit_bytes + 1)
    except zlib.error as error:
        raise MatError(f"bytes were changed: {error}") from error
    if len(unpacked) > limit_bytes:
        raise MatError(f"it would take more than {_LIMIT_BYTES >> 20} MB")
    if not unpacker.eof:
        raise MatError("a compressed element is cut off, or bytes were changed")
    return unpacked
