"""Real balancers for the tests, on free loopback ports, ended by who started them."""

import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.packages import find_program
from tests.servers import private_folder, running


@dataclass(frozen=True)
class Balancer:
    """A running balancer, reached by a name, so that its cookies are kept."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


HAPROXY = """
global
    maxconn 8000
defaults
    mode http
    timeout connect 2s
    timeout client 90s
    timeout server 90s
    timeout tunnel 1h
    # A node that is busy is not one that is gone: without this line it would have no longer than between two checks.
    timeout check 30s
    retries 3
    # A node that died before it answered: another may serve the request, whose key makes it safe.
    option redispatch 1
    retry-on conn-failure empty-response
frontend all
    bind 127.0.0.1:{port}
{frontend}
"""


def backend(name: str, ports: Sequence[int], *lines: str, server: str = "") -> str:
    """A backend of HAProxy: nodes on loopback that are asked whether they are ready."""
    text = [f"backend {name}", "    option httpchk GET /readyz", *(f"    {line}" for line in lines)]
    text += [
        f"    server n{port} 127.0.0.1:{port} check inter 250ms fall 2 rise 1"
        f" on-marked-down shutdown-sessions {server.format(port=port)}".rstrip()
        for port in ports
    ]
    return "\n".join(text) + "\n"


@contextmanager
def running_haproxy(frontend: Sequence[str], *backends: str) -> Iterator[Balancer]:
    """HAProxy with these lines in its frontend, for as long as the block runs."""
    program = find_program("haproxy")
    with private_folder("hubbub-haproxy-", None) as folder:
        rules = "\n".join(f"    {line}" for line in frontend)

        def command(port: int) -> list[str]:
            path = folder / "haproxy.cfg"
            path.write_text(HAPROXY.format(port=port, frontend=rules) + "".join(backends))
            return [program, "-f", str(path), "-db"]

        def answers(port: int) -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                return False
            return True

        with running(command, answers, folder, None, signal.SIGTERM) as (process, port):
            yield Balancer(port, process)
