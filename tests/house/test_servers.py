"""The fixtures give real, separate databases, and take their servers down with them."""

import asyncio
import signal
import sqlite3
from pathlib import Path

import anyio
import psycopg
import pytest
import uvloop

from tests.servers import (
    PostgreSQL,
    Redis,
    ServerError,
    private_folder,
    running,
    running_postgresql,
    running_redis,
)


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


@pytest.mark.anyio
async def test_async_tests_run_on_uvloop() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0)
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
