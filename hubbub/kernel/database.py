"""The database: one writing connection, a bounded pool of reading ones, SQLite or PostgreSQL.

Every unit of work is a plain function over a connection that runs whole in one worker thread. A statement
therefore costs no thread hop of its own, and the same function serves a route, a batch and the command line.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, MetaData, String, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hubbub.kernel.errors import Unavailable
from hubbub.kernel.postgresql import (
    DATABASE_ERRORS,
    POOL_WAIT_SECONDS,
    TRANSACTION_SECONDS,
    DatabaseUrlError,
    Server,
    check_room,
    is_connection_lost,
    parse_conninfo,
    persist,
    ping_when_idle,
)

logger = logging.getLogger("hubbub.database")

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_BUSY_SECONDS = 10
READ_RETRY_SECONDS = 3.0
"""For so long a read that lost its connection is tried again."""
WATCH_SECONDS = 1.0
READS_WAITING = 2_000
"""Reads that may wait for a connection before further ones are refused with 503."""

BY_KEY = (
    "plan_cache_mode=force_generic_plan",
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "jit=off",
)
"""For the writing connections: they look up by key, so a plan is made once and serves however the tables grow.

A scan that is needed all the same (of a small table, whole) looks so dear then that PostgreSQL would compile it first.
"""

NO_TIMEOUTS = (
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
    "SET LOCAL idle_in_transaction_session_timeout = 0"
)

LANES = 2
"""Transactions the committer may have under way at once: while one waits for PostgreSQL, the other is prepared.

SQLite has one writer, whoever asks.
"""

Id = String(36).with_variant(String(36, collation="C"), "postgresql")
"""The column type of an identifier: compared byte by byte on both databases."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def parse_url(address: str) -> URL:
    """The URL of an SQLite file, or just the driver for PostgreSQL, whose parameters `parse_conninfo` reads.

    Raises DatabaseUrlError for anything else.
    """
    try:
        backend = address.partition("://")[0].partition("+")[0]
        if backend in ("postgresql", "postgres"):
            return URL.create("postgresql+psycopg")
        url = make_url(address)
    except ArgumentError:
        raise DatabaseUrlError(
            "DATABASE_URL is malformed: it is postgresql://… or sqlite:///…"
        ) from None
    if url.get_backend_name() != "sqlite":
        raise DatabaseUrlError(
            f"DATABASE_URL names {url.get_backend_name()}; PostgreSQL and SQLite are supported."
        )
    if not url.database or url.database == ":memory:":
        raise DatabaseUrlError("DATABASE_URL must name a file: an in-memory SQLite keeps nothing.")
    return url.set(drivername="sqlite+pysqlite")


class Database:
    """Connections to one database. `read` and `run_writer` are for the event loop, the rest for threads."""

    def __init__(self, url: str, *, readers: int = 8) -> None:
        self.url = parse_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._closed = Event()
        self._server: Server | None = None
        self._watched: list[tuple[Server, float]] = []
        if self.sqlite:
            create_private_file(Path(str(self.url.database)))
            self._reading = self._sqlite_engine("BEGIN", readers)
            self._writing = self._sqlite_engine("BEGIN IMMEDIATE", 1)
        else:
            self._server = server = Server(*parse_conninfo(url))
            # A read that meets a connection gone stale is run again; asking first would cost a round trip.
            self._reading = server.engine(readers, "REPEATABLE READ")
            # One more than the lanes: maintenance does not keep commands waiting.
            self._writing = server.engine(LANES + 1, "READ COMMITTED", *BY_KEY)
            ping_when_idle(self._writing)
            self.watch(server, TRANSACTION_SECONDS)
            Thread(target=self._look_on, name="database watch", daemon=True).start()
        # On SQLite BEGIN and COMMIT cost no round trip.
        self._asking = (
            self._reading
            if self.sqlite
            else self._reading.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="read")
        self.lanes = 1 if self.sqlite else LANES
        self._write_threads = ThreadPoolExecutor(self.lanes, thread_name_prefix="write")
        self._waiting = 0

    def _sqlite_engine(self, begin: str, size: int) -> Engine:
        engine = create_engine(
            self.url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            connect_args={"check_same_thread": False, "timeout": SQLITE_BUSY_SECONDS},
        )

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: Any) -> None:
            # The driver's own transaction handling is off: `begin` below states the kind of lock.
            connection.isolation_level = None
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "cache_size = -16000",
                "temp_store = MEMORY",
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def start(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def watch(self, server: Server, longest: float) -> None:
        """From now on cuts connections to that server when they are in use for longer (seconds)."""
        self._watched.append((server, longest))

    def _look_on(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            for server, longest in self._watched:
                if hanging := server.cut_hanging(longest):
                    logger.warning("cut %d connections whose server does not answer", hanging)

    @property
    def losses(self) -> int:
        """How often connections were lost so far; after each, another server may answer than before."""
        return self._server.generation if self._server is not None else 0

    def check_room(self, readers: int) -> None:
        """Warns when PostgreSQL has no room for all connections of a process with so many for reading.

        Raises DatabaseUrlError when it cannot have even those for writing and one for reading.
        """
        if self._server is None:
            return
        with self.reading() as connection:
            # Behind a pooler, it is the pooler that keeps within the server's limit.
            if not self._server.pooled and (
                warning := check_room(connection, readers + LANES + 1, LANES + 2)
            ):
                logger.warning(warning)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection inside one consistent snapshot; nothing is written."""
        with self._reading.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """A connection for one reading statement, which is a consistent snapshot by itself."""
        if self._server is not None and self._server.pooled:
            # Its timeouts need a transaction.
            with self.reading() as connection:
                yield connection
        else:
            with self._asking.connect() as connection:
                yield connection

    @contextmanager
    def writing(self, *, unbounded: bool = False) -> Iterator[Connection]:
        """A connection inside a transaction that commits when the block ends well.

        `unbounded` lets it take as long as it takes, as a migration may.
        """
        with self._writing.connect() as connection, connection.begin():
            if unbounded and self._server is not None:
                connection.exec_driver_sql(NO_TIMEOUTS)
                self._server.let_be(connection)
            yield connection

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs `function(connection, …)` in one snapshot in a reading thread.

        Raises Unavailable when too many reads wait or the database does not answer.
        """
        return await self._read(
            self.reading, lambda connection: function(connection, *args, **kwargs)
        )

    async def ask(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, for a function that executes one statement only: no round trips for its snapshot."""
        return await self._read(
            self.asking, lambda connection: function(connection, *args, **kwargs)
        )

    async def _read(
        self,
        connect: Callable[[], AbstractContextManager[Connection]],
        function: Callable[[Connection], T],
    ) -> T:
        if self._waiting >= READS_WAITING:
            raise Unavailable("Too many requests wait for the database.", retry_after=1)

        def attempt() -> T:
            with connect() as connection:
                return function(connection)

        def work() -> T:
            # The database was restarted, say, or another server is the primary now.
            answer: T = persist(attempt, READ_RETRY_SECONDS)
            return answer

        expired = False

        def give_up() -> None:
            nonlocal expired
            expired = submitted.cancel()

        submitted = self._read_threads.submit(work)
        timer = asyncio.get_running_loop().call_later(POOL_WAIT_SECONDS, give_up)
        self._waiting += 1
        try:
            return await asyncio.wrap_future(submitted)
        except DATABASE_ERRORS as error:
            if (problem := find_unavailable(error)) is None:
                raise
            raise problem from error
        except asyncio.CancelledError:
            if not expired:
                raise
            raise Unavailable("Every database connection is in use.", retry_after=1) from None
        finally:
            timer.cancel()
            self._waiting -= 1

    async def run_writer(self, function: Callable[[], T]) -> T:
        """Runs `function()` in a writing thread. Raises Unavailable when the database does not answer."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._write_threads, function)
        except DATABASE_ERRORS as error:
            if (problem := find_unavailable(error)) is None:
                raise
            raise problem from error

    def start_writer(
        self, function: Callable[[], T], done: Callable[[T | Exception], None]
    ) -> None:
        """As `run_writer`, without a future: `done` is called on the loop with what it answers or raises."""
        loop = asyncio.get_running_loop()

        def work() -> None:
            answer: T | Exception
            try:
                answer = function()
            except Exception as error:
                answer = error
            loop.call_soon_threadsafe(done, answer)

        self._write_threads.submit(work)

    def close(self) -> None:
        """Waits for what runs, then closes every connection."""
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        self._closed.set()
        self._reading.dispose()
        self._writing.dispose()


def find_unavailable(error: Exception) -> Unavailable | None:
    """What the caller is told of an error of the database; None when the error is ours."""
    if is_connection_lost(error) or isinstance(
        error, OperationalError | InterfaceError | PoolTimeoutError
    ):
        return Unavailable("The database does not answer.", retry_after=2)
    return None


def create_private_file(path: Path) -> None:
    """Makes the file readable by its owner alone; SQLite gives its WAL the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
