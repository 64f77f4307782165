"""PostgreSQL as users run it: lost connections, full pools, pgbouncer, TLS, replicas (docs/database.md)."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from hubbub.kernel import committer, database, log
from hubbub.kernel.database import Database, metadata
from hubbub.kernel.errors import Unavailable
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.postgresql import (
    DatabaseUrlError,
    Server,
    check_room,
    is_connection_lost,
    parse_conninfo,
    split_hosts,
)
from hubbub.kernel.relay import Relay
from hubbub.migrate import migrate
from hubbub.settings import Settings
from tests.servers import PostgreSQL, running_postgresql
from tests.servers_postgresql import (
    crash,
    query,
    running_pgbouncer,
    running_replica,
    running_tls_postgresql,
    several,
    wait_for_replay,
)
from tests.support.warm import run_module

from .conftest import ANN, all_entries, write_note

pytestmark = pytest.mark.anyio

KILL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
"""Ends every other connection to the same database."""


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgreSQL]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def replica(primary: PostgreSQL) -> Iterator[PostgreSQL]:
    with running_replica(primary) as server:
        yield server


@pytest.fixture
def name(primary: PostgreSQL) -> str:
    """The name of a database of its own on the primary."""
    made = f"test_{new_id().replace('-', '')[:12]}"
    primary.create(made)
    return made


@asynccontextmanager
async def running_kernel(url: str, tmp_path: Path, **settings: Any) -> AsyncIterator[Kernel]:
    made = Kernel(
        Settings(database_url=url, data_dir=tmp_path, **settings),
        ["a secret of forty characters, for tests."],
    )
    with made.database.writing() as connection:
        metadata.create_all(
            connection,
            tables=[metadata.tables[n] for n in ("streams", "entries", "audit", "replies")],
        )
    try:
        yield made
    finally:
        await made.close()


def new_stream(kernel: Kernel) -> str:
    stream = new_id()
    with kernel.database.writing() as connection:
        log.create_stream(connection, stream, "notes", kernel.clock())
    return stream


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


def read_head(connection: Connection, stream: str) -> int:
    return log.read_states(connection, [stream])[stream].head


def sleep_there(connection: Connection, seconds: float) -> None:
    connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


def test_urls_of_several_hosts() -> None:
    given, pooled = parse_conninfo("postgresql://u:p%40@a:1,b/db?sslmode=require&pgbouncer=true")
    assert pooled is True
    assert given["password"] == "p@"
    assert [(h["host"], h.get("port")) for h in split_hosts(given)] == [("a", "1"), ("b", None)]
    for wrong in ("a:1,,b", "a:1,b:x", "a/db?host=a,b&port=1,2,3", "a/db?sslmoed=x", "[::1"):
        with pytest.raises(DatabaseUrlError, match="DATABASE_URL") as raised:
            parse_conninfo(f"postgresql://u:hidden@{wrong}")
        assert "hidden" not in str(raised.value)


async def test_killed_connections_lose_and_double_nothing(
    primary: PostgreSQL, name: str, tmp_path: Path
) -> None:
    async with running_kernel(primary.url(name), tmp_path) as kernel:
        stream = new_stream(kernel)
        told: list[str] = []

        async def write(number: int) -> None:
            async with asyncio.timeout(60):
                while True:
                    with suppress(Unavailable):
                        key = f"note-{number}"
                        arguments = {"stream": stream, "text": str(number)}
                        await kernel.write(write_note, ANN, key=key, **arguments)
                        told.append(key)
                        return
                    await asyncio.sleep(0.01)

        async def read() -> None:
            for _ in range(60):
                await kernel.read(read_head, stream)
                await asyncio.sleep(0.005)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            for number in range(200):
                tasks.create_task(write(number))
                if number % 50 == 25:
                    await asyncio.sleep(0.05)
                    await asyncio.to_thread(query, primary, KILL, name)
        kept = [entry.key for entry in all_entries(kernel.database, stream)]
        assert sorted(kept, key=str) == sorted(told)
        assert len(set(kept)) == 200
        assert kernel.database.losses > 0


async def test_a_standby_in_place_of_the_primary_is_a_lost_connection(
    primary: PostgreSQL, replica: PostgreSQL, name: str
) -> None:
    wait_for_replay(primary, replica)
    server = Server(parse_conninfo(replica.url(name))[0], None, session="any")
    engine = server.engine(1, "READ COMMITTED")
    with pytest.raises(DBAPIError) as raised, engine.connect() as connection:
        connection.execute(text("CREATE TABLE here (x int)"))
    assert is_connection_lost(raised.value)
    assert server.generation == 1
    engine.dispose()
    # And the hosts are searched for the primary, wherever it stands.
    found = Database(several(name, replica, primary), readers=2)
    with found.writing() as connection:
        assert connection.execute(text("SELECT pg_is_in_recovery()")).scalar() is False
    found.close()
    alone = Database(replica.url(name), readers=2)
    with pytest.raises(OperationalError, match="read-only"), alone.reading():
        pass
    alone.close()


async def test_full_pools_refuse_in_bounded_time(
    primary: PostgreSQL, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POOL_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(committer, "WAIT_SECONDS", 0.3)
    async with running_kernel(primary.url(name), tmp_path, database_pool=2) as kernel:
        stream = new_stream(kernel)
        held, let_go = threading.Semaphore(0), threading.Event()

        def hold(_connection: Connection) -> None:
            held.release()
            assert let_go.wait(60)

        holding = [asyncio.create_task(kernel.read(hold)) for _ in range(2)]
        for _ in holding:
            assert await asyncio.to_thread(held.acquire, timeout=60)
        with pytest.raises(Unavailable, match="in use") as raised:
            await kernel.read(read_head, stream)
        assert raised.value.retry_after
        assert not any(task.done() for task in holding)
        let_go.set()
        with psycopg.connect(primary.url(name)) as other:
            other.execute("SELECT 1 FROM streams FOR UPDATE")
            first = asyncio.create_task(kernel.write(write_note, ANN, stream=stream, text="1"))
            await asyncio.sleep(0.1)
            second = asyncio.create_task(kernel.write(write_note, ANN, stream=stream, text="2"))
            with pytest.raises(Unavailable) as raised:
                await second
            assert raised.value.retry_after
            assert not first.done()
        await first
        await asyncio.gather(*holding)
        assert await kernel.read(read_head, stream) == 1, "what was refused is not written"


def test_a_server_that_hangs_is_cut(primary: PostgreSQL) -> None:
    server = Server(parse_conninfo(primary.url("postgres"))[0], None)
    engine = server.engine(1, "READ COMMITTED")
    errors: list[Exception] = []

    def hang() -> None:
        try:
            with engine.connect() as connection:
                sleep_there(connection, 60)
        except DBAPIError as error:
            errors.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.cut_hanging(0.2) and time.monotonic() < deadline:
        time.sleep(0.02)
    thread.join(60)
    assert not thread.is_alive()
    assert is_connection_lost(errors[0])
    engine.dispose()


def test_room_for_connections(primary: PostgreSQL) -> None:
    made = Database(primary.url("postgres"), readers=2)
    with made.reading() as connection:
        assert check_room(connection, 20, 4) is None
        assert "max_connections" in str(check_room(connection, 1_000, 4))
        with pytest.raises(DatabaseUrlError, match="max_connections"):
            check_room(connection, 1_000, 1_000)
    made.close()


@pytest.mark.parametrize("ignores", ["", "options"])
async def test_pgbouncer_in_transaction_mode(
    primary: PostgreSQL, name: str, tmp_path: Path, ignores: str
) -> None:
    with running_pgbouncer(primary, connections=3, ignores=ignores) as bouncer:
        first = Database(bouncer.url(name), readers=2)
        assert migrate(first)[1]
        first.close()
        async with running_kernel(bouncer.url(name), tmp_path) as kernel:
            streams = [new_stream(kernel) for _ in range(4)]
            for _ in range(3):
                await asyncio.gather(
                    *(
                        kernel.write(
                            write_note, ANN, key=f"{n}", stream=streams[n % 4], text=str(n)
                        )
                        for n in range(100)
                    )
                )
            heads = await asyncio.gather(*(kernel.read(read_head, s) for s in streams * 20))
            assert set(heads) == {25}
            setting = "SELECT current_setting('statement_timeout')"
            for connect in (kernel.database.reading, kernel.database.asking):
                with connect() as connection:
                    assert connection.execute(text(setting)).scalar() == "15s"
            assert query(bouncer, setting, name) == ("0",), "nothing is left in a shared session"


def test_tls_is_verified(tmp_path: Path) -> None:
    with running_tls_postgresql() as (server, made):
        right = f"postgresql://hubbub@localhost:{server.port}/postgres?sslmode=verify-full"
        wrong = right.replace("localhost", "127.0.0.1")
        opened = Database(f"{right}&sslrootcert={made.authority}", readers=2)
        with opened.reading() as connection:
            used = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert connection.execute(text(used)).scalar() is True
        opened.close()
        for url, words in (
            (f"{wrong}&sslrootcert={made.authority}", "does not match host name"),
            (f"{right}&sslrootcert=system", "certificate"),
        ):
            refused = Database(url, readers=2)
            with pytest.raises(OperationalError, match=words), refused.reading():
                pass
            refused.close()
        environment = {
            **os.environ,
            "DATA_DIR": str(tmp_path),
            "DATABASE_URL": f"{wrong}&sslrootcert=system",
        }
        boot = run_module(
            "hubbub", "serve", "--port", "0", env=environment, cwd=tmp_path, timeout=60
        )
        assert boot.returncode == 1
        assert boot.stderr.startswith("The database cannot be used: ")
        assert "certificate" in boot.stderr
        assert "Traceback" not in boot.stderr


async def test_a_replica_shows_what_was_written_before_it_was_asked(
    primary: PostgreSQL, name: str, tmp_path: Path
) -> None:
    with running_replica(primary) as own:
        url = several(name, own).replace("/" + name, f",127.0.0.1:1/{name}")
        settings: dict[str, Any] = {"database_replica_url": url}
        async with running_kernel(primary.url(name), tmp_path, **settings) as kernel:
            stream = new_stream(kernel)
            replicas = kernel.replicas

            async def write_and_read() -> None:
                outcome = await kernel.write(write_note, ANN, stream=stream, text="x")
                head = await kernel.read_history(read_head, stream)
                assert head == orjson.loads(outcome.body)["seq"], (
                    "a read that misses a write before it"
                )

            # One of two hosts is not there; the other one serves.
            await until(lambda: replicas.state == "degraded")
            async with asyncio.timeout(60):
                while replicas.reads < 10:
                    await write_and_read()

            query(own, "SELECT pg_wal_replay_pause()")
            served = replicas.reads
            for _ in range(20):
                await write_and_read()
            assert replicas.reads == served
            await until(lambda: replicas.state == "lagging")
            query(own, "SELECT pg_wal_replay_resume()")
            await until(lambda: replicas.state == "degraded")
            await until_replica_serves(kernel, stream)

            crash(own)
            for _ in range(20):
                await write_and_read()
            await until(lambda: replicas.state == "down")
            await write_and_read()


async def until_replica_serves(kernel: Kernel, stream: str) -> None:
    served = kernel.replicas.reads
    async with asyncio.timeout(60):
        while kernel.replicas.reads == served:
            await kernel.read_history(read_head, stream)
            await asyncio.sleep(0.02)


async def test_followers_start_afresh_when_history_is_another(
    primary: PostgreSQL, name: str, tmp_path: Path
) -> None:
    """As after the promotion of a standby that lacks the last commits."""
    async with running_kernel(primary.url(name), tmp_path) as kernel:
        shorter, other, same = (new_stream(kernel) for _ in range(3))
        resets: list[tuple[str, int]] = []
        relay = Relay(
            kernel.database,
            kernel.bus,
            kernel.clock,
            lambda stream, batch: None,
            lambda stream, head: resets.append((stream, head)),
            lambda signal: None,
        )
        for stream in (shorter, other, same):
            await relay.open(stream)
            for number in range(5):
                await kernel.write(write_note, ANN, stream=stream, text=str(number))
        await until(lambda: all(relay.last(s) == 5 for s in (shorter, other, same)))
        lose = (
            f"UPDATE streams SET head = 3 WHERE id = '{shorter}'; "
            f"DELETE FROM entries WHERE stream = '{shorter}' AND seq > 3; "
            f"UPDATE entries SET at = at + 1 WHERE stream = '{other}' AND seq = 5; SELECT 1"
        )
        with psycopg.connect(primary.url(name), autocommit=True) as connection:
            connection.execute(lose.encode())
            connection.execute(KILL)
        await relay.sweep()
        await relay.sweep()
        assert sorted(resets) == sorted([(shorter, 3), (other, 5)])
        assert relay.last(shorter) == 3
        assert relay.recent(other, 5) == []
        assert relay.recent(other, 4) is None
