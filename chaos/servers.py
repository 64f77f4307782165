"""The processes of a cluster: database, Redis, nodes. Each can be killed, stopped for a while and started again."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import psutil
import psycopg

from chaos.people import SECRET
from scripts.house import ROOT
from scripts.packages import find_program
from tests.servers import find_postgresql, free_port, unprivileged_user

START_SECONDS = 150.0
FULL_BYTES = 4_096
"""Log files of a node with a full disk end here."""
SETTINGS = (
    "max_connections=200",
    "fsync=on",
    "wal_level=replica",
    "wal_keep_size=256MB",
    "max_wal_senders=5",
    "hot_standby=on",
)


class StartError(Exception):
    """A process did not start; the message holds the end of its log."""


class Server:
    """A process that is started, killed and started again with the same command."""

    def __init__(self, folder: Path, name: str, user: str | None = None) -> None:
        self.folder = folder
        self.name = name
        self.user = user
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"{name}.log"

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    async def answers(self) -> bool:
        raise NotImplementedError

    async def start(self) -> None:
        """Starts it and waits until it answers. Raises StartError."""
        self.spawn()
        await self.wait()

    def spawn(self) -> None:
        output: IO[bytes]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.user,
                preexec_fn=self.limit,
            )

    def limit(self) -> None:
        """Runs in the new process before the program."""

    async def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.alive:
            if await self.answers():
                return
            await asyncio.sleep(0.05)
        raise StartError(f"{self.name}: {self.log.read_text(errors='replace')[-3000:]}")

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """`kill -9`; returns when it is gone."""
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        if self.alive:
            # A stopped process dies only of SIGKILL.
            self.send(signal.SIGCONT)
            self.send(number)
        try:
            await asyncio.to_thread(self.process.wait, 30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


class Postgresql(Server):
    """A primary, or with `of` a streaming replica of it that can be promoted."""

    def __init__(self, folder: Path, name: str, of: "Postgresql | None" = None) -> None:
        super().__init__(folder, name, unprivileged_user())
        self.port = free_port()
        self.data = folder / name
        self.programs = find_postgresql()
        self.extra: list[str] = []
        self.of = of

    def create(self) -> None:
        """Makes the data directory. Raises StartError."""
        if self.of is None:
            words = [str(self.programs / "initdb"), "--pgdata", str(self.data)]
            words += ["--username=hubbub", "--auth=trust", "--no-sync", "--encoding=UTF8"]
            words += ["--locale=C.UTF-8"]
        else:
            words = [str(self.programs / "pg_basebackup"), "--pgdata", str(self.data)]
            words += ["--host=127.0.0.1", f"--port={self.of.port}", "--username=hubbub"]
            words += [
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--wal-method=stream",
            ]
        made = subprocess.run(
            words, cwd=self.folder, capture_output=True, text=True, user=self.user
        )
        if made.returncode:
            raise StartError(f"{words[0]}: {made.stderr}")
        if self.of is None:
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write("host replication hubbub 127.0.0.1/32 trust\n")

    def command(self) -> list[str]:
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", *SETTINGS, *self.extra]
        settings.append(f"unix_socket_directories={self.folder}")
        words = [word for setting in settings for word in ("-c", setting)]
        return [str(self.programs / "postgres"), "-D", str(self.data), *words]

    def url(self, database: str = "hubbub", port: int | None = None) -> str:
        return f"postgresql://hubbub@127.0.0.1:{port or self.port}/{database}"

    async def answers(self) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(
                self.url("postgres"), connect_timeout=2
            )
        except psycopg.Error:
            return False
        await connection.close()
        return True

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def promote(self) -> None:
        """Makes a replica the primary; returns when it accepts writes. Raises psycopg.Error."""
        self.execute("SELECT pg_promote(true, 30)")

    async def restart(self) -> None:
        """As an administrator in a hurry does: every connection ends, nothing committed is lost."""
        await self.end(signal.SIGINT)
        await self.start()


class Redis(Server):
    """A Redis that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "redis")
        self.port = free_port()

    def command(self) -> list[str]:
        program = find_program("redis-server")
        words = [program, "--bind", "127.0.0.1", "--port", str(self.port)]
        return [*words, "--save", "", "--appendonly", "no"]

    async def answers(self) -> bool:
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"PING\r\n")
                answer = await reader.readline()
                writer.transport.abort()
                return answer == b"+PONG\r\n"
        except (OSError, TimeoutError):
            return False


class Node(Server):
    """`hubbub serve`, through chaos.node, on a port that stays the same."""

    def __init__(
        self,
        folder: Path,
        name: str,
        database_url: str,
        redis_url: str,
        seed: int,
        mutation: str,
    ) -> None:
        super().__init__(folder, name)
        self.port = free_port()
        self.database_url = database_url
        self.redis_url = redis_url
        self.seed = seed
        self.mutation = mutation
        self.control = folder / f"{name}.json"
        self.told: dict[str, float] = {}
        self.full_disk = False
        self.tell()

    def tell(self, **changes: float) -> None:
        """Changes clock (`clock_ms`) or bus (`drop`, `delay`, `double`, `swap`) of the running node."""
        self.told |= changes
        part = self.control.with_suffix(".part")
        part.write_text(json.dumps(self.told))
        part.replace(self.control)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "chaos.node"]

    def environment(self) -> dict[str, str]:
        ours = ("HUBBUB_", "DATABASE_", "REDIS_", "JOBS_", "RELAY_")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(ours)},
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(self.folder / "data"),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "JWT_SECRET": SECRET,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "NODE_NAME": self.name,
            "RATE_LIMITS": "false",
            "LOG_LEVEL": "info",
            "CHAOS_CONTROL": str(self.control),
            "CHAOS_SEED": f"{self.seed} {self.name}",
            "CHAOS_MUTATE": self.mutation,
        }
        if self.full_disk:
            environment |= {"LOG_DIR": str(self.folder / f"{self.name}-logs"), "LOG_LEVEL": "debug"}
            # Python would leave halves of its compiled files where every later process finds them.
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return environment

    def limit(self) -> None:
        if self.full_disk:
            # As on a full disk, writing fails; only the logs are written to files by a node.
            resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))

    async def answers(self) -> bool:
        return await self.get("/readyz") == 200

    async def get(self, path: str) -> int:
        """The status of a GET, 0 if there is no answer."""
        try:
            async with asyncio.timeout(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n".encode()
                )
                line = await reader.readline()
                writer.transport.abort()
                return int(line.split()[1])
        except (OSError, TimeoutError, ValueError, IndexError):
            return 0

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.pid).memory_info().rss) if self.alive else 0


def migrate(database_url: str, folder: Path) -> None:
    """Brings a database to the newest schema. Raises StartError."""
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "migrate"],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url,
            "DATA_DIR": str(folder / "data"),
        },
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise StartError(done.stdout + done.stderr)


class Balancers:
    """As many balancers as the open files need, each on its own port."""

    def __init__(self, nodes: Sequence[Node], count: int) -> None:
        self.ports = [free_port() for _ in range(count)]
        self._nodes = nodes
        self._processes: list[subprocess.Popen[bytes]] = []

    async def start(self) -> None:
        nodes = [str(node.port) for node in self._nodes]
        for port in self.ports:
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-m", "chaos.balancer", str(port), *nodes],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._processes.append(process)
            assert process.stdout is not None
            if await asyncio.to_thread(process.stdout.readline) != b"ready\n":
                raise StartError("a balancer did not start")
        # Until each has seen which nodes are ready.
        await asyncio.sleep(0.7)

    async def stop(self) -> None:
        for process in self._processes:
            process.kill()
            await asyncio.to_thread(process.wait)
