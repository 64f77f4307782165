"""The load of the rig: request loops over keep-alive connections, and numbered sockets. One asyncio process.

What counts as what:

- stale: a request on a reused connection that was found closed before any byte of an answer. A client cannot tell
  whether it was handled. One that sees the end before it writes just opens another connection, and that is no failure;
- hard: any other request that was not answered below 500 in `PATIENCE`, among them each that could not connect;
- moved: a socket that was asked to go away, got the answers it waited for, and opened another before it left;
- dropped: a socket that ended in any other way, or could not be opened again for `PATIENCE`;
- lost: a message sent on an open socket that nobody handled. Doubled: one that was handled although the client never
  got its answer, so that a client that sends it again has it twice; or one handled twice.
"""

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

LOOPS = 16
SOCKETS = 100
PAUSE = 0.03
"""Between two requests of a loop."""
EVERY = 0.5
"""Between two messages of a socket."""
PATIENCE = 10.0
START = 30.0
SLOW = 1.0
"""Seconds after which an answer counts as an outage for who waited."""
RETRY = 0.1
LEAVE = 2.0
"""How long a socket that was asked to leave waits for its last answers."""
QUIET = 0.5
"""Failures closer together than this are one outage."""


@dataclass(frozen=True)
class Failure:
    """One request that failed, when it was sent and when that was known (monotonic)."""

    kind: str
    text: str
    sent: float
    known: float


@dataclass(frozen=True)
class Mark:
    """A moment of the load, to count from."""

    at: float
    requests: int
    failures: int
    slow: int
    moved: int
    dropped: int


@dataclass(frozen=True)
class Seen:
    """What the clients saw between a mark and now."""

    requests: int
    hard: int
    stale: int
    moved: int
    dropped: int
    again: float
    """Seconds from the mark until the last request that failed or was slow was over; 0 without any."""
    outages: list[tuple[float, float]]
    """Each a time after the mark and how long it took."""
    texts: dict[str, int]


@dataclass
class Worker:
    """A process as its answers show it."""

    first: float
    last: float


@dataclass
class Load:
    """16 request loops and 100 numbered sockets against one address."""

    port: int
    handled: Path
    loops: int = LOOPS
    sockets: int = SOCKETS
    path: str = "/work"
    requests: int = 0
    failures: list[Failure] = field(default_factory=list)
    slow: list[tuple[float, float]] = field(default_factory=list)
    moved: int = 0
    dropped: int = 0
    unanswered: list[str] = field(default_factory=list)
    sent: int = 0
    workers: dict[int, Worker] = field(default_factory=dict)
    open: dict[int, int] = field(default_factory=dict)
    """The worker that each connected socket is with."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _running: bool = False

    async def start(self) -> None:
        """Returns when every socket is connected. Raises TimeoutError when they do not."""
        self._running = True
        self._tasks = [asyncio.create_task(self._loop()) for _ in range(self.loops)]
        for number in range(self.sockets):
            self._tasks.append(asyncio.create_task(self._socket(number)))
            if number % 10 == 9:
                await asyncio.sleep(0.05)
        for _ in range(int(START / 0.05)):
            if len(self.open) == self.sockets:
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{len(self.open)} of {self.sockets} sockets could be opened")

    async def stop(self) -> None:
        """Ends it, letting each socket get the answers it still waits for."""
        self._running = False
        _, late = await asyncio.wait(self._tasks, timeout=PATIENCE + LEAVE + 3)
        for task in late:
            task.cancel()
        for done in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(done, Exception):
                raise done

    def mark(self) -> Mark:
        return Mark(
            *(time.monotonic(), self.requests, len(self.failures)),
            *(len(self.slow), self.moved, self.dropped),
        )

    def since(self, mark: Mark) -> Seen:
        failures = self.failures[mark.failures :]
        bad = [(failure.sent, failure.known) for failure in failures] + self.slow[mark.slow :]
        return Seen(
            requests=self.requests - mark.requests,
            hard=sum(failure.kind == "hard" for failure in failures),
            stale=sum(failure.kind == "stale" for failure in failures),
            moved=self.moved - mark.moved,
            dropped=self.dropped - mark.dropped,
            again=max((known - mark.at for _, known in bad), default=0.0),
            outages=[
                (begun - mark.at, ended - begun) for begun, ended in merged(bad) if ended > begun
            ],
            texts=dict(Counter(failure.text for failure in failures)),
        )

    @asynccontextmanager
    async def newcomers(self) -> AsyncIterator[None]:
        """Asks on new connections too, one after the other, while the block runs: they meet workers others do not."""

        async def come() -> None:
            while True:
                with contextlib.suppress(OSError, TimeoutError):
                    status, pid = await ask(self.port, "/work")
                    if status == 200:
                        self._see(pid)
                await asyncio.sleep(PAUSE)

        task = asyncio.create_task(come())
        try:
            yield
        finally:
            task.cancel()

    def tally(self) -> tuple[int, int]:
        """Messages lost and doubled since the start, after `stop`."""
        lines = self.handled.read_text().splitlines() if self.handled.exists() else []
        handled = Counter(lines)
        lost = sum(handled[text] == 0 for text in self.unanswered)
        doubled = sum(handled[text] == 1 for text in self.unanswered)
        return lost, doubled + sum(count > 1 for count in handled.values())

    async def _loop(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while self._running:
            reused = streams is not None and not streams[0].at_eof()
            if not reused and streams is not None:
                streams[1].close()
                streams = None
            sent = time.monotonic()
            self.requests += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    if streams is None:
                        streams = await asyncio.open_connection("127.0.0.1", self.port)
                    keep = await self._ask(*streams)
            except StaleError as error:
                self._fail("stale" if reused else "hard", str(error), sent)
                keep = False
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                self._fail("hard", str(error) or type(error).__name__, sent)
                keep = False
            if time.monotonic() - sent > SLOW:
                self.slow.append((sent, time.monotonic()))
            if not keep and streams is not None:
                streams[1].close()
                streams = None
            await asyncio.sleep(PAUSE)
        if streams is not None:
            streams[1].close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection may be used again. Raises what `_loop` counts."""
        request = f"GET {self.path} HTTP/1.1\r\nHost: localhost:{self.port}\r\n\r\n"
        try:
            writer.write(request.encode())
            first = await reader.read(1)
        except ConnectionError as error:
            raise StaleError("reset before an answer") from error
        if not first:
            raise StaleError("closed before an answer")
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        status = int(lines[0].split()[1])
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if status >= 500:
            raise ValueError(f"answered {status}")
        if status == 200 and self.path == "/work":
            self._see(json.loads(body)["pid"])
        return headers.get("connection") != "close"

    def _see(self, pid: int) -> None:
        now = time.monotonic()
        self.workers.setdefault(pid, Worker(now, now)).last = now

    def _fail(self, kind: str, text: str, sent: float) -> None:
        self.failures.append(Failure(kind, text, sent, time.monotonic()))

    async def _socket(self, number: int) -> None:
        numbers = itertools.count(1)
        connection: ClientConnection | None = None
        waiting: set[str] = set()
        while self._running:
            if connection is None:
                connection = await self._connect(number)
                continue
            waiting = set()
            sender = asyncio.create_task(self._send(connection, number, numbers, waiting))
            asked = await self._read(connection, waiting)
            sender.cancel()
            if asked and not self._running:
                break
            if not asked:
                await connection.close()
                if self._running:
                    self._left(number, waiting)
                connection = None
                continue
            fresh = await self._connect(number)
            leaving = await self._answers(connection, waiting)
            await connection.close()
            if leaving:
                self.moved += 1
            else:
                self._left(number, waiting)
            connection, waiting = fresh, set()
            if fresh is None:
                self.open.pop(number, None)
        if connection is not None:
            await self._answers(connection, waiting)
            await connection.close()
            self.unanswered += waiting

    def _left(self, number: int, waiting: set[str]) -> None:
        self.open.pop(number, None)
        self.dropped += 1
        self.unanswered += waiting

    async def _connect(self, number: int) -> ClientConnection | None:
        """A new connection, None after a failed try."""
        connection: ClientConnection | None = None
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await connect(
                    f"ws://127.0.0.1:{self.port}/socket?client={number}",
                    compression=None,
                    ping_interval=None,
                    close_timeout=1,
                )
                greeting = str(await connection.recv())
        except (OSError, WebSocketException, TimeoutError):
            if connection is not None:
                await connection.close()
            await asyncio.sleep(RETRY)
            return None
        pid = self.open[number] = int(greeting.split()[1])
        self._see(pid)
        return connection

    async def _send(
        self,
        connection: ClientConnection,
        number: int,
        numbers: "itertools.count[int]",
        waiting: set[str],
    ) -> None:
        await asyncio.sleep(EVERY * (number % 50) / 50)
        while self._running:
            text = f"{number} {next(numbers)}"
            waiting.add(text)
            try:
                await connection.send(text)
            except ConnectionClosed:
                # It knows that this one was not sent.
                waiting.discard(text)
                return
            self.sent += 1
            await asyncio.sleep(EVERY)

    async def _read(self, connection: ClientConnection, waiting: set[str]) -> bool:
        """Until the socket ends (False) or is asked to leave (True), or the load is over."""
        heard = time.monotonic()
        while self._running:
            try:
                async with asyncio.timeout(EVERY):
                    text = str(await connection.recv())
            except ConnectionClosed:
                return False
            except TimeoutError:
                if time.monotonic() - heard > PATIENCE:
                    return False
                continue
            heard = time.monotonic()
            if text == "goaway":
                return True
            waiting.discard(text)
        return True

    async def _answers(self, connection: ClientConnection, waiting: set[str]) -> bool:
        """Reads the last answers; whether all came."""
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(LEAVE):
                while waiting:
                    waiting.discard(str(await connection.recv()))
        return not waiting


class StaleError(Exception):
    """The connection was closed before the first byte of an answer."""


def merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans that lie closer together than QUIET become one."""
    found: list[tuple[float, float]] = []
    for begun, ended in sorted(spans):
        if found and begun - found[-1][1] < QUIET:
            found[-1] = (found[-1][0], max(found[-1][1], ended))
        else:
            found.append((begun, ended))
    return found


async def ask(port: int, path: str) -> tuple[int, int]:
    """One request on a connection of its own; status and the worker's pid. Raises OSError and TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    try:
        return int(head.split()[1]), int(json.loads(body)["pid"])
    except (IndexError, KeyError, ValueError):
        raise ConnectionError(f"no such answer: {os.fsdecode(head[:60])}") from None
