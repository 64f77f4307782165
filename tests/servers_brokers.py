"""Real brokers for the tests: RabbitMQ and NATS on free loopback ports, ended by who started them.

Each has a folder of its own and keeps port and data over `kill` and `start`, so that a test can take it away.
"""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.packages import find_program
from tests.servers import ServerError, end, free_port, private_folder, wait_until

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The program itself: the one on PATH is Debian's wrapper, which changes to another user and folder."""


class Broker:
    """A server process that can be taken away and brought back on the same port, with what it kept."""

    def __init__(
        self,
        url: str,
        port: int,
        command: Sequence[str],
        folder: Path,
        answers: Callable[[], bool],
        environment: Mapping[str, str],
    ) -> None:
        self.url = url
        self.port = port
        self._command = list(command)
        self._folder = folder
        self._answers = answers
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Starts it and returns when it answers. Raises ServerError with its log when it does not."""
        with (self._folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if not wait_until(self._answers, self.process):
            self.kill()
            raise ServerError(f"{self._command[0]} did not start: {self.log_text()[-2000:]}")

    def kill(self) -> None:
        """`kill -9`, and waits until it is gone."""
        if self.process is not None:
            end(self.process, signal.SIGKILL)

    def stop(self) -> None:
        """Asks it to end, and waits until it did."""
        if self.process is not None:
            end(self.process, signal.SIGTERM)

    def log_text(self) -> str:
        return (self._folder / "log").read_text(errors="replace")


def greets(port: int, question: bytes, answer: bytes) -> bool:
    """Whether what listens on the port answers a question as its protocol says."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.settimeout(5)
            connection.sendall(question)
            return connection.recv(len(answer)) == answer
    except OSError:
        return False


@contextmanager
def running_rabbitmq() -> Iterator[Broker]:
    """A fresh RabbitMQ with the user guest; its port mapper is its own and ends with it."""
    find_program("rabbitmq-server")
    with (
        private_folder("hubbub-rabbitmq-", None) as folder,
        running_epmd(folder) as mapper,
        started(rabbitmq(folder, mapper)) as broker,
    ):
        yield broker


def rabbitmq(folder: Path, mapper: int) -> Broker:
    port = free_port()
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\n"
        "num_acceptors.tcp = 2\n"
        "disk_free_limit.absolute = 1MB\n"
        "log.console = true\nlog.console.level = warning\nlog.file = false\n"
    )
    (folder / "plugins").write_text("[].\n")
    environment = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_NODENAME": f"hubbub{secrets.token_hex(4)}@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_DIST_PORT": str(free_port()),
        # The script becomes the server instead of waiting for it, so that its pid is the server's.
        "RABBITMQ_ALLOW_INPUT": "true",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-noinput +S 2:2 +A 16 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
        ),
    }
    return Broker(
        f"amqp://guest:guest@127.0.0.1:{port}/",
        port,
        [str(RABBITMQ)],
        folder,
        lambda: greets(port, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"),
        environment,
    )


@contextmanager
def running_epmd(folder: Path) -> Iterator[int]:
    """Erlang's port mapper in the foreground on a port of its own, which it answers."""
    program = find_program("rabbitmq-server", "epmd")
    port = free_port()
    command = [program, "-port", str(port), "-address", "127.0.0.1"]
    # NAMES_REQ: the answer begins with the port it listens on.
    answers = lambda: greets(port, b"\x00\x01n", port.to_bytes(4, "big"))  # noqa: E731
    with started(Broker("", port, command, folder, answers, {})):
        yield port


@contextmanager
def running_nats(*, jetstream: bool = True) -> Iterator[Broker]:
    """A fresh NATS, with JetStream on disk or without."""
    program = find_program("nats-server")
    with private_folder("hubbub-nats-", None) as folder:
        port = free_port()
        options = ["--jetstream", "--store_dir", str(folder / "store")] if jetstream else []
        command = [program, "--addr", "127.0.0.1", "--port", str(port), *options]
        answers = lambda: greets(port, b"", b"INFO {")  # noqa: E731
        url = f"nats://127.0.0.1:{port}"
        with started(Broker(url, port, command, folder, answers, {})) as broker:
            yield broker


@contextmanager
def started(broker: Broker) -> Iterator[Broker]:
    """The broker, which runs for as long as the block does. Raises ServerError."""
    broker.start()
    try:
        yield broker
    finally:
        # What it would tidy up is thrown away anyhow.
        broker.kill()
