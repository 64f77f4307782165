"""Socket.IO packets (protocol 5) and long-polling payloads (Engine.IO protocol 4).

Outgoing packets are encoded straight into WebSocket frames, attachments included, so that one
``bytes`` object is the whole event for every receiver.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

import orjson

from .errors import InvalidPacket
from .frames import BINARY, TEXT, encode_frame, split_frames

EncodedJson = orjson.Fragment
"""``EncodedJson(data)``: JSON that exists as bytes already; it is put into the packet as it is."""

CONNECT = 0
DISCONNECT = 1
EVENT = 2
ACK = 3
CONNECT_ERROR = 4
BINARY_EVENT = 5
BINARY_ACK = 6

SEPARATOR = "\x1e"

_RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
_HEAD = re.compile(r"([0-6])(?:(\d{1,9})-)?(/[^,]*,?)?(\d{1,16}(?!\d))?", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Packet(NamedTuple):
    """A Socket.IO packet. ``data`` of a binary one still has placeholders."""

    kind: int
    namespace: str
    id: int | None
    data: Any
    attachments: int


def decode_packet(text: str) -> Packet:
    """The Socket.IO packet in the text of an Engine.IO message.

    Raises `InvalidPacket` for anything the reference parser would refuse.
    """
    # The usual case first: an event of the main namespace.
    if text.startswith("2"):
        bracket = text.find("[")
        number = text[1:bracket]
        if bracket == 1:
            return Packet(EVENT, "/", None, _event_data(text[1:]), 0)
        if 1 < bracket < 18 and number.isdigit() and number.isascii():
            return Packet(EVENT, "/", int(number), _event_data(text[bracket:]), 0)
    head = _HEAD.match(text)
    if head is None:
        raise InvalidPacket("unknown packet type")
    kind = int(head[1])
    attachments = 0
    if kind >= BINARY_EVENT:
        if not head[2] or int(head[2]) < 1:
            raise InvalidPacket("illegal number of attachments")
        attachments = int(head[2])
    elif head[2]:
        raise InvalidPacket("attachments in a packet without binary data")
    namespace = head[3].removesuffix(",") if head[3] else "/"
    number = head[4]
    rest = text[head.end() :]
    return Packet(
        kind, namespace, int(number) if number else None, _payload(kind, rest), attachments
    )


def _payload(kind: int, rest: str) -> Any:
    if kind in (EVENT, BINARY_EVENT):
        return _event_data(rest)
    if kind in (ACK, BINARY_ACK):
        data = load_json(rest)
        if not isinstance(data, list):
            raise InvalidPacket("the payload of an ack must be an array")
        return data
    if kind == DISCONNECT:
        if rest:
            raise InvalidPacket("a disconnect packet has no payload")
        return None
    if not rest:
        return None
    data = load_json(rest)
    if not isinstance(data, dict):
        raise InvalidPacket("the payload of a connect packet must be an object")
    return data


def _event_data(rest: str) -> list[Any]:
    data = load_json(rest)
    if not isinstance(data, list) or not data or not isinstance(data[0], str | int | float):
        raise InvalidPacket("the payload of an event must be an array that begins with a name")
    if data[0] in _RESERVED_EVENTS:
        raise InvalidPacket("reserved event name")
    return data


def load_json(text: str) -> Any:
    """Parse JSON as a browser would.

    JavaScript may send half a surrogate pair (a string cut in the middle of an emoji), which
    strict parsers refuse; it becomes U+FFFD. Raises `InvalidPacket`.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    if "\\u" not in text:
        raise InvalidPacket("invalid JSON")
    try:
        lenient = json.loads(text, parse_constant=_refuse_constant)
        mended = _LONE_SURROGATE.sub("\ufffd", json.dumps(lenient, ensure_ascii=False))
        return orjson.loads(mended)
    except (ValueError, RecursionError):
        raise InvalidPacket("invalid JSON") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def fill_placeholders(data: Any, attachments: list[bytes]) -> Any:
    """``data`` with each ``{"_placeholder": true, "num": n}`` replaced by attachment n.

    Changes ``data`` in place. Raises `InvalidPacket` for a number without an attachment.
    """
    root = [data]
    stack: list[Any] = [root]
    while stack:
        container = stack.pop()
        items: Iterable[tuple[Any, Any]] = (
            container.items() if isinstance(container, dict) else enumerate(container)
        )
        for key, value in list(items):
            if isinstance(value, dict) and value.get("_placeholder") is True:
                number = value.get("num")
                if type(number) is not int or not 0 <= number < len(attachments):
                    raise InvalidPacket("illegal attachments")
                container[key] = attachments[number]
            elif isinstance(value, dict | list):
                stack.append(value)
    return root[0]


def encode_packet(kind: int, namespace: str, number: int | None, data: Any) -> bytes:
    """A packet as WebSocket frames: one of text, then one for each binary value in ``data``.

    ``data`` None means no payload. ``bytes``, ``bytearray`` and ``memoryview`` anywhere in it
    become attachments. Raises ``TypeError`` for values that JSON cannot carry.
    """
    attachments: list[bytes] = []

    def attach(value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            attachments.append(bytes(value))
            return {"_placeholder": True, "num": len(attachments) - 1}
        raise TypeError(f"a {type(value).__name__} cannot be sent")

    payload = b"" if data is None else orjson.dumps(data, default=attach)
    where = b"" if namespace == "/" else namespace.encode() + b","
    ident = b"" if number is None else b"%d" % number
    if not attachments:
        return encode_frame(TEXT, b"4%d%b%b%b" % (kind, where, ident, payload))
    kind = BINARY_EVENT if kind == EVENT else BINARY_ACK
    text = b"4%d%d-%b%b%b" % (kind, len(attachments), where, ident, payload)
    frames = [encode_frame(TEXT, text)]
    frames += [encode_frame(BINARY, attachment) for attachment in attachments]
    return b"".join(frames)


def encode_payload(chunks: Iterable[bytes]) -> bytes:
    """Frames as the body of a poll: packets joined by U+001E, binary ones in base64."""
    packets = []
    for chunk in chunks:
        for opcode, payload in split_frames(chunk):
            if opcode == TEXT:
                packets.append(payload)
            elif opcode == BINARY:
                packets.append(b"b" + binascii.b2a_base64(payload, newline=False))
    return b"\x1e".join(packets)


def decode_payload(body: bytes) -> list[str | bytes]:
    """The packets in the body of a POST. Raises `InvalidPacket`."""
    try:
        texts = body.decode().split(SEPARATOR)
    except UnicodeDecodeError:
        raise InvalidPacket("the body is not UTF-8") from None
    packets: list[str | bytes] = []
    for text in texts:
        if text.startswith("b"):
            try:
                packets.append(b64decode(text[1:], validate=True))
            except ValueError:
                raise InvalidPacket("invalid base64") from None
        else:
            packets.append(text)
    return packets
