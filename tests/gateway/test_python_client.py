"""python-socketio's client against the echo application."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import socketio
from engineio.packet import PING, Packet

from tests.gateway.support import PATIENCE

pytestmark = pytest.mark.anyio

TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]]


class Client:
    """A client that queues what it hears."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(request_timeout=PATIENCE)
        self.heard: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        for namespace in ("/", "/custom"):
            self.socket.on("*", self._hear, namespace=namespace)

    async def _hear(self, *event: Any) -> None:
        self.heard.put_nowait(event)

    async def next(self) -> tuple[Any, ...]:
        return await asyncio.wait_for(self.heard.get(), PATIENCE)


@pytest.fixture(params=TRANSPORTS, ids="-".join)
async def client(request: pytest.FixtureRequest, echo_port: int) -> AsyncIterator[Client]:
    found = Client()
    await found.socket.connect(
        f"http://127.0.0.1:{echo_port}",
        auth={"token": "t"},
        transports=request.param,
        namespaces=["/", "/custom"],
        wait_timeout=PATIENCE,
    )
    assert sorted([await found.next(), await found.next()]) == [("auth", {"token": "t"})] * 2
    assert found.socket.transport() == request.param[-1]
    yield found
    await found.socket.disconnect()


async def test_events(client: Client) -> None:
    await client.socket.emit("message", (1, "é", {"a": [None]}))
    assert await client.next() == ("message-back", 1, "é", {"a": [None]})
    await client.socket.emit("message", "there", namespace="/custom")
    assert await client.next() == ("message-back", "there")


async def test_binary(client: Client) -> None:
    await client.socket.emit("message", (b"\x00\xff", {"deep": [b"x"]}))
    assert await client.next() == ("message-back", b"\x00\xff", {"deep": [b"x"]})


async def test_acknowledgements(client: Client) -> None:
    assert await client.socket.call("message-with-ack", 5) == 5
    assert await client.socket.call("message-with-ack", (1, b"2")) == (1, b"2")
    assert await client.socket.call("message-with-ack", None, namespace="/custom") is None


async def test_rooms(client: Client) -> None:
    await client.socket.emit("join", "python")
    assert await client.next() == ("joined",)
    await client.socket.emit("msg", {"room": "python", "n": 1})
    assert await client.next() == ("msg", {"room": "python", "n": 1})


async def test_it_answers_pings(client: Client) -> None:
    """The next ping comes only after the answer to the one before."""
    engine = client.socket.eio
    receive, pings = engine._receive_packet, asyncio.Semaphore(0)

    async def count(packet: Packet) -> None:
        if packet.packet_type == PING:
            pings.release()
        await receive(packet)

    engine._receive_packet = count
    async with asyncio.timeout(PATIENCE):
        for _ in range(4):
            await pings.acquire()
    assert client.socket.connected
    assert await client.socket.call("message-with-ack", "here") == "here"
