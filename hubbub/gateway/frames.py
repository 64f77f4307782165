"""WebSocket frames (RFC 6455, sections 5 and 7.4), as a server reads and writes them.

Written frames are plain ``bytes``: header and payload together, unmasked. Every outgoing packet of
the gateway is kept in that form from the moment it is encoded; `split_frames` takes them apart
again for the few sessions that still use long-polling.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import FrameError
from .loops import COMPILED, read_data_frame

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

FIN = 0x80
CONTROL = 0x08

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
NO_STATUS = 1005
INVALID_DATA = 1007
POLICY_VIOLATION = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013

# Section 7.4.1 and the registry: codes a peer may put on the wire.
_SENDABLE = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """One final, unmasked frame."""
    size = len(payload)
    if size < 126:
        return bytes((FIN | opcode, size)) + payload
    if size < 65536:
        return bytes((FIN | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((FIN | opcode, 127)) + size.to_bytes(8, "big") + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """A close frame; ``NO_STATUS`` gives one without a body. The reason is cut to fit."""
    if code == NO_STATUS:
        return encode_frame(CLOSE, b"")
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return encode_frame(CLOSE, code.to_bytes(2, "big") + text)


def decode_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame's payload (section 5.5.1).

    Raises `FrameError` for a body of one byte, a code that may not be sent, or a reason that is
    not UTF-8.
    """
    if not payload:
        return NO_STATUS, ""
    if len(payload) == 1:
        raise FrameError(PROTOCOL_ERROR, "close body of one byte")
    code = int.from_bytes(payload[:2], "big")
    if code not in _SENDABLE and not 3000 <= code <= 4999:
        raise FrameError(PROTOCOL_ERROR, "invalid close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(INVALID_DATA, "close reason is not UTF-8") from None


def unmask(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """The payload without its mask (section 5.3), as one XOR of two long integers."""
    size = len(payload)
    key = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(
        size, "little"
    )


def read_frame(
    data: bytes | bytearray, at: int, limit: int, continued: bool
) -> tuple[int, bytes, int] | None:
    """The client's frame that begins at ``at``, or None while it is incomplete.

    Returns its first byte (FIN and opcode), its payload without the mask, and where the next one
    begins. ``limit`` is the largest payload allowed, ``continued`` says whether a fragmented
    message is under way. A frame that breaks the rules raises `FrameError` as soon as its header
    is there, before its payload is kept.
    """
    if COMPILED and not continued and (frame := read_data_frame(data, at, limit)) is not None:
        return frame
    available = len(data) - at
    if available < 2:
        return None
    first = data[at]
    second = data[at + 1]
    opcode = first & 0x0F
    if first & 0x70:
        raise FrameError(PROTOCOL_ERROR, "reserved bits are set")
    if not second & 0x80:
        raise FrameError(PROTOCOL_ERROR, "client frames must be masked")
    size = second & 0x7F
    if opcode & CONTROL:
        if opcode > PONG:
            raise FrameError(PROTOCOL_ERROR, "unknown opcode")
        if size > 125 or not first & FIN:
            raise FrameError(PROTOCOL_ERROR, "control frame is fragmented or too long")
    elif opcode > BINARY:
        raise FrameError(PROTOCOL_ERROR, "unknown opcode")
    elif (opcode == CONTINUATION) is not continued:
        raise FrameError(PROTOCOL_ERROR, "fragments out of order")
    head = at + 2
    if size == 126:
        head += 2
        if available < 4:
            return None
        size = int.from_bytes(data[at + 2 : head], "big")
    elif size == 127:
        head += 8
        if available < 10:
            return None
        size = int.from_bytes(data[at + 2 : head], "big")
        if size >> 63:
            raise FrameError(PROTOCOL_ERROR, "invalid length")
    if size > limit:
        raise FrameError(TOO_BIG, "message too big")
    start = head + 4
    end = start + size
    if len(data) < end:
        return None
    return first, unmask(data[start:end], data[head:start]), end


def split_frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Opcode and payload of each of the server's own frames in ``data``."""
    at = 0
    end = len(data)
    while at < end:
        opcode = data[at] & 0x0F
        size = data[at + 1]
        at += 2
        if size == 126:
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
        elif size == 127:
            size = int.from_bytes(data[at : at + 8], "big")
            at += 8
        yield opcode, data[at : at + size]
        at += size
