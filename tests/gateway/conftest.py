"""The conformance application as a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.gateway.support import PATIENCE
from tests.servers import free_port


@pytest.fixture(scope="session")
def echo_port() -> Iterator[int]:
    """The port of `hubbub.gateway.echo` that pings as the suites want it, but waits longer for the answer.

    Not the suites' 200 ms: on a busy machine a client that does all it should is later than that, by seconds too.
    """
    with echo(ping_interval=300, ping_timeout=60_000) as port:
        yield port


@pytest.fixture(scope="session")
def strict_port() -> Iterator[int]:
    """The port of `hubbub.gateway.echo` with the suites' ping times, for clients that answer none."""
    with echo(ping_interval=300, ping_timeout=200) as port:
        yield port


@contextmanager
def echo(ping_interval: int, ping_timeout: int) -> Iterator[int]:
    """The application with these times in milliseconds; its port."""
    port = free_port()
    command = [sys.executable, "-m", "hubbub.gateway.echo", "--port", str(port)]
    command += ["--ping-interval", str(ping_interval), "--ping-timeout", str(ping_timeout)]
    with subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            else:
                pytest.fail("the echo application did not start")
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)
