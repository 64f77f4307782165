"""The connections of the bus: a publishing and a subscribing one to each master, kept there for ever.

Single, sentinels and cluster differ only in who tells where the masters are.
"""

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal, Protocol

from hubbub.kernel.redis_address import Host, RedisAddress
from hubbub.kernel.redis_wire import Link, Masters, WireError, find_masters
from hubbub.kernel.tasks import end_tasks

logger = logging.getLogger("hubbub.bus")

BEAT_SECONDS = 1.0
RESOLVE_SECONDS = 5.0
"""How often sentinels or the cluster are asked whether the masters are still the same."""
START_SECONDS = 2.0
BACKOFF_SECONDS = (0.1, 2.0)

Part = Literal["publisher", "subscriber"]


class Owner(Protocol):
    """Whose connections they are; called on the event loop."""

    def heard(self, link: Link, reply: Any) -> None: ...

    def subscriber_up(self, link: Link) -> None: ...

    def subscriber_lost(self, link: Link) -> None: ...

    def masters_moved(self) -> None:
        """The channels may have other masters than before."""

    def healthy(self) -> bool:
        """Whether all is as it should be, so that the next failure is a first one."""


class Links:
    """Opens what is missing, one attempt after the other, at growing and varying intervals."""

    def __init__(self, address: RedisAddress, owner: Owner) -> None:
        self._address = address
        self._owner = owner
        self.masters: Masters | None = None
        self.publishers: dict[Host, Link] = {}
        self.subscribers: dict[Host, Link] = {}
        self.reconnects = 0
        self._opened: set[tuple[Part, Host]] = set()
        self._stale = False
        self._resolved_at = 0.0
        self._beat_at = 0.0
        self._failures = 0
        self._told_lost = False
        self._wake = asyncio.Event()
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None

    @property
    def complete(self) -> bool:
        """Whether every master has its two connections."""
        masters = self.masters
        return masters is not None and all(
            host in self.publishers and host in self.subscribers for host in masters.hosts
        )

    def host_of(self, channel: bytes) -> Host | None:
        return None if self.masters is None else self.masters.host_of(channel)

    def publisher_of(self, channel: bytes) -> Link | None:
        host = self.host_of(channel)
        return None if host is None else self.publishers.get(host)

    def subscriber_of(self, channel: bytes) -> Link | None:
        host = self.host_of(channel)
        return None if host is None else self.subscribers.get(host)

    def look_again(self) -> None:
        """The masters are not what they were thought to be."""
        self._stale = True
        self._wake.set()

    async def start(self) -> None:
        """Connects in the background, and returns when the first attempt is over or takes long."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="bus")
            with suppress(TimeoutError):
                async with asyncio.timeout(START_SECONDS):
                    await self._first.wait()

    async def stop(self) -> None:
        """Opens nothing any more."""
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None

    def end(self) -> None:
        """Closes all connections; what is written still goes out."""
        for link in list(self._all()):
            link.end(flush=True)

    def _all(self) -> Iterator[Link]:
        yield from self.publishers.values()
        yield from self.subscribers.values()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._mend()
            except (OSError, TimeoutError, WireError) as error:
                self._failures += 1
                self._stale = True
                if not self._told_lost:
                    logger.warning("the bus cannot reach Redis: %s", error or "no answer in time")
                    self._told_lost = True
            except Exception:
                logger.exception("the bus could not connect")
                self._failures += 1
            self._first.set()
            if not self._failures:
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_SECONDS):
                        await self._wake.wait()
            if self._failures or self._stale:
                first, longest = BACKOFF_SECONDS
                wait = min(longest, first * 2 ** min(self._failures, 10))
                await asyncio.sleep(wait * (0.5 + random.random() / 2))  # noqa: S311 - spreads load
            self._beat()

    def _beat(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._beat_at >= BEAT_SECONDS:
            self._beat_at = now
            for link in list(self._all()):
                link.beat()
        if self._owner.healthy():
            if self._told_lost:
                logger.info("the bus hears through Redis again")
            self._failures = 0
            self._told_lost = False

    async def _mend(self) -> None:
        """Finds the masters when that is due, and opens the connections that are missing."""
        now = asyncio.get_running_loop().time()
        due = self._address.kind != "single" and now - self._resolved_at > RESOLVE_SECONDS
        if self.masters is None or self._stale or due:
            cluster = self.masters is not None and self._address.kind == "cluster"
            known = self.masters.hosts if cluster and self.masters is not None else ()
            masters = await find_masters(self._address, known)
            moved, self._stale = self._stale or masters != self.masters, False
            self._resolved_at = now
            self.masters = masters
            for link in [link for link in self._all() if link.host not in masters.hosts]:
                link.end()
            if moved:
                self._owner.masters_moved()
        assert self.masters is not None
        opening = [
            self._open("publisher", h) for h in self.masters.hosts if h not in self.publishers
        ]
        opening += [
            self._open("subscriber", h) for h in self.masters.hosts if h not in self.subscribers
        ]
        for result in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _open(self, part: Part, host: Host) -> None:
        lost = self._publisher_lost if part == "publisher" else self._subscriber_lost
        link = await Link.open(self._address, host, self._owner.heard, lost)
        if (part, host) in self._opened:
            self.reconnects += 1
        self._opened.add((part, host))
        if part == "publisher":
            self.publishers[host] = link
        else:
            self.subscribers[host] = link
            self._owner.subscriber_up(link)

    def _publisher_lost(self, link: Link) -> None:
        if self.publishers.get(link.host) is link:
            del self.publishers[link.host]
            self._lost_one()

    def _subscriber_lost(self, link: Link) -> None:
        if self.subscribers.get(link.host) is link:
            del self.subscribers[link.host]
            self._owner.subscriber_lost(link)
            self._lost_one()

    def _lost_one(self) -> None:
        self._failures += 1
        self.look_again()
