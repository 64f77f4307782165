"""TCP connections that a test can silence without closing them, or lead to another place."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.servers import free_port


class Wire:
    """Forwards connections to the port that `choose()` names. While `silent` it swallows every byte.

    The first that comes with `cuts` in it ends its connection: of an answer the last byte is missing, of what is sent
    there all.
    """

    def __init__(self, choose: Callable[[], Awaitable[int]]) -> None:
        self._choose = choose
        self._tasks: set[asyncio.Task[None]] = set()
        self.silent = False
        self.cuts: bytes | None = None
        self.port = free_port()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", await self._choose())
        except OSError:
            writer.transport.abort()
            return
        for source, sink, answers in ((reader, back, False), (there, writer, True)):
            task = asyncio.create_task(self._pump(source, sink, answers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if self.cuts is not None and self.cuts in data:
                    self.cuts = None
                    if answers:
                        sink.write(data[:-1])
                    sink.close()
                    return
                if not self.silent:
                    sink.write(data)
                    await sink.drain()
        sink.transport.abort()

    def cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()


@asynccontextmanager
async def wire(choose: Callable[[], Awaitable[int]]) -> AsyncIterator[Wire]:
    """A wire on a port of its own for as long as the block runs."""
    made = Wire(choose)
    server = await asyncio.start_server(made.serve, "127.0.0.1", made.port)
    try:
        yield made
    finally:
        server.close()
        made.cancel()
