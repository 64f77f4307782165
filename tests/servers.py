"""Real servers for the tests: PostgreSQL and Redis on free loopback ports, ended by who started them.

Each is a context manager over a folder of its own, so a fault test can start as many as it needs.
"""

import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from scripts.house import find_tool
from scripts.packages import ensure_packages, find_program, has_postgresql

PATIENCE = 120.0
"""Seconds a server may take to start or stop; slow machines need them, fast ones never wait."""
PORTS = range(10_000, 32_000)
TRIES = 1_000
HELD = 512
"""So many ports a process holds; the oldest, whose servers run or have ended, make room: open files have a limit."""
_held: deque[socket.socket] = deque()


class ServerError(Exception):
    """A server is not installed, or did not start; the message holds the end of its log."""


def free_port() -> int:
    """A port of this process's own; see `free_ports`."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many ports in a row which nobody else has or gets.

    They lie below the ports that Linux gives to outgoing connections: a client that tries to come back to a stopped
    server would sooner or later be given that server's own port, and hold it. Raises ServerError.
    """
    for _ in range(TRIES):
        first = random.randrange(PORTS.start, PORTS.stop - count + 1)
        with ExitStack() as row:
            try:
                held = [row.enter_context(hold(port)) for port in range(first, first + count)]
            except OSError:
                continue
            row.pop_all()
        _held.extend(held)
        while len(_held) > HELD:
            _held.popleft().close()
        return first
    raise ServerError("every port for tests is taken")


def hold(port: int) -> socket.socket:
    """Keeps a port from others. Raises OSError when one of them has it.

    Bound but not listening: a client is refused, and a server binds it beside this socket as often as it is started,
    for servers set SO_REUSEADDR. Nobody else may who does not, and no other test does, for it is set here afterwards.
    """
    held = socket.socket()
    try:
        held.bind(("", port))
    except OSError:
        held.close()
        raise
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held


@dataclass(frozen=True)
class PostgreSQL:
    """A running PostgreSQL with trust authentication on loopback and fsync on."""

    port: int
    process: subprocess.Popen[bytes]
    user: str = "hubbub"

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> str:
        """Makes a database as a copy of another, which nobody may be connected to; its URL."""
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(database), sql.Identifier(template)
            )
        )
        return self.url(database)

    def drop(self, database: str) -> None:
        """Removes a database, ending whatever is still connected to it."""
        self._run(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        )

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@dataclass(frozen=True)
class Redis:
    """A running Redis that keeps nothing on disk."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self, words: str) -> bytes:
        """Sends one inline command, such as `FLUSHALL`; the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(words.encode() + b"\r\n")
            with connection.makefile("rb") as answer:
                return answer.readline().strip()


@contextmanager
def running_postgresql(options: Sequence[str] = ()) -> Iterator[PostgreSQL]:
    """A fresh cluster for as long as the block runs; `options` are settings as `name=value`."""
    programs = find_postgresql()
    owner = unprivileged_user()
    # Not below pytest's own folder, which nobody but its owner may enter.
    with private_folder("hubbub-pg-", owner) as folder:
        data = folder / "data"
        initdb = [str(programs / "initdb"), "--pgdata", str(data), "--username=hubbub"]
        initdb += ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        made = subprocess.run(initdb, cwd=folder, capture_output=True, text=True, user=owner)
        if made.returncode:
            raise ServerError(f"initdb failed: {made.stderr.strip()}")

        def command(port: int) -> list[str]:
            settings = [f"port={port}", "listen_addresses=127.0.0.1", "fsync=on"]
            settings += [f"unix_socket_directories={folder}", "max_connections=200", *options]
            words = [word for setting in settings for word in ("-c", setting)]
            return [str(programs / "postgres"), "-D", str(data), *words]

        def answers(port: int) -> bool:
            try:
                psycopg.connect(
                    f"postgresql://hubbub@127.0.0.1:{port}/postgres", connect_timeout=5
                ).close()
            except psycopg.OperationalError:
                return False
            return True

        # Immediate shutdown: what it would tidy up is thrown away anyhow.
        with running(command, answers, folder, owner, signal.SIGQUIT) as (process, port):
            yield PostgreSQL(port, process)


@contextmanager
def running_redis() -> Iterator[Redis]:
    """A fresh, empty Redis for as long as the block runs."""
    program = find_program("redis-server")

    def command(port: int) -> list[str]:
        settings = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        return [program, *settings]

    def answers(port: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    with (
        private_folder("hubbub-redis-", None) as folder,
        running(command, answers, folder, None, signal.SIGTERM) as (process, port),
    ):
        yield Redis(port, process)


@contextmanager
def running(
    command: Callable[[int], list[str]],
    answers: Callable[[int], bool],
    folder: Path,
    user: str | None,
    stop: signal.Signals,
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Starts a server on a free port, waits until it answers, and ends it after the block.

    Raises ServerError when it does not start.
    """
    log = folder / "log"
    port = free_port()
    words = command(port)
    with log.open("wb") as output:
        process = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
        )
    try:
        if not wait_until(lambda: answers(port), process):
            said = log.read_text(errors="replace")[-2000:]
            raise ServerError(f"{words[0]} did not start: {said}")
        yield process, port
    finally:
        end(process, stop)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    """Whether the server got ready before it ended or the patience did."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(0.02)
    return False


def end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(stop)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def find_postgresql() -> Path:
    """The folder of the newest PostgreSQL's programs: Debian's, or the one on PATH."""
    ensure_packages({"postgresql": has_postgresql})

    def version(folder: Path) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", folder.parent.name)]

    installed = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    folders = sorted((program.parent for program in installed), key=version)
    if folders:
        return folders[-1]
    return Path(find_tool("postgres") or "").resolve().parent


def unprivileged_user() -> str | None:
    """Whom to run PostgreSQL as: it refuses root. None when we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ServerError("PostgreSQL refuses to run as root, and there is no user nobody.")


@contextmanager
def private_folder(prefix: str, owner: str | None) -> Iterator[Path]:
    """A folder with a path short enough for a unix socket, entered by its owner alone."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        if owner is not None:
            shutil.chown(name, owner)
        yield Path(name)
