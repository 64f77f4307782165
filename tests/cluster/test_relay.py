"""The relay to real brokers: order and completeness while processes and brokers are killed, and replay."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import httpx2
import nats
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer
from nats.js import JetStreamContext

from hubbub.cli import main
from hubbub.kernel.database import Database
from hubbub.kernel.publisher import cursors
from tests.conftest import MIGRATED, fresh_database
from tests.servers import PostgreSQL
from tests.servers_brokers import Broker, running_nats, running_rabbitmq
from tests.support.app import PASSWORD
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

PATIENCE = 60.0
Heard = list[tuple[str, int, str]]
"""Stream, seq and kind of every message, in the order the broker gave them."""


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[Broker]:
    with running_rabbitmq() as broker:
        yield broker


@pytest.fixture(scope="module")
def nats_server() -> Iterator[Broker]:
    with running_nats() as broker:
        yield broker


@pytest.fixture
def database_url(migrated_postgresql: PostgreSQL) -> Iterator[str]:
    yield from fresh_database(migrated_postgresql, MIGRATED)


@dataclass
class Nodes:
    """Two processes on one database, and somebody who posts through either."""

    nodes: list[ServerProcess]
    database: Database
    rooms: list[str]
    token: str

    def post(self, room: str, body: str, node: int = 0) -> int:
        answer = httpx2.post(
            f"{self.nodes[node].url}/api/rooms/{room}/messages",
            json={"body": body},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["seq"])

    def holder(self) -> int:
        """Which of the two publishes. Raises AssertionError when neither does in time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self.database.reading() as connection:
                targets = cursors.read_targets(connection, ("room",))
            for place, node in enumerate(self.nodes):
                if any(t.held and f"/{node.pid}/" in t.holder for t in targets):
                    return place
            time.sleep(0.1)
        raise AssertionError(self.nodes[0].log_text()[-2000:])

    def heads(self) -> dict[str, int]:
        with self.database.reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT id, head FROM streams WHERE kind <> 'person' AND head > 0"
            )
            return {row.id: row.head for row in rows}


@asynccontextmanager
async def two_nodes(tmp_path: Path, database_url: str, **settings: str) -> AsyncIterator[Nodes]:
    settings = {"JWT_SECRET": "a secret of forty characters for the tests", **settings}
    nodes = [ServerProcess(tmp_path / f"node{n}", database_url, **settings) for n in (1, 2)]
    database = Database(database_url, readers=2)
    try:
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
        person = {"name": "Olga Owner", "email": "o@example.com", "password": PASSWORD}
        signed = httpx2.post(
            f"{nodes[0].url}/api/auth/signup", json=person | {"workspace": "Studio"}, timeout=30
        ).json()
        made = Nodes(nodes, database, [], signed["access_token"])
        for n in range(4):
            answer = httpx2.post(
                f"{nodes[0].url}/api/rooms",
                json={"name": f"room {n}", "kind": "open"},
                headers={"Authorization": f"Bearer {made.token}"},
                timeout=30,
            )
            made.rooms.append(answer.json()["id"])
        yield made
    finally:
        for node in nodes:
            node.close()
        database.close()


def in_order(heard: Heard) -> dict[str, int]:
    """The last `seq` of each stream; asserts that none came before the one it follows."""
    last: dict[str, int] = {}
    for stream, seq, _ in heard:
        known = last.get(stream, 0)
        assert seq <= known + 1, f"{stream}: {seq} came after {known}"
        last[stream] = max(known, seq)
    return last


async def until(condition: Callable[[], Any], what: Callable[[], object] = str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.1)


async def survives(
    made: Nodes, heard: Heard, restart: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Posts go on while the process that publishes is killed, then the broker; nothing is lost."""

    def post(count: int, node: int) -> None:
        for n in range(count):
            made.post(made.rooms[n % len(made.rooms)], f"message {n}", node)

    holder = await asyncio.to_thread(made.holder)
    other = 1 - holder
    posting = asyncio.create_task(asyncio.to_thread(post, 100, other))
    await until(lambda: len(heard) >= 25)
    made.nodes[holder].kill()
    await posting
    # These at least are published by the other one, however quick the dead one was.
    await asyncio.to_thread(post, 20, other)
    await until(lambda: in_order(heard) == made.heads(), lambda: (in_order(heard), made.heads()))
    assert await asyncio.to_thread(made.holder) == other
    if restart is None:
        return
    posting = asyncio.create_task(asyncio.to_thread(post, 40, other))
    await restart()
    await posting
    await until(
        lambda: in_order(heard) == made.heads(),
        lambda: (in_order(heard), made.heads(), made.nodes[other].log_text()[-2000:]),
    )


def replay(database_url: str, relay_url: str, *words: str) -> str:
    environment = {"DATABASE_URL": database_url, "RELAY_URL": relay_url}
    result = CliRunner().invoke(main, ["relay", *words], env=environment)
    assert result.exit_code == 0, result.output
    return result.output


async def test_rabbitmq(
    rabbitmq: Broker, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    heard: Heard = []
    relay = f"{rabbitmq.url}?exchange=talk"
    stopped = asyncio.Event()

    async def consume() -> None:
        """Consumes from a durable queue that outlives the broker's restart."""
        while not stopped.is_set():
            with suppress(Exception):
                connection = await aio_pika.connect(rabbitmq.url)
                async with connection:
                    channel = await connection.channel()
                    exchange = await channel.declare_exchange("talk", "topic", durable=True)
                    queue = await channel.declare_queue("all", durable=True)
                    await queue.bind(exchange, "#")
                    async with queue.iterator() as messages:
                        async for message in messages:
                            body = json.loads(message.body)
                            assert message.message_id == f"{body['stream']}:{body['seq']}"
                            assert message.routing_key == f"{body['kind']}.{body['stream']}"
                            heard.append((body["stream"], body["seq"], body["kind"]))
                            await message.ack()
            await asyncio.sleep(0.2)

    async def restart() -> None:
        await asyncio.to_thread(rabbitmq.kill)
        await asyncio.to_thread(rabbitmq.start)

    consumer = asyncio.create_task(consume())
    try:
        async with two_nodes(tmp_path, database_url, RELAY_URL=relay, REDIS_URL=redis_url) as made:
            await survives(made, heard, restart)
            count = len(heard)
            stream = made.rooms[0]
            output = await asyncio.to_thread(
                replay, database_url, relay, "replay", "--stream", stream, "--from", "3"
            )
            assert "1 streams" in output
            await until(lambda: (stream, made.heads()[stream]) in {m[:2] for m in heard[count:]})
            again = heard[count:]
            assert {s for s, _, _ in again} == {stream}
            # One or two come twice where the process began before it knew of its lost lease.
            seqs = list(dict.fromkeys(seq for _, seq, _ in again))
            assert seqs == list(range(3, made.heads()[stream] + 1))
            # The cursor follows what was published, a moment later.
            await until(
                lambda: "lacks         0 entries" in replay(database_url, relay, "status"),
                lambda: replay(database_url, relay, "status"),
            )
            assert "rabbitmq/talk" in replay(database_url, relay, "status")
    finally:
        stopped.set()
        consumer.cancel()
        with suppress(asyncio.CancelledError):
            await consumer


async def test_nats(nats_server: Broker, database_url: str, redis_url: str, tmp_path: Path) -> None:
    heard: Heard = []

    async def read(stored: JetStreamContext) -> None:
        """Reads what the server stored, message by message: no subscription that its restart could end."""
        while True:
            try:
                name = await stored.find_stream_name_by_subject("talk.log.>")
                message = await stored.get_msg(name, seq=len(heard) + 1)
            except (nats.errors.Error, OSError):
                await asyncio.sleep(0.05)
                continue
            body = json.loads(message.data or b"")
            assert message.subject == f"talk.log.{body['kind']}.{body['stream']}"
            heard.append((body["stream"], body["seq"], body["kind"]))

    async def restart() -> None:
        await asyncio.to_thread(nats_server.kill)
        await asyncio.to_thread(nats_server.start)

    relay = f"{nats_server.url}?subject=talk.log"
    async with two_nodes(tmp_path, database_url, RELAY_URL=relay, REDIS_URL=redis_url) as made:
        await asyncio.to_thread(made.holder)
        client = await nats.connect(
            nats_server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.2
        )
        reader = asyncio.create_task(read(client.jetstream()))
        try:
            await survives(made, heard, restart)
            count = len(heard)
            assert count == sum(made.heads().values()), "what came twice was dropped by the server"
            await asyncio.to_thread(replay, database_url, relay, "replay", "--since", "1h")
            await until(lambda: len(heard) >= 2 * count, lambda: (len(heard), count))
        finally:
            assert reader.cancel(), "what was stored is not as it should be"
            await client.close()


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """librdkafka's mock cluster: it lives in this process, for as long as its producer does."""
    cluster = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 3})
    brokers = cluster.list_topics(timeout=PATIENCE).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    cluster.flush(1)


async def test_kafka(kafka: str, database_url: str, redis_url: str, tmp_path: Path) -> None:
    heard: Heard = []
    stopped = threading.Event()

    def consume() -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": kafka,
                "group.id": "test",
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 500,
            }
        )
        consumer.subscribe(["talk"])
        while not stopped.is_set():
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                body = json.loads(message.value() or b"")
                assert message.key() == body["stream"].encode()
                heard.append((body["stream"], body["seq"], body["kind"]))
        consumer.close()

    relay = f"kafka://{kafka}?topic=talk"
    consumer = threading.Thread(target=consume)
    try:
        async with two_nodes(tmp_path, database_url, RELAY_URL=relay, REDIS_URL=redis_url) as made:
            await asyncio.to_thread(made.holder)
            consumer.start()
            # A mock cluster cannot be restarted.
            await survives(made, heard)
            count = len(heard)
            await asyncio.to_thread(replay, database_url, relay, "replay")
            await until(lambda: len(heard) >= count + sum(made.heads().values()))
    finally:
        stopped.set()
        if consumer.ident is not None:
            await asyncio.to_thread(consumer.join)
