"""A plain TCP balancer: round robin over the nodes that are ready, connections of dead ones cut.

`python -m chaos.balancer PORT NODE_PORT…`. A node that answers /readyz with anything but 200 gets no new
connections; one that does not answer at all loses those it has. If none is ready, any that answers will do.
"""

import asyncio
import socket
import sys
from typing import cast

import uvloop

from hubbub.gateway.server import listen_often

CHECK_SECONDS = 0.5
PATIENCE = 1.0
CHECK_PATIENCE = 3.0
MISSES = 3
"""Checks a node may leave unanswered before it counts as dead: one that is merely busy keeps its clients."""
HIGH = 1_000_000
BACKLOG = 8_192


class Node:
    """A node as the balancer sees it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ready = False
        self.alive = False
        self.misses = 0
        self.connections: set[Side] = set()

    async def watch(self) -> None:
        while True:
            status = await self.check()
            if status is None:
                self.misses += 1
                if self.misses >= MISSES and self.alive:
                    self.alive = self.ready = False
                    for side in list(self.connections):
                        side.abort()
            else:
                self.misses = 0
                self.alive, self.ready = True, status == 200
            await asyncio.sleep(CHECK_SECONDS)

    async def check(self) -> int | None:
        """The status of /readyz, None if there is no answer."""
        writer = None
        try:
            async with asyncio.timeout(CHECK_PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
                line = await reader.readline()
                return int(line.split()[1])
        except (OSError, TimeoutError, ValueError, IndexError):
            return None
        finally:
            if writer is not None:
                writer.transport.abort()


class Side(asyncio.Protocol):
    """One end of a connection; `other` is the end it is joined to."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self.early: list[bytes] = []
        self.node: Node | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=HIGH)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self.early.append(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        if self.node is not None:
            self.node.connections.discard(self)
        if self.other is not None and self.other.transport is not None:
            # What the node said last still reaches the client.
            self.other.transport.close()
        self.transport = None

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Balancer:
    """Joins each client to a node."""

    def __init__(self, ports: list[int]) -> None:
        self.nodes = [Node(port) for port in ports]
        self.turn = 0

    def choose(self) -> list[Node]:
        """The nodes to try, in order: ready ones first, each in its turn."""
        self.turn += 1
        place = self.turn % len(self.nodes)
        around = self.nodes[place:] + self.nodes[:place]
        return [n for n in around if n.ready] or [n for n in around if n.alive]

    def accept(self) -> Side:
        return Accepted(self)

    async def join(self, client: Side) -> None:
        loop = asyncio.get_running_loop()
        for node in self.choose():
            try:
                async with asyncio.timeout(PATIENCE):
                    _, far = await loop.create_connection(Side, "127.0.0.1", node.port)
            except (OSError, TimeoutError):
                node.ready = False
                continue
            if client.transport is None:
                far.abort()
                return
            far.node = node
            node.connections.add(far)
            client.other, far.other = far, client
            assert far.transport is not None
            for data in client.early:
                far.transport.write(data)
            client.early.clear()
            return
        client.abort()

    async def run(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        watchers = [asyncio.create_task(node.watch()) for node in self.nodes]
        listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        servers = [
            await loop.create_server(self.accept, sock=one, backlog=BACKLOG)
            for one in listen_often(listener)
        ]
        print("ready", flush=True)
        # The harness ends this program by closing its input.
        await loop.run_in_executor(None, sys.stdin.read)
        for server in servers:
            server.close()
        for watcher in watchers:
            watcher.cancel()


class Accepted(Side):
    """The end a client came in by."""

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        self.balancer = balancer
        self.joining: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.joining = asyncio.create_task(self.balancer.join(self))


if __name__ == "__main__":
    uvloop.run(Balancer([int(word) for word in sys.argv[2:]]).run(int(sys.argv[1])))
