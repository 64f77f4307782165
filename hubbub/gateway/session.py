"""One client's session: what outlives a request and a change of transport.

A `Session` begins with a WebSocket or with long-polling, may move from the second to the first, and
carries messages either way. It answers for liveness (pings), for the order of what is sent and for
the bound on what waits to be sent. What the messages mean is the business of its `Handler`.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Protocol

from . import frames
from .errors import InvalidPacket
from .frames import TEXT, encode_frame
from .handshake import Request
from .loops import NO_SOCKET, Target, find_socket
from .outbox import Queue, Stream, queue_size, write

if TYPE_CHECKING:
    from .engine import EngineServer
    from .polling import PollingTransport
    from .websocket import WebSocketProtocol

PING = encode_frame(TEXT, b"2")
PONG_PROBE = encode_frame(TEXT, b"3probe")
NOOP = encode_frame(TEXT, b"6")
CLOSE_PACKET = encode_frame(TEXT, b"1")

HEAD_START = 0.02  # seconds between a packet that is sent alone and what follows it
_PAUSE = b""  # stands for them among what is held back

CLIENT_CLOSED = "client closed"
PARSE_ERROR = "parse error"
PING_TIMEOUT = "ping timeout"
SEND_BUFFER_FULL = "send buffer full"
SERVER_CLOSED = "server closed"
SHUTTING_DOWN = "server shutting down"
TOO_MANY_EVENTS = "too many events"
TRANSPORT_CLOSED = "transport closed"
TRANSPORT_ERROR = "transport error"


class Handler(Protocol):
    """The layer above: one for each session."""

    def on_message(self, message: str | bytes) -> None:
        """A message arrived. Raises `InvalidPacket` to close the session."""

    def on_close(self, reason: str) -> None:
        """The session is over; nothing else will be called."""


class Session(Target):
    """One client, whatever transport it uses at the moment."""

    __slots__ = (
        "_awaiting_pong",
        "_backlog",
        "_backlog_size",
        "_deadline",
        "_overflowed",
        "address",
        "closed",
        "handler",
        "id",
        "polling",
        "reading_paused",
        "request",
        "server",
        "timer_slot",
        "ws",
    )

    def __init__(self, server: EngineServer, request: Request, address: str) -> None:
        self.server = server
        self.request = request
        self.address = address
        self.id = secrets.token_urlsafe(15)
        self.ws: WebSocketProtocol | None = None
        self.polling: PollingTransport | None = None
        self.stream: Stream | None = None
        self.direct = NO_SOCKET
        self.queue: Queue = None
        self.closed = False
        self.reading_paused = False
        self.timer_slot = 0
        self._awaiting_pong = False
        self._backlog: list[bytes] | None = None
        self._backlog_size = 0
        self._deadline = 0.0
        self._overflowed = False
        self.handler: Handler = server.new_handler(self)

    def start(self) -> None:
        """Begin to ping."""
        self._wait(self.server.options.ping_interval)

    # Liveness

    def _wait(self, seconds: float) -> None:
        self._deadline = asyncio.get_running_loop().time() + seconds
        self.server.wheel.set(self, self._deadline)

    def on_timer(self, now: float, late: float) -> None:
        """Send the next ping, or give up on a client that did not answer the last."""
        if self.closed:
            self.abort()
            return
        patience = self.server.options.ping_timeout
        if not self._awaiting_pong:
            self._awaiting_pong = True
            self.server.outbox.send(self, PING)
            # Counted from when the ping was due, so that ticks do not add up.
            self._deadline = max(self._deadline, now - late - self.server.wheel.resolution)
            self._deadline += patience
            self.server.wheel.set(self, self._deadline)
        elif self._deaf or late > patience / 4:
            # The answer may be there, unread: it is this side that was not listening.
            self._wait(patience)
        else:
            self.close(PING_TIMEOUT, frames.INTERNAL_ERROR, graceful=False)

    @property
    def _deaf(self) -> bool:
        """What the client sends is not being read at the moment."""
        transport = self.ws or self.polling
        return self.reading_paused or (transport is not None and transport.throttled)

    def expire(self) -> bool:
        """Close a session whose time is up before the wheel's next tick says so."""
        now = asyncio.get_running_loop().time()
        options = self.server.options
        limit = self._deadline + (0 if self._awaiting_pong else options.ping_timeout)
        if not self.closed and not self._deaf and now >= limit:
            self.close(PING_TIMEOUT, frames.INTERNAL_ERROR, graceful=False)
            return True
        return self.closed and self.polling is None

    # Receiving

    def receive(self, message: str | bytes) -> bool:
        """One Engine.IO packet from the current transport.

        An invalid one closes the session and gives False.
        """
        if self.closed:
            return True
        try:
            if isinstance(message, bytes) or message.startswith("4"):
                self.handler.on_message(message if isinstance(message, bytes) else message[1:])
            elif message == "3":
                if self._awaiting_pong:
                    self._awaiting_pong = False
                    self._wait(self.server.options.ping_interval)
            elif message == "1":
                self.close(CLIENT_CLOSED, frames.NORMAL, graceful=False)
            elif message != "6":
                raise InvalidPacket("unexpected Engine.IO packet")
        except InvalidPacket as error:
            self.close(PARSE_ERROR, frames.PROTOCOL_ERROR, str(error), graceful=False)
            return False
        return True

    def give_up(self) -> None:
        """The client has wanted more than its share for too long."""
        self.server.counters.flood_closes += 1
        self.close(TOO_MANY_EVENTS, frames.POLICY_VIOLATION, TOO_MANY_EVENTS, graceful=False)

    def pause_reading(self) -> None:
        """Take nothing more from the client until `resume_reading`."""
        if not self.reading_paused:
            self.reading_paused = True
            if self.ws is not None:
                self.ws.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self.reading_paused and not self.closed:
            self.reading_paused = False
            if self.ws is not None:
                self.ws.resume_reading()
            if self.polling is not None:
                self.polling.resume_reading()

    # Sending

    def send(self, packet_frames: bytes) -> None:
        """Send frames (see `frames`) at the end of this turn of the event loop."""
        if not self.closed:
            self.server.outbox.send(self, packet_frames)

    def send_alone(self, packet_frames: bytes) -> None:
        """Send frames at once, in a write of their own; what is sent after them waits for a moment.

        Over long-polling they go like all others, because a poll of their own would cost the client
        a round trip.
        """
        if self.polling is not None:
            self.send(packet_frames)
        elif not self.closed:
            outbox = self.server.outbox
            if before := outbox.take(self):
                self._write_alone(before)
            outbox.bytes_out += len(packet_frames)
            self._write_alone(packet_frames)

    def _write_alone(self, data: bytes) -> None:
        write(self, data)
        if self.stream is None:
            self.hold(_PAUSE)
        else:
            self._begin_pause()

    def _begin_pause(self) -> None:
        self.stream = None
        asyncio.get_running_loop().call_later(HEAD_START, self.write_resumed)

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent, the transport's own buffer included."""
        size = queue_size(self.queue) + self._backlog_size
        if self.ws is not None:
            size += self.ws.transport.get_write_buffer_size()
        return size

    def hold(self, data: bytes) -> None:
        """Keep ``data`` until the transport can take it; too much of it ends the session."""
        if self.closed or self._overflowed:
            return
        if self._backlog is None:
            self._backlog = []
        self._backlog.append(data)
        self._backlog_size += len(data)
        if self._backlog_size > self.server.options.max_send_buffer:
            self.give_up_slow()
        elif self.polling is not None:
            self.polling.wake()

    def give_up_slow(self) -> None:
        """More waits for the client than may; what does is dropped."""
        if self.closed or self._overflowed:
            return
        self.take_backlog()
        self._close_stream()
        self._overflowed = True
        self.server.counters.slow_closes += 1
        # Not now: this may be the middle of somebody's emit.
        asyncio.get_running_loop().call_soon(
            self.close, SEND_BUFFER_FULL, frames.TRY_AGAIN_LATER, "cannot keep up", False
        )

    def fail(self) -> None:
        """The transport broke while it was written to."""
        asyncio.get_running_loop().call_soon(
            self.close, TRANSPORT_ERROR, frames.INTERNAL_ERROR, "", False
        )

    def take_backlog(self) -> list[bytes]:
        """All that is held back, now the caller's to send."""
        chunks = self._backlog or []
        self._backlog = None
        self._backlog_size = 0
        return chunks

    @property
    def has_backlog(self) -> bool:
        return self._backlog is not None

    def open_stream(self, transport: asyncio.Transport) -> None:
        """From here on everything goes to ``transport``."""
        self.stream = transport
        self.direct = find_socket(transport)

    def _close_stream(self) -> None:
        """Write nothing more: the transport, or the socket below it, may be gone any moment."""
        self.stream = None
        self.direct = NO_SOCKET

    def write_paused(self) -> None:
        """The WebSocket's buffer is full."""
        self.stream = None

    def write_resumed(self) -> None:
        """The WebSocket's buffer has room again."""
        if self.closed or self._overflowed or self.ws is None or self.polling is not None:
            return
        self.open_stream(self.ws.transport)
        backlog = self.take_backlog()
        for number, chunk in enumerate(backlog):
            if self.stream is None:
                self._backlog = backlog[number:]
                self._backlog_size = sum(map(len, self._backlog))
                break
            if chunk == _PAUSE:
                self._begin_pause()
            else:
                self.stream.write(chunk)
        self._wake_drains()

    def _wake_drains(self) -> None:
        for wait in self.server.drain_waits:
            if wait.session is self:
                wait.wake()

    # Changing transport

    def upgraded(self, ws: WebSocketProtocol) -> None:
        """The probe succeeded: from here on everything goes over ``ws``."""
        polling = self.polling
        self.polling = None
        self.ws = ws
        if polling is not None:
            polling.discard()
        if self.reading_paused:
            ws.pause_reading()
        self.write_resumed()

    # The end

    def close(
        self,
        reason: str,
        code: int = frames.NORMAL,
        text: str = "",
        graceful: bool = True,
    ) -> None:
        """End the session; harmless when it has ended.

        ``reason`` is for the application, ``code`` and ``text`` go into the close frame. When
        ``graceful``, what is queued is sent first.
        """
        if self.closed:
            return
        data = self.server.outbox.take(self)
        if not graceful:
            data = b""
            self.take_backlog()
        elif data:
            self.hold(data)
        self.closed = True
        self._close_stream()
        self.reading_paused = False
        self.server.wheel.cancel(self)
        if self.ws is not None:
            self.server.forget(self)
            self.ws.close(code, text, self.take_backlog())
        elif self.polling is not None and self.polling.close(graceful, reason == CLIENT_CLOSED):
            # The last packets wait for a poll that is yet to come; see `abort`.
            self._wait(self.server.options.close_timeout)
        else:
            self.abort()
        self._wake_drains()
        self.handler.on_close(reason)

    @property
    def lingering(self) -> bool:
        """Ended, but with something left to deliver or a handshake to finish."""
        if self.ws is not None:
            return not self.ws.gone
        return self.polling is not None and self.timer_slot != 0

    def abort(self) -> None:
        """Forget an ended session and whatever it still wanted to say."""
        self.server.forget(self)
        self.server.wheel.cancel(self)
        self.take_backlog()
        if self.polling is not None:
            self.polling.discard()
            self.polling = None
        if self.ws is not None:
            self.ws.abort()

    def lost(self) -> None:
        """The WebSocket's connection is gone."""
        self._close_stream()
        self.close(TRANSPORT_CLOSED, graceful=False)
        self.ws = None
