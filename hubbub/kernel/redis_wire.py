"""One connection to Redis for publishing or subscribing, and where the masters are.

Commands go through redis-py (redis_store.py). The bus has connections of its own, because it writes many commands
with one system call, waits for no answer, and must hear a message in microseconds.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis

from hubbub.kernel.redis_address import Host, RedisAddress

logger = logging.getLogger("hubbub.redis")

CONNECT_SECONDS = 2.0
UNANSWERED_BEATS = 3
"""A connection that has been silent over so many beats, a PING in each, is dead."""
PING = b"*1\r\n$4\r\nPING\r\n"
SLOTS = 16_384


class WireError(Exception):
    """Redis did not do what was asked; the message says what it answered."""


def pack(*words: bytes) -> bytes:
    """A command as Redis reads it (RESP)."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


class Link(asyncio.Protocol):
    """One connection. `heard(link, reply)` gets what comes, `lost(link)` is called once when it has ended."""

    def __init__(
        self,
        host: Host,
        heard: Callable[["Link", Any], None],
        lost: Callable[["Link"], None],
    ) -> None:
        self.host = host
        self._heard = heard
        self._lost: Callable[[Link], None] | None = lost
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._quiet_beats = 0

    @classmethod
    async def open(
        cls,
        address: RedisAddress,
        host: Host,
        heard: Callable[["Link", Any], None],
        lost: Callable[["Link"], None],
        *,
        sentinel: bool = False,
    ) -> "Link":
        """A connection that is signed in. Raises OSError, TimeoutError or WireError."""
        link = cls(host, heard, lost)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: link, *host, ssl=address.tls_context())
                if address.password is not None and not sentinel:
                    words = [address.user or "default", address.password]
                    await link.ask(b"AUTH", *(word.encode() for word in words))
                if address.kind == "sentinel" and not sentinel:
                    role = await link.ask(b"ROLE")
                    if role[0] != b"master":
                        raise WireError(f"{host[0]}:{host[1]} is not the master now")
        except BaseException:
            link.end()
            raise
        return link

    async def ask(self, *words: bytes) -> Any:
        """Sends a command and answers its reply; not once the connection is subscribed. Raises WireError, OSError."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        self.write(pack(*words))
        reply = await future
        if isinstance(reply, hiredis.ReplyError):
            raise WireError(str(reply))
        return reply

    @property
    def unsent(self) -> int:
        """Bytes that wait for Redis to take them."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def beat(self) -> None:
        """Called at intervals: ends the connection when nothing has come over it for several."""
        if self._quiet_beats >= UNANSWERED_BEATS:
            logger.warning("Redis at %s:%d has gone silent", *self.host)
            self.end()
        elif self._transport is not None:
            if self._quiet_beats:
                self.write(PING)
            self._quiet_beats += 1

    def end(self, *, flush: bool = False) -> None:
        """Closes the connection; with `flush` what is written still goes out."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close() if flush else transport.abort()
        self._over()

    def _over(self) -> None:
        lost, self._lost = self._lost, None
        while self._asked:
            future = self._asked.popleft()
            if not future.done():
                future.set_exception(ConnectionResetError("the connection to Redis was lost"))
        if lost is not None:
            lost(self)

    # asyncio.Protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._quiet_beats = 0
        self._reader.feed(data)
        try:
            while self._transport is not None and (reply := self._reader.gets()) is not False:
                if self._asked:
                    future = self._asked.popleft()
                    if not future.done():
                        future.set_result(reply)
                else:
                    self._pass(reply)
        except hiredis.ProtocolError as error:
            logger.error("Redis at %s:%d does not speak its protocol: %s", *self.host, error)
            self.end()

    def _pass(self, reply: Any) -> None:
        try:
            self._heard(self, reply)
        except Exception:
            # The connection carries everybody's messages; one that cannot be handled must not end it.
            logger.exception("a message from Redis could not be handled")

    def connection_lost(self, _reason: Exception | None) -> None:
        self._transport = None
        self._over()


@dataclass(frozen=True, slots=True)
class Masters:
    """The servers that take writes; `slots` tells for each slot of a cluster which of them, -1 for none."""

    hosts: tuple[Host, ...]
    slots: tuple[int, ...] | None = None

    def host_of(self, channel: bytes) -> Host | None:
        """Where a channel is published and heard."""
        if self.slots is None:
            return self.hosts[0]
        index = self.slots[slot_of(channel)]
        return self.hosts[index] if index >= 0 else None


def slot_of(channel: bytes) -> int:
    from redis.crc import key_slot

    return int(key_slot(channel))


async def find_masters(address: RedisAddress, known: Sequence[Host]) -> Masters:
    """Asks for the masters; of a cluster also those servers that were `known` before. Raises WireError."""
    if address.kind == "single":
        return Masters(address.hosts)
    reasons = []
    for host in dict.fromkeys((*known, *address.hosts)):
        link = None
        sentinel = address.kind == "sentinel"
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                link = await Link.open(address, host, ignore, ignore, sentinel=sentinel)
                if sentinel:
                    return await ask_sentinel(link, address.master)
                return read_slots(await link.ask(b"CLUSTER", b"SLOTS"), host)
        except (OSError, TimeoutError, WireError) as error:
            reasons.append(f"{host[0]}:{host[1]}: {error or 'no answer'}")
        finally:
            if link is not None:
                link.end()
    raise WireError("; ".join(reasons))


def ignore(*_: Any) -> None:
    """Nobody waits for what comes."""


async def ask_sentinel(link: Link, master: str) -> Masters:
    found = await link.ask(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", master.encode())
    if found is None:
        raise WireError(f"this sentinel knows no master {master!r}")
    return Masters(((found[0].decode(), int(found[1])),))


def read_slots(reply: Sequence[Any], asked: Host) -> Masters:
    """The masters of a cluster as CLUSTER SLOTS tells them. Raises WireError."""
    hosts: dict[Host, int] = {}
    slots = [-1] * SLOTS
    for start, end, (name, port, *_), *_replicas in sorted(reply):
        host = (name.decode() if name else asked[0], int(port))
        index = hosts.setdefault(host, len(hosts))
        slots[start : end + 1] = [index] * (end + 1 - start)
    if not hosts:
        raise WireError("the cluster has no slots yet")
    return Masters(tuple(hosts), tuple(slots))
