"""The database: one writing connection, a bounded pool of reading ones, SQLite or PostgreSQL.

Every unit of work is a plain function over a connection that runs whole in one worker thread. A statement
therefore costs no thread hop of its own, and the same function serves a route, a batch and the command line.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, MetaData, String, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hubbub.kernel.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_BUSY_SECONDS = 10
STATEMENT_TIMEOUT_SECONDS = 15
POOL_WAIT_SECONDS = 5
IDLE_SECONDS = 1.0
READS_WAITING = 2_000
"""Reads that may wait for a connection before further ones are refused with 503."""

BY_KEY = (
    "plan_cache_mode=force_generic_plan",
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
)
"""For the writing connections: they look up by key, so a plan is made once and serves however the tables grow."""

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


class DatabaseUrlError(ValueError):
    """The database's URL names a kind of database that is not supported."""


def parse_url(text: str) -> URL:
    """The URL with its driver: psycopg 3 for PostgreSQL, the standard library's for SQLite.

    Raises DatabaseUrlError for anything else.
    """
    url = make_url(text)
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise DatabaseUrlError(
                "DATABASE_URL must name a file: an in-memory SQLite keeps nothing."
            )
        return url.set(drivername="sqlite+pysqlite")
    raise DatabaseUrlError(f"DATABASE_URL names {backend}; PostgreSQL and SQLite are supported.")


class Database:
    """Connections to one database. `read` and `run_writer` are for the event loop, the rest for threads."""

    def __init__(self, url: str, *, readers: int = 8) -> None:
        self.url = parse_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        if self.sqlite:
            create_private_file(Path(str(self.url.database)))
            self._reading = self._sqlite_engine("BEGIN", readers)
            self._writing = self._sqlite_engine("BEGIN IMMEDIATE", 1)
        else:
            # A read that meets a connection gone stale is run again; asking first would cost a round trip.
            self._reading = self._postgresql_engine(readers, "REPEATABLE READ")
            # One more than the lanes: maintenance does not keep commands waiting.
            self._writing = self._postgresql_engine(LANES + 1, "READ COMMITTED", *BY_KEY)
            ping_when_idle(self._writing)
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

    def _postgresql_engine(self, size: int, isolation: str, *options: str) -> Engine:
        return create_engine(
            self.url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            isolation_level=isolation,
            connect_args={
                "connect_timeout": 5,
                "application_name": "hubbub",
                "options": " ".join(
                    f"-c {option}"
                    for option in (
                        f"statement_timeout={STATEMENT_TIMEOUT_SECONDS * 1000}",
                        *options,
                    )
                ),
            },
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection inside one consistent snapshot; nothing is written."""
        with self._reading.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """A connection for one reading statement, which is a consistent snapshot by itself."""
        with self._asking.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection inside a transaction that commits when the block ends well."""
        with self._writing.connect() as connection, connection.begin():
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
            try:
                return attempt()
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                # The database was restarted, say. The pool has let go of every connection as old as this one.
                return attempt()

        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._read_threads, work)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            raise Unavailable("The database does not answer.", retry_after=2) from error
        finally:
            self._waiting -= 1

    async def run_writer(self, function: Callable[[], T]) -> T:
        """Runs `function()` in a writing thread."""
        return await asyncio.get_running_loop().run_in_executor(self._write_threads, function)

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
        self._reading.dispose()
        self._writing.dispose()


def ping_when_idle(engine: Engine) -> None:
    """Makes the pool ask whether a connection still answers when it was not used for a while.

    Asking every time would cost each transaction a round trip.
    """

    @event.listens_for(engine, "checkin")
    def used(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", 0.0) < IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def create_private_file(path: Path) -> None:
    """Makes the file readable by its owner alone; SQLite gives its WAL the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
