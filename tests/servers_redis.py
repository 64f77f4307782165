"""Redis as a server that dies and comes back, as a cluster of three masters, and under sentinels; all on loopback."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hiredis

from scripts.packages import find_program
from tests.servers import PATIENCE, ServerError, end, free_port, private_folder, wait_until

MASTER = "hubbub"
SLOTS = 16_384


class RedisProcess:
    """One redis-server on a port that stays the same over restarts; it keeps nothing on disk."""

    def __init__(self, folder: Path, *options: str, sentinel: str = "") -> None:
        program = find_program("redis-server")
        self.port = free_port()
        self.folder = folder / str(self.port)
        self.folder.mkdir()
        self._command = [program]
        if sentinel:
            (self.folder / "sentinel.conf").write_text(sentinel)
            self._command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        else:
            self._command += ["--save", "", "--appendonly", "no"]
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it and returns when it answers. Raises ServerError."""
        words = ["--bind", "127.0.0.1", "--port", str(self.port), *self._options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command, *words],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if not wait_until(self._answers, self.process):
            raise ServerError((self.folder / "log").read_text()[-2000:])

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING") == b"PONG")
        except (OSError, hiredis.ReplyError):
            return False

    def command(self, words: str) -> Any:
        """Sends one inline command and answers its reply. Raises OSError, hiredis.ReplyError."""
        reader = hiredis.Reader()
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(words.encode() + b"\r\n")
            while (reply := reader.gets()) is False:
                part = connection.recv(65_536)
                if not part:
                    raise ConnectionResetError("Redis closed the connection")
                reader.feed(part)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`, and waits until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.resume()
            end(self.process, signal.SIGKILL)


@contextmanager
def redis_that_dies() -> Iterator[RedisProcess]:
    """One Redis to kill, pause and start again."""
    with private_folder("hubbub-redis-", None) as folder, ExitStack() as stack:
        yield started(stack, RedisProcess(folder))


def started(stack: ExitStack, server: RedisProcess) -> RedisProcess:
    """The server, which runs until the stack unwinds. Raises ServerError."""
    stack.callback(server.close)
    server.start()
    return server


@dataclass(frozen=True)
class RedisCluster:
    """Three masters that share the slots."""

    nodes: tuple[RedisProcess, ...]

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{places}"

    def move(self, slot: int, source: RedisProcess, target: RedisProcess) -> None:
        """Gives an empty slot from one master to another, as `redis-cli --cluster reshard` does."""
        identity = target.command("CLUSTER MYID").decode()
        for node in (target, source, *self.nodes):
            node.command(f"CLUSTER SETSLOT {slot} NODE {identity}")


@contextmanager
def running_redis_cluster() -> Iterator[RedisCluster]:
    """A cluster that is ready."""
    with private_folder("hubbub-cluster-", None) as folder, ExitStack() as stack:

        def make() -> RedisProcess:
            options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
            return RedisProcess(folder, *options, "--cluster-node-timeout", "3000")

        nodes = tuple(started(stack, make()) for _ in range(3))
        for place, node in enumerate(nodes):
            first, last = SLOTS * place // 3, SLOTS * (place + 1) // 3 - 1
            node.command(f"CLUSTER ADDSLOTSRANGE {first} {last}")
            bus_port = nodes[0].command("CONFIG GET cluster-port")[1].decode()
            node.command(f"CLUSTER MEET 127.0.0.1 {nodes[0].port} {bus_port}")
        patiently(lambda: all(cluster_ready(node) for node in nodes))
        yield RedisCluster(nodes)


def patiently(ready: Callable[[], bool]) -> None:
    """Waits until it is so. Raises ServerError."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise ServerError("the servers did not find each other")
        time.sleep(0.05)


def cluster_ready(node: RedisProcess) -> bool:
    info = node.command("CLUSTER INFO")
    return b"cluster_state:ok" in info and b"cluster_slots_ok:16384" in info


@dataclass(frozen=True)
class RedisWithSentinels:
    """A master, its replica, and two sentinels that watch them."""

    master: RedisProcess
    replica: RedisProcess
    sentinels: tuple[RedisProcess, ...]

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{MASTER}/0"


@contextmanager
def running_redis_with_sentinels() -> Iterator[RedisWithSentinels]:
    """A pair that fails over by itself, about a second after the master has gone."""
    with private_folder("hubbub-sentinel-", None) as folder, ExitStack() as stack:
        master = started(stack, RedisProcess(folder))
        link = ("--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0")
        replica = started(stack, RedisProcess(folder, *link))
        # Sentinels look for replicas every ten seconds only, the first time at once.
        patiently(lambda: b"state=online" in master.command("INFO replication"))
        rules = (
            f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 2\n"
            f"sentinel down-after-milliseconds {MASTER} 700\n"
            f"sentinel failover-timeout {MASTER} 5000\n"
        )
        sentinels = tuple(started(stack, RedisProcess(folder, sentinel=rules)) for _ in range(2))
        patiently(lambda: all(knows_everybody(sentinel) for sentinel in sentinels))
        yield RedisWithSentinels(master, replica, sentinels)


def knows_everybody(sentinel: RedisProcess) -> bool:
    told = sentinel.command(f"SENTINEL MASTER {MASTER}")
    figures = dict(zip(told[::2], told[1::2], strict=True))
    return figures.get(b"num-slaves") == b"1" and figures.get(b"num-other-sentinels") == b"1"
