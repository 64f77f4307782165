"""Tells workers that a job waits. Whatever gets lost here costs time and nothing else: they look anyway."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hubbub.kernel.bus import Bus, State
from hubbub.settings import SettingsError

if TYPE_CHECKING:
    from hubbub.kernel.jobs.brokers import BrokerLink

TOPIC = "jobs"
SCHEMES = ("amqp", "amqps", "nats", "tls", "redis", "rediss")


class Wakeup:
    """Announces jobs through the broker of JOBS_URL; without one, or while it is lost, over the bus.

    Raises SettingsError for a URL of no known broker.
    """

    def __init__(self, bus: Bus, url: str) -> None:
        if url and urlsplit(url).scheme not in SCHEMES:
            raise SettingsError(
                f"JOBS_URL must begin with one of {', '.join(f'{word}://' for word in SCHEMES)}."
            )
        self._bus = bus
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: Callable[[], None] = lambda: None
        self.link: BrokerLink | None = None

    @property
    def state(self) -> State:
        """`degraded` while the configured broker is lost."""
        return "ok" if self.link is None or self.link.up else "degraded"

    @property
    def by_broker(self) -> bool:
        return self.link is not None and self.link.up

    def start(
        self,
        wake: Callable[[], None] | None = None,
        receive: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """Begins to announce. A process with a worker says whom to `wake`, and who may `receive` a job's id."""
        self._loop = asyncio.get_running_loop()
        if wake is not None:
            self._wake = wake
            self._bus.listen(TOPIC, lambda _payload: wake())
        if self._url:
            from hubbub.kernel.jobs.brokers import BrokerLink

            self.link = BrokerLink(self._url, self._tell)
            self.link.start(receive)

    def announce_from_thread(self, jobs: list[str]) -> None:
        """For the committer's threads: announces jobs just committed."""
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(self._announce, jobs)
        except RuntimeError:
            # The process ends; other workers look.
            return

    def _announce(self, jobs: list[str]) -> None:
        if self.link is None or not self.link.send(jobs):
            self._tell()

    def _tell(self) -> None:
        # Not by the bus alone, which may be lost.
        self._wake()
        self._bus.tell(TOPIC, b"")

    async def hear(self, receive: Callable[[str], Awaitable[None]] | None) -> None:
        """Goes on announcing; from now on the broker's ids go to `receive`, or, with None, to other processes alone."""
        if self.link is not None:
            await self.link.stop()
            self.link.start(receive)

    async def stop(self) -> None:
        if self.link is not None:
            await self.link.stop()
