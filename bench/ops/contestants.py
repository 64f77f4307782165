"""What the rig asks of every contestant, and what they share: the release, and HAProxy before Python workers."""

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path

from bench.ops.app import HANDLED
from bench.ops.load import ask
from bench.ops.programs import START, Done, Place, kill, tool
from tests.servers import ServerError, free_port, free_ports

MEMORY_LIMIT = "200M"
GOOD = "1"
NO_PROXY = "it has no proxy of its own"


class CannotError(Exception):
    """The contestant has no such thing; the message says so in a few words."""


class Contestant(ABC):
    """One tool with its best documented configuration, started anew for every case."""

    name: str
    how: str
    """Its configuration, in a sentence."""
    memory: str = ""
    """Why it does not act on memory; empty when it does."""
    memory_wait: float = 15.0
    """Seconds in which it should have acted."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.workers = workers
        self.port = free_port()
        self.place = Place(folder, self.variables(folder))
        self.handled = folder / "handled.txt"
        self.release = folder / "release"
        self.release.mkdir()
        self.set_version(GOOD)

    def variables(self, folder: Path) -> dict[str, str]:
        return {HANDLED: str(folder / "handled.txt")}

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """What it calls itself, with what it runs on."""

    @abstractmethod
    async def begin(self) -> None:
        """Starts the tool and its workers."""

    @abstractmethod
    def supervisor(self) -> list[int]:
        """The processes that watch, beside workers and proxy."""

    def watchers(self) -> list[int]:
        """The processes whose memory is what the tool costs."""
        return self.supervisor()

    @abstractmethod
    async def managed(self) -> set[int]:
        """The workers that the supervisor says are its own; none while it does not answer."""

    @abstractmethod
    async def reload(self) -> Done:
        """The documented command for serving a new version without an interruption."""

    @abstractmethod
    async def revive(self) -> Done:
        """What systemd would do after the supervisor's end: start it again."""

    @abstractmethod
    async def end(self) -> None:
        """Ends it in its own way; what is left is killed afterwards."""

    async def reload_proxy(self) -> None:
        """Lets the proxy take over a changed configuration. Raises CannotError."""
        raise CannotError(NO_PROXY)

    def set_version(self, version: str) -> None:
        (self.release / "version").write_text(version)

    async def start(self) -> None:
        """Starts it and returns when it answers. Raises ServerError."""
        await self.begin()
        deadline = time.monotonic() + START
        seen: set[int] = set()
        while time.monotonic() < deadline:
            try:
                status, pid = await ask(self.port, "/work")
                if status == 200:
                    seen.add(pid)
            except (OSError, TimeoutError):
                pass
            if len(seen) >= self.workers:
                return
            await asyncio.sleep(0.02)
        raise ServerError(
            f"{self.name}: {len(seen)} of {self.workers} workers answer\n{self.place.log_tail()}"
        )

    async def stop(self) -> None:
        try:
            await self.end()
        finally:
            self.place.clear()

    def kill_supervisor(self) -> None:
        for pid in self.supervisor():
            kill(pid)


HAPROXY = """global
    maxconn 8000
    stats socket {folder}/haproxy.sock mode 600 level admin expose-fd listeners
    hard-stop-after 30s
defaults
    mode http
    timeout connect 2s
    timeout client 90s
    timeout server 90s
    timeout tunnel 1h
    timeout check 1s
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
frontend all
    bind 127.0.0.1:{port}
    default_backend workers
backend workers
    balance leastconn
{servers}
"""


class BehindHaproxy(Contestant):
    """Python workers on ports of their own, behind an HAProxy that is no part of the tool."""

    def __init__(self, folder: Path, workers: int) -> None:
        super().__init__(folder, workers)
        self.first_port = free_ports(workers)
        self.backends = workers

    backend: tuple[str, ...] = (
        "option httpchk GET /readyz",
        "default-server check inter 250ms fall 2 rise 1",
    )

    def start_proxy(self) -> None:
        numbers = range(self.first_port, self.first_port + self.backends)
        servers = [*self.backend, *(f"server w{port} 127.0.0.1:{port}" for port in numbers)]
        lines = "\n".join(f"    {line}" for line in servers)
        path = self.place.folder / "haproxy.cfg"
        path.write_text(HAPROXY.format(folder=self.place.folder, port=self.port, servers=lines))
        # -W: a master that takes the configuration anew on SIGUSR2, as Debian's unit has it.
        self.proxy = self.place.start([tool("haproxy"), "-W", "-db", "-f", path], "haproxy.log")

    async def reload_proxy(self) -> None:
        self.proxy.send_signal(signal.SIGUSR2)
        await asyncio.sleep(3)
