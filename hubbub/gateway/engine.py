"""The Engine.IO server (protocol 4): it admits clients and holds their sessions."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

import orjson

from . import frames
from .frames import TEXT, encode_frame
from .handshake import ClientAddress, Origins, Refusal, Request, check_origin, direct_address
from .limits import AddressLimits
from .outbox import Outbox
from .session import SHUTTING_DOWN, Handler, Session
from .timers import TimerWheel

if TYPE_CHECKING:
    from .polling import PollingTransport
    from .websocket import WebSocketProtocol


REFUSAL_REASONS = (
    "full",
    "draining",
    "address_full",
    "address_rate",
    "origin",
    "namespace",
    "handler",
)
"""Why a connect is refused, as counted in `EngineCounters.refused`."""


@dataclass(slots=True)
class EngineOptions:
    """Times in seconds, sizes in bytes."""

    path: str = "/socket.io/"
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    close_timeout: float = 5.0
    max_payload: int = 1_000_000
    max_send_buffer: int = 4_000_000
    max_sockets: int = 100_000
    max_sockets_per_address: int = 0
    max_connects_per_address: float = 0.0
    connect_burst: int = 0
    max_events: float = 1_000.0
    event_burst: int = 2_000
    event_patience: float = 30.0
    retry_after: int = 5
    allowed_origins: Origins = ()
    client_address: ClientAddress = direct_address


@dataclass(slots=True)
class EngineCounters:
    """What happened so far."""

    slow_closes: int = 0
    flood_closes: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class EngineServer:
    """All sessions of one path."""

    def __init__(self, options: EngineOptions, new_handler: Callable[[Session], Handler]) -> None:
        self.options = options
        self.new_handler = new_handler
        self.sessions: dict[str, Session] = {}
        self.outbox = Outbox()
        self.counters = EngineCounters()
        self.addresses = AddressLimits(
            options.max_sockets_per_address,
            options.max_connects_per_address,
            options.connect_burst or round(options.max_connects_per_address * 10),
        )
        self.first_grant = options.event_burst if options.max_events else sys.maxsize
        shortest = min(options.ping_interval, options.ping_timeout)
        self.wheel = TimerWheel(min(0.25, max(0.005, shortest / 40)))
        self.draining = False
        self.drain_waits: set[_DrainWait] = set()

    def admit(
        self, request: Request, headers: dict[str, str], transport: str
    ) -> tuple[Session | None, str]:
        """Check a request before its transport is set up.

        Returns the session it names, None where it asks for a new one, and for a new one the
        client's address. Raises `Refusal`.
        """
        try:
            check_origin(headers, self.options.allowed_origins)
        except Refusal:
            self.counters.refused["origin"] += 1
            raise
        query = request.query
        if query.get("transport") != transport:
            raise Refusal(400, "Transport unknown")
        if query.get("EIO") != "4":
            raise Refusal(400, "Unsupported protocol version")
        sid = query.get("sid")
        if sid is not None:
            session = self.sessions.get(sid)
            if session is None or session.expire():
                raise Refusal(400, "Session ID unknown")
            return session, session.address
        if request.method != "GET":
            raise Refusal(400, "Bad handshake method")
        retry = self.options.retry_after
        if self.draining:
            raise self._refuse("draining", 503, "The server is leaving", retry)
        if len(self.sessions) >= self.options.max_sockets:
            raise self._refuse("full", 503, "No room for another session", retry)
        address = self.options.client_address(request.peer, headers)
        if self.addresses.full(address):
            raise self._refuse("address_full", 429, "Too many sessions from this address", retry)
        wait = self.addresses.wait(address, asyncio.get_running_loop().time())
        if wait:
            reason = "Too many new sessions from this address"
            raise self._refuse("address_rate", 429, reason, ceil(wait))
        return None, address

    def _refuse(self, reason: str, status: int, message: str, retry_after: int) -> Refusal:
        self.counters.refused[reason] += 1
        return Refusal(status, message, [("Retry-After", str(retry_after))])

    def open(
        self,
        request: Request,
        address: str,
        ws: WebSocketProtocol | None,
        polling: PollingTransport | None,
    ) -> Session:
        """A new session; its handshake packet is already queued."""
        session = Session(self, request, address)
        session.ws = ws
        session.polling = polling
        if ws is not None:
            session.open_stream(ws.transport)
        self.sessions[session.id] = session
        self.addresses.enter(address)
        self.outbox.send(session, encode_frame(TEXT, b"0" + self._handshake(session, polling)))
        session.start()
        return session

    def forget(self, session: Session) -> None:
        """The session is over, and nobody need find it any more; harmless when repeated."""
        if self.sessions.pop(session.id, None) is not None:
            self.addresses.leave(session.address)

    def _handshake(self, session: Session, polling: PollingTransport | None) -> bytes:
        return orjson.dumps(
            {
                "sid": session.id,
                "upgrades": ["websocket"] if polling else [],
                "pingInterval": round(self.options.ping_interval * 1000),
                "pingTimeout": round(self.options.ping_timeout * 1000),
                "maxPayload": self.options.max_payload,
            }
        )

    async def wait_drained(self, session: Session, below: int) -> bool:
        """Wait until at most ``below`` bytes wait to be sent; False when the session ended."""
        while session.buffered > below:
            if session.closed:
                return False
            loop = asyncio.get_running_loop()
            wait = _DrainWait(session, loop.create_future())
            self.drain_waits.add(wait)
            # What the transport holds between its two marks is not announced: look again soon.
            again = loop.call_later(0.02, wait.wake)
            try:
                await wait.future
            finally:
                again.cancel()
                self.drain_waits.discard(wait)
        return not session.closed

    async def drain(self, spread: float = 0.0, timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Refuse new sessions and close all others, evenly over ``spread`` seconds.

        Returns when all connections are gone, or after ``timeout`` more seconds.
        """
        self.draining = True
        loop = asyncio.get_running_loop()
        leaving = list(self.sessions.values())
        begin = loop.time()
        for number, session in enumerate(leaving):
            if spread:
                due = begin + spread * number / len(leaving)
                if due - loop.time() > 0.01:
                    await asyncio.sleep(due - loop.time())
            session.close(SHUTTING_DOWN, frames.GOING_AWAY)
        give_up = loop.time() + timeout
        # Asking again is cheaper than an event that every session would have to know.
        while any(s.lingering for s in leaving) and loop.time() < give_up:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for session in leaving:
            session.abort()


@dataclass(slots=True, eq=False)
class _DrainWait:
    session: Session
    future: asyncio.Future[None]

    def wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)
