"""HTTP long-polling as an ASGI application (Engine.IO protocol 4).

One GET at a time waits for packets, one POST at a time brings some; a second one of either kind is
a broken client and ends the session.

A balancer whose connection broke may send a request again that has been served already. Such a GET
gets the answer that was lost, and such a POST is not taken in twice.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from . import frames
from .engine import EngineServer
from .errors import InvalidPacket
from .handshake import Peer, Refusal, Request, check_origin
from .limits import EventBucket
from .packets import decode_payload, encode_payload
from .session import CLOSE_PACKET, NOOP, TRANSPORT_CLOSED, TRANSPORT_ERROR, Session

if TYPE_CHECKING:
    from .websocket import WebSocketProtocol

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]

_TEXT = (b"content-type", b"text/plain; charset=UTF-8")

_MARK = re.compile(r"(?:^|&)t=([^&]{1,64})(?:&|$)")
KEPT_ANSWER = 65_536  # bytes of an answer that can be given again


class Attempt(NamedTuple):
    """How a request came: with which parameter ``t``, and from where.

    Clients of Engine.IO send another ``t`` with every request, so that no cache answers it.
    """

    mark: str
    peer: Peer

    def repeats(self, earlier: Attempt | None) -> bool:
        """Whether this is the ``earlier`` request once more, over another connection."""
        return earlier is not None and self.mark == earlier.mark != "" and self.peer != earlier.peer


class PollingTransport:
    """The polling side of a session."""

    __slots__ = (
        "_answer",
        "_bucket",
        "_ending",
        "_granted",
        "_polled",
        "_session",
        "capacity",
        "posted",
        "posting",
        "probe",
        "throttled",
        "upgrading",
        "waiter",
    )

    def __init__(self) -> None:
        self.waiter: asyncio.Future[bytes] | None = None  # the poll that waits, with its answer
        self.capacity: asyncio.Future[None] | None = None  # the POST that waits to be read
        self.posting = False
        self.posted: Attempt | None = None  # the last POST that was taken in
        self.probe: WebSocketProtocol | None = None
        self.upgrading = False
        self.throttled = False  # a POST waits because the client sends too fast
        self._bucket: EventBucket | None = None
        self._granted = 0
        self._session: Session
        self._ending = CLOSE_PACKET
        self._polled: Attempt | None = None  # the last poll, and its answer
        self._answer: bytes | None = None

    def bind(self, session: Session) -> None:
        """The session this transport belongs to."""
        self._session = session
        self._granted = session.server.first_grant

    def answer(self, extra: Iterable[bytes] = ()) -> bool:
        """Answer the waiting poll with what is held back and ``extra``; False if none waits."""
        waiter = self.waiter
        if waiter is None or waiter.done():
            return False
        waiter.set_result(self._take_answer(extra))
        return True

    def _take_answer(self, extra: Iterable[bytes] = ()) -> bytes:
        """What is held back and ``extra``, kept in case that it does not arrive."""
        answer = encode_payload([*self._session.take_backlog(), *extra])
        self._answer = answer if len(answer) <= KEPT_ANSWER else None
        return answer

    def wake(self) -> None:
        """There is something to send."""
        self.answer()

    def begin_upgrade(self) -> None:
        """Let the client's poll return, so that it can pause and change over."""
        self.upgrading = True
        self.answer([NOOP])

    def resume_reading(self) -> None:
        """The POST under way may go on."""
        if self.capacity is not None and not self.capacity.done():
            self.capacity.set_result(None)

    def close(self, graceful: bool, by_client: bool) -> bool:
        """Tell the client that the session is over; True while that waits for its next poll."""
        self._ending = NOOP if by_client else CLOSE_PACKET
        return not self.answer([self._ending]) and graceful and not by_client

    def discard(self) -> None:
        """Polling is over: nothing may wait here any more."""
        self.answer([NOOP])
        self.resume_reading()
        if self.probe is not None:
            self.probe.close(frames.POLICY_VIOLATION, "the session is gone")

    async def poll(self, attempt: Attempt, receive: Receive) -> bytes:
        """The body of the answer to a GET. Raises `Refusal`."""
        session = self._session
        repeated = attempt.repeats(self._polled)
        self._polled = attempt
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            if not repeated:
                session.close(TRANSPORT_ERROR, graceful=False)
                raise Refusal(400, "One poll at a time")
            self.waiter = None
            waiter.set_exception(Refusal(400, "The poll came again"))
        elif repeated:
            if self._answer is None:
                # Too long to be kept. A client that connects anew knows what it lacks.
                session.close(TRANSPORT_ERROR, graceful=False)
                raise Refusal(400, "The answer is gone")
            return self._answer
        self._answer = None
        session.server.outbox.flush()
        if session.closed:
            body = encode_payload([*session.take_backlog(), self._ending])
            session.abort()
            return body
        if session.has_backlog:
            return self._take_answer()
        if self.upgrading:
            return self._take_answer([NOOP])
        return await self._wait(receive)

    async def _wait(self, receive: Receive) -> bytes:
        session = self._session
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bytes] = loop.create_future()
        self.waiter = waiter
        gone = loop.create_task(_client_left(receive))
        abandon = partial(self._abandon, waiter)
        gone.add_done_callback(abandon)
        try:
            return await waiter
        finally:
            gone.remove_done_callback(abandon)
            gone.cancel()
            if self.waiter is waiter:
                self.waiter = None
            if waiter.cancelled():
                session.close(TRANSPORT_CLOSED, graceful=False)

    def _abandon(self, waiter: asyncio.Future[bytes], _gone: asyncio.Task[None]) -> None:
        """The client hung up while its poll waited; closing the session ends the poll."""
        if self.waiter is waiter:
            self._session.close(TRANSPORT_CLOSED, graceful=False)
            self.answer()

    async def post(self, body: bytes) -> None:
        """Take in the packets of a POST. Raises `Refusal` for invalid ones."""
        session = self._session
        try:
            packets = decode_payload(body)
        except InvalidPacket as error:
            session.close(TRANSPORT_ERROR, graceful=False)
            raise Refusal(400, str(error)) from None
        for packet in packets:
            while session.reading_paused and not session.closed:
                self.capacity = asyncio.get_running_loop().create_future()
                await self.capacity
            if self._granted <= 0:
                await self._ask_for_more()
            self._granted -= 1
            if not session.receive(packet):
                raise Refusal(400, "Invalid packet")

    async def _ask_for_more(self) -> None:
        """Wait until the client may send again. Raises `Refusal` when that was so for too long."""
        session = self._session
        options = session.server.options
        loop = asyncio.get_running_loop()
        if self._bucket is None:
            self._bucket = EventBucket(options.max_events, options.event_burst)
        while not session.closed and not (granted := self._bucket.grant(loop.time())):
            now = loop.time()
            if now - (self._bucket.over_since or now) > options.event_patience:
                session.give_up()
                raise Refusal(429, "Too many packets")
            self.throttled = True
            try:
                await asyncio.sleep(self._bucket.delay(now))
            finally:
                self.throttled = False
        self._granted = granted if not session.closed else sys.maxsize


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class PollingApp:
    """The ASGI application. Answers on the server's path only, wherever it is mounted."""

    def __init__(self, server: EngineServer) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            # The server was started without the gateway's protocol class.
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self._server.drain()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _read_request(scope)
        cors: HeaderList = []
        try:
            own = self._server.options.path.rstrip("/")
            if not (request.path.rstrip("/") + "/").endswith(own + "/"):
                raise Refusal(404, "Not found")
            origin = check_origin(request.headers, self._server.options.allowed_origins)
            if origin is not None:
                cors = _cors_headers(origin)
            status, body, kind = await self._serve(request, receive)
            headers = [kind, *cors] if request.method != "OPTIONS" else [*_PREFLIGHT, *cors]
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
            headers = [_TEXT, *cors]
            headers += [(n.lower().encode(), v.encode()) for n, v in refusal.headers]
        headers.append((b"cache-control", b"no-store"))
        if status != 204:
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _serve(
        self, request: Request, receive: Receive
    ) -> tuple[int, bytes, tuple[bytes, bytes]]:
        if request.method == "OPTIONS":
            return 204, b"", _TEXT
        headers = request.headers
        session, address = self._server.admit(request, headers, "polling")
        if session is None:
            return 200, self._open(request, address), _TEXT
        polling = session.polling
        if polling is None:
            raise Refusal(400, "The session has been upgraded")
        mark = _MARK.search(request.query_string)
        attempt = Attempt(mark[1] if mark else "", request.peer)
        if request.method == "GET":
            return 200, await polling.poll(attempt, receive), _TEXT
        if request.method != "POST" or session.closed:
            raise Refusal(400, "Bad request")
        if polling.posting:
            session.close(TRANSPORT_ERROR, graceful=False)
            raise Refusal(400, "One POST at a time")
        if not attempt.repeats(polling.posted):
            polling.posting = True
            try:
                await polling.post(await self._read_body(session, headers, receive))
                polling.posted = attempt
            finally:
                polling.posting = False
        # Not text/plain: some browsers would offer the answer as a download.
        return 200, b"ok", (b"content-type", b"text/html")

    def _open(self, request: Request, address: str) -> bytes:
        polling = PollingTransport()
        session = self._server.open(request, address, None, polling)
        polling.bind(session)
        return encode_payload([self._server.outbox.take(session)])

    async def _read_body(
        self, session: Session, headers: dict[str, str], receive: Receive
    ) -> bytes:
        limit = self._server.options.max_payload
        body = bytearray()
        length = headers.get("content-length", "0")
        too_big = not length.isdigit() or len(length) > 15 or int(length) > limit
        more = not too_big
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                session.close(TRANSPORT_CLOSED, graceful=False)
                raise Refusal(400, "The request was cut short")
            body += message.get("body", b"")
            too_big = len(body) > limit
            more = message.get("more_body", False) and not too_big
        if too_big:
            session.close(TRANSPORT_ERROR, graceful=False)
            raise Refusal(413, "Payload too large")
        return bytes(body)


_PREFLIGHT: HeaderList = [
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, authorization"),
    (b"access-control-max-age", b"600"),
]


def _cors_headers(origin: str) -> HeaderList:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]


def _read_request(scope: Scope) -> Request:
    head = b"\r\n".join([b"%b: %b" % header for header in scope["headers"]])
    query = scope.get("query_string", b"").decode("latin-1")
    client = scope.get("client")
    peer = (str(client[0]), int(client[1])) if client else None
    return Request(scope["method"], scope["path"], query, head, peer)
