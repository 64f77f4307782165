"""The application every Python contestant runs: a few requests, and sockets that answer numbered messages.

It is an ASGI application with the manners that any server should have, so that what the tools make of them is what is
compared: while it drains it says so at /readyz, asks HTTP clients to leave with `Connection: close`, and asks each
socket to come back elsewhere (`goaway`), which then still gets the answers to what it has sent.

`version` in its working directory holds its version. Those that are bad: `crash` ends at its start, `never` never
finishes it, `error` answers 500 although the probe is fine.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HANDLED = "RIG_HANDLED"
"""Names the file where each handled message leaves a line: the application's database."""
BLOCK_SECONDS = 20.0
GROWTH = 300 << 20
FAULT_DELAY = 0.1
"""From the answer that tells which worker it will be."""


class App:
    """One worker's application."""

    def __init__(self) -> None:
        self.version = Path("version").read_text().strip()
        if self.version == "crash":
            sys.exit("this version cannot start")
        self.pid = os.getpid()
        self.draining = False
        self.sockets: set[asyncio.Event] = set()
        self.requests = self.errors = 0
        self.seconds = 0.0
        self._grown = b""
        self._handled = os.open(os.environ[HANDLED], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def drain(self, seconds: float) -> None:
        """Asks the sockets to leave, over that time."""
        self.draining = True
        leaving = list(self.sockets)
        for told in leaving:
            told.set()
            await asyncio.sleep(seconds / len(leaving))

    def resume(self) -> None:
        self.draining = False

    async def drained(self, seconds: float) -> None:
        """Returns when no socket is left, or after that time."""
        for _ in range(int(seconds / 0.05)):
            if not self.sockets:
                return
            await asyncio.sleep(0.05)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._socket(receive, send)
        else:
            await self._request(scope, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        if self.version == "never":
            await asyncio.Event().wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _request(self, scope: Message, send: Send) -> None:
        began = time.monotonic()
        path = scope["path"]
        probe = path == "/readyz"
        status = 500 if self.version == "error" and not probe else 200
        if probe and self.draining:
            status = 503
        loop = asyncio.get_running_loop()
        # Both after the answer is out: it says which worker was met.
        if path == "/block":
            loop.call_later(FAULT_DELAY, time.sleep, BLOCK_SECONDS)
        elif path == "/grow":
            loop.call_later(FAULT_DELAY, self._grow)
        body = json.dumps({"pid": self.pid, "version": self.version}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        if not probe:
            self.requests += 1
            self.errors += status >= 500
            self.seconds += time.monotonic() - began

    def _grow(self) -> None:
        self._grown = b"x" * GROWTH

    async def _socket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"hello {self.pid}"})
        told = asyncio.Event()
        self.sockets.add(told)
        if self.draining:
            told.set()
        telling = asyncio.create_task(self._tell(told, send))
        try:
            while (message := await receive())["type"] == "websocket.receive":
                text = message["text"]
                os.write(self._handled, f"{text}\n".encode())
                await send({"type": "websocket.send", "text": text})
        except OSError:
            pass  # The client went away before its answer.
        finally:
            self.sockets.discard(told)
            telling.cancel()

    async def _tell(self, told: asyncio.Event, send: Send) -> None:
        await told.wait()
        with contextlib.suppress(OSError):
            await send({"type": "websocket.send", "text": "goaway"})
