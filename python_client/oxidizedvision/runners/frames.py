"""Messages between this process and an engine's: JSON, then the bytes of plain arrays.

Whoever reads a message builds nothing from it but text, numbers and arrays, so that an engine that
a model took over cannot make its parent run anything.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from oxidizedvision.core.tensors import DTYPES, dtype_name

if TYPE_CHECKING:
    from oxidizedvision.core.tensors import Array

_LENGTH = struct.Struct("<Q")
_LONGEST_HEAD = 1 << 26


class BrokenMessageError(ValueError):
    """What came is no message."""


@dataclass(frozen=True)
class Message:
    """What JSON can hold, and arrays by name in one of the element types of the contract."""

    body: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)


def send(stream: BinaryIO, message: Message) -> None:
    """Write a message. Arrays may have any layout and byte order, and arrive in this machine's."""
    arrays = {name: _row_major(array) for name, array in message.arrays.items()}
    head = {
        "body": dict(message.body),
        "arrays": [
            {"name": name, "dtype": dtype_name(array), "shape": array.shape}
            for name, array in arrays.items()
        ],
    }
    text = json.dumps(head).encode("ascii")
    stream.write(_LENGTH.pack(len(text)))
    stream.write(text)
    for array in arrays.values():
        stream.write(_bytes_of(array))
    stream.flush()


def receive(stream: BinaryIO) -> Message:
    """Wait for a message.

    Raises:
        EOFError: when the other side is gone.
        BrokenMessageError: when what came is no message.
    """
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    if length > _LONGEST_HEAD:
        raise BrokenMessageError(f"its head has {length} bytes")
    text = _read(stream, length)
    try:
        head = json.loads(text)
        body = dict(head["body"])
        arrays = {str(entry["name"]): _empty(entry) for entry in head["arrays"]}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BrokenMessageError(f"{type(error).__name__}: {error}") from error
    for array in arrays.values():
        if stream.readinto(_bytes_of(array)) != array.nbytes:  # type: ignore[attr-defined]
            raise EOFError
    return Message(body, arrays)


def _read(stream: BinaryIO, count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise EOFError
    return content


def _empty(entry: Mapping[str, Any]) -> Array:
    shape = [int(length) for length in entry["shape"]]
    element = np.dtype(DTYPES[entry["dtype"]])
    if min(shape, default=0) < 0 or math.prod(shape) * element.itemsize >= 1 << 63:
        raise ValueError(f"no array has the shape {shape}")
    return np.empty(shape, element)


def _row_major(array: Array) -> Array:
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _bytes_of(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
