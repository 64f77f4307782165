"""From the relay to the sockets: follow, resume, signals, and the end of a session or a right.

A socket that follows a stream is either catching up (it gets what it missed from memory or the log) or live (it
is in the gateway's room of that stream). The step from one to the other happens in one turn of the loop, so no
entry falls between, and none comes twice.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from hubbub.gateway import Disconnected, EncodedJson, Namespace, Socket
from hubbub.kernel import log
from hubbub.kernel.bus import Signal
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Invalid, NotFound, Problem, TooMany, Unavailable
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Encoded, Entry, StreamState

logger = logging.getLogger("hubbub.delivery")

FOLLOW_AT_ONCE = 1_000
FOLLOWED_MOST = 2_000
CATCH_UPS_AT_ONCE = 16
CATCH_UPS_WAITING = 10_000
REPLAY_BUFFER = 256_000
REPLAY_STALL_SECONDS = 60.0
HEADS_SECONDS = 25.0
EXPIRY_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Connection:
    """One signed-in socket. `following` tells for each stream whether it is live."""

    socket: Socket
    caller: Caller
    expires_at: int
    following: dict[str, bool] = field(default_factory=dict)
    commands: float = 0.0
    counted_at: float = 0.0

    def close(self) -> None:
        """Closes the transport without a goodbye of Socket.IO, so that the client comes back by itself."""
        self.socket.session.close("server closed")


def join_entries(batch: Iterable[Encoded]) -> EncodedJson:
    return EncodedJson(b"[" + b",".join(encoded.json for encoded in batch) + b"]")


class Delivery:
    """Followers of this node. It takes over the relay's callbacks of the kernel it is given.

    `on_entry[kind]` is called with each delivered entry of that kind, after its followers have got it.
    `withdraws[kind]` tells whose right to the stream ends with an entry: a person's id, or None for everybody's.
    """

    def __init__(self, kernel: Kernel, namespace: Namespace) -> None:
        self._kernel = kernel
        self._namespace = namespace
        self._connections: dict[str, set[Connection]] = {}
        self._followers: dict[str, set[Connection]] = {}
        self._admission = asyncio.Semaphore(CATCH_UPS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._moved: set[str] = set()
        self.on_entry: dict[str, list[Callable[[Entry], None]]] = {}
        self.withdraws: dict[str, Callable[[Entry], str | None]] = {}
        self.draining = False
        kernel.on_deliver = self.deliver
        kernel.on_reset = self.reset
        kernel.on_signal = self.pass_signal

    @property
    def people(self) -> int:
        return len(self._connections)

    @property
    def catching_up(self) -> int:
        return len(self._tasks)

    # Sockets come and go.

    async def attach(self, socket: Socket, caller: Caller, expires_at: int) -> Connection:
        """Takes a socket in. The node follows the person's own stream for as long as they are here."""
        connection = Connection(socket, caller, expires_at)
        socket.data = connection
        await self._kernel.relay.open(caller.id)
        self._connections.setdefault(caller.id, set()).add(connection)
        return connection

    def detach(self, connection: Connection) -> None:
        """Lets a closed socket go."""
        for stream in list(connection.following):
            self._drop(connection, stream)
        here = self._connections.get(connection.caller.id)
        if here is not None and connection in here:
            here.discard(connection)
            if not here:
                del self._connections[connection.caller.id]
            self._kernel.relay.close(connection.caller.id)

    def connections_of(self, user: str) -> list[Connection]:
        return list(self._connections.get(user, ()))

    # Following.

    async def follow(
        self, connection: Connection, wanted: Mapping[str, int | None]
    ) -> dict[str, Any]:
        """Follows the streams from the given cursors (None: from now); answers each one's state.

        Entries after the cursor come as `entries`, then `caught_up`. Raises Invalid or TooMany.
        """
        if len(wanted) > FOLLOW_AT_ONCE:
            raise Invalid(f"At most {FOLLOW_AT_ONCE} streams can be followed with one call.")
        if len(connection.following.keys() | wanted.keys()) > FOLLOWED_MOST:
            raise TooMany(f"At most {FOLLOWED_MOST} streams can be followed by one socket.")
        if len(self._tasks) + len(wanted) > CATCH_UPS_WAITING:
            raise Unavailable("Too many are catching up just now.", retry_after=2)
        states = await self._kernel.read(self.check_streams, connection.caller, list(wanted))
        answers: dict[str, Any] = {}
        for stream, cursor in wanted.items():
            if stream not in states:
                answers[stream] = {"error": NotFound("There is no such stream.").document()}
                continue
            try:
                answers[stream] = await self._start(connection, stream, cursor, states[stream])
            except Problem as problem:
                answers[stream] = {"error": problem.document()}
        return answers

    async def _start(
        self, connection: Connection, stream: str, cursor: int | None, state: StreamState
    ) -> dict[str, Any]:
        if stream in connection.following:
            self._drop(connection, stream)
        cutoff = await self._kernel.relay.open(stream)
        if not connection.socket.connected:
            self._kernel.relay.close(stream)
            raise Unavailable("The socket is closed.")
        if stream in connection.following:
            self._kernel.relay.close(stream)
            raise Invalid("The stream is being followed already.")
        head = max(cutoff, state.head)
        if cursor is not None and (cursor < state.floor or cursor > head):
            self._kernel.relay.close(stream)
            return {"reset": True, "head": head}
        self._followers.setdefault(stream, set()).add(connection)
        if cursor is None or cursor >= cutoff == self._kernel.relay.last(stream):
            self._go_live(connection, stream)
            return {"head": head, "cutoff": cutoff}
        connection.following[stream] = False
        task = asyncio.create_task(self._catch_up(connection, stream, cursor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return {"head": head, "cutoff": cutoff}

    def check_streams(
        self, connection: Any, caller: Caller, ids: list[str]
    ) -> dict[str, StreamState]:
        """The states of those of the streams that the caller may follow."""
        states = log.read_states(connection, ids)
        by_kind: dict[str, list[str]] = {}
        for state in states.values():
            by_kind.setdefault(state.kind, []).append(state.id)
        allowed: set[str] = set()
        for kind, streams in by_kind.items():
            access = self._kernel.stream_access.get(kind)
            if access is not None:
                allowed |= access(connection, caller, streams)
        return {stream: state for stream, state in states.items() if stream in allowed}

    def unfollow(self, connection: Connection, streams: Iterable[str]) -> None:
        for stream in streams:
            if stream in connection.following:
                self._drop(connection, stream)

    def _go_live(self, connection: Connection, stream: str) -> None:
        connection.following[stream] = True
        connection.socket.join(stream)

    def _drop(self, connection: Connection, stream: str) -> None:
        live = connection.following.pop(stream)
        if live:
            connection.socket.leave(stream)
        followers = self._followers.get(stream)
        if followers is not None:
            followers.discard(connection)
            if not followers:
                del self._followers[stream]
        self._kernel.relay.close(stream)

    async def _catch_up(self, connection: Connection, stream: str, cursor: int) -> None:
        """Sends what came after the cursor, then goes live in the turn in which nothing is missing."""
        try:
            async with self._admission:
                while connection.following.get(stream) is False:
                    last = self._kernel.relay.last(stream)
                    if cursor >= last:
                        self._go_live(connection, stream)
                        break
                    batch = await self._read_after(stream, cursor, last)
                    if connection.following.get(stream) is not False:
                        return
                    if not batch or batch[0].seq != cursor + 1:
                        self._drop(connection, stream)
                        self._emit_reset([connection], stream, last, "too_old")
                        return
                    connection.socket.emit("entries", join_entries(batch))
                    cursor = batch[-1].seq
                    async with asyncio.timeout(REPLAY_STALL_SECONDS):
                        await connection.socket.drained(below=REPLAY_BUFFER)
            if connection.following.get(stream):
                connection.socket.emit("caught_up", {"stream": stream, "seq": cursor})
        except Disconnected:
            return
        except (Problem, TimeoutError) as error:
            logger.info("a catch-up ended early: %s", error)
            connection.socket.emit("goaway", {"retry_after": 2.0, "reason": "catch_up"})
            connection.close()

    async def _read_after(self, stream: str, cursor: int, last: int) -> list[Encoded]:
        recent = self._kernel.relay.recent(stream, cursor)
        if recent is not None:
            return recent[: log.PAGE]
        page = await self._kernel.read(log.read_entries, stream, cursor, last)
        return [Encoded.of(entry) for entry in page]

    # What the relay brings.

    def deliver(self, stream: str, batch: list[Encoded]) -> None:
        """Gives the next entries to the live followers: encoded once, the same bytes to each."""
        start = 0
        for place, encoded in enumerate(batch):
            if encoded.kind in self.withdraws:
                self._emit_entries(stream, batch[start : place + 1])
                start = place + 1
                self._withdraw(stream, self.withdraws[encoded.kind](encoded.entry))
        self._emit_entries(stream, batch[start:])
        self._moved.add(stream)
        for encoded in batch:
            for react in self.on_entry.get(encoded.kind, ()):
                react(encoded.entry)

    def _emit_entries(self, stream: str, batch: list[Encoded]) -> None:
        if batch and stream in self._followers:
            self._namespace.emit("entries", join_entries(batch), room=stream)

    def _withdraw(self, stream: str, user: str | None) -> None:
        gone = [
            connection
            for connection in self._followers.get(stream, ())
            if user is None or connection.caller.id == user
        ]
        for connection in gone:
            self._drop(connection, stream)
        if gone:
            self._emit_reset(gone, stream, 0, "withdrawn")

    def reset(self, stream: str, head: int) -> None:
        """What followers lack is older than the log: they load the state afresh."""
        followers = list(self._followers.get(stream, ()))
        self._emit_reset(followers, stream, head, "too_old")

    def _emit_reset(
        self, connections: Iterable[Connection], stream: str, head: int, reason: str
    ) -> None:
        document = {"stream": stream, "head": head, "reason": reason}
        for connection in connections:
            connection.socket.emit("reset", document)

    def pass_signal(self, signal: Signal) -> None:
        if signal.stream in self._followers:
            self._namespace.emit("signal", signal.document(), room=signal.stream)

    # Sessions and rights that end.

    def end_session(self, user: str, session: str | None) -> None:
        """Tells the sockets of a session (None: of all of the person's) that it is over, and closes them."""
        for connection in self.connections_of(user):
            if session is None or connection.caller.session == session:
                connection.socket.emit("revoked", {"reason": "The session ended."})
                connection.socket.disconnect(close=True)

    async def recheck(self, user: str, role: str) -> None:
        """After a change of role: drops what the person's sockets may no longer follow."""
        for connection in self.connections_of(user):
            caller = connection.caller
            connection.caller = Caller(caller.id, role, caller.session, caller.address)
            if not connection.following:
                continue
            states = await self._kernel.read(
                self.check_streams, connection.caller, list(connection.following)
            )
            for stream in [s for s in connection.following if s not in states]:
                self._drop(connection, stream)
                self._emit_reset([connection], stream, 0, "withdrawn")

    async def close_expired(self) -> None:
        """Closes sockets whose access token ran out without a fresh one; they may come back with one."""
        now = self._kernel.clock()
        for connections in list(self._connections.values()):
            for connection in list(connections):
                if connection.expires_at <= now:
                    connection.socket.emit("goaway", {"retry_after": 0.0, "reason": "token"})
                    connection.close()

    async def emit_heads(self) -> None:
        """Tells each socket the heads of its streams that moved since the last time."""
        moved, self._moved = self._moved, set()
        told: dict[Connection, dict[str, int]] = {}
        for stream in moved:
            followers = self._followers.get(stream)
            if not followers:
                continue
            head = self._kernel.relay.last(stream)
            for connection in followers:
                told.setdefault(connection, {})[stream] = head
        for connection, heads in told.items():
            connection.socket.emit("heads", heads)

    def say_goodbye(self, reason: str, spread: float) -> None:
        """Asks every socket to come back elsewhere, each after its own part of `spread` seconds."""
        self.draining = True
        everybody = [c for connections in self._connections.values() for c in connections]
        for place, connection in enumerate(everybody):
            wait = round(0.2 + spread * place / max(1, len(everybody)), 3)
            connection.socket.emit("goaway", {"retry_after": wait, "reason": reason})

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def encode_ack(body: bytes, seq: int | None, name: str | None) -> EncodedJson:
    """`{"ok": true, "seq": …, "<name>": <body>}` with the command's own bytes."""
    head = b'{"ok":true' if seq is None else b'{"ok":true,"seq":%d' % seq
    if name is None or not body:
        return EncodedJson(head + b"}")
    return EncodedJson(head + b',"' + name.encode() + b'":' + body + b"}")


def problem_ack(problem: Problem) -> EncodedJson:
    return EncodedJson(orjson.dumps({"ok": False, "error": problem.document()}))
