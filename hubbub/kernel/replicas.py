"""Reads from streaming replicas, as new as the primary was when it was asked (docs/database.md).

Each read first learns how far the primary's log of writes (WAL) is, one small question for everybody who waits,
and takes the replica's answer only if that far is replayed there. So whatever was acknowledged before, on any
node, and every right withdrawn before, is seen: nobody can tell a replica from the primary. A replica that is
behind, gone, promoted or of another history is left out, and the primary answers.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import Connection, text

from hubbub.kernel.database import Database
from hubbub.kernel.joined import Joined
from hubbub.kernel.postgresql import DATABASE_ERRORS, Server, parse_conninfo, split_hosts

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger("hubbub.replicas")

LOOK_SECONDS = 1.0
LAG_SECONDS = 1.0
"""A replica that needs longer to show what the primary has is not asked."""
UNSEEN_SECONDS = 4.0
"""Nor is one whose last look is so long ago: it hangs."""
WAIT_SECONDS = 0.05
"""So long a single read waits for the replica, then it goes to the primary."""
ANSWER_SECONDS = 2.0
HANGING_SECONDS = 5.0
WAITING = 100

POSITION = text("""
SELECT substr(pg_walfile_name(position), 1, 8), CAST(position AS text) FROM (
    SELECT CASE current_setting('synchronous_commit') WHEN 'off'
        THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END
) AS written(position)
""")
REACHED = text("""
SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn), false)
""")
TIMELINE = text("""
SELECT lpad(upper(to_hex(greatest(
    (SELECT timeline_id FROM pg_control_checkpoint()),
    (SELECT min_recovery_end_timeline FROM pg_control_recovery())
))), 8, '0')
""")


class Position(NamedTuple):
    """How far the primary has written, and in which of its histories: each promotion begins another."""

    timeline: str
    position: str


class BehindError(Exception):
    """The replica does not show yet what it should, or is none any more."""


def read_position(connection: Connection) -> Position:
    return Position(*connection.execute(POSITION).one())


class Replica:
    """One replica: its connections, and what was last seen of it."""

    def __init__(self, conninfo: dict[str, Any], pooled: bool | None, size: int) -> None:
        self.name = f"{conninfo.get('host', '')}:{conninfo.get('port', '5432')}"
        self.server = Server(conninfo, pooled, session="any")
        timeout = f"statement_timeout={int(HANGING_SECONDS * 1000)}"
        self._reading = self.server.engine(size, "REPEATABLE READ", timeout, wait=ANSWER_SECONDS)
        self._asking = self._reading.execution_options(isolation_level="AUTOCOMMIT")
        self._looking = self.server.engine(1, "AUTOCOMMIT", timeout)
        self.threads = ThreadPoolExecutor(size, thread_name_prefix="replica")
        self.waiting = 0
        self.state = "starting"
        self.timeline = ""
        self.seen_at = 0.0

    @property
    def usable(self) -> bool:
        fresh = time.monotonic() - self.seen_at < UNSEEN_SECONDS
        return self.state == "ok" and fresh and self.waiting < WAITING

    def become(self, state: str) -> None:
        if state != self.state:
            level = logging.INFO if state == "ok" else logging.WARNING
            logger.log(level, "replica %s: %s", self.name, state)
            self.state = state

    def look(self, position: Position) -> str:
        """How the replica stands to the primary's position, which it has LAG_SECONDS to reach."""
        deadline = time.monotonic() + LAG_SECONDS
        with self._looking.connect() as connection:
            self.timeline = str(connection.execute(TIMELINE).scalar_one())
            while True:
                replica, reached = connection.execute(
                    REACHED, {"position": position.position}
                ).one()
                if not replica:
                    return "promoted"
                if self.timeline != position.timeline:
                    return "another history"
                if reached:
                    return "ok"
                if time.monotonic() > deadline:
                    return "lagging"
                time.sleep(0.02)

    def read(self, position: Position, function: Callable[[Connection], T]) -> T:
        """Runs the function in one snapshot that has everything up to the position. Raises BehindError."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            with self._asking.connect() as connection:
                replica, reached = connection.execute(
                    REACHED, {"position": position.position}
                ).one()
            if not replica:
                raise BehindError("promoted")
            if reached:
                break
            if time.monotonic() > deadline:
                raise BehindError("lagging")
            time.sleep(0.005)
        # Only now, so that the snapshot is not older than the answer above.
        with self._reading.connect() as connection, connection.begin():
            return function(connection)

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)
        self._reading.dispose()
        self._looking.dispose()


class Replicas:
    """The replicas of one database, perhaps none. `url` names one host or several."""

    def __init__(self, database: Database, url: str, size: int) -> None:
        self._database = database
        self._positions: Joined[str, Position] = Joined(self._ask_position)
        self._turn = 0
        self._closed = Event()
        self._replicas: list[Replica] = []
        self.reads = 0
        if not url or database.sqlite:
            return
        conninfo, pooled = parse_conninfo(url, "DATABASE_REPLICA_URL")
        self._replicas = [Replica(host, pooled, size) for host in split_hosts(conninfo)]
        for replica in self._replicas:
            database.watch(replica.server, HANGING_SECONDS)
            Thread(
                target=self._look_on, args=(replica,), name=f"replica {replica.name}", daemon=True
            ).start()

    @property
    def state(self) -> str | None:
        """None without replicas, `ok` when all serve, `degraded` when some do, else what the first one is."""
        if not self._replicas:
            return None
        usable = sum(replica.usable for replica in self._replicas)
        if usable == len(self._replicas):
            return "ok"
        if usable:
            return "degraded"
        return "down" if self._replicas[0].state == "ok" else self._replicas[0].state

    def _look_on(self, replica: Replica) -> None:
        while True:
            try:
                with self._database.asking() as connection:
                    position = read_position(connection)
            except DATABASE_ERRORS:
                # Without the primary nobody can say how new an answer must be.
                replica.become("unknown")
            else:
                try:
                    replica.become(replica.look(position))
                except DATABASE_ERRORS as error:
                    replica.become("down")
                    logger.debug("replica %s: %s", replica.name, error)
                replica.seen_at = time.monotonic()
            if self._closed.wait(LOOK_SECONDS):
                return

    async def _ask_position(self, keys: list[str]) -> dict[str, Position]:
        position = await self._database.ask(read_position)
        return dict.fromkeys(keys, position)

    def _choose(self) -> Replica | None:
        usable = [replica for replica in self._replicas if replica.usable]
        if not usable:
            return None
        self._turn += 1
        return usable[self._turn % len(usable)]

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `Database.read`, on a replica where one is as new as the primary is now. Raises Unavailable."""
        replica = self._choose()
        if replica is not None:
            position = await self._positions.ask("")
            if position is not None and position.timeline == replica.timeline:
                replica.waiting += 1
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        answer = await asyncio.get_running_loop().run_in_executor(
                            replica.threads,
                            replica.read,
                            position,
                            lambda connection: function(connection, *args, **kwargs),
                        )
                except BehindError as error:
                    # The next look, a second from now, tells whether it has caught up.
                    replica.become(str(error))
                except (TimeoutError, *DATABASE_ERRORS) as error:
                    replica.become("down")
                    logger.debug("replica %s: %s", replica.name, error)
                else:
                    self.reads += 1
                    return answer
                finally:
                    replica.waiting -= 1
        return await self._database.read(function, *args, **kwargs)

    def close(self) -> None:
        self._closed.set()
        for replica in self._replicas:
            replica.close()
