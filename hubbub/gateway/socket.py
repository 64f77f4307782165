"""A client's connection to one namespace, as the application sees it."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from .errors import Disconnected
from .packets import CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, encode_packet
from .session import SERVER_CLOSED

if TYPE_CHECKING:
    from .connection import Connection
    from .namespace import Namespace, Room
    from .session import Session

MAX_CALLS = 1000  # calls that may wait for one client's answer

SERVER_DISCONNECT = "server namespace disconnect"

_CONNECTING = 0
_CONNECTED = 1
_UNWANTED = 2  # thrown out before it was let in
_GONE = 3


class Socket:
    """One client in one namespace.

    ``id`` is unique and not secret; ``data`` is free for the application. Use it on the event loop
    only.
    """

    __slots__ = (
        "_calls",
        "_connection",
        "_held",
        "_held_size",
        "_last_call",
        "_rooms",
        "_state",
        "data",
        "id",
        "namespace",
    )

    def __init__(self, namespace: Namespace, connection: Connection) -> None:
        self.namespace = namespace
        self.id = secrets.token_urlsafe(15)
        self.data: Any = None
        self._connection = connection
        self._state = _CONNECTING
        self._held: list[bytes] | None = None  # what must not overtake the CONNECT packet
        self._held_size = 0
        self._rooms: dict[str, Room] | None = None
        self._calls: dict[int, asyncio.Future[Any]] | None = None
        self._last_call = 0

    def __repr__(self) -> str:
        return f"<Socket {self.id} of {self.namespace.name}>"

    # What it is

    @property
    def connected(self) -> bool:
        """True once the client was let in and until it is gone."""
        return self._state == _CONNECTED

    @property
    def session(self) -> Session:
        """The Engine.IO session underneath."""
        return self._connection.session

    @property
    def address(self) -> str:
        """The client's address, as ``client_address`` gave it when the session began."""
        return self.session.address

    @property
    def headers(self) -> dict[str, str]:
        """Header fields of the request that began the session, by lower-case name."""
        return self.session.request.headers

    @property
    def query(self) -> dict[str, str]:
        """Query parameters of the request that began the session."""
        return self.session.request.query

    @property
    def transport_name(self) -> str:
        """``polling`` or ``websocket``."""
        return "polling" if self.session.polling is not None else "websocket"

    @property
    def rooms(self) -> frozenset[str]:
        """Names of the rooms it is in."""
        return frozenset(self._rooms or ())

    # Sending

    @property
    def buffered(self) -> int:
        """Bytes accepted for this client and not yet given to the operating system."""
        return self.session.buffered

    async def drained(self, below: int = 65536) -> None:
        """Wait until at most ``below`` bytes are buffered. Raises `Disconnected`."""
        session = self.session
        if self._state == _GONE or not await session.server.wait_drained(session, below):
            raise Disconnected("the socket is gone")

    def emit(self, event: str, *args: Any) -> None:
        """Send ``event``. Lost without a word if the client is gone.

        Raises ``TypeError`` for arguments that JSON cannot carry.
        """
        self.send_frames(encode_packet(EVENT, self.namespace.name, None, (event, *args)))

    async def call(self, event: str, *args: Any, timeout: float = 20.0) -> Any:  # noqa: ASYNC109
        """Send ``event`` and wait for the client's acknowledgement.

        Returns None, its argument, or a tuple of its arguments. Raises ``TimeoutError`` after
        ``timeout`` seconds and `Disconnected` if the client goes away.
        """
        if self._state in (_UNWANTED, _GONE):
            raise Disconnected("the socket is gone")
        if self._calls is None:
            self._calls = {}
        if len(self._calls) >= MAX_CALLS:
            raise RuntimeError(f"{MAX_CALLS} calls to this client wait already")
        self._last_call += 1
        number = self._last_call
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        try:
            self.send_frames(encode_packet(EVENT, self.namespace.name, number, (event, *args)))
            async with asyncio.timeout(timeout):
                return await answer
        finally:
            self._calls.pop(number, None)

    def send_frames(self, frames: bytes) -> None:
        """Send an encoded packet; before the client is let in it is kept.

        Too much of that ends the session, as with a client that does not read.
        """
        if self._state == _CONNECTED:
            session = self._connection.session
            session.server.outbox.deliveries += 1
            session.send(frames)
        elif self._state == _CONNECTING:
            if self._held is None:
                self._held = []
            self._held.append(frames)
            self._held_size += len(frames)
            if self._held_size > self.session.server.options.max_send_buffer:
                self._held = None
                self._held_size = 0
                self.session.give_up_slow()

    # Rooms

    def join(self, room: str) -> None:
        """Enter ``room``; harmless if it is in it, or gone."""
        if self._state == _GONE:
            return
        if self._rooms is None:
            self._rooms = {}
        if room not in self._rooms:
            self._rooms[room] = self.namespace.enter(self, room)

    def leave(self, room: str) -> None:
        """Leave ``room``; harmless if it is not in it."""
        if self._rooms is not None and room in self._rooms:
            self.namespace.exit(self, self._rooms.pop(room))

    # The end

    def disconnect(self, close: bool = False) -> None:
        """Throw the client out of the namespace, with ``close`` out of the gateway.

        One whose connect handler still runs is let in first, so that it gets what was emitted until
        now, and thrown out at once; ``close`` waits for nothing.
        """
        if self._state == _CONNECTING:
            self._state = _UNWANTED
        elif self._state == _CONNECTED:
            self.session.send(encode_packet(DISCONNECT, self.namespace.name, None, None))
            self._connection.remove(self, SERVER_DISCONNECT)
        if close:
            self._connection.session.close(SERVER_CLOSED)

    # For the connection

    def accept(self) -> None:
        """Tell the client that it is in, and let it have what waited for that."""
        unwanted = self._state == _UNWANTED
        self._state = _CONNECTED
        session = self._connection.session
        answer = encode_packet(CONNECT, self.namespace.name, None, {"sid": self.id})
        if self._held or unwanted:
            # Some clients listen for events only when they have dealt with the answer.
            session.send_alone(answer)
        else:
            session.send(answer)
        for frames in self._held or ():
            self.send_frames(frames)
        self._held = None
        self.namespace.admit(self)
        for room in (self._rooms or {}).values():
            room.add(self)
        if unwanted:
            self.disconnect()

    def refuse(self, message: str, data: Any) -> None:
        """Tell the client that it is not let in."""
        payload = {"message": message} if data is None else {"message": message, "data": data}
        self._connection.session.send(
            encode_packet(CONNECT_ERROR, self.namespace.name, None, payload)
        )
        self.forget()

    def forget(self) -> None:
        """Leave everything; nothing is sent or received any more."""
        if self._state == _GONE:
            return
        self._state = _GONE
        self._held = None
        self.namespace.dismiss(self)
        rooms, self._rooms = self._rooms, None
        for room in (rooms or {}).values():
            self.namespace.exit(self, room)
        for answer in (self._calls or {}).values():
            if not answer.done():
                answer.set_exception(Disconnected("the socket is gone"))

    def answer(self, number: int, args: list[Any]) -> None:
        """The client's acknowledgement of a `call`; one that nobody waits for is ignored."""
        waiting = (self._calls or {}).get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(None if not args else args[0] if len(args) == 1 else tuple(args))
