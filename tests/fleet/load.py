"""What clients do to a fleet while it changes: requests one after the other, and connections that stay."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PATIENCE = 60.0


@dataclass
class Load:
    """What has happened so far; every list is only added to."""

    port: int
    failures: list[str] = field(default_factory=list)
    answers: list[tuple[float, str, str]] = field(default_factory=list)
    """When it was asked, and the worker and release that answered."""
    moves: dict[int, list[str]] = field(default_factory=dict)
    """Of each lasting connection, the workers it was with."""
    ended: threading.Event = field(default_factory=threading.Event)

    def stale(self, since: float, release: str) -> list[tuple[float, str, str]]:
        """Answers to what was asked after `since` that another release gave."""
        return [answer for answer in self.answers if answer[0] > since and answer[2] != release]

    def connected(self) -> int:
        return sum(bool(workers) for workers in self.moves.values())

    def request(self) -> None:
        """One client with its cookies: now with a connection it keeps, now with a new one."""
        connection: http.client.HTTPConnection | None = None
        count, cookie = 0, ""
        while not self.ended.is_set():
            count += 1
            asked = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=PATIENCE
                )
                connection.request("GET", "/whoami", headers={"Cookie": cookie} if cookie else {})
                answer = connection.getresponse()
                told = answer.read()
                cookie = (answer.getheader("Set-Cookie") or cookie).partition(";")[0]
                if answer.status != 200:
                    self.failures.append(f"{answer.status}: {told[:200]!r}")
                else:
                    said = json.loads(told)
                    self.answers.append((asked, said["name"], said["release"]))
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                connection = None
            if connection is not None and count % 10 == 0:
                connection.close()
                connection = None
            time.sleep(0.01)
        if connection is not None:
            connection.close()

    def stay(self, number: int) -> None:
        """One client with a connection for as long as it lasts; then it comes back, as a browser does."""
        workers = self.moves[number]
        while not self.ended.is_set():
            with suppress(OSError, ValueError), self.upgrade() as (connection, worker):
                workers.append(worker)
                self.echo(connection)
            time.sleep(0.02)

    @contextmanager
    def upgrade(self) -> Iterator[tuple[socket.socket, str]]:
        """A connection that was upgraded, and the worker at its end. Raises OSError or ValueError."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(
                b"GET /echo HTTP/1.1\r\nHost: fleet\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
            )
            head = b""
            while b"\r\n\r\n" not in head:
                part = connection.recv(4096)
                if not part:
                    raise ValueError("closed before it was upgraded")
                head += part
            lines = head.decode("latin-1").lower().split("\r\n")
            if " 101 " not in lines[0]:
                self.failures.append(lines[0])
                raise ValueError(lines[0])
            names = [
                line.partition(":")[2].strip() for line in lines if line.startswith("x-worker")
            ]
            yield connection, names[0]

    def echo(self, connection: socket.socket) -> None:
        connection.settimeout(0.1)
        while not self.ended.is_set():
            with suppress(TimeoutError):
                if not connection.recv(64):
                    return


@contextmanager
def load(port: int, requests: int = 4, connections: int = 12) -> Iterator[Load]:
    """So many clients of each kind, all of them connected, for as long as the block runs."""
    made = Load(port, moves={number: [] for number in range(connections)})
    threads = [threading.Thread(target=made.request) for _ in range(requests)]
    threads += [threading.Thread(target=made.stay, args=(number,)) for number in made.moves]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while made.connected() < connections or len(made.answers) < requests:
            if time.monotonic() > deadline:
                raise AssertionError(f"not every client got in: {made.failures[:3]}")
            time.sleep(0.02)
        yield made
    finally:
        made.ended.set()
        for thread in threads:
            thread.join(PATIENCE)
