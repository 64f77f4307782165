"""Two processes on one PostgreSQL and one Redis: what is posted on one is seen on the other, whatever Redis does."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from hubbub.client import Client, Entry
from tests.conftest import MIGRATED
from tests.servers import PostgreSQL
from tests.servers_redis import RedisProcess, redis_that_dies
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

SECRET = "0123456789 a secret that both processes have"
OWNER = {"name": "Owner", "email": "owner@example.com", "password": "a long enough passphrase"}
SETTLE_SECONDS = 120


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisProcess]:
    with redis_that_dies() as server:
        yield server


@pytest.fixture(scope="module")
def pair(
    redis: RedisProcess,
    migrated_postgresql: PostgreSQL,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two processes, and the owner of their workspace."""
    url = migrated_postgresql.create("pair_with_redis", MIGRATED)
    folder = tmp_path_factory.mktemp("pair")
    with ExitStack() as stack:
        stack.callback(migrated_postgresql.drop, "pair_with_redis")
        processes = []
        for node in ("one", "two"):
            process = ServerProcess(
                folder / node, url, REDIS_URL=redis.url, JWT_SECRET=SECRET, NODE_NAME=node
            )
            stack.callback(process.close)
            process.start()
            processes.append(process)
        signed_up = httpx2.post(f"{processes[0].url}/api/auth/signup", json=OWNER, timeout=60)
        assert signed_up.is_success, signed_up.text
        yield processes[0], processes[1]


def counter(process: ServerProcess, name: str) -> int:
    text = httpx2.get(f"{process.url}/metrics", timeout=30).text
    found = re.search(rf"^hubbub_{name}(?:_total)? ([0-9.e+]+)$", text, re.MULTILINE)
    assert found is not None, name
    return int(float(found[1]))


async def until_bus_ok(process: ServerProcess, ok: int) -> None:
    async with asyncio.timeout(SETTLE_SECONDS):
        while await asyncio.to_thread(counter, process, "bus_ok") != ok:
            await asyncio.sleep(0.05)


async def two_clients(
    pair: tuple[ServerProcess, ServerProcess],
) -> tuple[Client, Client, str]:
    """One person on both nodes, and a room that both clients follow from its start."""
    one, two = Client(pair[0].url), Client(pair[1].url)
    await one.sign_in(OWNER["email"], OWNER["password"])
    two.adopt(one)
    body = {"name": "Room", "kind": "private", "members": []}
    room = str((await one.request("POST", "/api/rooms", body))["id"])
    await asyncio.gather(one.follow({room: 0}), two.follow({room: 0}))
    return one, two, room


async def see(client: Client, wanted: set[str]) -> list[int]:
    """Reads until all the bodies were seen; the seqs in the order in which they came."""
    seqs = []
    missing = set(wanted)
    async with asyncio.timeout(SETTLE_SECONDS):
        while missing:
            entry = await client.next_entry()
            assert isinstance(entry, Entry), entry
            seqs.append(entry.seq)
            if entry.kind == "message.posted":
                missing.discard(entry.data["body"])
    return seqs


async def test_a_post_reaches_the_other_process_without_the_sweep(
    pair: tuple[ServerProcess, ServerProcess],
) -> None:
    one, two, room = await two_clients(pair)
    repaired = counter(pair[1], "repaired_entries")
    bodies = {f"post {n}" for n in range(40)}
    for body in sorted(bodies):
        await one.post(room, body)
        await asyncio.sleep(0.02)
    seqs = await see(two, bodies)
    assert seqs == list(range(1, len(seqs) + 1))
    # Now and then one that is slow on its way is looked for in the log meanwhile.
    found = counter(pair[1], "repaired_entries") - repaired
    assert found < len(bodies) / 2, "the log was read for what was told"
    assert counter(pair[1], "bus_received") >= len(bodies)
    assert counter(pair[0], "bus_published") >= len(bodies)
    assert "bus=redis" in pair[0].log_text()
    await asyncio.gather(one.close(), two.close())


async def test_redis_dies_while_both_processes_post(
    pair: tuple[ServerProcess, ServerProcess], redis: RedisProcess
) -> None:
    one, two, room = await two_clients(pair)
    said: set[str] = set()

    async def talk(client: Client, name: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            body = f"{name} {len(said)}"
            await client.post(room, body)
            said.add(body)
            await asyncio.sleep(0.02)

    async def for_a_while(seconds: float) -> None:
        stop = asyncio.Event()
        talking = [asyncio.create_task(talk(c, n, stop)) for c, n in ((one, "one"), (two, "two"))]
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.gather(*talking)

    await for_a_while(0.3)
    redis.kill()
    await for_a_while(1.0)
    for process in pair:
        await until_bus_ok(process, 0)
        assert counter(process, "bus_dropped") > 0
    redis.start()
    for process in pair:
        await until_bus_ok(process, 1)
    received = counter(pair[1], "bus_received")
    await for_a_while(0.3)
    for client in (one, two):
        seqs = await see(client, said)
        assert seqs == list(range(1, len(seqs) + 1))
    assert counter(pair[1], "bus_received") > received, "the bus did not come back"
    await asyncio.gather(one.close(), two.close())


async def test_starts_without_redis_and_finds_it_later(
    pair: tuple[ServerProcess, ServerProcess], redis: RedisProcess
) -> None:
    pair[1].stop()
    redis.kill()
    pair[1].start()
    assert counter(pair[1], "bus_ok") == 0
    redis.start()
    for process in pair:
        await until_bus_ok(process, 1)
