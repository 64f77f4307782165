"""The Socket.IO codec and polling payloads."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.gateway import EncodedJson
from hubbub.gateway.errors import InvalidPacket
from hubbub.gateway.frames import split_frames
from hubbub.gateway.packets import (
    ACK,
    CONNECT,
    EVENT,
    Packet,
    decode_packet,
    decode_payload,
    encode_packet,
    encode_payload,
    fill_placeholders,
    load_json,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_"), inner, max_size=4),
    max_leaves=15,
)
VALUES = st.recursive(
    JSON | st.binary(max_size=20), lambda inner: st.lists(inner, max_size=4), max_leaves=6
)
NAMESPACES = st.sampled_from(["/", "/custom", "/a-b/c"])


def receive(frames: bytes) -> Packet:
    """What a peer makes of encoded frames."""
    parts = list(split_frames(frames))
    assert parts[0][1][:1] == b"4"
    packet = decode_packet(parts[0][1][1:].decode())
    attachments = [payload for _, payload in parts[1:]]
    assert len(attachments) == packet.attachments
    return packet._replace(data=fill_placeholders(packet.data, attachments))


@given(NAMESPACES, st.none() | st.integers(0, 2**53), st.lists(VALUES, max_size=4))
def test_events_survive_the_way_there(namespace: str, number: int | None, args: list[Any]) -> None:
    packet = receive(encode_packet(EVENT, namespace, number, ["event", *args]))
    assert packet.namespace == namespace
    assert packet.id == number
    assert packet.data == ["event", *args]


@given(NAMESPACES, st.integers(0, 2**53), st.lists(VALUES, max_size=4))
def test_acks_survive_the_way_there(namespace: str, number: int, args: list[Any]) -> None:
    packet = receive(encode_packet(ACK, namespace, number, args))
    assert (packet.namespace, packet.id, packet.data) == (namespace, number, args)


def test_encoded_json_is_put_in_as_it_is() -> None:
    raw = b'{"z": 1,  "a": [1.50]}'
    frames = encode_packet(EVENT, "/", None, ["entries", EncodedJson(raw), b"\x01"])
    (_, text), (_, attachment) = split_frames(frames)
    assert text == b'451-["entries",' + raw + b',{"_placeholder":true,"num":0}]'
    assert attachment == b"\x01"


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(CONNECT, "/", None, None, 0)),
        ('0/admin,{"a":1}', Packet(CONNECT, "/admin", None, {"a": 1}, 0)),
        ("0/admin", Packet(CONNECT, "/admin", None, None, 0)),
        ("1/admin,", Packet(1, "/admin", None, None, 0)),
        ('2["a"]', Packet(EVENT, "/", None, ["a"], 0)),
        ('212["a"]', Packet(EVENT, "/", 12, ["a"], 0)),
        ('2/x,12["a",{"b":[]}]', Packet(EVENT, "/x", 12, ["a", {"b": []}], 0)),
        ("3/x,12[]", Packet(ACK, "/x", 12, [], 0)),
        ('4{"message":"no"}', Packet(4, "/", None, {"message": "no"}, 0)),
        ('51-/x,7["a",{"_placeholder":true,"num":0}]',
         Packet(5, "/x", 7, ["a", {"_placeholder": True, "num": 0}], 1)),
        ("2[3]", Packet(EVENT, "/", None, [3], 0)),
    ],
)  # fmt: skip
def test_decoding(text: str, packet: Packet) -> None:
    assert decode_packet(text) == packet


@pytest.mark.parametrize(
    "text",
    ["", "7", "x", "2", "2[", "2[]", "2{}", "2[null]", "2[[1]]", '2["disconnect"]', "0[]", '0"a"',
     "1{}", "3{}", "3", "5[1]", '50-["a"]', '5-["a"]', '2²["a"]', '2123456789012345678901["a"]',
     '2["a"]x', "2[NaN]", '2["\\u12"]', "2" + "[" * 100_000, '2["a\\u0000' + "[" * 2000],
)  # fmt: skip
def test_invalid_packets(text: str) -> None:
    with pytest.raises(InvalidPacket):
        decode_packet(text)


def test_half_a_surrogate_pair_is_mended() -> None:
    assert load_json('["a\\ud83d", "\\ud83d\\ude00", 1.5]') == ["a\ufffd", "😀", 1.5]


@given(st.text())
def test_any_text_decodes_or_is_invalid(text: str) -> None:
    try:
        packet = decode_packet(text)
    except InvalidPacket:
        return
    assert 0 <= packet.kind <= 6
    assert packet.namespace.startswith("/")


@pytest.mark.parametrize("number", [1, -1, True, None, "0", 0.0])
def test_placeholders_must_have_an_attachment(number: Any) -> None:
    with pytest.raises(InvalidPacket):
        fill_placeholders(["e", {"x": {"_placeholder": True, "num": number}}], [b"one"])


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    deep = orjson.loads("[" * 1000 + '{"_placeholder":true,"num":0}' + "]" * 1000)
    filled = fill_placeholders(deep, [b"x"])
    for _ in range(1000):
        (filled,) = filled
    assert filled == b"x"


def test_what_json_cannot_carry_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not JSON serializable: set"):
        encode_packet(EVENT, "/", None, ["event", {1, 2}])


def test_payloads() -> None:
    text = encode_packet(EVENT, "/", None, ["é", b"\x01\x02\x03\x04"])
    body = encode_payload([text, encode_packet(EVENT, "/", None, ["b"])])
    assert body.decode() == ('451-["é",{"_placeholder":true,"num":0}]\x1ebAQIDBA==\x1e42["b"]')
    assert decode_payload(body)[1] == b"\x01\x02\x03\x04"
    for invalid in (b"\xff", b"bA", b"bA*==", "bé".encode()):
        with pytest.raises(InvalidPacket):
            decode_payload(invalid)
