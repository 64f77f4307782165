"""Several real nodes on one PostgreSQL, and people who watch one room from anywhere."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg

from hubbub.client import Client, Entry, Reset
from tests.support.server import ServerProcess

PASSWORD = "a long enough passphrase"
SECRET = "one for all " * 4
SECONDS = 60


@contextmanager
def running_nodes(
    folder: Path, database_url: str, count: int, redis_url: str = "", **environment: str
) -> Iterator[list[ServerProcess]]:
    """Nodes that share a database and, if one is given, a Redis."""
    shared = {"JWT_SECRET": SECRET, "REDIS_URL": redis_url, **environment}
    nodes = [
        ServerProcess(folder / f"node{place}", database_url, NODE_NAME=f"node{place}", **shared)
        for place in range(count)
    ]
    try:
        start(nodes)
        yield nodes
    finally:
        close(nodes)


def close(nodes: Sequence[ServerProcess]) -> None:
    with ThreadPoolExecutor(len(nodes)) as threads:
        list(threads.map(ServerProcess.close, nodes))


def start(nodes: Sequence[ServerProcess]) -> None:
    """Starts nodes beside one another."""
    with ThreadPoolExecutor(len(nodes)) as threads:
        list(threads.map(ServerProcess.start, nodes))


def logged(database_url: str, stream: str) -> list[tuple[int, str]]:
    """What the database holds of a stream: `seq` and kind of every entry."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT seq, kind FROM entries WHERE stream = %s ORDER BY seq", (stream,)
        )
        return [(row[0], row[1]) for row in rows]


class Watcher:
    """A client and what it was given, in the order in which it came."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.seen: list[tuple[int, str]] = []
        self.resets: list[Reset] = []
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for item in self.client.entries():
            if isinstance(item, Entry):
                self.seen.append((item.seq, item.kind))
            else:
                self.resets.append(item)

    async def wait_for(self, expected: list[tuple[int, str]]) -> None:
        """Waits until it has seen as much; then it must be the same, each once and in order."""
        async with asyncio.timeout(SECONDS):
            while len(self.seen) < len(expected):
                await asyncio.sleep(0.02)
        assert self.seen == expected
        assert not self.resets

    async def close(self) -> None:
        self._task.cancel()
        await self.client.close()


@asynccontextmanager
async def watching(*clients: Client) -> AsyncIterator[list[Watcher]]:
    watchers = [Watcher(client) for client in clients]
    try:
        yield watchers
    finally:
        await asyncio.gather(*(watcher.close() for watcher in watchers))
