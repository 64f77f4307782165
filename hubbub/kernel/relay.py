"""The relay: from the bus to this node's followers, every entry once and in order (docs/delivery.md).

For each stream somebody here follows it knows the last `seq` delivered. The next in line is delivered; what comes
after a hole is held for a moment, because two nodes that post to one stream overtake each other, and then the hole is
read from the log; an old one is dropped. A sweep, one or two queries for all streams, finds what a lost hint hid.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from hubbub.kernel import log
from hubbub.kernel.bus import Bus, Signal
from hubbub.kernel.clock import Clock
from hubbub.kernel.database import Database
from hubbub.kernel.errors import NotFound, Problem, Unavailable
from hubbub.kernel.joined import Joined
from hubbub.kernel.log import Encoded, StreamState

logger = logging.getLogger("hubbub.relay")

RING_ENTRIES = 512
RING_BYTES = 512_000
IDLE_STREAMS = 1_000
SWEEP_SECONDS = 1.0
# A transaction may commit this long after it took its time, and clocks of nodes may differ so much; the sweep looks
# back over it.
SWEEP_MARGIN_MS = 30_000
ASKED_AT_ONCE = 1_000
"""Streams whose head one sweep asks for by name; more than these are found by the time they changed."""
HOLE_SECONDS = 0.03
"""How long a hole may be the mere overtaking of two nodes' hints."""
REPAIRS_AT_ONCE = 8
NEWEST_COMPARED = 64
COMPARED_AT_ONCE = 4_000
"""Entries compared with the log in one query after the database was lost, and those of one stream."""


@dataclass(slots=True)
class Followed:
    """One stream as this node knows it: delivered up to `last`, told of up to `known`."""

    last: int
    known: int
    users: int = 0
    repairing: bool = False
    # Came before its turn, by seq.
    waiting: dict[int, Encoded] = field(default_factory=dict)
    ring: deque[Encoded] = field(default_factory=deque)
    ring_bytes: int = 0

    def remember(self, encoded: Encoded) -> None:
        self.ring.append(encoded)
        self.ring_bytes += len(encoded.json)
        while len(self.ring) > RING_ENTRIES or self.ring_bytes > RING_BYTES:
            self.ring_bytes -= len(self.ring.popleft().json)

    def remember_before(self, encoded: Encoded) -> bool:
        """Puts an older entry in front; whether there was room."""
        size = self.ring_bytes + len(encoded.json)
        if len(self.ring) >= RING_ENTRIES or size > RING_BYTES:
            return False
        self.ring.appendleft(encoded)
        self.ring_bytes = size
        return True


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
        self._states = Joined(self._read_states)
        self._swept_at = clock()
        self._round: list[str] = []
        self._gap = asyncio.Event()
        self._losses = database.losses
        self.repaired = 0
        bus.attach(self)

    @property
    def followed(self) -> int:
        return len(self._followed)

    def follows(self, stream: str) -> bool:
        """Whether the stream is followed here already, so that opening it waits for nothing."""
        return stream in self._followed

    async def wait_opened(self, streams: Iterable[str]) -> None:
        """Waits for those of the streams that are being opened for somebody else: a thousand may, without a task."""
        pending = {self._opening[stream] for stream in streams if stream in self._opening}
        if pending:
            await asyncio.wait(pending)

    def is_opening(self, stream: str) -> bool:
        return stream in self._opening

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
        try:
            await self._bus.subscribe(stream)
            state = await self._states.ask(stream)
            if state is None:
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
            head = state.head
            followed = Followed(head, max(head, self._early[stream]))
            self._followed[stream] = followed
            future.set_result(followed)
            if followed.known > head:
                self._start_repair(stream, followed)
        finally:
            del self._opening[stream], self._early[stream]

    async def _read_states(self, streams: list[str]) -> dict[str, StreamState]:
        return await self._database.ask(log.read_states, streams)

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
        if not followed.ring or followed.ring[0].seq > after + 1:
            return None
        skip = after + 1 - followed.ring[0].seq
        return list(islice(followed.ring, skip, None))

    def recall(self, stream: str, page: Sequence[Encoded]) -> None:
        """Puts entries read from the log before those in memory, where they join them and there is room."""
        followed = self._followed.get(stream)
        if followed is None:
            return
        oldest = followed.ring[0].seq if followed.ring else followed.last + 1
        for encoded in reversed(page):
            if encoded.seq >= oldest:
                continue
            if encoded.seq < oldest - 1 or not followed.remember_before(encoded):
                return
            oldest -= 1

    def expect(self, stream: str, head: int) -> None:
        """Takes a head somebody has read: what this node has not heard of is read from the log."""
        followed = self._followed.get(stream)
        if followed is None or head <= followed.last:
            return
        followed.known = max(followed.known, head)
        if not followed.repairing:
            # What was committed this very moment is on its way over the bus.
            self._start_repair(stream, followed, HOLE_SECONDS)

    def receive_entries(self, stream: str, entries: Sequence[Encoded]) -> None:
        """Takes hints from the bus, whatever their order (Receiver)."""
        highest = max([encoded.seq for encoded in entries])
        followed = self._followed.get(stream)
        if followed is None:
            if stream in self._early:
                self._early[stream] = max(self._early[stream], highest)
            return
        ready = []
        last = followed.last
        for encoded in entries:
            if encoded.seq == last + 1:
                ready.append(encoded)
                last += 1
            elif encoded.seq > last + 1 and len(followed.waiting) < RING_ENTRIES:
                followed.waiting[encoded.seq] = encoded
        followed.known = max(followed.known, highest)
        if ready:
            self._advance(stream, followed, ready)
        if followed.known > followed.last and not followed.repairing:
            self._start_repair(stream, followed, HOLE_SECONDS)

    def receive_signal(self, signal: Signal) -> None:
        """Passes a signal of a followed stream on (Receiver)."""
        if signal.stream in self._followed:
            self._pass_signal(signal)

    def receive_gap(self) -> None:
        """Sweeps at once (Receiver)."""
        self._gap.set()

    def _advance(self, stream: str, followed: Followed, batch: list[Encoded]) -> None:
        """Delivers the next in line, and what waited behind them."""
        last = batch[-1].seq
        if followed.waiting:
            while (following := followed.waiting.pop(last + 1, None)) is not None:
                batch.append(following)
                last += 1
            for seq in [seq for seq in followed.waiting if seq <= last]:
                del followed.waiting[seq]
        for encoded in batch:
            followed.remember(encoded)
        followed.last = last
        followed.known = max(followed.known, last)
        self._deliver(stream, batch)

    def _start_repair(self, stream: str, followed: Followed, wait: float = 0.0) -> None:
        followed.repairing = True
        task = asyncio.create_task(self._repair(stream, followed, wait), name=f"repair {stream}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _repair(self, stream: str, followed: Followed, wait: float) -> None:
        """Reads the missing entries from the log until nothing known of is missing."""
        try:
            await asyncio.sleep(wait)
            if followed.last >= followed.known:
                return
            async with self._repairs:
                while followed.last < followed.known:
                    after = followed.last
                    until = min(followed.waiting) - 1 if followed.waiting else followed.known
                    page = await self._database.read(log.read_entries, stream, after, until)
                    if self._followed.get(stream) is not followed:
                        return
                    # The hints may have come after all, meanwhile.
                    missing = [Encoded.of(entry) for entry in page if entry.seq > followed.last]
                    if missing and missing[0].seq == followed.last + 1:
                        self.repaired += len(missing)
                        self._advance(stream, followed, missing)
                    elif followed.last == after and not await self._skip_trimmed(stream, followed):
                        return
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
            followed.waiting.clear()
            return False
        known = followed.known
        self._start_afresh(stream, followed, state.head)
        followed.known = max(known, state.head)
        return True

    def _start_afresh(self, stream: str, followed: Followed, head: int) -> None:
        followed.last = followed.known = head
        followed.waiting.clear()
        followed.ring.clear()
        followed.ring_bytes = 0
        self._reset(stream, head)

    async def _compare(self) -> None:
        """Looks whether another history has taken the place of what was delivered. Raises Unavailable.

        A standby that was promoted may lack the last commits, and so may a database that was restored: followers
        of streams where that is so start afresh.
        """
        losses = self._database.losses
        known: list[tuple[str, int, int]] = []
        for stream, followed in self._followed.items():
            known.append((stream, followed.last, -1))
            newest = islice(reversed(followed.ring), NEWEST_COMPARED)
            known += [(stream, encoded.seq, encoded.entry.at) for encoded in newest]
        for place in range(0, len(known), COMPARED_AT_ONCE):
            part = known[place : place + COMPARED_AT_ONCE]
            for stream, head in await self._database.ask(log.read_otherwise, part):
                followed_now = self._followed.get(stream)
                if followed_now is not None:
                    logger.warning("%s: the database has another history now", stream)
                    self._start_afresh(stream, followed_now, head)
        self._losses = losses

    async def sweep(self) -> None:
        """Looks once for entries whose hint was lost. Raises Unavailable.

        A node with few streams asks for their heads: its cost is its own, whatever happens elsewhere. One with many
        asks what changed lately, and in turn for some of its streams by name, whatever the nodes' clocks say.
        """
        if self._losses != self._database.losses:
            await self._compare()
        started = self._clock()
        changed: list[tuple[str, int]] = []
        if len(self._followed) > ASKED_AT_ONCE:
            changed = await self._database.ask(log.read_changed, self._swept_at - SWEEP_MARGIN_MS)
        if not self._round:
            self._round = list(self._followed)
        asked, self._round = self._round[:ASKED_AT_ONCE], self._round[ASKED_AT_ONCE:]
        known = [(stream, self._followed[stream].last) for stream in asked if self.follows(stream)]
        changed += await self._database.ask(log.read_ahead, known) if known else ()
        for stream, head in changed:
            self.expect(stream, head)
        self._swept_at = started

    async def run(self) -> None:
        """Sweeps once a second, and when the bus was deaf, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._gap.wait()
            self._gap.clear()
            try:
                await self.sweep()
            except Unavailable as error:
                logger.warning("the sweep waits for the database: %s", error)
