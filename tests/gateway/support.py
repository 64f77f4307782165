"""A gateway on a free port of this process, and clients that do exactly what they are told."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import uvicorn

from hubbub.gateway import Gateway
from hubbub.gateway.frames import CLOSE, TEXT, split_frames
from tests.servers import free_port

PATIENCE = 60.0  # seconds before a test that waits for something is a failed one


class QuietServer(uvicorn.Server):
    """uvicorn without signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Served:
    """A gateway that is being served."""

    def __init__(self, gateway: Gateway, port: int) -> None:
        self.gateway = gateway
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.polling_url = f"{self.url}/socket.io/?EIO=4&transport=polling"

    async def connect(
        self, query: str = "EIO=4&transport=websocket", **headers: str
    ) -> "RawSocket":
        """A WebSocket whose handshake has succeeded."""
        raw = await RawSocket.dial(self.port)
        status, _ = await raw.upgrade(f"/socket.io/?{query}", **headers)
        assert status == 101
        return raw

    async def enter(self, namespace: str = "/", auth: str = "") -> "RawSocket":
        """A WebSocket that is connected to ``namespace``."""
        raw = await self.connect()
        assert (await raw.text()).startswith("0")
        prefix = "" if namespace == "/" else f"{namespace},"
        raw.send(f"40{prefix}{auth}")
        assert (await raw.text()).startswith(f"40{prefix}" + '{"sid":')
        return raw


@contextlib.asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[Served]:
    """Serve ``gateway`` on a free port until the block ends."""
    port = free_port()
    server = QuietServer(
        uvicorn.Config(
            gateway.asgi,
            host="127.0.0.1",
            port=port,
            ws=gateway.websocket_protocol,
            http="httptools",
            interface="asgi3",
            lifespan="off",
            log_level="warning",
        )
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield Served(gateway, port)
    finally:
        await gateway.close(timeout=0.1)
        server.should_exit = True
        await task


class _Tap:
    """A transport that also keeps what is written; what is written in one turn leaves as one."""

    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes
        self._turn: list[bytes] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def get_extra_info(self, name: str) -> Any:
        # Without its socket nothing goes past it.
        return None if name == "socket" else self._transport.get_extra_info(name)

    def write(self, data: bytes) -> None:
        if self._turn is None:
            self._turn = []
            asyncio.get_running_loop().call_soon(self._end_turn)
        self._turn.append(bytes(data))
        self._transport.write(data)

    def _end_turn(self) -> None:
        assert self._turn is not None
        self._writes.append(b"".join(self._turn))
        self._turn = None


def tap(gateway: Gateway) -> list[bytes]:
    """A list for what ``gateway`` writes to WebSockets, one item for each turn of the loop.

    Call it before `serving`.
    """
    writes: list[bytes] = []

    class Tapped(gateway.websocket_protocol):  # type: ignore[name-defined, misc]
        __slots__ = ()

        def connection_made(self, transport: Any) -> None:
            super().connection_made(_Tap(transport, writes))

    gateway.websocket_protocol = Tapped
    return writes


def texts(data: bytes) -> list[str]:
    """The text messages in the frames of ``data``."""
    return [payload.decode() for opcode, payload in split_frames(data) if opcode == TEXT]


def mask_frame(opcode: int, payload: bytes, fin: bool = True, mask: bytes | None = None) -> bytes:
    """A client's frame."""
    key = os.urandom(4) if mask is None else mask
    size = len(payload)
    first = (0x80 if fin else 0) | opcode
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


class RawSocket:
    """A TCP connection that speaks, or breaks, the WebSocket protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def dial(cls, port: int) -> "RawSocket":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def upgrade(
        self, target: str, method: str = "GET", leave_out: str = "", **changes: str
    ) -> tuple[int, dict[str, str]]:
        """Ask for a WebSocket; header names use ``_`` for ``-``. Returns status and headers."""
        headers = {
            "host": "127.0.0.1",
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        headers.update({name.replace("_", "-").lower(): value for name, value in changes.items()})
        headers.pop(leave_out, None)
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        answer = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split(" ")[1]), answer

    def write(self, data: bytes) -> None:
        """Send bytes as they are; they are lost when the server has hung up."""
        with contextlib.suppress(RuntimeError):  # uvloop's word for it
            self.writer.write(data)

    def send(self, text: str) -> None:
        self.write(mask_frame(TEXT, text.encode()))

    def send_frame(self, opcode: int, payload: bytes = b"", fin: bool = True) -> None:
        self.writer.write(mask_frame(opcode, payload, fin))

    async def frame(self) -> tuple[int, bytes]:
        """The next frame. Raises ``IncompleteReadError`` at the end of the stream."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readexactly(2)
            assert not head[1] & 0x80, "a server must not mask"
            assert head[0] & 0x80
            more = {126: 2, 127: 8}.get(head[1], 0)
            head += await self.reader.readexactly(more)
            size = int.from_bytes(head[2:], "big") if more else head[1]
            frame = head + await self.reader.readexactly(size)
        return next(split_frames(frame))

    async def text(self) -> str:
        """The next text message, but pings."""
        while True:
            opcode, payload = await self.frame()
            if opcode != TEXT or payload != b"2":
                assert opcode == TEXT, (opcode, payload)
                return payload.decode()

    async def close_code(self) -> int:
        """The code of the close frame, whatever comes before it; 1006 without one."""
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005
        except (asyncio.IncompleteReadError, ConnectionError):
            return 1006

    async def ended(self) -> bool:
        """Wait until the server has closed the TCP connection."""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65536):
                    pass
        return True

    def finish(self) -> None:
        """Say that nothing more comes, unless the connection is gone already."""
        with contextlib.suppress(RuntimeError, OSError):
            self.writer.write_eof()

    def close(self) -> None:
        self.writer.close()

    async def __aenter__(self) -> "RawSocket":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Poller:
    """A long-polling client."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self.http = http
        self.url = url
        self.sid = ""

    async def open(self) -> None:
        answer = await self.http.get(self.url)
        assert answer.status_code == 200
        assert answer.text.startswith("0{")
        self.sid = orjson.loads(answer.text[1:])["sid"]
        self.url += f"&sid={self.sid}"

    async def poll(self) -> list[str]:
        answer = await self.http.get(self.url)
        assert answer.status_code == 200, answer.text
        return answer.text.split("\x1e")

    async def post(self, *packets: str) -> None:
        answer = await self.http.post(self.url, content="\x1e".join(packets).encode())
        assert answer.status_code == 200, answer.text
        assert answer.text == "ok"


class Target:
    """`tests.gateway.target` while it runs."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.polling_url = f"{self.url}/socket.io/?EIO=4&transport=polling"
        self.log = log

    async def stats(self) -> dict[str, Any]:
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            answer: dict[str, Any] = (await http.get(f"{self.url}/stats")).json()
            return answer

    async def until(self, **expected: object) -> dict[str, Any]:
        """Wait until these figures are there; the assertion that fails shows them all."""
        for _ in range(1_200):
            figures = await self.stats()
            if expected.items() <= figures.items():
                break
            await asyncio.sleep(0.05)
        assert figures | expected == figures
        return figures

    async def enter(self) -> "RawSocket":
        """A WebSocket that is connected to the main namespace."""
        raw = await RawSocket.dial(self.port)
        status, _ = await raw.upgrade("/socket.io/?EIO=4&transport=websocket")
        assert status == 101
        assert (await raw.text()).startswith("0")
        raw.send("40")
        assert (await raw.text()).startswith('40{"sid":')
        return raw


@contextlib.contextmanager
def running(log: Path, **options: Any) -> Iterator[Target]:
    """A gateway with these options in a process of its own; what it says goes to ``log``."""
    port = free_port()
    command = [sys.executable, "-m", "tests.gateway.target", str(port), json.dumps(options)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n", log.read_text()
            yield Target(port, log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
