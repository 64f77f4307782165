"""Messages between nodes: what goes in comes out, and rubbish never comes out as an entry."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.kernel.bus import Signal
from hubbub.kernel.bus_codec import (
    BODY,
    MESSAGE_BYTES,
    decode_entries,
    decode_signal,
    encode_entries,
    encode_signal,
    split_batch,
)
from hubbub.kernel.log import Encoded, Entry, decode_entry

NODE = b"8 bytes."
STREAM = "0193-room%s"

words = st.text(st.characters(codec="utf-8"), max_size=40)
names = st.text("abcdefghijklmnopqrstuvwxyz._%", min_size=1, max_size=40)
entries = st.builds(
    Entry,
    st.just(STREAM),
    st.integers(1, 2**63 - 1),
    names,
    words,
    st.integers(0, 4_000_000_000_000),
    st.none() | words,
    st.dictionaries(words, words | st.integers(-(2**53), 2**53)).map(orjson.dumps),
)


@given(st.lists(entries, min_size=1, max_size=5))
def test_entries_come_out_as_they_went_in(batch: list[Entry]) -> None:
    message = encode_entries(NODE, [Encoded.of(entry) for entry in batch])
    decoded = decode_entries(STREAM, message)
    assert [encoded.json for encoded in decoded] == [entry.encode() for entry in batch]
    assert [encoded.entry for encoded in decoded] == batch
    assert [(encoded.seq, encoded.kind) for encoded in decoded] == [(e.seq, e.kind) for e in batch]


@given(names, words, st.dictionaries(words, words))
def test_signals_come_out_as_they_went_in(kind: str, actor: str, data: dict[str, str]) -> None:
    signal = Signal(STREAM, kind, actor, data)
    assert decode_signal(STREAM, encode_signal(NODE, signal)) == signal


@given(st.binary(max_size=200))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    for decode in (decode_entries, decode_signal):
        with pytest.raises(ValueError):
            decode(STREAM, b"E" + NODE + rubbish)
    with pytest.raises(ValueError):
        decode_entry(rubbish)


@given(entries, st.data())
def test_a_damaged_message_is_refused_or_is_what_was_sent(
    entry: Entry, data: st.DataObject
) -> None:
    message = encode_entries(NODE, [Encoded.of(entry)])
    cut = data.draw(st.integers(BODY, len(message) - 1))
    with pytest.raises(ValueError):
        decode_entries(STREAM, message[:cut])
    with pytest.raises(ValueError):
        decode_entries("another stream", message)


def test_long_batches_go_in_several_messages() -> None:
    size = MESSAGE_BYTES // 3
    batch = [
        Encoded(STREAM, n, "k", b"x" * length)
        for n, length in enumerate([size, size, size * 5, 1, size, size, size])
    ]
    parts = list(split_batch(batch))
    assert [encoded for part in parts for encoded in part] == batch
    assert all(len(part) == 1 or sum(len(e.json) for e in part) <= MESSAGE_BYTES for part in parts)
    assert len(parts) == 3
    assert list(split_batch(batch[:2])) == [batch[:2]]
