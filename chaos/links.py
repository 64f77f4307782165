"""A TCP link between a node and a server it needs, which can be slowed, stalled, cut and refused.

Everything runs on the harness's loop; a link carries little.
"""

import asyncio
import contextlib

from tests.servers import free_port

CHUNK = 65_536
WAITING = 1_000_000


class Link:
    """Forwards connections to `target`, a port on loopback.

    `delay` seconds pass before anything goes on; `stalled` keeps what comes; `refused` closes what is and comes.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = free_port()
        self.delay = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refused = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=WAITING
        )

    async def close(self) -> None:
        self.refuse(True)
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stall(self, stalled: bool) -> None:
        """Keeps connections open and passes nothing on, as a network that loses every packet."""
        if stalled:
            self._flowing.clear()
        else:
            self._flowing.set()

    def refuse(self, refused: bool) -> None:
        """Ends every connection and turns new ones away."""
        self._refused = refused
        if refused:
            self.cut()

    def cut(self) -> None:
        """Ends every connection once."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refused:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", self.target, limit=WAITING
            )
        except OSError:
            self._forget(writer, task)
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        try:
            await asyncio.gather(
                self._pass_on(reader, far_writer), self._pass_on(far_reader, writer)
            )
        except asyncio.CancelledError:
            # Only `close` cancels, and nobody awaits what serves a connection.
            return
        finally:
            self._writers.discard(far_writer)
            self._forget(writer, task)
            writer.transport.abort()
            far_writer.transport.abort()

    def _forget(self, writer: asyncio.StreamWriter, task: "asyncio.Task[None]") -> None:
        self._writers.discard(writer)
        self._tasks.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # uvloop raises RuntimeError when the other direction has closed the connection.
        with contextlib.suppress(OSError, RuntimeError):
            while data := await reader.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        # Half a connection is of no use to either side.
        writer.transport.abort()
