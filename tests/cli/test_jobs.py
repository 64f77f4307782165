"""`hubbub jobs` as an operator uses it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner, Result

from hubbub.cli import main
from tests.conftest import migrate, sqlite_url

INSERT = (
    "INSERT INTO jobs (id, kind, arguments, key, state, run_at, attempts, most_attempts, created_at, "
    "finished_at, last_error, every_ms, cron) VALUES (?, ?, '{}', ?, ?, 1, ?, 10, 1, ?, ?, ?, ?)"
)


def jobs(*arguments: str, data_dir: Path) -> Result:
    environment = {"DATA_DIR": str(data_dir), "DATABASE_URL": ""}
    return CliRunner().invoke(main, ["jobs", *arguments], env=environment)


def test_look_retry_run(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    path = data_dir / "hubbub.db"
    migrate(sqlite_url(path), data_dir)
    with closing(sqlite3.connect(path)) as database, database:
        rows = [
            ("one", "mail.send", "k", "dead", 10, 5, "It is down.", None, None),
            ("two", "mail.send", None, "done", 1, 5, None, None, None),
            ("three", "people.sessions", "s", "ready", 0, None, None, 30_000, None),
            ("five", "mail.digest", "d", "ready", 0, 5, None, 0, "0 3 * * * Europe/Berlin"),
        ]
        database.executemany(INSERT, rows)
    dead = jobs("dead", data_dir=data_dir)
    assert dead.exit_code == 0, dead.stderr
    assert "one" in dead.stdout
    assert "It is down." in dead.stdout
    assert "two" not in dead.stdout
    assert "There are none." in jobs("dead", "--kind", "other", data_dir=data_dir).stdout
    unknown = jobs("retry", "two", data_dir=data_dir)
    assert unknown.exit_code == 1
    assert "No dead job has the id two" in unknown.stderr
    assert jobs("retry", "one", data_dir=data_dir).exit_code == 0
    listed = jobs("list", data_dir=data_dir).stdout
    assert "0 of 10" in listed
    assert "people.sessions" in listed
    assert "0 3 * * * Europe/Berlin" in listed
    assert "1970-01-01 00:00:00 UTC" in listed, "when it is due is not shown"
    ran = jobs("run", "people.sessions", data_dir=data_dir)
    assert "as soon as" in ran.stdout
    none = jobs("run", "people.nothing", data_dir=data_dir)
    assert none.exit_code == 1
    assert "there are: mail.digest, people.sessions" in none.stderr
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(
            "SELECT min(run_at) > 1e12 FROM jobs WHERE state = 'ready' AND id <> 'five'"
        ).fetchone() == (1,)
        database.execute(INSERT, ("four", "mail.send", "k", "dead", 1, 5, None, None, None))
    again = jobs("retry", "four", data_dir=data_dir)
    assert again.exit_code == 1
    assert "same key" in again.stderr
    assert "Traceback" not in again.stderr
