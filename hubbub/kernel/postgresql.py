"""PostgreSQL as users run it: several hosts, a pooler in front, servers that die and come back (docs/database.md)."""

import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InvalidRequestError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

STATEMENT_TIMEOUT_SECONDS = 15
IDLE_IN_TRANSACTION_SECONDS = 5
"""A process that stops in a transaction loses it, and with it the locks that others wait for."""
LOCK_TIMEOUT_SECONDS = 8
"""More than the time above: whoever waits for a stopped process outlives it."""
TRANSACTION_SECONDS = 30
"""A connection in use for longer is cut: its server is there and does not answer."""
CONNECT_SECONDS = 3
POOL_WAIT_SECONDS = 5
IDLE_SECONDS = 1.0

NETWORK = {
    "connect_timeout": str(CONNECT_SECONDS),
    "application_name": "hubbub",
    # A server whose machine is gone says nothing: asked after 5 s of silence, given up after 10.
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
TIMEOUTS = (
    f"statement_timeout={STATEMENT_TIMEOUT_SECONDS * 1000}",
    f"lock_timeout={LOCK_TIMEOUT_SECONDS * 1000}",
    f"idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS * 1000}",
)

LOST = frozenset(
    {
        "25006",  # read_only_sql_transaction: a primary that is one no more
        "25P03",  # idle_in_transaction_session_timeout
        "53300",  # too_many_connections
        "57P01",  # admin_shutdown
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "57P04",  # database_dropped
        "57P05",  # idle_session_timeout
    }
)
"""SQLSTATEs that tell of the connection and not of the statement; class 08 as a whole as well."""

DATABASE_ERRORS = (DBAPIError, PoolTimeoutError, InvalidRequestError)
"""What SQLAlchemy raises when a statement or a connection fails; the last when a reconnect is lost at once."""


class DatabaseUrlError(ValueError):
    """The URL of a database cannot be used; the message names the variable and says why."""


def parse_conninfo(address: str, name: str = "DATABASE_URL") -> tuple[dict[str, Any], bool | None]:
    """The connection parameters of a URL as libpq takes it, and what its `pgbouncer=` says.

    Several hosts are `postgresql://user@one:5432,two:5433/database`. Raises DatabaseUrlError, without the password.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    place, _, query = address.partition("://")[2].partition("?")
    pooled: bool | None = None
    kept = []
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        if key != "pgbouncer":
            kept.append(pair)
        elif value in ("true", "false"):
            pooled = value == "true"
        else:
            raise DatabaseUrlError(f"{name} is malformed: pgbouncer is true or false.")
    try:
        given = dict(conninfo_to_dict(f"postgresql://{place}?{'&'.join(kept)}"))
    except ProgrammingError as error:
        # libpq repeats the whole URL at the end of some messages.
        cause = str(error).strip().partition(': "postgres')[0]
        raise DatabaseUrlError(f"{name} is malformed: {cause}.") from None
    hosts = str(given.get("host", "")).split(",")
    ports = str(given.get("port", "")).split(",")
    if len(hosts) > 1 and not all(hosts):
        raise DatabaseUrlError(f"{name} is malformed: one of its hosts is empty.")
    if len(ports) not in (1, len(hosts)):
        raise DatabaseUrlError(f"{name} has {len(hosts)} hosts and {len(ports)} ports.")
    for port in filter(None, ports):
        if not (port.isdecimal() and 0 < int(port) < 65_536):
            raise DatabaseUrlError(f"{name} is malformed: {port} is not a port.")
    return given, pooled


def split_hosts(conninfo: dict[str, Any]) -> list[dict[str, Any]]:
    """The same parameters for each host alone."""
    hosts = str(conninfo.get("host", "")).split(",")
    ports = str(conninfo.get("port", "")).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    shared = {key: value for key, value in conninfo.items() if key not in ("host", "port")}
    return [
        shared | ({"host": host} if host else {}) | ({"port": port} if port else {})
        for host, port in zip(hosts, ports, strict=True)
    ]


def says_lost(error: BaseException) -> bool:
    """Whether an error of the driver is about the connection, which must not be used again."""
    state = getattr(error, "sqlstate", None)
    return state is not None and (state in LOST or state.startswith("08"))


def is_connection_lost(error: Exception) -> bool:
    """Whether trying again on another connection may help."""
    if isinstance(error, InvalidRequestError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    orig = error.orig
    if error.connection_invalidated or (orig is not None and says_lost(orig)):
        return True
    # An attempt to connect fails without an SQLSTATE; SQLite's errors never have one.
    return isinstance(error, OperationalError) and getattr(orig, "sqlstate", "") is None


def delays(seconds: float, *, longest: float = 0.5) -> Iterator[float]:
    """How long to wait before each further attempt: none, then longer, with jitter, `seconds` in all at most."""
    deadline = time.monotonic() + seconds
    yield 0.0
    step = 0.05
    while True:
        delay = step * (0.5 + random.random())  # noqa: S311 - nothing secret
        if time.monotonic() + delay > deadline:
            return
        yield delay
        step = min(longest, step * 2)


class Server:
    """How to connect to one PostgreSQL, or to the primary among several hosts, and what is known of it.

    Once a connection is lost, every other one of the same `generation` is let go of before it is used again.
    Behind a pooler, which is found out with the first connection unless the URL tells, nothing outlives a
    transaction: no prepared statements, and the timeouts are set in each.
    """

    def __init__(
        self, conninfo: dict[str, Any], pooled: bool | None, *, session: str = "read-write"
    ) -> None:
        self._arguments = {**NETWORK, **conninfo, "target_session_attrs": session}
        self.pooled = pooled
        self.generation = 0
        self._in_use: dict[int, tuple[float, Any]] = {}

    def engine(
        self, size: int, isolation: str, *options: str, wait: float = POOL_WAIT_SECONDS
    ) -> Engine:
        """A bounded pool; `options` are the server's settings for its sessions, beside the timeouts."""
        settings = (*TIMEOUTS, *options)
        engine = create_engine(
            "postgresql+psycopg://",
            creator=partial(self._connect, settings),
            pool_size=size,
            max_overflow=0,
            pool_timeout=wait,
            isolation_level=isolation,
            use_native_hstore=False,
        )
        local = "; ".join(f"SET LOCAL {setting}" for setting in settings)

        @event.listens_for(engine, "connect")
        def connected(_connection: Any, record: Any) -> None:
            record.info["generation"] = self.generation

        @event.listens_for(engine, "checkout")
        def taken(connection: Any, record: Any, _proxy: Any) -> None:
            if record.info["generation"] != self.generation:
                raise DisconnectionError
            self._in_use[id(record)] = time.monotonic(), connection

        @event.listens_for(engine, "checkin")
        def given_back(_connection: Any, record: Any) -> None:
            self._in_use.pop(id(record), None)

        @event.listens_for(engine, "invalidate")
        def lost(_connection: Any, record: Any, _error: Any) -> None:
            self._in_use.pop(id(record), None)
            # One that was lost before tells nothing new of those made since.
            if record.info.get("generation") == self.generation:
                self.generation += 1

        @event.listens_for(engine, "handle_error")
        def judge(context: Any) -> None:
            if context.connection is not None and says_lost(context.original_exception):
                context.is_disconnect = True

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            if self.pooled:
                connection.exec_driver_sql(local)

        return engine

    def _connect(self, settings: tuple[str, ...]) -> Any:
        import psycopg

        arguments = dict(self._arguments)
        if self.pooled:
            arguments.pop("options", None)
        else:
            words = [f"-c {setting}" for setting in settings]
            arguments["options"] = " ".join([*words, str(arguments.get("options", ""))])
        try:
            connection = psycopg.connect(**arguments)
        except psycopg.OperationalError as error:
            if self.pooled is not None or "unsupported startup parameter" not in str(error):
                raise
            self.pooled = True
            return self._connect(settings)
        if self.pooled is None:
            # A pooler gives a number of its own for cancelling, not that of the server's process.
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            connection.rollback()
            self.pooled = row is None or row[0] != connection.info.backend_pid
        if self.pooled:
            connection.prepare_threshold = None
        return connection

    def let_be(self, connection: Connection) -> None:
        """Never cuts this connection as long as its present transaction runs."""
        mine = connection.connection.driver_connection
        for key, (_, other) in list(self._in_use.items()):
            if other is mine:
                self._in_use.pop(key, None)

    def cut_hanging(self, longest: float) -> int:
        """Cuts connections in use for longer than that; whoever waits for them gets an error. How many."""
        before = time.monotonic() - longest
        hanging = [
            (key, connection)
            for key, (since, connection) in list(self._in_use.items())
            if since < before
        ]
        for key, connection in hanging:
            self._in_use.pop(key, None)
            with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as copy:
                copy.shutdown(socket.SHUT_RDWR)
        return len(hanging)


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


def persist(attempt: Callable[[], Any], seconds: float) -> Any:
    """What the attempt answers, tried again on other connections for so long. Raises what the last one raised."""
    for delay in delays(seconds):
        try:
            return attempt()
        except DATABASE_ERRORS as error:
            if not is_connection_lost(error):
                raise
        time.sleep(delay)
    return attempt()


ROOM = text("""
SELECT current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int AS places,
    (SELECT coalesce(sum(numbackends), 0)::int FROM pg_stat_database) - 1 AS taken
""")


def check_room(connection: Connection, wanted: int, least: int) -> str | None:
    """A warning when the server may not have room for all connections of this process, None when it has.

    Raises DatabaseUrlError when there is not even room for the least.
    """
    places, taken = connection.execute(ROOM).one()
    free = places - taken
    told = (
        f"PostgreSQL takes {places} connections and {taken} are in use; this process may open {wanted}. "
        "Raise max_connections, lower DATABASE_POOL, or put pgbouncer in between."
    )
    if free < least:
        raise DatabaseUrlError(told)
    return told if free < wanted else None
