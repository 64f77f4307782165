"""Fixtures for every test. What asks for a database runs twice: on SQLite and on PostgreSQL."""

import functools
import itertools
import os
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
import pytest

from tests.servers import PostgreSQL, Redis, running_postgresql, running_redis
from tests.support.deadline import Deadline
from tests.support.memory import use_memory
from tests.support.server import START_SECONDS, ServerProcess
from tests.support.warm import run_module

DATABASES = ("sqlite", "postgresql")
MIGRATED = "hubbub_migrated"

LONGEST = (
    "browser/test_boards_cluster.py",
    "chaos/test_faults.py",
    "browser/test_quality.py",
    "browser/test_conversation.py",
    "cluster/test_relay.py",
    "cluster/test_jobs_brokers.py",
    "chaos/test_kill.py",
    "browser/test_operations.py",
    "cluster/test_balancers.py",
    "cluster/test_shared_state.py",
    "cluster/test_nodes.py",
    "realtime/test_roles.py",
    "cli/test_smoke.py",
    "contract/test_fuzz.py",
    "fleet/test_worker.py",
)
"""The files that take longest, in that order."""

_numbers = itertools.count(1)
_left: deque[tuple[PostgreSQL, str]] = deque()
"""Databases whose tests are over."""


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Deadline())
    use_memory()
    # Hundreds of processes are started: not each shall compile everything anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # On a busy machine an answer may take longer than the five seconds that they wait.
    vars(httpx2._config.DEFAULT_TIMEOUT_CONFIG).update(vars(httpx2.Timeout(60.0)))
    # Every HTTP client reads all the certificates of the machine, even if it never meets TLS.
    httpcore2.default_ssl_context = functools.cache(httpcore2.default_ssl_context)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files first that take longest, so that no worker is left with one of them at the end."""
    places = {name: place for place, name in enumerate(LONGEST)}
    here = Path(__file__).parent
    items.sort(key=lambda item: places.get(str(item.path.relative_to(here)), len(places)))


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Async tests run as the server does: asyncio on uvloop."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """One real PostgreSQL for the whole run; give each test a database of its own."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """One real Redis for the whole run; `redis_url` empties it first."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """The URL of an empty Redis."""
    redis_server.command("FLUSHALL")
    return redis_server.url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "hubbub.db")
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        yield from fresh_database(server, "template1")


@pytest.fixture(params=DATABASES)
def migrated_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of its own with the newest schema and no rows, once of each kind."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")
        yield sqlite_url(Path(shutil.copy(template, tmp_path / "hubbub.db")))
    else:
        server: PostgreSQL = request.getfixturevalue("migrated_postgresql")
        yield from fresh_database(server, MIGRATED)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the newest schema, to copy."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate(sqlite_url(folder / "hubbub.db"), folder)
    assert not (folder / "hubbub.db-wal").exists(), "the file alone is not the whole database"
    return folder / "hubbub.db"


@pytest.fixture(scope="session")
def migrated_postgresql(
    postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> PostgreSQL:
    """The server, holding a database with the newest schema to copy."""
    migrate(postgresql_server.create(MIGRATED), tmp_path_factory.mktemp("migrated"))
    return postgresql_server


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path.resolve()}"


def fresh_database(server: PostgreSQL, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    yield server.create(name, template)
    # This one's connections are still closing, for which PostgreSQL would wait; the one before has none.
    _left.append((server, name))
    while len(_left) > 1:
        older, name = _left.popleft()
        older.drop(name)


def migrate(url: str, data_dir: Path) -> None:
    """Brings a database to the newest schema as an administrator would, from the command line."""
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(data_dir)}
    done = run_module("hubbub", "migrate", env=environment, cwd=data_dir, timeout=START_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A real Hubbub on SQLite that has just started, with nobody in it."""
    process = ServerProcess(tmp_path / "data")
    process.start()
    yield process
    process.close()
