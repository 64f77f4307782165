"""The WebSocket side of a session: an asyncio protocol on the raw transport (RFC 6455).

uvicorn hands connections over through ``Config(ws=…)``: it builds the class with ``config``,
``server_state`` and ``app_state``, calls ``connection_made``, then ``data_received`` with the whole
request head, and from there on the transport is ours. One object per socket, no task and no timer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from . import frames
from .engine import EngineServer
from .errors import FrameError
from .frames import FIN, encode_close, encode_frame, read_frame
from .handshake import Refusal, Request, check_upgrade, encode_refusal
from .limits import EventBucket
from .session import PONG_PROBE, SHUTTING_DOWN, Session

logger = logging.getLogger("hubbub.gateway")

HIGH_WATER = 65536  # bytes in the transport's buffer before it is spared
LOW_WATER = 16384

_OPEN = 0  # messages go both ways
_CLOSING = 1  # our close frame is out; the peer's is awaited
_BROKEN = 2  # nothing that still comes can be understood or is of interest


class WebSocketProtocol(asyncio.Protocol):
    """One connection, from the upgrade request to the end.

    A gateway uses a subclass that has its paths in ``servers``.
    """

    __slots__ = (
        "_bucket",
        "_buffer",
        "_granted",
        "_message",
        "_message_opcode",
        "_paused",
        "_probed",
        "_server",
        "_session",
        "_state",
        "_uvicorn_state",
        "gone",
        "throttled",
        "timer_slot",
        "transport",
    )

    servers: ClassVar[Mapping[str, EngineServer]] = {}

    def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:  # noqa: ARG002
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.gone = False
        self.throttled = False  # reading is paused because the client sends too fast
        self.timer_slot = 0
        self._uvicorn_state = server_state
        self._server: EngineServer | None = None
        self._session: Session | None = None
        self._probed: Session | None = None  # a polling session that may move here
        self._state = _OPEN
        self._buffer: bytearray | None = None
        self._message: bytearray | None = None  # a fragmented message, as far as it has come
        self._message_opcode = 0
        self._paused = False
        self._granted = 0  # frames that may be taken before the bucket is asked
        self._bucket: EventBucket | None = None  # made for clients that need one

    # Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self._uvicorn_state.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.gone = True
        self._state = _BROKEN
        self._buffer = self._message = None
        self._uvicorn_state.connections.discard(self)
        if self._server is not None:
            self._server.wheel.cancel(self)
        self._forget_probe()
        if self._session is not None:
            session, self._session = self._session, None
            session.lost()

    def shutdown(self) -> None:
        """uvicorn stops."""
        if self._session is not None:
            self._session.close(SHUTTING_DOWN, frames.GOING_AWAY)
        else:
            self.close(frames.GOING_AWAY)

    def pause_writing(self) -> None:
        if self._session is not None:
            self._session.write_paused()

    def resume_writing(self) -> None:
        if self._session is not None:
            self._session.write_resumed()

    def pause_reading(self) -> None:
        """Leave what the client sends in the kernel, and what is read already unparsed."""
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Parse what was left, then read on; not before a client that was too fast has waited."""
        if self._paused and not self.throttled:
            self._paused = False
            self._parse(b"")
            if not self._paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def on_timer(self, now: float, late: float) -> None:  # noqa: ARG002
        """A throttled client has waited; or an upgrade, or the peer's close frame, did not come."""
        if self._state != _OPEN:
            self.abort()
        elif self._session is None:
            self.close(frames.POLICY_VIOLATION, "upgrade timeout")
        elif self.throttled:
            self.throttled = False
            if not self._session.reading_paused:
                self.resume_reading()

    # Handshake

    def _shake_hands(self, data: bytes) -> None:
        request = Request.parse(data, self._peer())
        server = self.servers.get(request.path)
        if server is None:
            raise Refusal(404, "Not found")
        headers = request.headers
        answer = check_upgrade(request, headers)
        session, address = server.admit(request, headers, "websocket")
        self._server = server
        self._granted = server.first_grant
        self.transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self.transport.write(answer)
        if session is None:
            self._session = server.open(request, address, self, None)
        elif session.polling is None or session.closed or session.polling.probe is not None:
            self.close(frames.POLICY_VIOLATION, "the session has been upgraded")
        else:
            self._probed = session
            session.polling.probe = self
            loop = asyncio.get_running_loop()
            server.wheel.set(self, loop.time() + server.options.upgrade_timeout)

    def _peer(self) -> tuple[str, int] | None:
        peer = self.transport.get_extra_info("peername")
        return (str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None

    # Receiving

    def data_received(self, data: bytes) -> None:
        if self._server is None and self._state == _OPEN:
            try:
                self._shake_hands(data)
            except Refusal as refusal:
                self._refuse(refusal)
            except Exception:
                logger.exception("a WebSocket handshake failed")
                self._refuse(Refusal(500, "Internal error"))
            return
        self._parse(data)

    def _refuse(self, refusal: Refusal) -> None:
        self._state = _BROKEN
        self.transport.write(encode_refusal(refusal))
        self.transport.close()

    def eof_received(self) -> None:
        """The peer is done; the transport closes itself."""

    def _parse(self, data: bytes | bytearray) -> None:
        if self._buffer is not None:
            self._buffer += data
            data = self._buffer
        at = 0
        try:
            while not self._paused and self._state != _BROKEN:
                limit = self._server.options.max_payload  # type: ignore[union-attr]
                message = self._message
                if message is not None:
                    limit -= len(message)
                frame = read_frame(data, at, limit, message is not None)
                if frame is None:
                    break
                if self._granted <= 0 and self._state == _OPEN and not self._ask_for_more():
                    break
                self._granted -= 1
                first, payload, at = frame
                self._receive_frame(first, payload)
        except FrameError as error:
            self._break(error.code, error.reason)
        if self._state == _BROKEN or at == len(data):
            self._buffer = None
        elif data is self._buffer:
            del self._buffer[:at]
        else:
            self._buffer = bytearray(data[at:])

    def _ask_for_more(self) -> bool:
        """What was granted is used up: get more, or have the client wait, or see it off."""
        session = self._session
        assert self._server is not None
        if session is None:
            self.close(frames.POLICY_VIOLATION, "too many packets while upgrading")
            return False
        options = self._server.options
        now = asyncio.get_running_loop().time()
        if self._bucket is None:
            self._bucket = EventBucket(options.max_events, options.event_burst)
        self._granted = self._bucket.grant(now)
        if self._granted:
            return True
        if now - (self._bucket.over_since or now) > options.event_patience:
            session.give_up()
            self._state = _BROKEN  # what still comes is not even parsed
            return False
        self.pause_reading()
        self.throttled = True
        self._server.wheel.set(self, now + self._bucket.delay(now))
        return False

    def _receive_frame(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode & frames.CONTROL:
            self._receive_control(opcode, payload)
        elif self._state != _OPEN:
            pass
        elif self._message is None:
            if first & FIN:
                self._receive_message(opcode, payload)
            else:
                self._message = bytearray(payload)
                self._message_opcode = opcode
        else:
            self._message += payload
            if first & FIN:
                whole = bytes(self._message)
                self._message = None
                self._receive_message(self._message_opcode, whole)

    def _receive_control(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.CLOSE:
            code, _ = frames.decode_close(payload)
            if self._state == _OPEN:
                self._answer_close(code)
            self._state = _BROKEN
            self.transport.close()
        elif opcode == frames.PING and self._state == _OPEN:
            pong = encode_frame(frames.PONG, payload)
            if self._session is not None:
                self._session.send(pong)
            else:
                self.transport.write(pong)

    def _answer_close(self, code: int) -> None:
        session, self._session = self._session, None
        self._state = _CLOSING
        if session is not None:
            session.lost()
        self._write_close(code, "", ())

    def _receive_message(self, opcode: int, payload: bytes) -> None:
        message: str | bytes = payload
        if opcode == frames.TEXT:
            try:
                message = payload.decode()
            except UnicodeDecodeError:
                raise FrameError(frames.INVALID_DATA, "text is not UTF-8") from None
        if self._session is not None:
            self._session.receive(message)
        elif self._probed is not None:
            self._receive_probe(self._probed, message)

    def _receive_probe(self, session: Session, message: str | bytes) -> None:
        polling = session.polling
        if polling is None or session.closed:
            self.close(frames.POLICY_VIOLATION, "the session is gone")
        elif message == "2probe":
            self.transport.write(PONG_PROBE)
            polling.begin_upgrade()
        elif message == "5":
            assert self._server is not None
            self._server.wheel.cancel(self)
            self._forget_probe()
            self._session = session
            session.upgraded(self)
        else:
            self.close(frames.PROTOCOL_ERROR, "unexpected packet while upgrading")

    def _forget_probe(self) -> None:
        if self._probed is not None:
            polling = self._probed.polling
            if polling is not None and polling.probe is self:
                polling.probe = None
            self._probed = None

    # The end

    def _break(self, code: int, reason: str) -> None:
        """Fail the connection (section 7.1.7): what the peer sends cannot be parsed any more."""
        session, self._session = self._session, None
        was_open = self._state == _OPEN
        self._state = _BROKEN
        if session is not None:
            session.lost()
        self._forget_probe()
        if was_open:
            self._write_close(code, reason, ())
            if self.transport.can_write_eof() and not self.transport.is_closing():
                self.transport.write_eof()
        else:
            self.transport.close()

    def close(self, code: int, reason: str = "", chunks: Iterable[bytes] = ()) -> None:
        """Send ``chunks`` and a close frame, then wait for the peer's, but not for long."""
        self._forget_probe()
        if self._state != _OPEN:
            return
        if self._server is None:
            self._state = _BROKEN
            self.transport.close()
            return
        self._state = _CLOSING
        self._message = None
        self._session = None
        self._write_close(code, reason, chunks)
        self.throttled = False
        if self._paused:
            # The peer's close frame must be read. Not now: this may be the middle of a message.
            asyncio.get_running_loop().call_soon(self.resume_reading)

    def _write_close(self, code: int, reason: str, chunks: Iterable[bytes]) -> None:
        assert self._server is not None
        data = b"".join((*chunks, encode_close(code, reason)))
        self._server.outbox.bytes_out += len(data)
        self.transport.write(data)
        deadline = asyncio.get_running_loop().time() + self._server.options.close_timeout
        self._server.wheel.set(self, deadline)

    def abort(self) -> None:
        """Drop the connection."""
        self._state = _BROKEN
        if not self.gone:
            self.transport.abort()
