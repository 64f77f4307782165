"""What `hubbub.gateway.websocket` relies on in uvicorn and uvloop.

It is written against uvicorn's internal hook for WebSocket implementations. When one of these
tests fails after an upgrade, read ``httptools_impl.py`` before touching anything else.
"""

import asyncio
import inspect
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from hubbub.gateway import Gateway
from tests.gateway.support import PATIENCE, QuietServer, RawSocket, mask_frame
from tests.servers import free_port

pytestmark = pytest.mark.anyio

REQUEST = (
    b"GET /some%20path?a=%C3%A9&b HTTP/1.1\r\nHost: h\r\nX-Thing: one\r\nX-THING: two\r\n"
    b"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"
)


class Recorder(asyncio.Protocol):
    """Writes down what it is called with, in order."""

    calls: list[tuple[str, Any]]
    instance: "Recorder"

    def __init__(self, **kwargs: Any) -> None:
        Recorder.instance = self
        self.transport: Any = None
        Recorder.calls = [("init", kwargs)]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.calls.append(("connection_made", transport))
        self.calls.append(("protocol", type(transport.get_protocol())))
        self.kwargs["server_state"].connections.add(self)

    @property
    def kwargs(self) -> dict[str, Any]:
        found: dict[str, Any] = self.calls[0][1]
        return found

    def data_received(self, data: bytes) -> None:
        self.calls.append(("data_received", data))
        self.transport.write(b"seen")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append(("connection_lost", exc))
        self.kwargs["server_state"].connections.discard(self)

    def shutdown(self) -> None:
        self.calls.append(("shutdown", None))
        self.transport.close()


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"http"})


async def start(ws: type[asyncio.Protocol]) -> tuple[QuietServer, asyncio.Task[None], int]:
    port = free_port()
    server = QuietServer(
        uvicorn.Config(app, port=port, ws=ws, http="httptools", lifespan="off", log_level="warning")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    return server, task, port


async def test_the_hand_over() -> None:
    server, task, port = await start(Recorder)
    raw = await RawSocket.dial(port)
    raw.writer.write(REQUEST)
    assert await raw.reader.readexactly(4) == b"seen"
    names = [name for name, _ in Recorder.calls]
    assert names == ["init", "connection_made", "protocol", "data_received"]

    # Built with exactly these, called before the transport changes its protocol.
    assert set(Recorder.instance.kwargs) == {"config", "server_state", "app_state"}
    assert isinstance(Recorder.instance.kwargs["server_state"], ServerState)
    assert Recorder.calls[2] == ("protocol", HttpToolsProtocol)

    # The whole head in one call: target as it came, names in lower case, values untouched.
    assert Recorder.calls[3][1] == (
        b"GET /some%20path?a=%C3%A9&b HTTP/1.1\r\nhost: h\r\nx-thing: one\r\nx-thing: two\r\n"
        b"upgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n\r\n"
    )

    # From then on the transport is the protocol's own, and uvicorn's server knows it.
    assert Recorder.instance.transport.get_protocol() is Recorder.instance
    raw.writer.write(b"\x00frame")
    assert await raw.reader.readexactly(4) == b"seen"
    assert Recorder.calls[4] == ("data_received", b"\x00frame")
    assert Recorder.instance in server.server_state.connections

    server.should_exit = True
    await asyncio.wait_for(task, PATIENCE)
    assert [name for name, _ in Recorder.calls[5:]] == ["shutdown", "connection_lost"]
    raw.close()


async def test_an_upgrade_on_a_connection_that_was_used_for_http() -> None:
    server, task, port = await start(Recorder)
    raw = await RawSocket.dial(port)
    raw.writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await raw.reader.readuntil(b"0\r\n\r\n")).endswith(b"http\r\n0\r\n\r\n")
    raw.writer.write(REQUEST)
    assert await raw.reader.readexactly(4) == b"seen"
    raw.close()
    server.should_exit = True
    await asyncio.wait_for(task, PATIENCE)


async def test_frames_sent_along_with_the_request_are_dropped() -> None:
    """A client must wait for the 101; this says what happens to one that does not."""
    server, task, port = await start(Recorder)
    raw = await RawSocket.dial(port)
    raw.writer.write(REQUEST + mask_frame(1, b"early"))
    assert await raw.reader.readexactly(4) == b"seen"
    assert b"early" not in b"".join(c[1] for c in Recorder.calls if c[0] == "data_received")
    raw.close()
    server.should_exit = True
    await asyncio.wait_for(task, PATIENCE)


async def test_the_transport_does_what_the_gateway_needs() -> None:
    server, task, port = await start(Recorder)
    raw = await RawSocket.dial(port)
    raw.writer.write(REQUEST)
    await raw.reader.readexactly(4)
    transport = Recorder.instance.transport
    transport.set_write_buffer_limits(65536, 16384)
    assert transport.get_write_buffer_size() == 0
    assert transport.can_write_eof()
    assert transport.get_extra_info("peername")[0] == "127.0.0.1"
    transport.pause_reading()
    transport.resume_reading()

    # Several writes of a turn go out together; a closing transport takes no offence.
    paused = asyncio.Event()
    Recorder.instance.pause_writing = paused.set  # type: ignore[method-assign]
    for _ in range(200):
        transport.write(b"x" * 65536)
    assert paused.is_set()
    assert transport.get_write_buffer_size() > 65536
    transport.abort()
    transport.write(b"nobody reads this")
    raw.close()
    server.should_exit = True
    await asyncio.wait_for(task, PATIENCE)


def test_the_signature_of_our_class() -> None:
    parameters = inspect.signature(Gateway().websocket_protocol).parameters
    assert list(parameters) == ["config", "server_state", "app_state"]


def test_uvicorn_takes_a_class() -> None:
    config = uvicorn.Config(app, ws=Gateway().websocket_protocol)
    config.load()
    assert isinstance(config.ws_protocol_class, type)
    assert issubclass(config.ws_protocol_class, asyncio.Protocol)
