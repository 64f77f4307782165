"""Roles apart and several times each, on one PostgreSQL and one Redis, behind one balancer."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hubbub.client import Client
from tests.cluster.people import PASSWORD, SECONDS, SECRET, close, logged, start, watching
from tests.servers import PostgreSQL, Redis
from tests.servers_balancers import Balancer, backend, running_haproxy
from tests.support.server import ServerProcess

from .conftest import private_room

pytestmark = pytest.mark.anyio

ROLES = ("api", "api", "realtime", "realtime", "jobs")


@pytest.fixture(scope="module")
def url(postgresql_server: PostgreSQL) -> Iterator[str]:
    yield postgresql_server.create("roles")
    postgresql_server.drop("roles")


@pytest.fixture(scope="module")
def nodes(
    url: str, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ServerProcess]]:
    folder = tmp_path_factory.mktemp("roles")
    started = [node(folder / f"{n}{role}", url, redis_server, role) for n, role in enumerate(ROLES)]
    try:
        start(started)
        yield started
    finally:
        close(started)


def node(folder: Path, url: str, redis: Redis, role: str) -> ServerProcess:
    return ServerProcess(folder, url, ROLE=role, JWT_SECRET=SECRET, REDIS_URL=redis.url)


@pytest.fixture
def balancer(nodes: list[ServerProcess]) -> Iterator[Balancer]:
    ports = {
        role: [n.port for n, r in zip(nodes, ROLES, strict=True) if r == role] for role in ROLES
    }
    with running_haproxy(
        ["use_backend realtime if { path_beg /socket.io }", "default_backend api"],
        backend("api", ports["api"], "balance roundrobin"),
        backend("realtime", ports["realtime"], "balance roundrobin"),
    ) as running:
        yield running


async def test_roles_apart_make_one_system(
    nodes: list[ServerProcess], url: str, balancer: Balancer
) -> None:
    """What is posted at either api node reaches the sockets of both realtime nodes, also when one of each dies."""
    async with Client(balancer.url) as owner:
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        room = await private_room(owner)
        others = [Client(balancer.url) for _ in range(3)]
        for other in others:
            await other.sign_in("owner@example.com", PASSWORD)
        async with watching(owner, *others) as watchers:
            for watcher in watchers:
                await watcher.client.follow({room: 0})
            posts = f"/api/rooms/{room}/messages"
            for number in range(10):
                await owner.request("POST", posts, {"body": f"by HTTP {number}"})
                await others[0].post(room, f"by socket {number}")
            for watcher in watchers:
                await watcher.wait_for(await asyncio.to_thread(logged, url, room))
            nodes[0].kill()
            nodes[2].kill()
            for number in range(10):
                await owner.request("POST", posts, {"body": f"after {number}"})
            expected = await asyncio.to_thread(logged, url, room)
            assert sum(kind == "message.posted" for _, kind in expected) == 30
            for watcher in watchers:
                await watcher.wait_for(expected)
    await asyncio.to_thread(start, [nodes[0], nodes[2]])


async def test_each_role_serves_its_part_only(nodes: list[ServerProcess]) -> None:
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        for process, role in zip(nodes, ROLES, strict=True):
            polling = f"{process.url}/socket.io/?EIO=4&transport=polling"
            assert (await http.get(polling)).status_code == (200 if role == "realtime" else 503)
            setup = await http.get(f"{process.url}/api/setup")
            assert setup.status_code == (200 if role == "api" else 404)
            assert (await http.get(f"{process.url}/health")).status_code == 200


async def test_a_process_may_have_several_roles(
    nodes: list[ServerProcess], url: str, redis_server: Redis, tmp_path: Path
) -> None:
    both = node(tmp_path / "both", url, redis_server, "api,realtime")
    try:
        both.start()
        async with Client(both.url) as owner:
            await owner.sign_in("owner@example.com", PASSWORD)
            room = await private_room(owner)
            async with watching(owner) as (watcher,):
                await owner.follow({room: 0})
                await owner.post(room, "here")
                await watcher.wait_for(await asyncio.to_thread(logged, url, room))
    finally:
        both.close()
