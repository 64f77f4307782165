"""Publishing the log: cursors, the lease, order and completeness, against a broker that fails by seed.

The broker is a list behind the interface of the real ones; tests/cluster/test_relay.py has those.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, delete, select, update

from hubbub.kernel import log
from hubbub.kernel.clock import system_clock
from hubbub.kernel.database import Database
from hubbub.kernel.ids import new_id
from hubbub.kernel.log import Entry
from hubbub.kernel.publisher import cursors
from hubbub.kernel.publisher.cursors import LeaseLost
from hubbub.kernel.publisher.publisher import Publisher
from hubbub.kernel.publisher.tables import relay_cursors, relay_targets
from hubbub.kernel.publisher.targets import Message, TargetError, parse_relay_url
from hubbub.settings import SettingsError

pytestmark = pytest.mark.anyio

PATIENCE = 60.0
TARGET = "memory/test"


class MemoryTarget:
    """Keeps what is published; now and then a message or its confirmation is lost, with the connection."""

    def __init__(self, kept: list[Message], *, seed: int = 0, failing: float = 0.0) -> None:
        self.kept = kept
        self.down = False
        self._random = random.Random(seed)
        self._failing = failing

    async def open(self, _replays: int) -> None:
        if self.down:
            raise TargetError("The broker is down.")

    async def publish(self, messages: Sequence[Message]) -> None:
        for place, message in enumerate(messages):
            await asyncio.sleep(0)
            if self.down or self._random.random() < self._failing:
                raise TargetError("The message was lost.", place)
            self.kept.append(message)
            if self._random.random() < self._failing:
                raise TargetError("The confirmation was lost.", place)

    async def close(self) -> None:
        pass


@pytest.fixture
async def database(migrated_database_url: str) -> AsyncIterator[Database]:
    made = Database(migrated_database_url, readers=4)
    yield made
    made.close()


def write(database: Database, work: Callable[[Connection], Any]) -> Any:
    with database.writing() as connection:
        return work(connection)


def create_stream(database: Database, kind: str = "room") -> str:
    stream = new_id()
    write(database, lambda c: log.create_stream(c, stream, kind, system_clock()))
    return stream


def append(database: Database, stream: str, count: int, at: int | None = None) -> None:
    def work(connection: Connection) -> None:
        now = system_clock() if at is None else at
        start = log.reserve(connection, stream, count, system_clock())
        rows = [
            Entry(stream, start + n, "note.written", "ann", now, None, orjson.dumps({"n": n}))
            for n in range(count)
        ]
        columns = [column.name for column in log.entries.columns]
        connection.execute(
            log.entries.insert(),
            [dict(zip(columns, row, strict=True)) for row in log.entry_rows(rows)],
        )

    write(database, work)


def make(database: Database, target: MemoryTarget, **options: Any) -> Publisher:
    return Publisher(
        database, system_clock, target, TARGET, ("room", "workspace"), new_id(), **options
    )


@asynccontextmanager
async def running(publisher: Publisher) -> AsyncIterator[Publisher]:
    publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


def published(kept: Sequence[Message], stream: str) -> list[int]:
    """The stream as a consumer sees it that drops what it has had: each `seq` where it came first."""
    seen: list[int] = []
    for message in kept:
        if message.stream == stream and (not seen or message.seq > seen[-1]):
            seen.append(message.seq)
    return seen


def complete(kept: Sequence[Message], streams: Sequence[str], count: int) -> bool:
    return all(len(published(kept, stream)) >= count for stream in streams)


async def test_everything_comes_in_order_though_messages_are_lost(database: Database) -> None:
    streams = [create_stream(database) for _ in range(12)]
    for stream in streams:
        append(database, stream, 130)
    kept: list[Message] = []
    async with running(make(database, MemoryTarget(kept, seed=7, failing=0.002))) as publisher:
        for stream in streams:
            append(database, stream, 5)
        publisher.wake()
        await until(lambda: complete(kept, streams, 135))
        await until(lambda: publisher.state.holding)
    for stream in streams:
        assert published(kept, stream) == list(range(1, 136)), "no hole, no disorder"
    first = orjson.loads(kept[0].body)
    assert kept[0].id == f"{first['stream']}:{first['seq']}"
    assert first["kind"] == "note.written"


async def test_what_is_private_stays(database: Database) -> None:
    room, person = create_stream(database), create_stream(database, "person")
    append(database, person, 3)
    append(database, room, 3)
    kept: list[Message] = []
    async with running(make(database, MemoryTarget(kept))):
        await until(lambda: complete(kept, [room], 3))
    assert published(kept, person) == []


async def test_the_next_process_goes_on_where_the_dead_one_stopped(database: Database) -> None:
    stream = create_stream(database)
    append(database, stream, 100)
    kept: list[Message] = []
    dead = make(database, MemoryTarget(kept), lease_seconds=PATIENCE)
    heir = make(database, MemoryTarget(kept), lease_seconds=PATIENCE)
    task = asyncio.create_task(dead.run())
    await until(lambda: cursor(database, stream) == 100)
    async with running(heir):
        await asyncio.sleep(0.3)
        assert not heir.state.holding, "one publishes at a time"
        holder = read_holder(database)
        # As kill -9 would: the lease is not given back.
        dead._leave = never  # type: ignore[method-assign]
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        append(database, stream, 50)
        assert not heir.state.holding, "the lease was given back"
        await until(lambda: heir.state.holding or run_out(database, holder))
        await until(lambda: complete(kept, [stream], 150))
    assert published(kept, stream) == list(range(1, 151))
    assert len(kept) == 150, "nothing confirmed is published again"


def read_holder(database: Database) -> str:
    with database.reading() as connection:
        return str(connection.execute(select(relay_targets.c.holder)).scalar_one())


def run_out(database: Database, holder: str) -> bool:
    """As time would: a short lease would run out on a busy machine while its holder lives."""
    late = update(relay_targets).where(relay_targets.c.holder == holder).values(held_until=0)
    write(database, lambda c: c.execute(late))
    return False


async def never(*_arguments: Any, **_options: Any) -> None:
    pass


async def test_an_old_holder_moves_no_cursor(database: Database) -> None:
    stream = create_stream(database)
    append(database, stream, 10)
    old = write(database, lambda c: cursors.acquire(c, TARGET, "old", 1))
    await asyncio.sleep(0.01)
    new = write(database, lambda c: cursors.acquire(c, TARGET, "new", 60_000))
    assert write(database, lambda c: cursors.acquire(c, TARGET, "third", 1_000)) is None
    write(database, lambda c: cursors.save(c, new, {stream: 7}, 60_000))
    with pytest.raises(LeaseLost):
        write(database, lambda c: cursors.save(c, old, {stream: 9}, 60_000))
    write(database, lambda c: cursors.save(c, new, {stream: 5}, 60_000))
    assert cursor(database, stream) == 7, "neither the old one's nor a lower one"


def cursor(database: Database, stream: str) -> int | None:
    with database.reading() as connection:
        return connection.execute(
            select(relay_cursors.c.seq).where(relay_cursors.c.stream == stream)
        ).scalar()


async def test_a_replay_reaches_who_publishes(database: Database) -> None:
    streams = [create_stream(database) for _ in range(3)]
    for stream in streams:
        append(database, stream, 60)
    kept: list[Message] = []
    async with running(make(database, MemoryTarget(kept))) as publisher:
        await until(lambda: publisher.state.published >= 180)
        before = len(kept)
        options: dict[str, Any] = {"stream": streams[1], "start": 41, "since": None}
        assert write(database, lambda c: cursors.replay(c, TARGET, **options)) == 1
        await until(lambda: len(kept) >= before + 20 and publisher.state.holding)
        # They come twice when the process begins with them before it knows of its lost lease.
        again = dict.fromkeys((m.stream, m.seq) for m in kept[before:])
        assert list(again) == [(streams[1], n) for n in range(41, 61)]
        options = {"stream": None, "start": 1, "since": None}
        assert write(database, lambda c: cursors.replay(c, TARGET, **options)) == 3
        everything = {(stream, n) for stream in streams for n in range(1, 61)}
        await until(lambda: {(m.stream, m.seq) for m in kept[before + len(again) :]} == everything)
    with pytest.raises(LookupError):
        write(database, lambda c: cursors.replay(c, "other", **options))


async def test_a_replay_by_time(database: Database) -> None:
    old, new = create_stream(database), create_stream(database)
    append(database, old, 5, at=1_000)
    append(database, new, 5, at=1_000)
    append(database, new, 5, at=2_000)
    lease = write(database, lambda c: cursors.acquire(c, TARGET, "me", 60_000))
    write(database, lambda c: cursors.save(c, lease, {old: 5, new: 10}, 60_000))
    write(database, lambda c: cursors.replay(c, TARGET, stream=None, start=1, since=2_000))
    assert (cursor(database, old), cursor(database, new)) == (5, 5)


async def test_what_was_trimmed_is_told(database: Database) -> None:
    stream = create_stream(database)
    append(database, stream, 10)
    write(database, lambda c: cursors.acquire(c, TARGET, "earlier", 0))
    write(database, lambda c: drop(c, stream, 6))
    kept: list[Message] = []
    async with running(make(database, MemoryTarget(kept))) as publisher:
        await until(lambda: complete(kept, [stream], 5))
    assert [(m.seq, m.kind) for m in kept[:2]] == [(6, "log.gap"), (7, "note.written")]
    assert orjson.loads(kept[0].body)["data"] == {"first": 1, "last": 6}
    assert (publisher.state.gaps, publisher.state.trimmed) == (1, 6)


def drop(connection: Connection, stream: str, until: int) -> None:
    entries = log.entries
    connection.execute(delete(entries).where(entries.c.stream == stream, entries.c.seq <= until))
    connection.execute(update(log.streams).where(log.streams.c.id == stream).values(floor=until))


async def test_a_new_target_begins_at_the_oldest_entry(database: Database) -> None:
    stream = create_stream(database)
    append(database, stream, 10)
    write(database, lambda c: drop(c, stream, 6))
    kept: list[Message] = []
    async with running(make(database, MemoryTarget(kept))):
        await until(lambda: complete(kept, [stream], 4))
    assert [m.seq for m in kept] == [7, 8, 9, 10]


async def test_trimming_waits_for_the_relay_within_reason(database: Database) -> None:
    done, waiting, person = (create_stream(database, kind) for kind in ("room", "room", "person"))
    for stream in (done, waiting, person):
        append(database, stream, 4, at=1_000)
        append(database, stream, 4, at=2_000)
        append(database, stream, 4, at=3_000)
    lease = write(database, lambda c: cursors.acquire(c, TARGET, "me", 60_000))
    write(database, lambda c: cursors.save(c, lease, {done: 12, waiting: 6}, 60_000))
    reader = log.Reader(cursors.unpublished(TARGET, ("room",)), 1_500)
    write(database, lambda c: log.trim(c, 2_500, reader=reader))
    assert {s: floor(database, s) for s in (done, waiting, person)} == {
        done: 8,
        waiting: 6,
        person: 8,
    }
    write(database, lambda c: log.trim(c, 2_500, reader=log.Reader(reader.positions, 2_500)))
    assert floor(database, waiting) == 8, "not for ever"


def floor(database: Database, stream: str) -> int:
    with database.reading() as connection:
        return log.read_states(connection, [stream])[stream].floor


async def test_a_broker_that_is_down_is_told_and_tried_again(database: Database) -> None:
    stream = create_stream(database)
    append(database, stream, 3)
    target = MemoryTarget([])
    target.down = True
    async with running(make(database, target)) as publisher:
        await until(lambda: publisher.state.failures >= 2)
        assert publisher.state.error == "The broker is down."
        with database.reading() as connection:
            (status,) = cursors.read_targets(connection, ("room",))
        assert (status.streams, status.entries, status.error) == (1, 3, "The broker is down.")
        target.down = False
        await until(lambda: publisher.state.published == 3 and not publisher.state.error)


@pytest.mark.parametrize(
    "url",
    [
        "http://broker/",
        "amqp://",
        "amqp://one,two/",
        "nats://host:port",
        "nats://host/path",
        "nats://host?subject=a..b",
        "kafka://host?topic=",
        "kafka://host?sasl=OTHER",
        "kafka://host?streams=everything",
        "amqp://host?cafile=x",
    ],
)
def test_a_bad_url_is_named(url: str) -> None:
    with pytest.raises(SettingsError, match="RELAY_URL"):
        parse_relay_url(url)


def test_urls_are_taken_apart() -> None:
    address = parse_relay_url("amqps://ann:p%40ss@mq.example/chat?exchange=talk&cafile=/ca.pem")
    assert address.target == "rabbitmq/talk"
    assert (address.hosts, address.user, address.password) == ("mq.example:5671", "ann", "p@ss")
    assert (address.path, address.tls, address.cafile) == ("chat", True, "/ca.pem")
    address = parse_relay_url("kafka+ssl://one,two:9999?topic=log&streams=people,rooms")
    assert (address.hosts, address.kinds) == ("one:9093,two:9999", ("person", "room"))
    assert parse_relay_url("nats://n").kinds == ("room", "workspace")
