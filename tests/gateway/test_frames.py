"""The WebSocket codec: RFC 6455, sections 5 and 7.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.gateway import frames
from hubbub.gateway.errors import FrameError
from hubbub.gateway.frames import (
    decode_close,
    encode_close,
    encode_frame,
    read_frame,
    split_frames,
    unmask,
)
from tests.gateway.support import mask_frame

LIMIT = 1_000_000


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_unmask_is_the_xor_of_section_5_3(payload: bytes, mask: bytes) -> None:
    expected = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    assert unmask(payload, mask) == expected
    assert unmask(bytearray(payload), bytearray(mask)) == expected


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_every_length_is_read_and_written(size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    data = mask_frame(frames.BINARY, payload)
    assert read_frame(data, 0, LIMIT, False) == (0x82, payload, len(data))
    written = encode_frame(frames.BINARY, payload)
    assert list(split_frames(written + written)) == [(frames.BINARY, payload)] * 2


@given(st.binary(max_size=200), st.integers(0, 220))
def test_an_incomplete_frame_is_no_frame(payload: bytes, cut: int) -> None:
    data = mask_frame(frames.TEXT, payload)
    part = data[: min(cut, len(data) - 1)]
    assert read_frame(part, 0, LIMIT, False) is None
    assert read_frame(b"xyz" + data, 3, LIMIT, False) == (0x81, payload, 3 + len(data))


@pytest.mark.parametrize(
    ("data", "continued", "code"),
    [
        (b"\x81\x01a", False, 1002),  # not masked
        (b"\xc1\x80\0\0\0\0", False, 1002),  # reserved bit
        (b"\x83\x80\0\0\0\0", False, 1002),  # unknown data opcode
        (b"\x8b\x80\0\0\0\0", False, 1002),  # unknown control opcode
        (b"\x09\x80\0\0\0\0", False, 1002),  # fragmented ping
        (b"\x89\xfe\0\x7e", False, 1002),  # ping longer than 125 bytes
        (b"\x80\x80\0\0\0\0", False, 1002),  # continuation of nothing
        (b"\x81\x80\0\0\0\0", True, 1002),  # new message inside a fragmented one
        (b"\x82\xff\x80\0\0\0\0\0\0\0", False, 1002),  # length with the highest bit
        (b"\x82\xff\0\0\0\0\0\x0f\x42\x41", False, 1009),  # one byte more than the limit
    ],
)
def test_forbidden_frames_are_refused_by_their_header(
    data: bytes, continued: bool, code: int
) -> None:
    with pytest.raises(FrameError) as refused:
        read_frame(data, 0, LIMIT, continued)
    assert refused.value.code == code


def test_control_frames_may_come_between_fragments() -> None:
    data = mask_frame(frames.PING, b"hi")
    assert read_frame(data, 0, LIMIT, True) == (0x89, b"hi", len(data))


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1013, 3000, 4999])
def test_close_codes_that_may_be_sent(code: int) -> None:
    payload = next(split_frames(encode_close(code, "why")))[1]
    assert decode_close(payload) == (code, "why")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535])
def test_close_codes_that_may_not_be_sent(code: int) -> None:
    with pytest.raises(FrameError) as refused:
        decode_close(code.to_bytes(2, "big"))
    assert refused.value.code == 1002


def test_close_bodies() -> None:
    assert decode_close(b"") == (1005, "")
    with pytest.raises(FrameError):
        decode_close(b"\x03")
    with pytest.raises(FrameError) as refused:
        decode_close(b"\x03\xe8\xff")
    assert refused.value.code == 1007
    long = next(split_frames(encode_close(1000, "é" * 100)))[1]
    assert len(long) <= 125
    assert decode_close(long)[1] == "é" * 61
