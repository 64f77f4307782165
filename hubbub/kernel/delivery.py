"""From the relay to the sockets: follow, resume, signals, and the end of a session or a right.

A socket that follows a stream is either catching up (catch_up.py) or live (it is in the gateway's room of that
stream). The step from one to the other happens in one turn of the loop, so no entry falls between, and none comes
twice.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any

import orjson

from hubbub.gateway import EncodedJson, Namespace, Socket
from hubbub.kernel import log
from hubbub.kernel.bus import Signal
from hubbub.kernel.caller import Caller
from hubbub.kernel.catch_up import WAITING, CatchUps
from hubbub.kernel.connection import Connection, join_entries
from hubbub.kernel.errors import Invalid, NotFound, Problem, TooMany, Unavailable
from hubbub.kernel.joined import Joined
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Encoded, Entry, StreamState
from hubbub.kernel.pace import Pace

logger = logging.getLogger("hubbub.delivery")

FOLLOW_AT_ONCE = 1_000
FOLLOWED_MOST = 2_000
FOLLOWS_WAITING = 1_500
CHECKS = 3
"""How often rights are looked up for one follow, while they keep changing meanwhile."""
HEADS_SECONDS = 25.0
EXPIRY_SECONDS = 5.0
SHUTDOWN = "shutdown"
DRAINING = "draining"
DEAF = "deaf"
"""Why sockets are sent away: this process ends; its supervisor wants its clients elsewhere; docs/cluster.md."""
FIRST_LEAVES = 0.2
LEAVING_PER_SECOND = 1_000
LONGEST_SPREAD = 10.0
LEAVE_GRACE = 1.0
"""Beyond its time, a socket that was sent away is closed after this long."""

Asked = tuple[Caller, tuple[str, ...]]


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
        self._rights = Joined(self._read_rights)
        self._checking = 0
        self.pace = Pace()
        self._catch_ups = CatchUps(
            kernel.database,
            kernel.relay,
            self.pace,
            self._go_live,
            self._start_afresh,
            # Most of the pool is for those who are not catching up.
            readers=max(1, kernel.settings.database_pool // 4),
        )
        self._moved: set[str] = set()
        self.on_entry: dict[str, list[Callable[[Entry], None]]] = {}
        self.withdraws: dict[str, Callable[[Entry], str | None]] = {}
        self.connecting = 0
        self._away: set[str] = set()
        self._leaving: dict[str, asyncio.Task[None]] = {}
        kernel.on_deliver = self.deliver
        kernel.on_reset = self.reset
        kernel.on_signal = self.pass_signal

    @property
    def people(self) -> int:
        return len(self._connections)

    @property
    def catching_up(self) -> int:
        return self._catch_ups.waiting

    @property
    def away(self) -> bool:
        """Whether sockets are sent away, and none are taken in."""
        return bool(self._away)

    @property
    def draining(self) -> bool:
        return not self._away.isdisjoint((SHUTDOWN, DRAINING))

    def retry_after(self) -> float:
        """Seconds after which somebody who is refused now may ask again."""
        return self.pace.retry_after(self.connecting + self._checking + self._catch_ups.sockets)

    # Sockets come and go.

    async def attach(self, socket: Socket, caller: Caller, expires_at: int) -> Connection:
        """Takes a socket in. The node follows the person's own stream for as long as they are here.

        Raises NotFound for a person who is not there, and Unavailable.
        """
        await self._kernel.relay.open(caller.id)
        if self._away:
            # Meanwhile everybody was sent away; this one would not know.
            self._kernel.relay.close(caller.id)
            raise Unavailable("This node is leaving.")
        connection = Connection(socket, caller, expires_at)
        socket.data = connection
        self._connections.setdefault(caller.id, set()).add(connection)
        self.pace.served()
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

    def is_followed(self, stream: str) -> bool:
        """Whether anybody on this node follows the stream."""
        return stream in self._followers

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
        if self._catch_ups.waiting + len(wanted) > WAITING or self._checking >= FOLLOWS_WAITING:
            raise Unavailable("Too many are catching up just now.", retry_after=self.retry_after())
        self._checking += 1
        try:
            return await self._follow(connection, dict(wanted))
        finally:
            self._checking -= 1

    async def _follow(
        self, connection: Connection, wanted: dict[str, int | None]
    ) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for _ in range(CHECKS):
            caller = connection.caller
            states = await self._rights.ask((caller, tuple(wanted))) or {}
            opened = await self._open(states)
            if not connection.socket.connected:
                for stream, problem in opened.items():
                    if problem is None:
                        self._kernel.relay.close(stream)
                raise Unavailable("The socket is closed.")
            unsure: dict[str, int | None] = {}
            for stream, cursor in wanted.items():
                problem = opened.get(stream, NotFound("There is no such stream."))
                if problem is not None:
                    answers[stream] = {"error": problem.document()}
                elif self._may_have_lost(connection, caller, states[stream]):
                    self._kernel.relay.close(stream)
                    unsure[stream] = cursor
                else:
                    answers[stream] = self._start(connection, stream, cursor, states[stream])
            if not unsure:
                return answers
            wanted = unsure
        for stream in wanted:
            answers[stream] = {
                "error": Unavailable(
                    "Rights are changing just now.", retry_after=self.retry_after()
                ).document()
            }
        return answers

    async def _open(self, streams: Iterable[str]) -> dict[str, Problem | None]:
        """Opens streams in the relay; answers why one could not be opened, None for the others."""
        relay = self._kernel.relay
        found: dict[str, Problem | None] = {}
        unknown = [stream for stream in streams if not relay.follows(stream)]
        first = [stream for stream in unknown if not relay.is_opening(stream)]
        results = await asyncio.gather(*map(relay.open, first), return_exceptions=True)
        for stream, result in zip(first, results, strict=True):
            if isinstance(result, Problem):
                found[stream] = result
            elif isinstance(result, BaseException):
                raise result
            else:
                found[stream] = None
        await relay.wait_opened(unknown)
        for stream in streams:
            if stream not in found:
                # Followed by now, as a rule: then this waits for nothing.
                try:
                    await relay.open(stream)
                    found[stream] = None
                except Problem as problem:
                    found[stream] = problem
        return found

    def _may_have_lost(self, connection: Connection, caller: Caller, state: StreamState) -> bool:
        """Whether the right to a stream may have ended since it was looked up.

        What the relay delivers from now on ends it by itself; here is about what it delivered meanwhile.
        """
        since = self._kernel.relay.recent(state.id, state.head)
        return (
            connection.caller is not caller
            or since is None
            or any(
                encoded.kind in self.withdraws
                and self.withdraws[encoded.kind](encoded.entry) in (None, caller.id)
                for encoded in since
            )
        )

    def _start(
        self, connection: Connection, stream: str, cursor: int | None, state: StreamState
    ) -> dict[str, Any]:
        """Follows a stream that the relay has been opened for."""
        if stream in connection.following:
            self._drop(connection, stream)
        relay = self._kernel.relay
        cutoff = relay.last(stream)
        head = max(cutoff, state.head)
        if cursor is not None and (cursor < state.floor or cursor > head):
            relay.close(stream)
            return {"reset": True, "head": head}
        self._followers.setdefault(stream, set()).add(connection)
        if cursor is None or cursor == cutoff:
            self._go_live(connection, stream)
        else:
            connection.following[stream] = False
            self._catch_ups.add(connection, stream, cursor)
        relay.expect(stream, state.head)
        return {"head": head, "cutoff": cutoff}

    async def _read_rights(self, asked: list[Asked]) -> dict[Asked, dict[str, StreamState]]:
        return await self._kernel.read(self.read_rights, asked)

    def read_rights(
        self, connection: Any, asked: Sequence[Asked]
    ) -> dict[Asked, dict[str, StreamState]]:
        """The states of the streams that each caller may follow of those asked for, in one snapshot.

        One question for each kind of stream, however many ask.
        """
        states = log.read_states(connection, {stream for _, ids in asked for stream in ids})
        pairs: dict[str, list[tuple[Caller, str]]] = {}
        for caller, ids in asked:
            for stream in ids:
                if stream in states:
                    pairs.setdefault(states[stream].kind, []).append((caller, stream))
        allowed: set[tuple[Caller, str]] = set()
        for kind, of_kind in pairs.items():
            access = self._kernel.stream_access.get(kind)
            if access is not None:
                allowed |= access(connection, of_kind)
        return {
            (caller, ids): {s: states[s] for s in ids if (caller, s) in allowed}
            for caller, ids in asked
        }

    def unfollow(self, connection: Connection, streams: Iterable[str]) -> None:
        for stream in streams:
            if stream in connection.following:
                self._drop(connection, stream)

    def _go_live(self, connection: Connection, stream: str) -> None:
        connection.following[stream] = True
        connection.socket.join(stream)

    def _drop(self, connection: Connection, stream: str) -> None:
        if connection.following.pop(stream):
            connection.socket.leave(stream)
        else:
            self._catch_ups.remove(connection, stream)
        followers = self._followers.get(stream)
        if followers is not None:
            followers.discard(connection)
            if not followers:
                del self._followers[stream]
        self._kernel.relay.close(stream)

    def _start_afresh(self, connection: Connection, stream: str) -> None:
        """What a follower lacks is not in the log any more: it goes on from the head."""
        self._emit_reset([connection], stream, self._kernel.relay.last(stream), "too_old")
        self._go_live(connection, stream)

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
        self._catch_ups.stream_moved(stream)
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
        for connection in followers:
            if not connection.following[stream]:
                self._catch_ups.remove(connection, stream)
                self._go_live(connection, stream)

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
            asked = (connection.caller, tuple(connection.following))
            states = (await self._kernel.read(self.read_rights, [asked]))[asked]
            for stream in [s for s in connection.following if s not in states]:
                self._drop(connection, stream)
                self._emit_reset([connection], stream, 0, "withdrawn")

    async def close_expired(self) -> None:
        """Closes sockets whose access token ran out without a fresh one; they may come back with one."""
        now = self._kernel.clock()
        for connections in list(self._connections.values()):
            for connection in list(connections):
                if connection.expires_at <= now:
                    connection.send_away("token", 0.0)
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
                if connection.following[stream]:
                    told.setdefault(connection, {})[stream] = head
        for connection, heads in told.items():
            connection.socket.emit("heads", heads)

    # Leaving, and coming back.

    def send_away(self, reason: str, spread: float | None = None, *, within: float = inf) -> float:
        """Asks every socket to come back elsewhere and refuses new ones; answers the seconds until all have left.

        Each gets its own part of `spread` seconds (by default as many as it takes to come back at a bearable rate),
        and is closed when it does not go by itself; all as far as possible `within` so many seconds. Sockets are let
        in again by `welcome`, given every reason.
        """
        self._away.add(reason)
        everybody = [c for connections in self._connections.values() for c in connections]
        if spread is None:
            spread = min(LONGEST_SPREAD, max(1.0, len(everybody) / LEAVING_PER_SECOND))
        spread = max(0.0, min(spread, (within - LEAVE_GRACE) / 1.25 - FIRST_LEAVES))
        turns: list[tuple[float, Connection]] = []
        for place, connection in enumerate(everybody):
            wait = FIRST_LEAVES + spread * place / max(1, len(everybody))
            connection.send_away(reason, round(wait, 3))
            # Clients add up to a quarter of their own.
            turns.append((wait * 1.25 + LEAVE_GRACE, connection))
        self._stop_closing(reason)
        if not turns:
            return 0.0
        self._leaving[reason] = asyncio.create_task(close_in_turn(turns), name=f"leave: {reason}")
        return (FIRST_LEAVES + spread) * 1.25 + LEAVE_GRACE

    def welcome(self, reason: str) -> None:
        """Lets sockets in again, unless they are sent away for another reason, and lets those stay that still do."""
        self._away.discard(reason)
        self._stop_closing(reason)

    def _stop_closing(self, reason: str) -> None:
        task = self._leaving.pop(reason, None)
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        for reason in list(self._leaving):
            self._stop_closing(reason)
        await self._catch_ups.stop()


async def close_in_turn(turns: Iterable[tuple[float, Connection]]) -> None:
    """Closes each connection that many seconds from now; they come in that order."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for wait, connection in turns:
        late = loop.time() - started
        if wait > late:
            await asyncio.sleep(wait - late)
        connection.close()


def encode_ack(body: bytes, seq: int | None, name: str | None) -> EncodedJson:
    """`{"ok": true, "seq": …, "<name>": <body>}` with the command's own bytes."""
    head = b'{"ok":true' if seq is None else b'{"ok":true,"seq":%d' % seq
    if name is None or not body:
        return EncodedJson(head + b"}")
    return EncodedJson(head + b',"' + name.encode() + b'":' + body + b"}")


def problem_ack(problem: Problem) -> EncodedJson:
    return EncodedJson(orjson.dumps({"ok": False, "error": problem.document()}))
