"""The conformance application as a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.servers import free_port


@pytest.fixture(scope="session")
def echo_port() -> Iterator[int]:
    """The port of `hubbub.gateway.echo` with the suites' ping times: 300 ms and 200 ms."""
    port = free_port()
    command = [sys.executable, "-m", "hubbub.gateway.echo", "--port", str(port)]
    command += ["--ping-interval", "300", "--ping-timeout", "200"]
    with subprocess.Popen(command) as process:
        try:
            deadline = time.monotonic() + 30
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
            process.wait(10)
