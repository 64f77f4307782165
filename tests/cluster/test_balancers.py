"""Three nodes behind HAProxy: websockets anywhere, long-polling where it began, and a node that is killed."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

import httpx2
import orjson
import pytest

from hubbub.client import Client
from tests.cluster.people import PASSWORD, logged, running_nodes, start, watching
from tests.servers import PostgreSQL, Redis
from tests.servers_balancers import Balancer, backend, running_haproxy
from tests.support.javascript import FOLDER, ensure_node
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

SECONDS = 60
NAMES = itertools.count(1)

# How requests find their node: the lines of HAProxy's backend, and words of each server there.
STICKINESS = {
    "none": (("balance roundrobin",), ""),
    "cookie": (
        ("balance roundrobin", "cookie NODE insert indirect nocache httponly"),
        "cookie n{port}",
    ),
    "address": (("balance source", "hash-type consistent"), ""),
}


@pytest.fixture(scope="module")
def url(postgresql_server: PostgreSQL) -> Iterator[str]:
    yield postgresql_server.create("balancers")
    postgresql_server.drop("balancers")


@pytest.fixture(scope="module")
def nodes(
    url: str, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ServerProcess]]:
    with running_nodes(tmp_path_factory.mktemp("nodes"), url, 3, redis_server.url) as running:
        yield running


@contextmanager
def balancing(nodes: list[ServerProcess], stickiness: str) -> Iterator[Balancer]:
    lines, server = STICKINESS[stickiness]
    with running_haproxy(
        ["default_backend nodes"],
        backend("nodes", [node.port for node in nodes], *lines, server=server),
    ) as balancer:
        yield balancer


@pytest.fixture(scope="module")
async def owner(nodes: list[ServerProcess]) -> AsyncIterator[Client]:
    async with Client(nodes[0].url) as client:
        await client.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        yield client


async def sign_in(url: str, transports: tuple[str, ...] = ("websocket",)) -> Client:
    client = Client(url, transports=transports)
    await client.sign_in("owner@example.com", PASSWORD)
    return client


async def make_room(owner: Client) -> str:
    body = {"name": f"Project {next(NAMES)}", "kind": "private"}
    return str((await owner.request("POST", "/api/rooms", body))["id"])


class Browser:
    """The stock client in a process of its own; what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.connects = 0
        self.seen: list[tuple[int, str]] = []
        self.lines: list[str] = []
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            words = line.decode().split()
            self.lines.append(line.decode())
            if words[0] == "connect":
                self.connects += 1
            elif words[0] == "entry":
                self.seen.append((int(words[1]), words[2]))

    async def wait_for(self, expected: list[tuple[int, str]]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                while len(self.seen) < len(expected):
                    assert self.process.returncode is None, self.lines[-20:]
                    await asyncio.sleep(0.02)
        if self.seen != expected:
            pytest.fail("".join(line for line in self.lines if not line.startswith("entry")))

    async def connected(self, times: int = 1) -> None:
        async with asyncio.timeout(SECONDS):
            while self.connects < times:
                assert self.process.returncode is None, self.lines[-20:]
                await asyncio.sleep(0.02)


@asynccontextmanager
async def browsing(url: str, token: str, room: str, transports: str) -> AsyncIterator[Browser]:
    node = await asyncio.to_thread(ensure_node)
    process = await asyncio.create_subprocess_exec(
        node,
        *(str(FOLDER / "follow.mjs"), url, token, room, transports, "0"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Browser(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def posting(client: Client, room: str) -> AsyncIterator[list[str]]:
    """Posts without pause while the block runs; the bodies that were acknowledged."""
    said: list[str] = []
    over = False

    async def post() -> None:
        while not (over and said):
            said.append((await client.post(room, f"{len(said)}"))["body"])
            await asyncio.sleep(0.01)

    task = asyncio.create_task(post())
    try:
        yield said
    finally:
        over = True
        # Not cancelled: what it sent last would be there a moment later.
        await asyncio.wait_for(task, SECONDS)


def bodies(entries: list[tuple[int, str]]) -> int:
    return sum(kind == "message.posted" for _, kind in entries)


async def test_nodes_die_behind_balancers(
    nodes: list[ServerProcess], url: str, owner: Client
) -> None:
    """Websockets without stickiness; long-polling by cookie and by address; every entry once and in order."""
    async with AsyncExitStack() as stack:
        free, cookie, address = (stack.enter_context(balancing(nodes, s)) for s in STICKINESS)
        room = await make_room(owner)
        people = [await sign_in(free.url) for _ in range(5)]
        people += [await sign_in(b.url, ("polling",)) for b in (cookie, address)]
        watchers = await stack.enter_async_context(watching(*people))
        browsers = [
            await stack.enter_async_context(browsing(b.url, owner._token, room, transports))
            for b, transports in (
                (free, "websocket"),
                (cookie, "polling"),
                (cookie, "polling,websocket"),
                (address, "polling"),
            )
        ]
        for person in people:
            await person.follow({room: 0})
        for browser in browsers:
            await browser.connected()
        async with posting(people[0], room) as said:
            await asyncio.sleep(0.3)
            for node in nodes[:2]:
                await asyncio.to_thread(node.kill)
                await asyncio.sleep(1)
            await asyncio.to_thread(start, nodes[:2])
            await asyncio.to_thread(nodes[2].kill)
            count = len(said)
            async with asyncio.timeout(SECONDS):
                while len(said) < count + 10:
                    await asyncio.sleep(0.05)
        expected = await asyncio.to_thread(logged, url, room)
        assert bodies(expected) == len(said), "what was acknowledged is there once"
        for watcher in watchers:
            await watcher.wait_for(expected)
        for browser in browsers:
            await browser.wait_for(expected)
            assert browser.connects >= 2
        assert all(person.connects >= 2 for person in people)
    await asyncio.to_thread(nodes[2].start)


async def test_a_polling_session_is_unknown_elsewhere(nodes: list[ServerProcess]) -> None:
    """What a client without stickiness meets: it begins again with a fresh handshake."""
    query = "/socket.io/?EIO=4&transport=polling"
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        begun = await http.get(nodes[0].url + query)
        session = orjson.loads(begun.content[1:])["sid"]
        elsewhere = await http.get(f"{nodes[1].url}{query}&sid={session}")
        assert elsewhere.status_code == 400
        assert elsewhere.json() == {"code": 1, "message": "Session ID unknown"}
