"""What the process does that publishes: look for what is new, publish page by page, note what was confirmed."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import orjson

from hubbub.kernel.caller import SYSTEM
from hubbub.kernel.clock import Clock
from hubbub.kernel.database import Database
from hubbub.kernel.log import Entry
from hubbub.kernel.publisher import cursors
from hubbub.kernel.publisher.cursors import Behind
from hubbub.kernel.publisher.targets import GAP, Target, TargetError, to_message

logger = logging.getLogger("hubbub.publisher")

LOOK_SECONDS = 1.0
LEAST_LOOK_SECONDS = 0.05
WHOLE_LOOK_SECONDS = 60.0
"""All streams are looked through this often, in case a clock was set by more than the margin."""
MARGIN_MS = 30_000
LAG_SECONDS = 10.0
PARALLEL = 32
PAGE = 50
READS_AT_ONCE = 2
WAITING = 1_000
LOOK_PAGE = 500


@dataclass(slots=True)
class State:
    """What this process knows of its publishing, for /health and Prometheus.

    The lag is known to the process that publishes; `error` is empty when all is well.
    """

    target: str
    holding: bool = False
    published: int = 0
    gaps: int = 0
    trimmed: int = 0
    failures: int = 0
    lag_streams: int = 0
    lag_entries: int = 0
    error: str = ""


@dataclass(slots=True)
class Turn:
    """One turn of holding the lease. Everything in it ends together."""

    database: Database
    clock: Clock
    target: Target
    kinds: Sequence[str]
    state: State
    awake: asyncio.Event
    save: Callable[[dict[str, int]], Awaitable[None]]
    """Notes what was confirmed, and renews the lease. Raises LeaseLost or Unavailable."""
    confirmed: int = 0
    _queue: deque[Behind] = field(default_factory=deque)
    _known: set[str] = field(default_factory=set)
    _again: set[str] = field(default_factory=set)
    _looked: bool = False
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _moved: dict[str, int] = field(default_factory=dict)
    _saved: asyncio.Future[None] | None = None
    _to_save: asyncio.Event = field(default_factory=asyncio.Event)
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READS_AT_ONCE))

    @property
    def well(self) -> bool:
        """Whether the broker takes what it is given: something was confirmed, or nothing is left to publish."""
        return self.confirmed > 0 or (self._looked and not self._known)

    async def run(self) -> None:
        """Publishes until something fails: raises a group with LeaseLost, TargetError or Unavailable in it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_again())
            tasks.create_task(self._save_again())
            tasks.create_task(self._measure_again())
            for _ in range(PARALLEL):
                tasks.create_task(self._publish_again())

    async def _look_again(self) -> None:
        """Finds the streams that have something new: at once after a commit of this process, else each second."""
        loop = asyncio.get_running_loop()
        since, whole_at = 0, loop.time()
        while True:
            begun = self.clock()
            if loop.time() >= whole_at:
                since, whole_at = 0, loop.time() + WHOLE_LOOK_SECONDS
            await self._look(since)
            self._looked = True
            since = begun - MARGIN_MS
            await asyncio.sleep(LEAST_LOOK_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.awake.wait()
            except TimeoutError:
                pass
            self.awake.clear()

    async def _look(self, since: int) -> None:
        after = ""
        while True:
            while len(self._known) >= WAITING:
                self._room.clear()
                await self._room.wait()
            async with self._reads:
                found = await self.database.ask(
                    cursors.read_behind, self.state.target, self.kinds, since, after, LOOK_PAGE
                )
            for behind in found:
                # One that is under way may have been read to its end just before this.
                if behind.stream in self._known:
                    self._again.add(behind.stream)
                    continue
                self._known.add(behind.stream)
                self._queue.append(behind)
            if self._queue:
                self._filled.set()
            if len(found) < LOOK_PAGE:
                return
            after = found[-1].stream

    async def _publish_again(self) -> None:
        while True:
            while not self._queue:
                self._filled.clear()
                await self._filled.wait()
            behind = self._queue.popleft()
            self._again.discard(behind.stream)
            reached, more = await self._publish_page(behind)
            if more or behind.stream in self._again:
                # Behind the others, so that a long stream does not keep short ones waiting.
                self._queue.append(Behind(behind.stream, reached))
                self._filled.set()
                continue
            self._known.discard(behind.stream)
            self._room.set()

    async def _publish_page(self, behind: Behind) -> tuple[int, bool]:
        """Publishes what comes next in a stream; answers up to where, and whether there is more."""
        async with self._reads:
            page = await self.database.read(cursors.read_page, behind.stream, behind.seq, PAGE)
        batch = list(page.entries)
        if page.trimmed:
            lost = page.trimmed - behind.seq
            logger.error(
                "%s: %d entries were trimmed before they were published", behind.stream, lost
            )
            self.state.gaps += 1
            self.state.trimmed += lost
            batch.insert(0, gap(behind, page.trimmed, self.clock()))
        if not batch:
            return behind.seq, False
        try:
            await self.target.publish([to_message(entry) for entry in batch])
        except TargetError as error:
            if error.confirmed:
                await self._confirm(behind.stream, batch[error.confirmed - 1].seq, error.confirmed)
            raise
        await self._confirm(behind.stream, batch[-1].seq, len(batch))
        return batch[-1].seq, len(page.entries) == PAGE

    async def _confirm(self, stream: str, seq: int, count: int) -> None:
        """Notes how far the broker has a stream, and returns when that is committed."""
        self._moved[stream] = seq
        if self._saved is None:
            self._saved = asyncio.get_running_loop().create_future()
            self._to_save.set()
        await asyncio.shield(self._saved)
        self.confirmed += count
        self.state.published += count

    async def _save_again(self) -> None:
        """Notes what all streams wait for in one transaction, again and again; renews the lease meanwhile."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._to_save.wait()
            except TimeoutError:
                pass
            self._to_save.clear()
            moved, saved = self._moved, self._saved
            self._moved, self._saved = {}, None
            await self.save(moved)
            if saved is not None:
                saved.set_result(None)

    async def _measure_again(self) -> None:
        while True:
            async with self._reads:
                lag = await self.database.ask(cursors.read_lag, self.state.target, self.kinds)
            self.state.lag_streams, self.state.lag_entries = lag
            await asyncio.sleep(LAG_SECONDS)


def gap(behind: Behind, until: int, now: int) -> Entry:
    """Stands for entries that were trimmed before they were published; its `seq` is the last one's."""
    data = {"first": behind.seq + 1, "last": until}
    return Entry(behind.stream, until, GAP, SYSTEM.id, now, None, orjson.dumps(data))
