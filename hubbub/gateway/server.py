"""uvicorn, leaving politely, and not waiting for ever for requests."""

from __future__ import annotations

import asyncio
import resource
import socket as sockets
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TIMED_OUT = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # RFC 9110
)
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"  # RFC 6585, section 5
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


ACCEPTING = 16  # connections taken in one turn of the loop
_LEAST_SPARE = 64  # open files that are no client's: databases, logs, those about to be refused


def room_for_sockets(wanted: int) -> int:
    """How many of the ``wanted`` sockets this process may have open.

    Raises its limit of open files as far as the system lets it, and leaves a sixteenth for the
    rest. Beyond that limit a client would not be refused but left without any answer, so give the
    result to ``Gateway(max_sockets=…)``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, wanted * 2)
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
    return max(1, min(wanted, hard - max(_LEAST_SPARE, hard // 16)))


def listen_often(listener: sockets.socket, turns: int = ACCEPTING) -> list[sockets.socket]:
    """The listening socket ``turns`` times, for ``uvicorn.Server.run(sockets=…)``.

    libuv takes one connection of each listening socket in a turn of the loop (libuv 1.45, pull request 3696), and a
    turn is long when many are served: of a thousand that come back at once the last would wait for a thousand turns.
    """
    return [listener, *(listener.dup() for _ in range(turns - 1))]


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, with an end to requests that do not arrive: ``Config(http=HttpProtocol)``.

    uvicorn itself waits without a limit for the rest of a request, and for the first byte of the
    first. Here a request has ``request_timeout`` seconds from the connection's or its own
    beginning, plus one second for each ``least_rate`` bytes of it; a head may have ``max_head``
    bytes. Late ones get 408 (in the middle of the body the connection is dropped), larger ones
    431. A request that is there at once costs no timer.
    """

    request_timeout = 20.0
    least_rate = 1_000
    max_head = 65_536

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arriving = False  # a request has begun and is not complete
        self._in_head = False
        self._head_size = 0
        self._due = 0.0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request(0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_no_request()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        # The connection belongs to another protocol now, which has deadlines of its own.
        self._arriving = False
        self._expect_no_request()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        was_in_head = self._in_head
        super().data_received(data)
        if not self._arriving:
            if self._deadline is not None:
                self._expect_no_request()
            return
        if self._in_head:
            self._head_size = self._head_size + len(data) if was_in_head else len(data)
            if self._head_size > self.max_head:
                self._refuse(_HEAD_TOO_LARGE)
                return
        if self._deadline is None:
            self._expect_request(len(data))
        else:
            self._due += len(data) / self.least_rate

    def on_message_begin(self) -> None:
        self._arriving = self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = False
        super().on_message_complete()

    def _expect_request(self, received: int) -> None:
        self._due = self.loop.time() + self.request_timeout + received / self.least_rate
        self._deadline = self.loop.call_at(self._due, self._check)

    def _expect_no_request(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _check(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            # The rest may be there: it is this side that does not take it.
            self._expect_request(0)
        elif self.loop.time() < self._due:
            self._deadline = self.loop.call_at(self._due, self._check)
        else:
            self._refuse(_TIMED_OUT)

    def _refuse(self, answer: bytes) -> None:
        """Answer if something was asked and nothing is being answered, and hang up."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._in_head and not answering:
            self.transport.write(answer)
            self.transport.close()
        else:
            self.transport.abort()


class GracefulServer(uvicorn.Server):
    """A uvicorn server that lets the gateway's clients go before it stops.

    uvicorn itself waits for requests to finish, and a poll takes as long as a ping interval. Give
    it what must be awaited once it accepts no more connections: ``gateway.close``.
    """

    def __init__(self, config: uvicorn.Config, *goodbyes: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._goodbyes = goodbyes

    async def shutdown(self, sockets: list[sockets.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for goodbye in self._goodbyes:
            await goodbye()
        await super().shutdown(sockets)
