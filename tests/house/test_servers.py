"""The fixtures give real, separate databases, and take their servers down with them."""

import asyncio
import random
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import deque
from pathlib import Path

import anyio
import psycopg
import pytest
import uvloop

from scripts.house import ROOT
from tests import servers
from tests.servers import (
    PORTS,
    PostgreSQL,
    Redis,
    ServerError,
    free_port,
    free_ports,
    private_folder,
    running,
    running_postgresql,
    running_redis,
)
from tests.servers_redis import redis_that_dies

TAKE_ALL = """
import sys
from tests import servers

servers.PORTS = range(int(sys.argv[1]), int(sys.argv[2]))
try:
    for _ in servers.PORTS:
        print(servers.free_port())
except servers.ServerError:
    pass
"""


def run_sql(url: str, statement: str) -> list[tuple[object, ...]]:
    """Runs one statement with the plain driver of the URL's database; the rows it gives."""
    if url.startswith("sqlite:///"):
        file = sqlite3.connect(url.removeprefix("sqlite:///"))
        try:
            with file:
                return file.execute(statement).fetchall()
        finally:
            file.close()
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def tables(url: str) -> set[object]:
    names = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if url.startswith("sqlite:")
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    return {row[0] for row in run_sql(url, names)}


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(database_url: str, turn: int) -> None:
    assert tables(database_url) == set()
    run_sql(database_url, "CREATE TABLE left_behind (turn integer)")
    run_sql(database_url, f"INSERT INTO left_behind VALUES ({turn})")
    assert run_sql(database_url, "SELECT turn FROM left_behind") == [(turn,)]


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_a_migrated_database(migrated_database_url: str, turn: int) -> None:
    made = tables(migrated_database_url)
    assert "left_behind" not in made
    assert len(made) > 1
    assert len(run_sql(migrated_database_url, "SELECT * FROM alembic_version")) == 1
    run_sql(migrated_database_url, "CREATE TABLE left_behind (turn integer)")


def test_urls_have_the_documented_form(database_url: str, postgresql_server: PostgreSQL) -> None:
    if database_url.startswith("sqlite"):
        assert database_url.startswith("sqlite:////")
        assert Path(database_url.removeprefix("sqlite:///")).is_absolute()
    else:
        assert database_url.startswith(f"postgresql://hubbub@127.0.0.1:{postgresql_server.port}/")


def test_postgresql_flushes_to_disk(postgresql_server: PostgreSQL) -> None:
    url = postgresql_server.url("postgres")
    assert run_sql(url, "SHOW fsync") == [("on",)]
    assert run_sql(url, "SHOW synchronous_commit") == [("on",)]


def test_a_database_in_use_can_be_dropped(postgresql_server: PostgreSQL) -> None:
    url = postgresql_server.create("in_use")
    with psycopg.connect(url) as connection:
        postgresql_server.drop("in_use")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_postgresql_ends_with_its_block_and_leaves_nothing() -> None:
    with running_postgresql(["application_name=hubbub-test"]) as server:
        url = server.url("postgres")
        assert run_sql(url, "SHOW application_name") == [("hubbub-test",)]
        folder = Path(str(run_sql(url, "SHOW data_directory")[0][0])).parent
        assert folder.is_dir()
    assert server.process.poll() is not None
    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_redis_is_emptied_for_each_test(redis_server: Redis, redis_url: str) -> None:
    assert redis_url == f"redis://127.0.0.1:{redis_server.port}/0"
    assert redis_server.command("DBSIZE") == b":0"
    assert redis_server.command("SET here 1") == b"+OK"
    assert redis_server.command("DBSIZE") == b":1"


def test_redis_ends_with_its_block() -> None:
    with running_redis() as server:
        assert server.command("PING") == b"+PONG"
    assert server.process.poll() is not None
    with pytest.raises(OSError, match="refused"):
        server.command("PING")


def test_a_server_that_does_not_start_says_why() -> None:
    def command(port: int) -> list[str]:
        return ["/bin/sh", "-c", f"echo no room on port {port}; exit 3"]

    with (
        private_folder("hubbub-none-", None) as folder,
        pytest.raises(ServerError, match="no room on port"),
        running(command, lambda _port: False, folder, None, signal.SIGTERM),
    ):
        pytest.fail("the block ran without its server")


def bind(port: int, host: str = "127.0.0.1") -> None:
    """As a stranger who does not set SO_REUSEADDR. Raises OSError."""
    with socket.socket() as stranger:
        stranger.bind((host, port))


def test_two_processes_never_get_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    first = random.choice(PORTS[:-40])
    some = range(first, first + 40)
    monkeypatch.setattr(servers, "PORTS", some)
    ours = {free_port() for _ in range(10)}
    command = [sys.executable, "-c", TAKE_ALL, str(some.start), str(some.stop)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    theirs = {int(line) for line in told.stdout.split()}
    assert theirs
    assert ours | theirs <= set(some)
    assert not ours & theirs


def test_ports_in_a_row_are_held_one_and_all() -> None:
    first = free_ports(5)
    for port in range(first, first + 5):
        with pytest.raises(OSError, match="in use"):
            bind(port)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0"])
def test_a_held_port_is_refused_to_a_stranger(host: str) -> None:
    port = free_port()
    with pytest.raises(OSError, match="in use"):
        bind(port, host)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))


def test_a_server_that_was_killed_finds_its_port_again() -> None:
    with redis_that_dies() as server:
        for _ in range(2):
            assert server.command("PING") == b"PONG"
            server.kill()
            with pytest.raises(OSError, match="in use"):
                bind(server.port)
            server.start()


def test_of_many_ports_the_oldest_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "HELD", 2)
    monkeypatch.setattr(servers, "_held", deque())
    oldest, second, third = (free_port() for _ in range(3))
    bind(oldest)
    for port in (second, third):
        with pytest.raises(OSError, match="in use"):
            bind(port)


def test_ports_are_none_that_an_outgoing_connection_gets() -> None:
    """Linux takes those from 32,768 on, where nobody has set ip_local_port_range otherwise (ip-sysctl)."""
    assert PORTS.stop <= 32_768


@pytest.mark.anyio
async def test_async_tests_run_on_uvloop() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0)
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
