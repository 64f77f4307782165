"""Many that come at once are taken in within a few turns of the loop, however long those are."""

import asyncio
import socket

import uvloop

from hubbub.gateway.server import ACCEPTING, listen_often
from tests.servers import free_port

CLIENTS = 160


def test_a_turn_of_the_loop_takes_many_connections() -> None:
    async def count_turns() -> int:
        accepted: list[asyncio.BaseTransport] = []

        class Taken(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.append(transport)

        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", free_port()), backlog=2 * CLIENTS)
        servers = [
            await loop.create_server(Taken, sock=one, backlog=2 * CLIENTS)
            for one in listen_often(listener)
        ]
        clients = [socket.create_connection(listener.getsockname()) for _ in range(CLIENTS)]
        turns = 0
        try:
            async with asyncio.timeout(60):
                while len(accepted) < CLIENTS:
                    turns += 1
                    await asyncio.sleep(0)
        finally:
            for client in clients:
                client.close()
            for transport in accepted:
                transport.close()
            for server in servers:
                server.close()
        return turns

    # Each turn takes one of each copy; some turns begin before the kernel has told of them all.
    assert uvloop.run(count_turns()) < 4 * CLIENTS / ACCEPTING
