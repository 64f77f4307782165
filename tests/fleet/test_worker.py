"""What a worker does for its supervisor: heartbeats, draining, resuming, a dump of a blocked loop, an end in time."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from hubbub.client import Client, Refused
from hubbub.fleet import contract
from hubbub.fleet.proxy import Backend
from hubbub.fleet.proxy.haproxy import HAProxy
from hubbub.fleet.settings import FleetSettings, ProxySettings
from hubbub.fleet.worker import Place
from tests.cluster.people import PASSWORD, SECRET, logged, watching
from tests.cluster.people import start as start_all
from tests.servers import PostgreSQL, Redis, end, free_port, free_ports, private_folder
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

SECONDS = 60.0
WEBSOCKETS = 20
POLLING = 6
DRAIN_SECONDS = 1.0
GRACE_SECONDS = 60.0


class Listener:
    """The supervisor's ear: the last heartbeat of each process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last: dict[int, dict[str, Any]] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def hear(self) -> None:
        with suppress(BlockingIOError):
            while True:
                beat = json.loads(self._socket.recv(65_536))
                self.last[beat["pid"]] = beat

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with private_folder("hubbub-beats-", None) as folder:
        made = Listener(folder / "heartbeat.sock")
        yield made
        made.close()


def start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, **options)


async def until(condition: Callable[[], Any]) -> None:
    """Waits for it. Raises TimeoutError."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


def worker(
    folder: Path, listener: Listener, name: str, url: str = "", port: int = 0, **more: str
) -> ServerProcess:
    (folder / name).mkdir()
    server = ServerProcess(
        folder / name / "data",
        url,
        NODE_NAME=name,
        WORKER_HEARTBEAT=str(listener.path),
        WORKER_DRAIN_SECONDS=str(DRAIN_SECONDS),
        WORKER_GRACE_SECONDS=str(GRACE_SECONDS),
        WORKER_RELEASE="r7",
        WORKER_COLOUR=name.partition("-")[0],
        TRUSTED_PROXIES="127.0.0.1",
        **more,
        **({"PORT": str(port)} if port else {}),
    )
    if port:
        server.port, server.url = port, f"http://127.0.0.1:{port}"
    return server


# The contract's own program, of the standard library.


def test_the_place_is_read_from_the_environment() -> None:
    assert Place.read({}) == Place()
    given = {"WORKER_HEARTBEAT": "/h", "WORKER_DRAIN_SECONDS": "3.5", "WORKER_COLOUR": "green"}
    place = Place.read(given)
    assert (place.heartbeat, place.drain_seconds, place.colour) == ("/h", 3.5, "green")
    for bad in ("soon", "-1", "nan", "inf"):
        with pytest.raises(ValueError, match="WORKER_GRACE_SECONDS"):
            Place.read({"WORKER_GRACE_SECONDS": bad})


BLOCKED = """
import asyncio, hashlib, sys
from hubbub.fleet import worker
worker.prepare()
async def main():
    told = []
    worker.listen(asyncio.get_running_loop(), lambda: told.append("drain"), lambda: told.append("resume"))
    beating = asyncio.create_task(worker.beat(sys.argv[1], lambda: {"sockets": len(told)}))
    while len(told) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.1)
    def stand_still():
        # In C, and without a look at signals.
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
    stand_still()
print("up", flush=True)
asyncio.run(main())
"""


async def test_heartbeats_signals_and_the_dump_of_a_blocked_loop(
    listener: Listener, tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    with errors.open("wb") as output:
        process = start(
            [sys.executable, "-c", BLOCKED, str(listener.path)],
            stdout=subprocess.PIPE,
            stderr=output,
        )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"

        def heard(sockets: int) -> bool:
            listener.hear()
            return listener.last.get(process.pid, {}).get("sockets") == sockets

        await until(lambda: heard(0))
        beat = listener.last[process.pid]
        assert beat["memory"] > 1 << 20
        assert 0 <= beat["lag"] < SECONDS
        process.send_signal(contract.DRAIN)
        await until(lambda: heard(1))
        process.send_signal(contract.RESUME)
        await until(lambda: heard(2))

        # Now the loop stands still, and the heartbeats end; the stack shows where.
        def dumped() -> bool:
            process.send_signal(contract.DUMP)
            return b"stand_still" in errors.read_bytes()

        await until(dumped)
        assert process.poll() is None
        assert b"in main" in errors.read_bytes()
    finally:
        end(process, signal.SIGKILL)
        assert process.stdout is not None
        process.stdout.close()


# Hubbub


async def test_hubbub_tells_how_it_is(listener: Listener, tmp_path: Path) -> None:
    server = worker(tmp_path, listener, "green-1")
    try:
        await asyncio.to_thread(server.start)
        async with Client(server.url) as owner:
            await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
            await owner.connect()
            with pytest.raises(Refused, match="at least 2"):
                await owner.request("POST", "/api/rooms", {"name": ""})

            def heard() -> bool:
                listener.hear()
                beat = listener.last.get(server.pid, {})
                return bool(beat.get("requests", 0) >= 2 and beat["sockets"] == 1)

            await until(heard)
        beat = listener.last[server.pid]
        assert beat["errors"] == 0
        assert 0 < beat["seconds"] < SECONDS
        assert beat["draining"] is False
        async with httpx2.AsyncClient(base_url=server.url) as http:
            health = (await http.get("/health")).json()
            assert (health["node"], health["release"], health["colour"]) == (
                "green-1",
                "r7",
                "green",
            )
            metrics = (await http.get("/metrics")).text
            assert 'hubbub_worker_info{colour="green",release="r7",worker="green-1"} 1.0' in metrics
        # The supervisor dies: the worker goes on, and does not end with its terminal either.
        listener.close()
        os.kill(server.pid, contract.RESUME)
        await asyncio.sleep(1.2)
        assert httpx2.get(f"{server.url}/readyz").status_code == 200
    finally:
        assert await asyncio.to_thread(server.stop) == 0
        server.close()


@contextmanager
def two_workers(
    folder: Path, listener: Listener, url: str, redis_url: str
) -> Iterator[list[ServerProcess]]:
    shared = {"JWT_SECRET": SECRET, "REDIS_URL": redis_url}
    first = free_ports(2)
    made = [
        worker(folder, listener, name, url, first + place, **shared)
        for place, name in enumerate(("blue-1", "green-1"))
    ]
    with ExitStack() as stack:
        for server in made:
            stack.callback(server.close)
        start_all(made)
        yield made


@asynccontextmanager
async def proxy_before(workers: list[ServerProcess]) -> AsyncIterator[tuple[HAProxy, str]]:
    """The fleet's own proxy and its URL, by a name, so that clients keep its cookies."""
    with private_folder("hubbub-front-", None) as folder:
        folder.chmod(0o755)
        port = free_port()
        settings = FleetSettings(
            directory=folder / "fleet",
            log_dir=folder,
            ports=f"{workers[0].port}-{workers[-1].port}",
            proxy=ProxySettings(
                http=f"127.0.0.1:{port}",
                # Everybody in a test has the same address.
                connections_per_address=0,
                requests_per_second=0,
                connects_per_second=0,
            ),
        )
        proxy = HAProxy(settings)
        proxy.prepare([])
        with (folder / "proxy.out").open("ab") as output:
            process = start(proxy.command(), stdout=output, stderr=output)
        try:
            async with asyncio.timeout(SECONDS):
                while not await proxy.ready():
                    await asyncio.sleep(0.02)
            yield proxy, f"http://localhost:{port}"
        finally:
            end(process, signal.SIGTERM)


@pytest.fixture
def url(postgresql_server: PostgreSQL) -> Iterator[str]:
    yield postgresql_server.create("drained")
    postgresql_server.drop("drained")


def shown(workers: list[ServerProcess], *drained: ServerProcess) -> list[Backend]:
    return [
        Backend(f"w{server.port}", server.port, "drain" if server in drained else "ready")
        for server in workers
    ]


async def test_clients_follow_a_drain_and_a_resume(
    listener: Listener, url: str, redis_server: Redis, tmp_path: Path
) -> None:
    """Blue is drained, resumed, and takes over from green again, while people write: nothing is lost or doubled."""
    workers = two_workers(tmp_path, listener, url, redis_server.url)
    with workers as (blue, green):
        async with proxy_before([blue, green]) as (proxy, front), Client(front) as owner:
            await proxy.show(shown([blue]))
            await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
            room = (await owner.request("POST", "/api/rooms", {"name": "One", "kind": "private"}))[
                "id"
            ]
            clients = [Client(front) for _ in range(WEBSOCKETS)]
            clients += [Client(front, transports=("polling",)) for _ in range(POLLING)]
            for client in clients:
                client.adopt(owner)
            async with watching(*clients) as watchers:
                await asyncio.gather(*(client.follow({room: 0}) for client in clients))
                await until(lambda: sockets(listener, blue) == len(clients))
                told = [note_goaways(client) for client in clients]
                written = Writers(clients[:6] + clients[-2:], room)

                # The new colour serves too, then it alone; the old one sends its clients there.
                await proxy.show(shown([blue, green], blue))
                began = time.monotonic()
                os.kill(blue.pid, contract.DRAIN)
                await until(lambda: httpx2.get(f"{blue.url}/readyz").json()["status"] == "draining")
                assert httpx2.get(f"{blue.url}/readyz").status_code == 503
                await until(lambda: beat_of(listener, blue).get("draining"))
                await until(
                    lambda: (
                        sockets(listener, blue) == 0 and sockets(listener, green) == len(clients)
                    )
                )
                # At a pace, and not for ever.
                assert DRAIN_SECONDS / 2 < time.monotonic() - began < SECONDS
                await until(lambda: {client.connects for client in clients} == {2})
                assert all(len(notes) == 1 for notes in told)
                assert {note["reason"] for (note,) in told} == {"draining"}
                # Each in its own turn.
                waits = sorted(note["retry_after"] for (note,) in told)
                assert len(set(waits)) == len(clients)
                assert waits[-1] - waits[0] > DRAIN_SECONDS / 2

                # It goes on answering, but takes no sockets.
                headers = {"Authorization": f"Bearer {owner._token}"}
                answer = httpx2.get(f"{blue.url}/api/rooms/{room}", headers=headers)
                assert answer.status_code == 200
                refusal = await refused(blue, owner)
                assert refusal["status"] == 503
                assert 0 < refusal["retry_after"] < SECONDS

                # Back again: as a rollback does it.
                os.kill(blue.pid, contract.RESUME)
                await until(lambda: httpx2.get(f"{blue.url}/readyz").status_code == 200)
                await proxy.show(shown([blue, green], green))
                os.kill(green.pid, contract.DRAIN)
                await until(
                    lambda: (
                        sockets(listener, green) == 0 and sockets(listener, blue) == len(clients)
                    )
                )
                await until(lambda: {client.connects for client in clients} == {3})
                acknowledged = await written.stop()
                expected = await asyncio.to_thread(logged, url, room)
                posted = sum(kind == "message.posted" for _, kind in expected)
                assert posted == len(set(acknowledged)) == len(acknowledged) > 0
                for watcher in watchers:
                    await watcher.wait_for(expected)

            # STOP in the middle of everything: nobody notices, and who was being answered still is.
            os.kill(green.pid, contract.RESUME)
            await until(lambda: httpx2.get(f"{green.url}/readyz").status_code == 200)
            await proxy.show(shown([blue, green]))
            async with Requests(front, f"/api/rooms/{room}/messages", owner._token, 6) as requests:
                await until(lambda: len(requests.statuses) > 20)
                slow = await SlowRequest.begin(blue, f"/api/rooms/{room}/messages", owner._token)
                stopping = asyncio.create_task(asyncio.to_thread(blue.stop))
                await until(lambda: refuses(blue.port))
                assert await slow.finish() == 201
                assert await stopping == 0
                done = len(requests.statuses)
                await until(lambda: len(requests.statuses) > done + 20)
            assert set(requests.statuses) == {200}


def beat_of(listener: Listener, server: ServerProcess) -> dict[str, Any]:
    listener.hear()
    return listener.last.get(server.pid, {})


def note_goaways(client: Client) -> list[dict[str, Any]]:
    """What this connection of the client is told from now on."""
    notes: list[dict[str, Any]] = []
    assert client._socket is not None
    handle = client._socket.handlers["/"]["goaway"]

    def note(data: dict[str, Any]) -> None:
        notes.append(data)
        handle(data)

    client._socket.on("goaway", note)
    return notes


def sockets(listener: Listener, server: ServerProcess) -> int:
    return int(beat_of(listener, server).get("sockets", -1))


class Writers:
    """Clients that post one message after the other until they are stopped."""

    def __init__(self, clients: list[Client], room: str) -> None:
        self._stopping = False
        self._tasks = [asyncio.create_task(self._write(client, room)) for client in clients]

    async def _write(self, client: Client, room: str) -> list[str]:
        written = []
        while not self._stopping:
            written.append((await client.post(room, "Hello"))["id"])
            await asyncio.sleep(0.05)
        return written

    async def stop(self) -> list[str]:
        """The ids of all messages that were acknowledged."""
        self._stopping = True
        return [message for some in await asyncio.gather(*self._tasks) for message in some]


class Requests:
    """Loops of requests on connections that are kept, and the status of each."""

    def __init__(self, url: str, path: str, token: str, loops: int) -> None:
        self.statuses: list[int] = []
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=SECONDS)
        self._path = path
        self._loops = loops
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._loop()) for _ in range(self._loops)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended

    async def _loop(self) -> None:
        while True:
            self.statuses.append((await self._http.get(self._path)).status_code)


class SlowRequest:
    """A message that is posted in two halves."""

    BODY = b'{"body": "of two halves"}'

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def begin(cls, server: ServerProcess, path: str, token: str) -> Self:
        made = cls(*await asyncio.open_connection("127.0.0.1", server.port))
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
            f"Content-Length: {len(cls.BODY)}\r\n\r\n"
        )
        made._writer.write(head.encode() + cls.BODY[:10])
        await made._writer.drain()
        # The server has begun with it when a second request on another connection is answered.
        await asyncio.to_thread(httpx2.get, f"{server.url}/livez")
        return made

    async def finish(self) -> int:
        self._writer.write(self.BODY[10:])
        async with asyncio.timeout(SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert "\r\nconnection: close\r\n" in head
        self._writer.close()
        return int(head.split(" ")[1])


def refuses(port: int) -> bool:
    """Whether nobody listens there any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


async def refused(server: ServerProcess, owner: Client) -> dict[str, Any]:
    """What a socket is told that comes to this worker nevertheless."""
    import socketio

    told: list[Any] = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("connect_error", told.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(server.url, auth={"token": owner._token}, transports=["websocket"])
    problem: dict[str, Any] = told[0]["data"]
    return problem
