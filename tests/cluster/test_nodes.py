"""Nodes of one workspace as processes: the second without Redis, deaf ones, and figures that agree."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import socketio
from socketio.exceptions import ConnectionError as SocketConnectionError

from hubbub.client import Client, Entry
from tests.servers import PostgreSQL, Redis, running_redis
from tests.support.server import ServerProcess

from .wires import Wire, wire

pytestmark = pytest.mark.anyio

PASSWORD = "a long enough passphrase"
PATIENCE = 60.0
DEAF_WITHIN = 20.0
"""Five are promised (test_hearing.py counts the beats); a busy machine takes its time."""


def node(folder: Path, name: str, url: str, redis_url: str = "", **more: str) -> ServerProcess:
    environment = {"JWT_SECRET": "one for all " * 4, "REDIS_URL": redis_url, "NODE_NAME": name}
    return ServerProcess(folder / name, url, **(environment | more))


async def until(true: Callable[[], Awaitable[bool]]) -> float:
    """Waits for it and answers how many seconds that took."""
    started = time.monotonic()
    while not await true():
        assert time.monotonic() - started < PATIENCE, "it did not happen in time"
        await asyncio.sleep(0.05)
    return time.monotonic() - started


@dataclass
class Pair:
    """Two nodes, a wire between the second and Redis, and a balancer that prefers the second."""

    first: ServerProcess
    second: ServerProcess
    redis: Redis
    wire: Wire
    http: httpx2.AsyncClient
    balancer: str = ""
    owner: Client = field(default_factory=lambda: Client(""))
    room: str = ""

    async def status(self, process: ServerProcess, path: str = "/readyz") -> tuple[int, str]:
        answer = await self.http.get(f"{process.url}{path}", timeout=PATIENCE)
        return answer.status_code, answer.json()["status"]

    async def both(self, word: str) -> bool:
        """Whether both are ready, and say they are `word`."""
        return [await self.status(p) for p in (self.first, self.second)] == [(200, word)] * 2

    async def choose(self) -> int:
        ready = (await self.status(self.second))[0] == 200
        return self.second.port if ready else self.first.port


@pytest.fixture(scope="module")
async def pair(
    migrated_postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    """With an owner who is connected to the second node, and a room. Redis is of this file's own."""
    folder = tmp_path_factory.mktemp("pair")
    url = migrated_postgresql.create("pair", "hubbub_migrated")
    with running_redis() as redis:

        async def to_redis() -> int:
            return redis.port

        async with wire(to_redis) as silent, httpx2.AsyncClient(timeout=PATIENCE) as http:
            first = node(folder, "first", url, redis.url)
            second = node(folder, "second", url, f"redis://127.0.0.1:{silent.port}/0")
            made = Pair(first, second, redis, silent, http)
            try:
                # One after the other: the older one adds up the figures.
                await asyncio.to_thread(first.start)
                await asyncio.to_thread(second.start)
                async with wire(made.choose) as balancer:
                    made.balancer = f"http://127.0.0.1:{balancer.port}"
                    async with Client(made.balancer) as owner:
                        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
                        body = {"name": "Project", "kind": "private", "members": []}
                        made.room = (await owner.request("POST", "/api/rooms", body))["id"]
                        await owner.follow({made.room: None})
                        made.owner = owner
                        yield made
            finally:
                await asyncio.to_thread(first.close)
                await asyncio.to_thread(second.close)
    migrated_postgresql.drop("pair")


@pytest.fixture
def database(migrated_postgresql: PostgreSQL) -> Iterator[str]:
    yield migrated_postgresql.create("guarded", "hubbub_migrated")
    migrated_postgresql.drop("guarded")


async def test_second_node_without_redis(tmp_path: Path, database: str) -> None:
    first = node(tmp_path, "first", database)
    second = node(tmp_path, "second", database)
    jobs = node(tmp_path, "jobs", database, ROLE="jobs")
    try:
        await asyncio.to_thread(first.start)
        refusing = asyncio.create_task(asyncio.to_thread(second.start))
        await asyncio.to_thread(jobs.start)
        with pytest.raises(RuntimeError, match="REDIS_URL"):
            await refusing
        assert second.stop() == 1
        assert f"first (127.0.0.1:{first.port}, role all)" in second.log_text()
        # A node that was killed is in nobody's way.
        first.kill()
        await asyncio.to_thread(second.start)
    finally:
        for process in (first, second, jobs):
            await asyncio.to_thread(process.close)


async def test_figures_are_equal_on_every_node(pair: Pair) -> None:
    """Of one person with a socket on each node, and one with a socket on the first."""
    code = (await pair.owner.request("POST", "/api/invitations", {"role": "member"}))["code"]
    async with Client(pair.first.url) as member:
        await member.sign_up("Mia Member", "mia@example.com", PASSWORD, invite=code)
        await member.connect()
        since = time.monotonic()
        here = await Watched.connect(pair.first, pair.owner)
        there = await Watched.connect(pair.second, pair.owner)
        posted = await pair.owner.post(pair.room, "hello")
        assert await next_posts(pair.owner, 1) == [posted["seq"]]

        async def settled() -> bool:
            return all(
                w.got["stats"] and w.got["stats"][-1] | {"messages_per_second": 0} == expected
                for w in (here, there)
            )

        # Mia did nothing yet; a room counts where somebody follows it.
        expected = {"online": 2, "active": 1, "sockets": 4, "rooms": 1, "nodes": 2}
        expected["messages_per_second"] = 0
        await until(settled)
        for path in ("stats", "metrics"):

            async def agreed(path: str = path) -> bool:
                mine, other = [await figures(pair, p, path) for p in (pair.first, pair.second)]
                return mine == other and bool(mine)

            await until(agreed)
        # Every five seconds, however late some of them were on their way.
        assert len(here.got["stats"]) <= (time.monotonic() - since) / 5 + 2
        await here.close()
        await there.close()


async def figures(pair: Pair, process: ServerProcess, path: str) -> Any:
    if path == "stats":
        headers = {"Authorization": f"Bearer {pair.owner._token}"}
        answer = await pair.http.get(f"{process.url}/api/socket/stats", headers=headers)
        report = answer.json()
        assert sorted(n["node"] for n in report["nodes"]) == ["first", "second"]
        return report
    lines = (await pair.http.get(f"{process.url}/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith("hubbub_cluster_")]
    assert len(found) == 6
    return found


async def test_deaf_node(pair: Pair) -> None:
    """Nothing from Redis reaches the second node, though every connection stays open."""
    await until(lambda: pair.both("ok"))
    watched = await Watched.connect(pair.second, pair.owner)
    connects = pair.owner.connects
    async with Client(pair.first.url) as poster:
        poster.adopt(pair.owner)
        posting = asyncio.create_task(post_many(poster, pair.room, 100))

        pair.wire.silent = True
        took = await until(lambda: says(pair, pair.second, (503, "deaf")))
        assert took < DEAF_WITHIN
        await until(lambda: says(pair, pair.first, (200, "ok")))
        await until(lambda: happened(watched.got["goaway"]))
        (goaway,) = watched.got["goaway"]
        assert goaway["reason"] == "deaf"
        assert 0 < goaway["retry_after"] < 30
        with pytest.raises(SocketConnectionError) as refused:
            await Watched.connect(pair.second, pair.owner)
        problem = refused.value.args[0]["data"]
        assert problem["status"] == 503
        assert problem["retry_after"] > 0

        async def moved() -> bool:
            return pair.owner.connects > connects

        await until(moved)
        pair.wire.silent = False
        await until(lambda: pair.both("ok"))
        assert await next_posts(pair.owner, 100) == await posting
        assert len(watched.got["goaway"]) == 1
    await watched.close()


async def test_subscription_ended_by_redis(pair: Pair) -> None:
    """It comes back by itself, and nobody is sent away."""
    await until(lambda: pair.both("ok"))
    watched = await Watched.connect(pair.second, pair.owner)
    pair.redis.command("CLIENT KILL TYPE pubsub")
    posted = await post_many(pair.owner, pair.room, 20)
    assert await next_posts(pair.owner, 20) == posted
    await until(lambda: pair.both("ok"))
    assert not watched.got["goaway"]
    await watched.close()


async def test_redis_stopped_for_everybody(pair: Pair) -> None:
    """Both nodes are degraded and ready, deliver by the sweep, and recover."""
    await until(lambda: pair.both("ok"))
    watched = await Watched.connect(pair.second, pair.owner)
    os.kill(pair.redis.process.pid, signal.SIGSTOP)
    try:
        await until(lambda: pair.both("degraded"))
        for process in (pair.first, pair.second):
            await until(lambda p=process: finds_degraded(pair, p))  # type: ignore[misc]
        posted = await post_many(pair.owner, pair.room, 5)
        assert await next_posts(pair.owner, 5) == posted
        assert await pair.status(pair.second, "/health") == (200, "degraded")
    finally:
        os.kill(pair.redis.process.pid, signal.SIGCONT)
    await until(lambda: pair.both("ok"))
    assert not watched.got["goaway"]
    await watched.close()


class Watched:
    """A stock client on one node, and what it was told."""

    def __init__(self) -> None:
        self.got: dict[str, list[Any]] = {"goaway": [], "stats": []}
        self._socket = socketio.AsyncClient(reconnection=False, request_timeout=PATIENCE)

    @classmethod
    async def connect(cls, process: ServerProcess, person: Client) -> "Watched":
        """Raises ConnectionError with what the node says."""
        made = cls()
        refused: list[Any] = []
        made._socket.on("goaway", made.got["goaway"].append)
        made._socket.on("stats", made.got["stats"].append)
        made._socket.on("connect_error", refused.append)
        try:
            await made._socket.connect(
                process.url,
                auth={"token": person._token},
                transports=["websocket"],
                wait_timeout=PATIENCE,
            )
        except SocketConnectionError:
            raise SocketConnectionError(refused[0]) from None
        return made

    async def close(self) -> None:
        await self._socket.disconnect()


async def post_many(client: Client, room: str, count: int) -> list[int]:
    """Posts for some seconds; answers the places of the messages in the room."""
    seqs = []
    for number in range(count):
        seqs.append((await client.post(room, f"message {number}"))["seq"])
        await asyncio.sleep(0.05)
    return seqs


async def next_posts(client: Client, count: int) -> list[int]:
    seqs: list[int] = []
    while len(seqs) < count:
        async with asyncio.timeout(PATIENCE):
            item = await client.next_entry()
        assert isinstance(item, Entry), item
        if item.kind == "message.posted":
            seqs.append(item.seq)
    return seqs


async def finds_degraded(pair: Pair, process: ServerProcess) -> bool:
    """Whether the canary found it too, not only the connection."""
    metrics = (await pair.http.get(f"{process.url}/metrics", timeout=PATIENCE)).text
    return 'hubbub_bus_state{state="degraded"} 1.0' in metrics.splitlines()


async def says(pair: Pair, process: ServerProcess, wanted: tuple[int, str]) -> bool:
    return await pair.status(process) == wanted


async def happened(events: list[Any]) -> bool:
    return bool(events)
