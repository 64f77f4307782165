"""More of PostgreSQL for the tests: streaming replicas, promotion, TLS, and pgbouncer in front of it."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from scripts.packages import find_program
from tests.servers import (
    PATIENCE,
    PostgreSQL,
    ServerError,
    find_postgresql,
    private_folder,
    running,
    running_postgresql,
    unprivileged_user,
)


@contextmanager
def running_replica(
    primary: PostgreSQL, name: str = "replica", options: Sequence[str] = ()
) -> Iterator[PostgreSQL]:
    """A streaming replica of a running PostgreSQL, made by pg_basebackup; it has caught up once.

    `name` is what `make_synchronous` calls it. `promote` makes it a primary.
    """
    programs = find_postgresql()
    owner = unprivileged_user()
    with private_folder("hubbub-pg-", owner) as folder:
        data = folder / "data"
        copy = [str(programs / "pg_basebackup"), "--pgdata", str(data), "--write-recovery-conf"]
        copy += ["--host=127.0.0.1", f"--port={primary.port}", f"--username={primary.user}"]
        copy += ["--checkpoint=fast", "--wal-method=stream", "--no-sync"]
        made = subprocess.run(copy, cwd=folder, capture_output=True, text=True, user=owner)
        if made.returncode:
            raise ServerError(f"pg_basebackup failed: {made.stderr.strip()}")

        def command(port: int) -> list[str]:
            settings = [f"port={port}", "listen_addresses=127.0.0.1", "fsync=on"]
            settings += [f"unix_socket_directories={folder}", "max_connections=200"]
            settings += [f"cluster_name={name}", *options]
            words = [word for setting in settings for word in ("-c", setting)]
            return [str(programs / "postgres"), "-D", str(data), *words]

        with running(command, accepts, folder, owner, signal.SIGQUIT) as (process, port):
            replica = PostgreSQL(port, process, primary.user)
            wait_for_replay(primary, replica)
            yield replica


def accepts(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://hubbub@127.0.0.1:{port}/postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def query(server: PostgreSQL, statement: str, database: str = "postgres") -> tuple[object, ...]:
    """The first row of what the server answers."""
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row or ()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Polls until the condition holds. Raises ServerError after a long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise ServerError(f"waited in vain: {what}")
        time.sleep(0.02)


def wait_for_replay(primary: PostgreSQL, replica: PostgreSQL) -> None:
    """Returns when the replica shows everything that the primary has committed by now."""
    (position,) = query(primary, "SELECT pg_current_wal_flush_lsn()")
    seen = f"SELECT coalesce(pg_last_wal_replay_lsn() >= '{position}', false)"
    wait_for(lambda: query(replica, seen) == (True,), "the replica to catch up")


def make_synchronous(primary: PostgreSQL, *names: str) -> None:
    """Lets commits on the primary wait until one of these replicas has them; without names, none."""
    value = f"ANY 1 ({', '.join(names)})" if names else ""
    with psycopg.connect(primary.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(value))
        connection.execute("SELECT pg_reload_conf()")
    if names:
        waits = (
            "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
        )
        wait_for(lambda: query(primary, waits) == (True,), "the replica to be synchronous")


def promote(replica: PostgreSQL) -> None:
    """Makes a replica a primary, as `pg_ctl promote` does, and waits until it is one."""
    assert query(replica, f"SELECT pg_promote(true, {int(PATIENCE)})") == (True,)


def crash(server: PostgreSQL) -> None:
    """Ends a server at once, without a checkpoint, as a power cut does; nothing is left running."""
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait(PATIENCE)


def several(database: str, *servers: PostgreSQL) -> str:
    """One URL that names several servers, as libpq takes it."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://{servers[0].user}@{hosts}/{database}"


@contextmanager
def running_pgbouncer(
    server: PostgreSQL, *, mode: str = "transaction", connections: int = 20, ignores: str = ""
) -> Iterator[PostgreSQL]:
    """pgbouncer in front of a server; `ignores` are startup parameters it drops instead of refusing."""
    program = find_program("pgbouncer")
    owner = unprivileged_user()
    with private_folder("hubbub-pgb-", owner) as folder:

        def command(port: int) -> list[str]:
            path = folder / "pgbouncer.ini"
            path.write_text(
                f"[databases]\n* = host=127.0.0.1 port={server.port} user={server.user}\n"
                f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
                f"unix_socket_dir =\npool_mode = {mode}\ndefault_pool_size = {connections}\n"
                f"ignore_startup_parameters = extra_float_digits{ignores and ', ' + ignores}\n"
            )
            path.chmod(0o644)
            return [program, str(path)]

        with running(command, accepts, folder, owner, signal.SIGINT) as (process, port):
            yield PostgreSQL(port, process, server.user)


@dataclass(frozen=True)
class Certificates:
    """An authority of its own and a server's certificate for `localhost`, as files."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, owner: str | None) -> Certificates:
    """Makes them with openssl; the key is readable by its owner alone."""
    made = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    own = ["-keyout", str(folder / "ca.key"), "-out", str(made.authority), "-subj", "/CN=Test CA"]
    signed = ["-CA", str(made.authority), "-CAkey", str(folder / "ca.key")]
    signed += ["-keyout", str(made.key), "-out", str(made.certificate), "-subj", "/CN=localhost"]
    signed += ["-addext", "subjectAltName=DNS:localhost"]
    for words in (own, signed):
        done = subprocess.run([*new, *words], capture_output=True, text=True)
        if done.returncode:
            raise ServerError(f"openssl failed: {done.stderr.strip()}")
    made.key.chmod(0o600)
    if owner is not None:
        for path in (made.certificate, made.key):
            shutil.chown(path, owner)
    return made


@contextmanager
def running_tls_postgresql() -> Iterator[tuple[PostgreSQL, Certificates]]:
    """A PostgreSQL that speaks TLS with a certificate for `localhost` from an authority of its own."""
    owner = unprivileged_user()
    with private_folder("hubbub-tls-", owner) as folder:
        folder.chmod(0o755)
        made = make_certificates(folder, owner)
        options = ["ssl=on", f"ssl_cert_file={made.certificate}", f"ssl_key_file={made.key}"]
        with running_postgresql(options) as server:
            yield server, made
