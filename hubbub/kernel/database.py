"""The database: one writing connection, a bounded pool of reading ones, SQLite or PostgreSQL.

Every unit of work is a plain function over a connection that runs whole in one worker thread. A statement
therefore costs no thread hop of its own, and the same function serves a route, a batch and the command line.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, MetaData, String, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hubbub.kernel.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_BUSY_SECONDS = 10
STATEMENT_TIMEOUT_SECONDS = 15
POOL_WAIT_SECONDS = 5
READS_WAITING = 2_000
"""Reads that may wait for a connection before further ones are refused with 503."""

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
            self._reading = self._postgresql_engine(readers, "REPEATABLE READ")
            self._writing = self._postgresql_engine(2, "READ COMMITTED")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="read")
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="write")
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

    def _postgresql_engine(self, size: int, isolation: str) -> Engine:
        return create_engine(
            self.url,
            pool_size=size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_pre_ping=True,
            isolation_level=isolation,
            connect_args={
                "connect_timeout": 5,
                "application_name": "hubbub",
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS * 1000}",
            },
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection inside one consistent snapshot; nothing is written."""
        with self._reading.connect() as connection, connection.begin():
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
        if self._waiting >= READS_WAITING:
            raise Unavailable("Too many requests wait for the database.", retry_after=1)

        def work() -> T:
            with self.reading() as connection:
                return function(connection, *args, **kwargs)

        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._read_threads, work)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            raise Unavailable("The database does not answer.", retry_after=2) from error
        finally:
            self._waiting -= 1

    async def run_writer(self, function: Callable[[], T]) -> T:
        """Runs `function()` in the writing thread, one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, function)

    def close(self) -> None:
        """Waits for what runs, then closes every connection."""
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._reading.dispose()
        self._writing.dispose()


def create_private_file(path: Path) -> None:
    """Makes the file readable by its owner alone; SQLite gives its WAL the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
