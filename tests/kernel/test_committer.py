"""Batches side by side: no stream is in two of them, and each stream keeps its order."""

import asyncio
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, Command, Outcome, Request
from hubbub.kernel.committer import Batch, Waiting, take_batch
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Entry
from hubbub.kernel.transaction import Transaction

from .conftest import ANN, all_entries, write_note

pytestmark = pytest.mark.anyio

in_use: set[str] = set()
together: list[int] = []
lock = threading.Lock()


def add_note(tx: Transaction, caller: Caller, **arguments: Any) -> Answer:
    [outcome] = add_notes(tx, [Request(adding, caller, arguments)])
    return Answer(orjson.loads(outcome.body), seq=outcome.seq)


def add_notes(tx: Transaction, requests: Sequence[Request]) -> list[Outcome]:
    """Appends notes, and fails when another transaction of this process is at one of the streams."""
    streams = {request.arguments["stream"] for request in requests}
    with lock:
        assert not streams & in_use
        in_use.update(streams)
        together.append(len(in_use) - len(streams))
    try:
        tx.look_up()
        outcomes = []
        for request in requests:
            stream = request.arguments["stream"]
            data = orjson.dumps({"text": request.arguments["text"]})
            seq = tx.take(stream, 1)
            entry = Entry(stream, seq, "note.written", request.caller.id, tx.now, request.key, data)
            tx.append_entries([entry])
            outcomes.append(Outcome(data, None, seq))
        tx.flush()
        return outcomes
    finally:
        with lock:
            in_use.difference_update(streams)


adding = Command("note.add", add_note, target="stream", stream="stream", many=add_notes)


@pytest.mark.parametrize("seed", range(3))
async def test_each_stream_keeps_its_order(
    kernel: Kernel, new_stream: Callable[[], str], seed: int
) -> None:
    chance = random.Random(seed)
    streams = [new_stream() for _ in range(6)]
    sent: dict[str, list[str]] = {stream: [] for stream in streams}
    answers = []
    together.clear()
    for number in range(400):
        stream = chance.choice(streams)
        # Now and then one that has its batch for itself.
        command = write_note if chance.random() < 0.05 else adding
        sent[stream].append(str(number))
        answers.append(kernel.submit(command, ANN, {"stream": stream, "text": str(number)}))
        if chance.random() < 0.3:
            await asyncio.sleep(0)
    await asyncio.gather(*answers)
    for stream, texts in sent.items():
        entries = all_entries(kernel.database, stream)
        assert [orjson.loads(entry.data)["text"] for entry in entries] == texts
        assert [entry.seq for entry in entries] == list(range(1, len(texts) + 1))
    assert len(together) > 1
    await kernel.committer.drain()
    assert kernel.committer.waiting == 0


def waiting(*streams: str | None) -> deque[Waiting]:
    """One command for each stream; None for one that must be alone."""
    return deque(
        (Request(adding if s else write_note, ANN, {"stream": s or "x"}), lambda result: None, 0.0)
        for s in streams
    )


def streams_of(batch: Batch) -> list[str]:
    return [request.arguments["stream"] for request, _, _ in batch.waiting]


def test_what_waits_for_a_stream_in_use_stays_in_its_order() -> None:
    queue = waiting("a", "b", "a", "c", "b")
    under_way = [Batch([], {"a"})]
    batch = take_batch(queue, under_way, single=False)
    assert streams_of(batch) == ["b", "c", "b"]
    assert batch.streams == {"b", "c"}
    assert streams_of(Batch(list(queue), None)) == ["a", "a"]


def test_a_command_that_must_be_alone_waits_and_keeps_others_behind_it() -> None:
    queue = waiting("b", None, "c")
    first = take_batch(queue, [Batch([], {"a"})], single=False)
    assert streams_of(first) == ["b"]
    assert not take_batch(queue, [first], single=False).waiting
    alone = take_batch(queue, [], single=False)
    assert alone.streams is None
    assert len(alone.waiting) == 2
    assert not take_batch(waiting("d"), [alone], single=False).waiting


def test_a_second_batch_is_half_as_large_as_the_first() -> None:
    first = take_batch(waiting(*"abcdefgh"), [], single=False)
    assert len(first.waiting) == 8
    queue = waiting("p", "q", "r")
    assert not take_batch(queue, [first], single=False).waiting
    assert len(queue) == 3
    queue += waiting("s")
    assert len(take_batch(queue, [first], single=False).waiting) == 4


def test_one_lane_takes_everything_in_order() -> None:
    queue = waiting("a", None, "a")
    assert len(take_batch(queue, [], single=True).waiting) == 3
