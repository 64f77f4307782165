"""The servers that the benchmark compares: how each is started, and what it calls itself."""

import functools
import json
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version as package_version
from pathlib import Path

from scripts.house import ROOT, find_tool
from tests.servers import ServerError, running

NODE_PEERS = ROOT / "bench" / "peers" / "node"
PORT = "{port}"
"""Stands in a server's arguments and environment where its port belongs."""


@dataclass(frozen=True)
class Server:
    """One contestant: the same for every round, started anew for each."""

    name: str
    version: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: str = ""
    """The path that answers a GET with 200 once it serves; empty: it greets, as NATS does."""


@dataclass(frozen=True)
class Running:
    """A server that answers on loopback."""

    server: Server
    port: int
    pid: int
    log: Path

    def last_words(self) -> str:
        """The end of what it printed, for the message of an error."""
        return self.log.read_text(errors="replace")[-2000:].strip()


@contextmanager
def running_server(server: Server, core: int | None = 0) -> Iterator[Running]:
    """The server on a free port, pinned to one core (None: wherever), ended after the block.

    It sees an environment of its own and nothing of ours. Raises `tests.servers.ServerError`,
    with the end of its log, when it does not start.
    """
    raise_file_limit()

    def command(port: int) -> list[str]:
        # taskset and env become the server itself, so its process id is the one we know.
        pinned = [] if core is None else [_tool("taskset"), "--cpu-list", str(core)]
        variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **server.environment}
        pairs = [f"{name}={value}" for name, value in variables.items()]
        words = [*pinned, _tool("env"), "-i", *pairs, *server.argv]
        return [word.replace(PORT, str(port)) for word in words]

    with (
        tempfile.TemporaryDirectory(prefix="hubbub-bench-", ignore_cleanup_errors=True) as folder,
        running(
            command,
            lambda port: _answers(port, server.ready),
            Path(folder),
            None,
            signal.SIGTERM,
        ) as (process, port),
    ):
        yield Running(server, port, process.pid, Path(folder) / "log")


def raise_file_limit() -> None:
    """Lets this process and those it starts open as many files as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def hubbub_gateway() -> Server:
    """Our gateway alone, with the application the public test suites expect."""
    argv = (sys.executable, "-m", "hubbub.gateway.echo", "--port", PORT)
    return Server("Hubbub gateway", _python("uvicorn"), argv, _python_path(), _POLL)


def node_socketio(redis_url: str = "") -> Server:
    """Socket.IO on Node; with a Redis's URL behind the Redis adapter."""
    argv: tuple[str, ...] = (node_program(), str(NODE_PEERS / "socketio.mjs"), "--port", PORT)
    name = "Socket.IO"
    packages = ["socket.io"]
    if redis_url:
        argv += ("--redis", redis_url)
        name += " + Redis adapter"
        packages.append("@socket.io/redis-adapter")
    return Server(name, _node_version(*packages), argv, _PRODUCTION, _POLL)


def python_socketio() -> Server:
    """python-socketio on uvicorn."""
    argv = (sys.executable, "-m", "bench.peers.python_socketio", "--port", PORT)
    version = _python("python-socketio", "uvicorn")
    return Server("python-socketio", version, argv, _python_path(), _POLL)


def nats() -> Server:
    """Debian's nats-server without authentication."""
    program = find_tool("nats-server")
    if program is None:
        raise ServerError("nats-server is not installed; `make bench` installs it.")
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    version = asked.stdout.split(":")[-1].strip().removeprefix("v")
    return Server("NATS", f"nats-server {version}", (program, "--addr", "127.0.0.1", "-p", PORT))


def c_writer() -> Server:
    """The least that a server must do for the same bytes, in C: what this machine can do at all."""
    program = ROOT / "bench" / "load" / "writer"
    return Server("C writer", "gcc -O2", (str(program), PORT), ready="/ready")


def hubbub_product(database_url: str, data: Path, redis_url: str = "") -> Server:
    """One process of Hubbub as it is served in production; `data` is its folder."""
    environment = {
        **_python_path(),
        "HUBBUB_ENV": "production",
        "PUBLIC_URL": "https://bench.example",
        "JWT_SECRET": "benchmark-" * 8,
        "HOST": "127.0.0.1",
        "PORT": PORT,
        "DATABASE_URL": database_url,
        "DATA_DIR": str(data),
        "REDIS_URL": redis_url,
        # What the benchmark asks of one address is more than any limit should let through.
        "RATE_LIMITS": "false",
    }
    argv = (sys.executable, "-m", "hubbub", "serve")
    return Server("Hubbub", _python("fastapi", "uvicorn"), argv, environment, "/readyz")


def node_product(database_url: str, redis_url: str, secret: str, pool: int) -> Server:
    """The usual stack: Express, pg's pool, Socket.IO, the Redis adapter."""
    argv = (
        *(node_program(), str(NODE_PEERS / "product.mjs"), "--port", PORT),
        *("--database", database_url, "--redis", redis_url, "--pool", str(pool)),
    )
    environment = {**_PRODUCTION, "BENCH_SECRET": secret}
    version = _node_version("express", "pg", "socket.io", "@socket.io/redis-adapter")
    return Server("Express + pg + Socket.IO", version, argv, environment, "/health")


_POLL = "/socket.io/?EIO=4&transport=polling"
_PRODUCTION = {"NODE_ENV": "production"}


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)}


def _answers(port: int, path: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            if not path:
                return connection.recv(4) == b"INFO"
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
            )
            with connection.makefile("rb") as answer:
                return re.match(rb"HTTP/1\.[01] 200 ", answer.readline()) is not None
    except OSError:
        return False


def _tool(name: str) -> str:
    program = find_tool(name)
    if program is None:
        raise ServerError(f"{name} is not installed.")
    return program


@functools.cache
def node_program() -> str:
    """The path of Node itself. Raises ServerError."""
    # The one in .venv is a small Python program that starts the real one.
    words = [_tool("node"), "--print", "process.execPath"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def _python(*packages: str) -> str:
    python = "Python " + ".".join(map(str, sys.version_info[:3]))
    return ", ".join([f"{name} {package_version(name)}" for name in packages] + [python])


@functools.cache
def node_release() -> str:
    """Node's version."""
    words = [node_program(), "--version"]
    asked = subprocess.run(words, capture_output=True, text=True, check=True)
    return asked.stdout.strip().removeprefix("v")


@functools.cache
def _node_version(*packages: str) -> str:
    found = [f"{name} {_installed(name)}" for name in packages]
    return ", ".join([*found, f"Node {node_release()}"])


def _installed(package: str) -> str:
    file = NODE_PEERS / "node_modules" / package / "package.json"
    try:
        return str(json.loads(file.read_text())["version"])
    except FileNotFoundError:
        raise ServerError("bench/peers/node is not installed; `make bench` does it.") from None
