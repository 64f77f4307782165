"""`--local`: from nothing to a PostgreSQL and a Redis that Hubbub works with, and back again with everything kept."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
import redis

from hubbub.fleet import local
from hubbub.fleet.errors import FleetError
from hubbub.fleet.local import Local, Service
from scripts.packages import find_program
from tests.cluster.people import PASSWORD
from tests.fleet.fleets import Fleet, running_fleet
from tests.servers import find_postgresql, free_port, private_folder, unprivileged_user
from tests.support.server import ServerProcess

SECONDS = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that others may enter, for PostgreSQL is somebody else when we are root."""
    find_postgresql()
    find_program("redis-server")
    with private_folder("hubbub-local-", None) as made:
        made.chmod(0o755)
        yield made


async def serves(service: Service) -> bool:
    return await service.ready()


@contextmanager
def running(made: Local, folder: Path) -> Iterator[list[int]]:
    """The services, started one after the other as the supervisor does it; their process ids."""
    processes = []
    try:
        for service in made.services:
            with (folder / f"{service.name}.out").open("ab") as output:
                process = subprocess.Popen(
                    service.command,
                    cwd=service.folder,
                    env=service.environment,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            processes.append((service, process))
            deadline = time.monotonic() + SECONDS
            while not asyncio.run(serves(service)):
                said = (folder / f"{service.name}.out").read_text()
                assert process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.05)
        yield [process.pid for _, process in processes]
    finally:
        for service, process in reversed(processes):
            process.send_signal(service.stop)
            try:
                assert process.wait(SECONDS) == 0
            finally:
                process.kill()


def test_from_nothing_to_a_working_hubbub_and_again(folder: Path) -> None:
    ports = (free_port(), free_port())
    made = Local(folder / "fleet", ports=ports)
    made.prepare()
    with running(made, folder) as pids:
        owner = unprivileged_user()
        if owner is not None:
            assert Path(f"/proc/{pids[0]}").owner() == owner
            assert all(Path(f"/proc/{pid}").owner() != "root" for pid in pids)
        # Only who knows the password gets in, by loopback alone.
        url = made.environment["DATABASE_URL"]
        wrong = url.replace(url.split(":")[2].partition("@")[0], "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        with psycopg.connect(url) as connection:
            settings = "SELECT current_setting('fsync'), current_setting('listen_addresses')"
            assert connection.execute(settings).fetchone() == ("on", "127.0.0.1")
            super_user = "SELECT usesuper FROM pg_user WHERE usename = current_user"
            assert connection.execute(super_user).fetchone() == (False,)
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=ports[1]).ping()
        with redis.Redis.from_url(made.environment["REDIS_URL"]) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
            assert client.config_get("appendonly") == {"appendonly": "no"}
        server = ServerProcess(
            folder / "data",
            url,
            REDIS_URL=made.environment["REDIS_URL"],
            DATA_DIR=str(folder / "data"),
        )
        try:
            server.start()
            assert httpx2.get(f"{server.url}/readyz").json()["checks"]["redis"] == "ok"
            body = {"name": "Olga Owner", "email": "owner@example.com", "password": PASSWORD}
            assert httpx2.post(f"{server.url}/api/auth/signup", json=body).status_code == 201
        finally:
            server.close()

    # What nobody else may read.
    kept = folder / "fleet"
    assert (kept / "local.json").stat().st_mode & 0o777 == 0o600
    for private in (kept / "postgresql", kept / "redis", kept / "postgresql" / "data"):
        assert private.stat().st_mode & 0o077 == 0
    assert (kept / "redis" / "redis.conf").stat().st_mode & 0o777 == 0o600

    again = Local(kept)
    again.prepare()
    assert again.environment == made.environment
    with running(again, folder), psycopg.connect(again.environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT email FROM users").fetchall() == [("owner@example.com",)]


def test_a_start_that_was_cut_short_is_begun_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Local(folder, ports=(free_port(), free_port()))
    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            made.prepare()
    assert (folder / "postgresql" / "new").exists()
    again = Local(folder)
    again.prepare()
    assert not (folder / "postgresql" / "new").exists()
    with running(again, folder), psycopg.connect(again.environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="others than root run it themselves")
def test_root_keeps_it_elsewhere_when_the_folder_is_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    made = Local(closed / "fleet", ports=(free_port(), free_port()), shared=folder / "shared")
    made.prepare()
    place = Path(json.loads((closed / "fleet" / "local.json").read_text())["place"])
    assert place.parent == folder / "shared"
    assert (place / "postgresql" / "data" / "PG_VERSION").exists()
    with running(made, folder), psycopg.connect(made.environment["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept ()")
    # The data are found again although the fleet's folder is gone.
    shutil.rmtree(closed / "fleet")
    again = Local(closed / "fleet", shared=folder / "shared")
    again.prepare()
    assert again.environment == made.environment
    # Without the password, too.
    for forgotten in (place / "local.json", closed / "fleet" / "local.json"):
        forgotten.unlink()
    ports = (free_port(), free_port())
    anew = Local(closed / "fleet", ports=ports, shared=folder / "shared")
    anew.prepare()
    assert anew.environment != made.environment
    with running(anew, folder), psycopg.connect(anew.environment["DATABASE_URL"]) as connection:
        connection.execute("SELECT FROM kept")


def test_what_is_missing_or_wrong_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_postgresql", lambda: None)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(FleetError, match=r"needs postgresql and redis-server: `apt install"):
        Local(folder).prepare()
    monkeypatch.undo()
    (folder / "local.json").write_text("{}")
    with pytest.raises(FleetError, match=r"local.json cannot be read"):
        Local(folder).prepare()
    (folder / "local.json").unlink()
    data = folder / "postgresql" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    if local.find_postgresql(Path("/usr/lib/postgresql")) == local.find_postgresql():
        with pytest.raises(
            FleetError, match=r"is of PostgreSQL 9, but the newest one installed is"
        ):
            Local(folder).prepare()


def test_the_newest_postgresql_is_taken(tmp_path: Path) -> None:
    for version in ("9.6", "13", "15"):
        program = tmp_path / version / "bin" / "postgres"
        program.parent.mkdir(parents=True)
        program.touch()
    assert local.find_postgresql(tmp_path) == tmp_path / "15" / "bin"


def test_services_outlive_the_supervisor_and_end_after_the_workers(folder: Path) -> None:
    directory = folder / "state"
    # Decided before the fleet does, so that the ports are this test's own.
    Local(directory, ports=(free_port(), free_port())).prepare()
    with running_fleet(directory=directory, local=True) as fleet:
        fleet.ready()
        before = {one["name"]: one["pid"] for one in fleet.status()["processes"]}
        assert {"postgresql", "redis"} < before.keys()
        fleet.kill_supervisor()
        fleet.start()
        fleet.ready()
        assert {one["name"]: one["pid"] for one in fleet.status()["processes"]} == before
        fleet.call("restart", what="worker")
        fleet.ready()
        redis_pid = before["redis"]
        os.kill(redis_pid, signal.SIGKILL)
        fleet.until(lambda: process(fleet, "redis")["pid"] not in (0, redis_pid))
        fleet.until(lambda: process(fleet, "redis")["state"] == "ready")
        fleet.call("down")
        assert not fleet.pids() - {(0, 0)}
        log = (fleet.settings.log_dir / "postgresql.out").read_text()
        assert "database system is shut down" in log.splitlines()[-1]


def process(fleet: Fleet, name: str) -> dict[str, Any]:
    return next(one for one in fleet.status()["processes"] if one["name"] == name)
