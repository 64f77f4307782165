"""Catching up: a socket gets what came after its cursors, then goes live (docs/delivery.md, Coming back).

What memory holds is sent at once. The rest stands in line for the log: a socket asks for one range at a time, and
all that want the same range are served by one read, so neither a socket with many streams nor a stampede of sockets
keeps the others, or the readers of the database, waiting. A waiting stream costs a number in a dict, no task.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable

from hubbub.gateway import Disconnected
from hubbub.kernel import log
from hubbub.kernel.connection import Connection, join_entries
from hubbub.kernel.database import Database
from hubbub.kernel.errors import Unavailable
from hubbub.kernel.log import Encoded
from hubbub.kernel.pace import Pace
from hubbub.kernel.relay import Relay
from hubbub.kernel.tasks import end_tasks

logger = logging.getLogger("hubbub.delivery")

WAITING = 50_000
BLOCK = 64
"""Ranges begin at multiples of this, so that sockets with almost the same cursor share one read."""
RANGE = log.PAGE + BLOCK
REPLAY_BUFFER = 256_000
REPLAY_STALL_SECONDS = 60.0
RETRY_SECONDS = 1.0
IN_ONE_TURN = 50

Range = tuple[str, int]


class CatchUps:
    """The followers of this node that are not live yet.

    `arrive(connection, stream)` is called in the turn in which nothing is missing, `reset(connection, stream)` when
    what is missing is gone from the log; `readers` reads run at the same time.
    """

    def __init__(
        self,
        database: Database,
        relay: Relay,
        pace: Pace,
        arrive: Callable[[Connection, str], None],
        reset: Callable[[Connection, str], None],
        *,
        readers: int,
    ) -> None:
        self._database = database
        self._relay = relay
        self._pace = pace
        self._arrive = arrive
        self._reset = reset
        self._most_readers = readers
        self._wanted: dict[Range, list[Connection]] = {}
        self._ahead: dict[str, set[Connection]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = 0
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Followed streams that are not live yet."""
        return self._waiting

    @property
    def sockets(self) -> int:
        """Sockets that stand in line for the log."""
        return sum(map(len, self._wanted.values()))

    def add(self, connection: Connection, stream: str, cursor: int) -> None:
        """Takes a follower in; nothing is sent before the next turn of the loop."""
        if not connection.in_line:
            connection.in_line = True
            asyncio.get_running_loop().call_soon(self._advance, connection)
        connection.behind[stream] = cursor
        self._waiting += 1

    def remove(self, connection: Connection, stream: str) -> None:
        """Forgets a follower that is dropped, or has arrived."""
        if connection.behind.pop(stream, None) is not None:
            self._waiting -= 1
            ahead = self._ahead.get(stream)
            if ahead is not None:
                ahead.discard(connection)
                if not ahead:
                    del self._ahead[stream]

    def stream_moved(self, stream: str) -> None:
        """The relay has delivered: those that knew more than this node may be level with it now."""
        for connection in self._ahead.pop(stream, ()):
            if not connection.in_line:
                self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Sends what memory has, then puts the socket in line for the first thing that it has not."""
        connection.in_line = False
        for stream, cursor in list(connection.behind.items()):
            recent = self._relay.recent(stream, cursor)
            if recent is not None and not self._send(connection, stream, recent):
                return
        for stream, cursor in connection.behind.items():
            if cursor < self._relay.last(stream):
                connection.in_line = True
                self._wanted.setdefault((stream, cursor // BLOCK), []).append(connection)
                if self._reading < self._most_readers:
                    self._reading += 1
                    self._hold(self._read_all())
                return

    def _send(self, connection: Connection, stream: str, batch: list[Encoded]) -> bool:
        """Sends the entries, as many as the socket takes; whether it takes more."""
        place = 0
        while place < len(batch):
            if connection.socket.buffered > REPLAY_BUFFER:
                connection.in_line = True
                self._hold(self._wait_for(connection))
                return False
            end, size = place, 0
            while end < len(batch) and size < REPLAY_BUFFER:
                size += len(batch[end].json)
                end += 1
            connection.socket.emit("entries", join_entries(batch[place:end]))
            connection.behind[stream] = batch[end - 1].seq
            place = end
        cursor, last = connection.behind[stream], self._relay.last(stream)
        if cursor == last:
            self.remove(connection, stream)
            self._pace.served()
            self._arrive(connection, stream)
            connection.socket.emit("caught_up", {"stream": stream, "seq": cursor})
        elif cursor > last:
            # The client heard of it on another node first: it must not get it twice.
            self._ahead.setdefault(stream, set()).add(connection)
        return True

    async def _wait_for(self, connection: Connection) -> None:
        """Goes on when a socket has read what it was sent."""
        try:
            async with asyncio.timeout(REPLAY_STALL_SECONDS):
                await connection.socket.drained(below=REPLAY_BUFFER)
        except Disconnected:
            return
        except TimeoutError:
            self._give_up([connection], "a socket does not read what it missed")
            return
        self._advance(connection)

    async def _read_all(self) -> None:
        """Reads what is wanted, first come, first served, until nothing is."""
        try:
            while self._wanted:
                wanted = next(iter(self._wanted))
                await self._read_for(wanted, self._wanted.pop(wanted))
        finally:
            self._reading -= 1

    async def _read_for(self, wanted: Range, group: list[Connection]) -> None:
        stream, block = wanted
        try:
            page = await self._read(stream, block)
            while group:
                connection = group[-1]
                cursor = connection.behind.get(stream, -1)
                if cursor // BLOCK == block and cursor < self._relay.last(stream):
                    await self._give(connection, stream, page)
                group.pop()
                if connection.in_line is True:
                    self._advance(connection)
                if len(group) % IN_ONE_TURN == 0:
                    await asyncio.sleep(0)
        except Unavailable as error:
            logger.warning("catching up waits for the database: %s", error)
            self._wanted[wanted] = group + self._wanted.pop(wanted, [])
            await asyncio.sleep(RETRY_SECONDS)
        except Exception:
            logger.exception("catching up with %s failed", stream)
            self._give_up(group, "failed")

    async def _read(self, stream: str, block: int) -> list[Encoded]:
        start = block * BLOCK
        # Nobody may follow it any more; then nobody gets the page either.
        last = self._relay.last(stream) if self._relay.follows(stream) else start
        found = await self._database.read(log.read_entries, stream, start, last, RANGE)
        page = [Encoded.of(entry) for entry in found]
        self._relay.recall(stream, page)
        return page

    async def _give(self, connection: Connection, stream: str, page: list[Encoded]) -> None:
        cursor = connection.behind[stream]
        rest = [encoded for encoded in page if encoded.seq > cursor]
        if rest and rest[0].seq == cursor + 1:
            self._send(connection, stream, rest)
            return
        state = (await self._database.read(log.read_states, [stream])).get(stream)
        if connection.behind.get(stream) != cursor:
            return
        if state is None or state.floor > cursor or state.head < self._relay.last(stream):
            self.remove(connection, stream)
            self._reset(connection, stream)
        else:
            logger.error("%s: entries after %d are not in the log", stream, cursor)
            self._give_up([connection], "the log has a hole")

    def _give_up(self, connections: Iterable[Connection], why: str) -> None:
        """Lets sockets come again that cannot be served: they have lost nothing."""
        for connection in connections:
            logger.info("a catch-up ended early: %s", why)
            connection.send_away("catch_up", self._pace.retry_after(self.sockets))
            connection.close()

    def _hold(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        await end_tasks(self._tasks)
