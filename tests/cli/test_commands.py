"""The command line as an operator meets it: real processes, exit codes, one clear sentence."""

import os
import sqlite3
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.support.server import ServerProcess
from tests.support.warm import run_module

PASSWORD = "a long enough passphrase"
SECRET = " and ".join(["made up", "for this test", "of many", "different letters"])


def hubbub(*arguments: str, data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HUBBUB_", "DATABASE_"))}
    return run_module(
        "hubbub",
        *arguments,
        env=clean | {"DATA_DIR": str(data_dir)} | environment,
        cwd=data_dir.parent,
        timeout=120,
    )


def test_data_is_private(server: ServerProcess) -> None:
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    for path in server.data_dir.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_second_process_on_the_same_sqlite_refuses(server: ServerProcess) -> None:
    second = hubbub("serve", "--port", "0", data_dir=server.data_dir)
    assert second.returncode == 1
    assert f"process {server.pid}" in second.stderr
    assert "SQLite serves one process" in second.stderr
    assert "Traceback" not in second.stderr
    assert httpx2.get(f"{server.url}/health").status_code == 200


def test_a_taken_port_is_told(server: ServerProcess, tmp_path: Path) -> None:
    other = hubbub("serve", "--port", str(server.port), data_dir=tmp_path / "other")
    assert other.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{server.port}" in other.stderr


def test_serves_although_its_output_takes_nothing(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path / "data")
    process._log.close()
    process._log = open("/dev/full", "ab", buffering=0)  # noqa: SIM115 - closed with the process
    try:
        process.start()
        assert httpx2.get(f"{process.url}/health").status_code == 200
        assert process.stop() == 0
    finally:
        process.close()


def test_sigterm_ends_well_and_data_is_whole(server: ServerProcess) -> None:
    assert server.stop() == 0
    database = sqlite3.connect(server.data_dir / "hubbub.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_users_and_sample_while_it_runs(server: ServerProcess) -> None:
    added = hubbub(
        "user", "add", "ann@example.com", "--name", "Ann", "--password", PASSWORD,
        data_dir=server.data_dir,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert "owner" in added.stdout
    again = hubbub(
        "user", "add", "ann@example.com", "--name", "Ann", "--password", PASSWORD,
        data_dir=server.data_dir,
    )  # fmt: skip
    assert again.returncode == 1
    assert "already" in again.stderr
    signed = httpx2.post(
        f"{server.url}/api/auth/login", json={"email": "ann@example.com", "password": PASSWORD}
    )
    assert signed.status_code == 200
    headers = {"Authorization": f"Bearer {signed.json()['access_token']}"}
    assert hubbub("sample", "add", data_dir=server.data_dir).returncode == 0
    assert hubbub("sample", "add", data_dir=server.data_dir).returncode == 1
    screen = httpx2.get(f"{server.url}/api/sync", headers=headers).json()
    assert screen["workspace"]["sample"] is True
    assert len(screen["people"]) == 5
    assert hubbub("sample", "remove", data_dir=server.data_dir).returncode == 0
    screen = httpx2.get(f"{server.url}/api/sync", headers=headers).json()
    assert screen["workspace"]["sample"] is False
    assert [person["name"] for person in screen["people"]] == ["Ann"]
    assert [room["name"] for room in screen["rooms"]] == ["General"]

    changed = hubbub(
        "user", "password", "ann@example.com", "--password", "another passphrase",
        data_dir=server.data_dir,
    )  # fmt: skip
    assert changed.returncode == 0, changed.stderr
    old = httpx2.post(
        f"{server.url}/api/auth/login", json={"email": "ann@example.com", "password": PASSWORD}
    )
    assert old.status_code == 401


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "JWT_SECRET is missing"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET"),
        ({"JWT_SECRET": "your-secret-key"}, "JWT_SECRET"),
        ({"JWT_SECRET": "a" * 64}, "JWT_SECRET"),
        ({"JWT_SECRET": SECRET}, "PUBLIC_URL"),
        ({"JWT_SECRET": SECRET, "PUBLIC_URL": "http://chat.example.com"}, "PUBLIC_URL"),
        (
            {"JWT_SECRET": SECRET, "PUBLIC_URL": "https://c.example.com", "ALLOWED_ORIGINS": "*"},
            "ALLOWED_ORIGINS",
        ),
        (
            {
                "JWT_SECRET": SECRET,
                "PUBLIC_URL": "https://c.example.com",
                "DATABASE_URL": "postgresql://u:p@db.example.com/hubbub?sslmode=require",
            },
            "DATABASE_URL must verify",
        ),
        (
            {"DATABASE_URL": "postgresql://u:p@localhost,db.example.com:5433/hubbub"},
            "DATABASE_URL must verify",
        ),
        ({"DATABASE_URL": "postgresql:///h?host=/run/p,10.0.0.7"}, "DATABASE_URL must verify"),
        (
            {"DATABASE_REPLICA_URL": "postgresql://[::1],[fe80::2]/h?sslmode=verify-ca"},
            "DATABASE_REPLICA_URL must verify",
        ),
        ({"REDIS_URL": "redis+sentinel://10.0.0.1:26379,localhost/main/0"}, "rediss+sentinel://"),
        ({"JOBS_URL": "amqp://u:p@queue.example.com/"}, "JOBS_URL must be encrypted"),
    ],
)
def test_production_refuses_what_is_insecure(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    refused = hubbub(
        "serve", "--port", "0", data_dir=tmp_path / "data", HUBBUB_ENV="production", **environment
    )
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"HUBBUB_ENV": "prod"}, "HUBBUB_ENV"),
        ({"DATABASE_URL": "mongodb://localhost/x"}, "mongodb"),
        ({"DATABASE_URL": "sqlite://"}, "in-memory"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "database"),
        ({"DATABASE_URL": "postgresql://me:hidden@one:port,two/none"}, "port is not a port"),
        (
            {"DATABASE_URL": "postgresql://me:hidden@one/none?sslmod=on"},
            "DATABASE_URL is malformed",
        ),
        ({"DATABASE_URL": "postgresql://me:hidden@one/none?pgbouncer=1"}, "true or false"),
        ({"ROLE": "jobs"}, "needs PostgreSQL"),
    ],
)
def test_wrong_settings_are_one_sentence(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    refused = hubbub("serve", "--port", "0", data_dir=tmp_path / "data", **environment)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hidden" not in refused.stderr


def test_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8111\nLOG_LEVEL=debug\n")
    shown = hubbub(
        "settings",
        data_dir=tmp_path / "data",
        JWT_SECRET=SECRET,
        DATABASE_URL="postgresql://me:hidden@127.0.0.1/hubbub",
        LOG_LEVEL="error",
        COLUMNS="200",
    )
    assert shown.returncode == 0, shown.stderr
    assert "8111" in shown.stdout, ".env stands above the defaults"
    assert "error" in shown.stdout, "the environment stands above .env"
    assert "debug" not in shown.stdout
    assert SECRET not in shown.stdout
    assert "hidden" not in shown.stdout


def test_migrations_go_up_and_down(database_url: str, tmp_path: Path) -> None:
    up = hubbub("migrate", data_dir=tmp_path / "data", DATABASE_URL=database_url)
    assert up.returncode == 0, up.stderr
    again = hubbub("migrate", data_dir=tmp_path / "data", DATABASE_URL=database_url)
    assert "already" in again.stdout
    down = hubbub("migrate", "--to", "base", data_dir=tmp_path / "data", DATABASE_URL=database_url)
    assert down.returncode == 0, down.stderr
    final = hubbub("migrate", data_dir=tmp_path / "data", DATABASE_URL=database_url)
    assert final.returncode == 0, final.stderr


def test_many_may_migrate_at_once(database_url: str, tmp_path: Path) -> None:
    def up(_place: int) -> subprocess.CompletedProcess[str]:
        return hubbub("migrate", data_dir=tmp_path / "data", DATABASE_URL=database_url)

    with ThreadPoolExecutor(3) as threads:
        for done in threads.map(up, range(3)):
            assert done.returncode == 0, done.stderr
