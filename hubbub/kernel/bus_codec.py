"""Messages between nodes: what one loop turn brought to one stream, with each entry's bytes as clients receive them.

A message is one byte for what it is, eight for the node that sent it, and then for each entry `seq`, the lengths of
its bytes and its kind, the kind and the bytes. A receiver reads these numbers and passes the bytes on; it does not
look into the JSON, but compares its beginning with what the numbers say.
"""

import struct
from collections.abc import Iterator, Sequence

import orjson

from hubbub.kernel.bus import Signal
from hubbub.kernel.log import Encoded

ENTRIES, SIGNAL, TOLD = b"E", b"S", b"T"
NODE_BYTES = 8
BODY = 1 + NODE_BYTES
PLACE = struct.Struct("<QIB")
MESSAGE_BYTES = 256_000
"""A message is not made longer than this, unless one entry alone is."""
LAST_SEQ = 2**63 - 1


def encode_entries(node: bytes, batch: Sequence[Encoded]) -> bytes:
    """One message with entries of one stream."""
    parts = [ENTRIES, node]
    for encoded in batch:
        kind = encoded.kind.encode()
        json = encoded.json
        parts += (PLACE.pack(encoded.seq, len(json), len(kind)), kind, json)
    return b"".join(parts)


def split_batch(batch: list[Encoded]) -> Iterator[list[Encoded]]:
    """The entries in runs that fit into one message each."""
    start = size = 0
    for place, encoded in enumerate(batch):
        size += len(encoded.json)
        if size > MESSAGE_BYTES and place > start:
            yield batch[start:place]
            start, size = place, len(encoded.json)
    yield batch[start:] if start else batch


def decode_entries(stream: str, message: bytes) -> list[Encoded]:
    """The entries of a message that came on the stream's channel. Raises ValueError."""
    batch = []
    place, end = BODY, len(message)
    opening = b'{"stream":"%b","seq":%%d,"kind":"%%b",' % stream.encode().replace(b"%", b"%%")
    while place < end:
        if place + PLACE.size > end:
            raise ValueError("a header is cut off")
        seq, length, kind_length = PLACE.unpack_from(message, place)
        place += PLACE.size
        start = place + kind_length
        place = start + length
        if place > end:
            raise ValueError("an entry is cut off")
        kind = message[start - kind_length : start]
        json = message[start:place]
        if not 0 < seq <= LAST_SEQ or not json.startswith(opening % (seq, kind)):
            raise ValueError("the header and the entry differ")
        if not json.endswith(b"}"):
            raise ValueError("an entry has no end")
        batch.append(Encoded(stream, seq, kind.decode(), json))
    if not batch:
        raise ValueError("a message without entries")
    return batch


def encode_signal(node: bytes, signal: Signal) -> bytes:
    """One message with a signal; its stream is the channel's."""
    return b"".join((SIGNAL, node, orjson.dumps([signal.kind, signal.actor, signal.data])))


def decode_signal(stream: str, message: bytes) -> Signal:
    """The signal of a message that came on the stream's channel. Raises ValueError."""
    fields = orjson.loads(message[BODY:])
    match fields:
        case [str(kind), str(actor), dict(data)]:
            return Signal(stream, kind, actor, data)
    raise ValueError("this is no signal")
