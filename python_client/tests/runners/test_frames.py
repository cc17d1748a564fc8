"""Arrays cross to another process bit by bit, and what is no message is refused."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from oxidizedvision.core.tensors import DTYPES
from oxidizedvision.runners.frames import BrokenMessageError, Message, receive, send

NANS = np.array([0x7FC00001, 0xFFC12345, 0x7F800001, 0x80000000], np.uint32).view(np.float32)
LAYOUTS = {
    "scalar": np.array(1.5, np.float32),
    "no rows": np.zeros((0, 3), np.float32),
    "no axis but one": np.zeros((2, 0, 3), np.float32),
    "NaN and minus zero": NANS,
    "by columns": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "every other": np.arange(12, dtype=np.float32)[::2],
    "backwards": np.arange(12, dtype=np.float32)[::-1],
    "repeated": np.broadcast_to(np.float32(2), (2, 3)),
    "64 axes": np.ones([1] * 64, np.float32),
}


def sent(message: Message) -> bytes:
    stream = io.BytesIO()
    send(stream, message)
    return stream.getvalue()


def crossed(array: NDArray[np.generic]) -> NDArray[np.generic]:
    answer = receive(io.BytesIO(sent(Message({"a": 1}, {"x": array, "é\0\ud800": array}))))
    assert answer.body == {"a": 1}
    assert list(answer.arrays) == ["x", "é\0\ud800"]
    return answer.arrays["x"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_array_of_any_layout_arrives_as_it_is(layout: str) -> None:
    array = LAYOUTS[layout]
    got = crossed(array)
    assert (got.dtype, got.shape) == (array.dtype, array.shape)
    assert got.tobytes() == array.tobytes()
    assert got.flags.writeable


@pytest.mark.parametrize("dtype", DTYPES.values())
def test_every_element_type_arrives_as_it_is(dtype: str) -> None:
    bits = np.random.default_rng(0).integers(0, 256, 240, np.uint8)
    array = (bits & 1 if dtype == "bool" else bits).view(dtype).reshape(2, -1)
    got = crossed(array)
    assert (got.dtype, got.shape) == (array.dtype, array.shape)
    assert got.tobytes() == array.tobytes()


def test_the_other_byte_order_arrives_in_this_machines() -> None:
    array = np.arange(3, dtype=np.int32)
    got = crossed(array.astype(array.dtype.newbyteorder()))
    assert got.dtype == array.dtype
    assert got.tolist() == [0, 1, 2]


def test_messages_follow_each_other_and_end() -> None:
    stream = io.BytesIO(sent(Message({"n": 1}, {"x": np.ones(3, np.float32)})) + sent(Message()))
    assert receive(stream).body == {"n": 1}
    assert receive(stream) == Message()
    with pytest.raises(EOFError):
        receive(stream)


def test_a_message_that_is_cut_short_is_the_end() -> None:
    whole = sent(Message({"n": 1}, {"x": np.ones(3, np.float32)}))
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            receive(io.BytesIO(whole[:length]))


def head(content: object) -> bytes:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + bytes(64)


def of(**entry: object) -> dict[str, object]:
    return {"body": {}, "arrays": [{"name": "x", "dtype": "f32", "shape": [1], **entry}]}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff no JSON",
        [],
        {"body": {}},
        {"body": 1, "arrays": []},
        {"body": {}, "arrays": [1]},
        of(dtype="object"),
        of(dtype="O"),
        of(shape=[-1]),
        of(shape=["n"]),
        of(shape=[1] * 65),
        of(shape=[1 << 40, 1 << 40]),
        of(shape=None),
        of(shape=[float("inf")]),
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(content: object) -> None:
    with pytest.raises(BrokenMessageError):
        receive(io.BytesIO(head(content)))


def test_text_in_the_place_of_a_message_is_refused() -> None:
    with pytest.raises(BrokenMessageError, match="its head has"):
        receive(io.BytesIO(b"what the engine prints, which is no message"))
