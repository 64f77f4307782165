"""Coming back: what a socket missed comes once and in order, and a stampede shares its reads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from hubbub.gateway import EncodedJson, Gateway
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.connection import Connection
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.kernel import DAY_MS, Kernel
from hubbub.kernel.log import Entry
from hubbub.kernel.pace import LATEST, Pace

from .conftest import ANN, FakeClock, write_note

pytestmark = pytest.mark.anyio


class Reader:
    """Stands where a socket does, and keeps what it is sent."""

    connected = True
    buffered = 0

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.events: list[tuple[str, Any]] = []
        self.rooms: set[str] = set()

    def emit(self, event: str, document: Any) -> None:
        if event == "entries":
            assert isinstance(document, EncodedJson)
            self.seen += [entry["seq"] for entry in orjson.loads(orjson.dumps(document))]
        else:
            self.events.append((event, document))

    def join(self, room: str) -> None:
        self.rooms.add(room)

    def leave(self, room: str) -> None:
        self.rooms.discard(room)


@pytest.fixture
async def delivery(kernel: Kernel) -> AsyncIterator[Delivery]:
    kernel.stream_access["notes"] = lambda _connection, asked: set(asked)
    made = Delivery(kernel, Gateway().namespace("/"))
    yield made
    await made.stop()


def connect(caller: Caller = ANN) -> tuple[Reader, Connection]:
    reader = Reader()
    return reader, Connection(reader, caller, 2**60)  # type: ignore[arg-type]


async def settle(readers: list[Reader]) -> None:
    async with asyncio.timeout(60):
        while not all(reader.rooms for reader in readers):
            await asyncio.sleep(0.01)


async def write(kernel: Kernel, stream: str, count: int) -> None:
    await asyncio.gather(
        *(kernel.write(write_note, ANN, stream=stream, text=str(n)) for n in range(count))
    )


async def test_a_stampede_shares_its_reads(
    kernel: Kernel,
    delivery: Delivery,
    new_stream: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = new_stream()
    await write(kernel, stream, 300)
    reads = 0
    read_entries = log.read_entries

    def counted(*arguments: Any) -> list[Entry]:
        nonlocal reads
        reads += 1
        return read_entries(*arguments)

    monkeypatch.setattr(log, "read_entries", counted)
    readers = []
    for number in range(500):
        reader, connection = connect()
        readers.append((number % 250, reader))
        await delivery.follow(connection, {stream: number % 250})
    await settle([reader for _, reader in readers])
    for cursor, reader in readers:
        assert reader.seen == list(range(cursor + 1, 301))
        assert reader.events == [("caught_up", {"stream": stream, "seq": 300})]
    assert reads <= 20
    assert delivery.catching_up == 0


async def test_one_who_knows_more_than_the_node_gets_nothing_twice(
    kernel: Kernel, delivery: Delivery, new_stream: Callable[[], str]
) -> None:
    """A hint that is late here was shown to the client elsewhere already."""
    stream = new_stream()
    await write(kernel, stream, 3)
    assert await kernel.relay.open(stream) == 3
    kernel.bus.unsubscribe(stream)
    await write(kernel, stream, 2)
    assert kernel.relay.last(stream) == 3
    reader, connection = connect()
    answer = await delivery.follow(connection, {stream: 5})
    assert answer == {stream: {"head": 5, "cutoff": 3}}
    await settle([reader])
    assert reader.seen == []
    assert kernel.relay.last(stream) == 5


async def test_reset_only_when_it_must(
    kernel: Kernel, delivery: Delivery, new_stream: Callable[[], str], clock: FakeClock
) -> None:
    stream = new_stream()
    await write(kernel, stream, 10)
    clock.now += 31 * DAY_MS
    await write(kernel, stream, 5)
    assert await kernel.trim() == 10
    for cursor, reset in ((9, True), (10, False), (15, False), (16, True)):
        reader, connection = connect()
        answer = (await delivery.follow(connection, {stream: cursor}))[stream]
        assert answer.get("reset", False) is reset, cursor
        if not reset:
            await settle([reader])
            assert reader.seen == list(range(cursor + 1, 16))


async def test_a_right_that_ends_while_one_asks_is_not_granted(
    kernel: Kernel, delivery: Delivery, new_stream: Callable[[], str]
) -> None:
    stream = new_stream()
    await write(kernel, stream, 1)
    await kernel.relay.open(stream)
    allowed = {stream}

    def access(_connection: Any, asked: Any) -> set[tuple[Caller, str]]:
        found = {(caller, asked_for) for caller, asked_for in asked if asked_for in allowed}
        if allowed:
            # The right ends right after it was looked up, by an entry that comes meanwhile.
            allowed.clear()
            asyncio.run_coroutine_threadsafe(write(kernel, stream, 1), loop).result(60)
        return found

    loop = asyncio.get_running_loop()
    kernel.stream_access["notes"] = access
    delivery.withdraws["note.written"] = lambda entry: ANN.id
    _, connection = connect()
    answer = (await delivery.follow(connection, {stream: 1}))[stream]
    assert answer["error"]["status"] == 404
    assert not connection.following


def test_the_wait_grows_with_the_crowd_and_shrinks_with_the_pace() -> None:
    now = 1000.0
    pace = Pace(lambda: now)
    alone = [pace.retry_after(0) for _ in range(50)]
    assert max(alone) < 0.5
    assert len(set(alone)) > 10
    crowd = [pace.retry_after(20_000) for _ in range(50)]
    assert min(crowd) > 5
    pace.served(20_000)
    assert max(pace.retry_after(20_000) for _ in range(50)) < 2
    now += 60
    assert min(pace.retry_after(20_000) for _ in range(50)) > 5
    assert max(pace.retry_after(10**9) for _ in range(50)) <= LATEST * 1.5
