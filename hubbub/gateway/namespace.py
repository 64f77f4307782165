"""Namespaces and rooms: who is there, who listens, and what is sent to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, KeysView
from typing import TYPE_CHECKING, Any, TypeVar

from .outbox import Batch, Outbox
from .packets import EVENT, encode_packet

if TYPE_CHECKING:
    from .session import Session
    from .socket import Socket

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


class Room:
    """Sockets that are sent the same events."""

    __slots__ = ("batch", "members", "name", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[Socket, Session] = {}
        self.waiting: set[Socket] | None = None  # members whose CONNECT is not answered yet
        self.batch: Batch | None = None

    def __len__(self) -> int:
        return len(self.members) + (len(self.waiting) if self.waiting else 0)

    def add(self, socket: Socket) -> None:
        """Let ``socket`` have what is sent from now on."""
        if socket.connected:
            if self.batch is not None:
                self.batch.seal()
            self.members[socket] = socket.session
            self._forget_waiting(socket)
        else:
            if self.waiting is None:
                self.waiting = set()
            self.waiting.add(socket)

    def remove(self, socket: Socket) -> None:
        """Send ``socket`` nothing more."""
        if socket in self.members:
            if self.batch is not None:
                self.batch.seal()
            del self.members[socket]
        self._forget_waiting(socket)

    def _forget_waiting(self, socket: Socket) -> None:
        if self.waiting is not None:
            self.waiting.discard(socket)
            if not self.waiting:
                self.waiting = None

    def send(self, outbox: Outbox, frames: bytes) -> None:
        """Send ``frames`` to every member."""
        if self.members:
            outbox.publish(self, self.members.values(), len(self.members), frames)
        if self.waiting is not None:
            for socket in self.waiting:
                socket.send_frames(frames)

    def send_except(self, outbox: Outbox, frames: bytes, skip: set[Socket]) -> None:
        """Send ``frames`` to every member that is not in ``skip``."""
        sessions = [session for socket, session in self.members.items() if socket not in skip]
        if sessions:
            outbox.publish_once(sessions, frames)
        for socket in self.waiting or ():
            if socket not in skip:
                socket.send_frames(frames)


class Namespace:
    """One namespace of a gateway: its handlers, its sockets and its rooms.

    Handlers may be plain functions or coroutine functions. See `on_connect`, `on`, `on_unknown`
    and `on_disconnect`.
    """

    def __init__(self, name: str, outbox: Outbox) -> None:
        self.name = name
        self.handlers: dict[str | int | float, Handler] = {}
        self.connect_handler: Handler | None = None
        self.disconnect_handler: Handler | None = None
        self.unknown_handler: Handler | None = None
        self._outbox = outbox
        self._rooms: dict[str, Room] = {}
        self._everyone = Room("")

    # Handlers

    def on_connect(self, handler: H) -> H:
        """Decorator: ``handler(socket, auth)`` runs before a client is let in.

        ``auth`` is the client's object, empty if it sent none. Raise `ConnectRefused` to keep the
        client out. What is emitted here arrives a moment after the client knows that it is connected.
        """
        self.connect_handler = handler
        return handler

    def on(self, event: str) -> Callable[[H], H]:
        """Decorator: ``handler(socket, *args)`` runs for each ``event`` of a client.

        What it returns is the acknowledgement, if the client asked for one: None for one without
        arguments, a tuple for several, anything else for one. The handler may also be a coroutine
        function, or return an `asyncio.Future`, in which case nothing else of this socket waits
        for it.
        """

        def register(handler: H) -> H:
            self.handlers[event] = handler
            return handler

        return register

    def on_unknown(self, handler: H) -> H:
        """Decorator: ``handler(socket, event, *args)`` runs for events without a handler.

        Without it they are ignored, acknowledgements included, as in other implementations.
        """
        self.unknown_handler = handler
        return handler

    def on_disconnect(self, handler: H) -> H:
        """Decorator: ``handler(socket, reason)`` runs once for each socket that was let in.

        A client may leave while its connect handler runs; once that has let it in, this runs too.
        """
        self.disconnect_handler = handler
        return handler

    # Sockets and rooms

    @property
    def sockets(self) -> KeysView[Socket]:
        """The connected sockets, as a live view; copy it before you await."""
        return self._everyone.members.keys()

    def members(self, room: str) -> Iterator[Socket]:
        """The connected sockets of a room, as a live view."""
        found = self._rooms.get(room)
        return iter(found.members if found else ())

    def room_size(self, room: str) -> int:
        """How many sockets are in ``room``."""
        found = self._rooms.get(room)
        return len(found) if found else 0

    @property
    def room_count(self) -> int:
        """How many rooms have members."""
        return len(self._rooms)

    def emit(
        self,
        event: str,
        *args: Any,
        room: str | None = None,
        skip: Socket | Iterable[Socket] | None = None,
    ) -> None:
        """Send ``event`` to everyone in ``room`` (default: in the namespace) but ``skip``.

        The packet is encoded once. Raises ``TypeError`` for arguments that JSON cannot carry.
        """
        target = self._everyone if room is None else self._rooms.get(room)
        if target is None:
            return
        frames = encode_packet(EVENT, self.name, None, (event, *args))
        if skip is None:
            target.send(self._outbox, frames)
        else:
            skipped = set(skip) if isinstance(skip, Iterable) else {skip}
            target.send_except(self._outbox, frames, skipped)

    def enter(self, socket: Socket, name: str) -> Room:
        """Put ``socket`` into the room ``name``, which exists as long as somebody is in it."""
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(name)
        room.add(socket)
        return room

    def exit(self, socket: Socket, room: Room) -> None:
        """Take ``socket`` out of ``room``."""
        room.remove(socket)
        if not len(room) and self._rooms.get(room.name) is room:
            del self._rooms[room.name]

    def admit(self, socket: Socket) -> None:
        """Count ``socket`` among the connected."""
        self._everyone.add(socket)

    def dismiss(self, socket: Socket) -> None:
        """Forget ``socket``."""
        self._everyone.remove(socket)
