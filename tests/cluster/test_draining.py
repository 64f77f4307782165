"""A node that is asked to end under load: everybody is told once and is back elsewhere with nothing lost."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubbub.client import Client
from tests.cluster.people import PASSWORD, logged, running_nodes, watching
from tests.servers import PostgreSQL, Redis
from tests.servers_balancers import Balancer, backend, running_haproxy
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

SOCKETS = 120


@pytest.fixture
def url(postgresql_server: PostgreSQL) -> Iterator[str]:
    yield postgresql_server.create("draining")
    postgresql_server.drop("draining")


@pytest.fixture
def nodes(url: str, redis_server: Redis, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    with running_nodes(tmp_path, url, 2, redis_server.url) as running:
        yield running


@pytest.fixture
def balancer(nodes: list[ServerProcess]) -> Iterator[Balancer]:
    ports = [node.port for node in nodes]
    with running_haproxy(
        ["default_backend nodes"], backend("nodes", ports, "balance roundrobin")
    ) as running:
        yield running


async def test_a_node_leaves_under_load(
    nodes: list[ServerProcess], url: str, balancer: Balancer
) -> None:
    async with Client(balancer.url) as owner:
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        room = (await owner.request("POST", "/api/rooms", {"name": "One", "kind": "private"}))["id"]
        clients = [Client(balancer.url) for _ in range(SOCKETS)]
        for client in clients:
            client.adopt(owner)
        told: dict[int, list[Any]] = {}
        async with watching(*clients) as watchers:
            for some in range(0, SOCKETS, 20):
                await asyncio.gather(*(c.follow({room: 0}) for c in clients[some : some + 20]))
            for number, client in enumerate(clients):
                note = told.setdefault(number, [])
                assert client._socket is not None
                handler = client._socket.handlers["/"]["goaway"]
                client._socket.on(
                    "goaway", lambda data, n=note, h=handler: (n.append(data), h(data))
                )

            async def post(client: Client) -> list[str]:
                return [(await client.post(room, f"{n}"))["id"] for n in range(8)]

            posts = [asyncio.create_task(post(client)) for client in clients[:40]]
            await asyncio.sleep(0.3)
            leaving = asyncio.create_task(asyncio.to_thread(nodes[0].stop))
            acknowledged = [message for done in posts for message in await done]
            assert await leaving == 0
            expected = await asyncio.to_thread(logged, url, room)
            assert sum(kind == "message.posted" for _, kind in expected) == len(set(acknowledged))
            assert len(acknowledged) == 40 * 8
            for watcher in watchers:
                await watcher.wait_for(expected)
        moved = [number for number, client in enumerate(clients) if client.connects > 1]
        assert 0 < len(moved) < SOCKETS
        for number, goaways in told.items():
            assert len(goaways) == (1 if number in moved else 0)
            assert all(g["reason"] == "shutdown" and g["retry_after"] > 0 for g in goaways)
