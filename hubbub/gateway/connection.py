"""Socket.IO on one Engine.IO session: from packets to handlers and back (protocol 5)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from .errors import ConnectRefused, InvalidPacket
from .packets import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Packet,
    decode_packet,
    encode_packet,
    fill_placeholders,
)
from .session import SERVER_CLOSED, TRANSPORT_CLOSED, Session
from .socket import Socket

if TYPE_CHECKING:
    from .gateway import Gateway
    from .namespace import Namespace

logger = logging.getLogger("hubbub.gateway")

CLIENT_DISCONNECT = "client namespace disconnect"


class Connection:
    """The sockets of one session, at most one for each namespace."""

    __slots__ = (
        "_attachments",
        "_binary_packet",
        "_running",
        "_unbegun",
        "_waiting",
        "gateway",
        "session",
        "sockets",
        "timer_slot",
    )

    def __init__(self, gateway: Gateway, session: Session) -> None:
        self.gateway = gateway
        self.session = session
        self.sockets: tuple[Socket, ...] = ()
        self.timer_slot = 0
        self._binary_packet: Packet | None = None
        self._attachments: list[bytes] | None = None
        self._running = 0  # handlers that have not finished
        self._unbegun = 0  # tasks among them that have not had their first step
        self._waiting: deque[Callable[[], None]] | None = None  # what must not begin before those

        loop = asyncio.get_running_loop()
        session.server.wheel.set(self, loop.time() + gateway.connect_timeout)

    def on_timer(self, now: float, late: float) -> None:  # noqa: ARG002
        """The client had its time to connect to a namespace."""
        if not any(socket.connected for socket in self.sockets):
            self.session.close(SERVER_CLOSED)

    # Packets

    def on_message(self, message: str | bytes) -> None:
        """One Engine.IO message. Raises `InvalidPacket`."""
        if isinstance(message, bytes):
            self._take_attachment(message)
            return
        if self._binary_packet is not None:
            raise InvalidPacket("text in the middle of a binary packet")
        packet = decode_packet(message)
        if packet.attachments:
            if packet.attachments > self.gateway.max_attachments:
                raise InvalidPacket("too many attachments")
            self._binary_packet = packet
            self._attachments = []
        else:
            self._dispatch(packet)

    def _take_attachment(self, data: bytes) -> None:
        packet = self._binary_packet
        if packet is None or self._attachments is None:
            raise InvalidPacket("binary data outside a binary packet")
        self._attachments.append(data)
        if len(self._attachments) == packet.attachments:
            attachments, self._attachments, self._binary_packet = self._attachments, None, None
            self._dispatch(packet._replace(data=fill_placeholders(packet.data, attachments)))

    def _dispatch(self, packet: Packet) -> None:
        socket = None
        for candidate in self.sockets:
            if candidate.namespace.name == packet.namespace:
                socket = candidate
        kind = packet.kind
        if kind == CONNECT:
            if socket is not None:
                raise InvalidPacket("connected to this namespace already")
            self._connect(packet)
        elif socket is None or not socket.connected or kind == CONNECT_ERROR:
            raise InvalidPacket("not connected to this namespace")
        elif kind in (EVENT, BINARY_EVENT):
            if self._unbegun:
                handler = socket.namespace.handlers.get(packet.data[0])
                self._start(partial(self._handle_event, socket, packet.id, packet.data), handler)
            else:
                self._handle_event(socket, packet.id, packet.data)
        elif kind in (ACK, BINARY_ACK):
            if packet.id is None:
                raise InvalidPacket("an ack without an id")
            socket.answer(packet.id, packet.data)
        elif kind == DISCONNECT:
            self.remove(socket, CLIENT_DISCONNECT)

    # Coming and going

    def _connect(self, packet: Packet) -> None:
        namespace = self.gateway.namespaces.get(packet.namespace)
        if namespace is None:
            self.session.server.counters.refused["namespace"] += 1
            error = {"message": "Invalid namespace"}
            self.session.send(encode_packet(CONNECT_ERROR, packet.namespace, None, error))
            return
        socket = Socket(namespace, self)
        self.sockets += (socket,)
        if namespace.connect_handler is None:
            self._accept(socket)
        else:
            auth = packet.data if packet.data is not None else {}
            handler = namespace.connect_handler
            self._start(partial(self._handle_connect, handler, socket, auth), handler)

    def _handle_connect(self, handler: Callable[..., Any], socket: Socket, auth: Any) -> None:
        try:
            result = handler(socket, auth)
        except Exception as error:
            self._refuse(socket, error)
        else:
            if isinstance(result, Awaitable):
                self._follow(result, partial(self._connect_done, socket))
            else:
                self._accept(socket)

    def _connect_done(self, socket: Socket, future: asyncio.Future[Any]) -> None:
        self._finished()
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is None:
            self._accept(socket)
        else:
            self._refuse(socket, error)

    def _accept(self, socket: Socket) -> None:
        if self.session.closed or socket not in self.sockets:
            # It left while its connect handler ran: what that set up has to be taken down.
            socket.forget()
            self._tell_disconnect(socket, TRANSPORT_CLOSED)
            return
        self.session.server.wheel.cancel(self)
        socket.accept()

    def _refuse(self, socket: Socket, error: BaseException) -> None:
        self.session.server.counters.refused["handler"] += 1
        if isinstance(error, ConnectRefused):
            message, data = error.message, error.data
        else:
            logger.error("the connect handler of %s failed", socket.namespace.name, exc_info=error)
            message, data = "Internal error", None
        self.sockets = tuple(s for s in self.sockets if s is not socket)
        socket.refuse(message, data)

    def remove(self, socket: Socket, reason: str) -> None:
        """Take one socket out and tell the application."""
        if socket in self.sockets:
            self.sockets = tuple(s for s in self.sockets if s is not socket)
            self._dismiss(socket, reason)

    def on_close(self, reason: str) -> None:
        """The session is over."""
        self.session.server.wheel.cancel(self)
        self._binary_packet = self._attachments = None
        sockets, self.sockets = self.sockets, ()
        for socket in sockets:
            self._dismiss(socket, reason)

    def _dismiss(self, socket: Socket, reason: str) -> None:
        was_connected = socket.connected
        socket.forget()
        if was_connected:
            self._tell_disconnect(socket, reason)

    def _tell_disconnect(self, socket: Socket, reason: str) -> None:
        handler = socket.namespace.disconnect_handler
        if handler is not None:
            self._start(partial(self._handle_disconnect, handler, socket, reason), handler)

    def _handle_disconnect(self, handler: Callable[..., Any], socket: Socket, reason: str) -> None:
        try:
            result = handler(socket, reason)
        except Exception:
            logger.exception("the disconnect handler of %s failed", socket.namespace.name)
        else:
            if isinstance(result, Awaitable):
                self._follow(result, partial(self._disconnect_done, socket.namespace))

    def _disconnect_done(self, namespace: Namespace, future: asyncio.Future[Any]) -> None:
        self._finished()
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("the disconnect handler of %s failed", namespace.name, exc_info=error)

    # Events

    def _handle_event(self, socket: Socket, number: int | None, data: list[Any]) -> None:
        event = data[0]
        namespace = socket.namespace
        handler = namespace.handlers.get(event)
        try:
            if handler is not None:
                result = handler(socket, *data[1:])
            elif namespace.unknown_handler is not None:
                result = namespace.unknown_handler(socket, *data)
            else:
                return
        except Exception as error:
            self._fail(socket, number, event, error)
            return
        if result is not None and isinstance(result, Awaitable):
            self._follow(result, partial(self._event_done, socket, number, event))
        elif number is not None:
            self._acknowledge(socket, number, event, result)

    def _event_done(
        self, socket: Socket, number: int | None, event: str, future: asyncio.Future[Any]
    ) -> None:
        self._finished()
        if future.cancelled():
            self._fail(socket, number, event, asyncio.CancelledError())
        elif (error := future.exception()) is not None:
            self._fail(socket, number, event, error)
        elif number is not None:
            self._acknowledge(socket, number, event, future.result())

    def _acknowledge(self, socket: Socket, number: int, event: str, result: Any) -> None:
        if not socket.connected:
            return
        args = () if result is None else result if isinstance(result, tuple) else (result,)
        try:
            frames = encode_packet(ACK, socket.namespace.name, number, args)
        except TypeError as error:
            self._fail(socket, number, event, error)
        else:
            socket.send_frames(frames)

    def _fail(self, socket: Socket, number: int | None, event: str, error: BaseException) -> None:
        # A traceback for everybody who is told to come back later would cost more than serving them.
        if not isinstance(error, asyncio.CancelledError) and not getattr(error, "expected", False):
            logger.error("the handler of %r failed", event, exc_info=error)
        try:
            result = self.gateway.on_error(socket, event, error)
            if number is not None and socket.connected:
                socket.send_frames(encode_packet(ACK, socket.namespace.name, number, (result,)))
        except Exception:
            logger.exception("on_error failed for %r", event)

    # Order and bound of handlers

    def _start(self, call: Callable[[], None], handler: object = None) -> None:
        """Run ``call`` now, or as soon as what came before it has begun.

        A task begins a little after it is made. Further tasks begin in the order in which they
        are made, but a plain ``handler`` has to wait for them.
        """
        if self._unbegun and (self._waiting or not iscoroutinefunction(handler)):
            if self._waiting is None:
                self._waiting = deque()
            self._waiting.append(call)
            if len(self._waiting) >= self.gateway.max_handlers:
                self.session.pause_reading()
        else:
            call()

    def _begun(self) -> None:
        self._unbegun -= 1
        while self._waiting and not self._unbegun:
            self._waiting.popleft()()
        self._read_on()

    def _follow(self, result: Awaitable[Any], done: Callable[[asyncio.Future[Any]], None]) -> None:
        """See a handler's coroutine or future to its end, and count it meanwhile."""
        if iscoroutine(result):
            future: asyncio.Future[Any] = self.gateway.spawn(result)
            self._unbegun += 1
            asyncio.get_running_loop().call_soon(self._begun)
        else:
            future = asyncio.ensure_future(result)
        self._running += 1
        if self._running >= self.gateway.max_handlers:
            self.session.pause_reading()
        future.add_done_callback(done)

    def _finished(self) -> None:
        self._running -= 1
        self._read_on()

    def _read_on(self) -> None:
        if self.session.reading_paused:
            waiting = len(self._waiting) if self._waiting else 0
            if self._running + waiting < self.gateway.max_handlers:
                self.session.resume_reading()
