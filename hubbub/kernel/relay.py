"""The relay: from the bus to this node's followers, every entry once and in order (docs/delivery.md).

For each stream somebody here follows it knows the last `seq` delivered. The next in line is delivered; a hole is
read from the log first; an old one is dropped. A sweep, one query for all streams, finds what a lost hint hid.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hubbub.kernel import log
from hubbub.kernel.bus import Bus, Signal
from hubbub.kernel.clock import Clock
from hubbub.kernel.database import Database
from hubbub.kernel.errors import NotFound, Problem, Unavailable
from hubbub.kernel.log import Entry

logger = logging.getLogger("hubbub.relay")

RING_ENTRIES = 512
RING_BYTES = 512_000
IDLE_STREAMS = 1_000
SWEEP_SECONDS = 1.0
# A transaction may commit this long after it took its time; the sweep looks back over it.
SWEEP_MARGIN_MS = 30_000
REPAIRS_AT_ONCE = 8


class Encoded(NamedTuple):
    """An entry and the bytes its followers receive."""

    entry: Entry
    json: bytes


@dataclass(slots=True)
class Followed:
    """One stream as this node knows it: delivered up to `last`, told of up to `known`."""

    last: int
    known: int
    users: int = 0
    repairing: bool = False
    ring: deque[Encoded] = field(default_factory=deque)
    ring_bytes: int = 0

    def remember(self, encoded: Encoded) -> None:
        self.ring.append(encoded)
        self.ring_bytes += len(encoded.json)
        while len(self.ring) > RING_ENTRIES or self.ring_bytes > RING_BYTES:
            self.ring_bytes -= len(self.ring.popleft().json)


class Relay:
    """Follows streams on behalf of this node.

    `deliver(stream, entries)` is called on the loop with the next entries in order, `reset(stream, head)` when
    what is missing is older than the log, `pass_signal(signal)` for signals of followed streams.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: Clock,
        deliver: Callable[[str, list[Encoded]], None],
        reset: Callable[[str, int], None],
        pass_signal: Callable[[Signal], None],
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._deliver = deliver
        self._reset = reset
        self._pass_signal = pass_signal
        self._followed: dict[str, Followed] = {}
        self._opening: dict[str, asyncio.Future[Followed]] = {}
        self._early: dict[str, int] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._repairs = asyncio.Semaphore(REPAIRS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._swept_at = clock()
        self.repaired = 0
        bus.attach(self)

    @property
    def followed(self) -> int:
        return len(self._followed)

    async def open(self, stream: str) -> int:
        """Starts following a stream (or counts one more user of it); answers the last delivered `seq`.

        Subscribes first and reads the head after, so nothing falls between. Raises NotFound.
        """
        while stream not in self._followed:
            pending = self._opening.get(stream)
            if pending is None:
                await self._subscribe(stream)
            else:
                await asyncio.shield(pending)
        followed = self._followed[stream]
        followed.users += 1
        self._idle.pop(stream, None)
        return followed.last

    async def _subscribe(self, stream: str) -> None:
        future: asyncio.Future[Followed] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._opening[stream] = future
        self._early[stream] = 0
        self._bus.subscribe(stream)
        try:
            states = await self._database.read(log.read_states, [stream])
            if stream not in states:
                raise NotFound("There is no such stream.")
        except BaseException as error:
            self._bus.unsubscribe(stream)
            future.set_exception(
                error
                if isinstance(error, Problem)
                else Unavailable("The stream could not be opened.")
            )
            raise
        else:
            head = states[stream].head
            followed = Followed(head, max(head, self._early[stream]))
            self._followed[stream] = followed
            future.set_result(followed)
            if followed.known > head:
                self._start_repair(stream, followed)
        finally:
            del self._opening[stream], self._early[stream]

    def close(self, stream: str) -> None:
        """One user less. A stream without users is kept a while: its ring serves those who come back."""
        followed = self._followed.get(stream)
        if followed is None:
            return
        followed.users -= 1
        if followed.users <= 0:
            self._idle[stream] = None
            while len(self._idle) > IDLE_STREAMS:
                self._forget(self._idle.popitem(last=False)[0])

    def _forget(self, stream: str) -> None:
        self._followed.pop(stream, None)
        self._bus.unsubscribe(stream)

    def last(self, stream: str) -> int:
        """The last `seq` delivered here. Raises KeyError for a stream nobody here follows."""
        return self._followed[stream].last

    def recent(self, stream: str, after: int) -> list[Encoded] | None:
        """The entries after `after` up to the last delivered, from memory; None if it does not reach back."""
        followed = self._followed[stream]
        if after >= followed.last:
            return []
        if not followed.ring or followed.ring[0].entry.seq > after + 1:
            return None
        skip = after + 1 - followed.ring[0].entry.seq
        return [encoded for place, encoded in enumerate(followed.ring) if place >= skip]

    def receive_entries(self, stream: str, entries: Sequence[Entry]) -> None:
        """Takes a hint from the bus, whatever its order (Receiver)."""
        followed = self._followed.get(stream)
        if followed is None:
            if stream in self._early:
                self._early[stream] = max(self._early[stream], entries[-1].seq)
            return
        followed.known = max(followed.known, entries[-1].seq)
        if followed.repairing:
            return
        ready = []
        last = followed.last
        for entry in entries:
            if entry.seq == last + 1:
                ready.append(entry)
                last += 1
            elif entry.seq > last + 1:
                followed.known = max(followed.known, entry.seq)
        if ready:
            self._advance(stream, followed, ready)
        if followed.known > followed.last:
            self._start_repair(stream, followed)

    def receive_signal(self, signal: Signal) -> None:
        """Passes a signal of a followed stream on (Receiver)."""
        if signal.stream in self._followed:
            self._pass_signal(signal)

    def _advance(self, stream: str, followed: Followed, entries: Sequence[Entry]) -> None:
        batch = [Encoded(entry, entry.encode()) for entry in entries]
        for encoded in batch:
            followed.remember(encoded)
        followed.last = entries[-1].seq
        followed.known = max(followed.known, followed.last)
        self._deliver(stream, batch)

    def _start_repair(self, stream: str, followed: Followed) -> None:
        followed.repairing = True
        task = asyncio.create_task(self._repair(stream, followed), name=f"repair {stream}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _repair(self, stream: str, followed: Followed) -> None:
        """Reads the missing entries from the log until nothing known of is missing."""
        try:
            async with self._repairs:
                while followed.last < followed.known:
                    page = await self._database.read(
                        log.read_entries, stream, followed.last, followed.known
                    )
                    if self._followed.get(stream) is not followed:
                        return
                    if not page or page[0].seq != followed.last + 1:
                        if not await self._skip_trimmed(stream, followed):
                            return
                        continue
                    self.repaired += len(page)
                    self._advance(stream, followed, page)
        except Unavailable as error:
            # The sweep finds the hole again when the database is back.
            logger.warning("a hole in %s waits for the database: %s", stream, error)
        finally:
            followed.repairing = False

    async def _skip_trimmed(self, stream: str, followed: Followed) -> bool:
        """Whether a hole is trimmed for good: then everybody starts afresh from the head."""
        states = await self._database.read(log.read_states, [stream])
        state = states.get(stream)
        if state is None or state.floor <= followed.last:
            logger.error("%s: entries after %d are not in the log", stream, followed.last)
            followed.known = followed.last
            return False
        followed.last = state.head
        followed.known = max(followed.known, state.head)
        followed.ring.clear()
        followed.ring_bytes = 0
        self._reset(stream, state.head)
        return True

    async def sweep(self) -> None:
        """Looks once for entries whose hint was lost, in all followed streams with one query."""
        started = self._clock()
        if self._followed:
            changed = await self._database.read(log.read_changed, self._swept_at - SWEEP_MARGIN_MS)
            for state in changed:
                followed = self._followed.get(state.id)
                if followed is None or state.head <= followed.last:
                    continue
                followed.known = max(followed.known, state.head)
                if not followed.repairing:
                    self._start_repair(state.id, followed)
        self._swept_at = started

    async def run(self) -> None:
        """Sweeps once a second until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except Unavailable as error:
                logger.warning("the sweep waits for the database: %s", error)
