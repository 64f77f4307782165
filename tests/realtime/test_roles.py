"""Processes with one role each, on one PostgreSQL."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import socketio

from hubbub.client import Client
from tests.servers import PostgreSQL
from tests.support.server import ServerProcess

from .conftest import PASSWORD, private_room

pytestmark = pytest.mark.anyio


@pytest.fixture
def roles(postgresql_server: PostgreSQL, tmp_path: Path) -> Iterator[dict[str, ServerProcess]]:
    url = postgresql_server.create("roles")
    started: dict[str, ServerProcess] = {}
    for role in ("api", "realtime", "jobs"):
        process = ServerProcess(tmp_path / role, url, ROLE=role, JWT_SECRET="one for all " * 4)
        started[role] = process
        process.start()
    yield started
    for process in started.values():
        process.close()
    postgresql_server.drop("roles")


async def test_each_role_does_its_part(roles: dict[str, ServerProcess]) -> None:
    """What is posted through one process reaches a socket of another, by the log alone."""
    async with Client(roles["api"].url) as owner:
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        room = await private_room(owner)
        got: asyncio.Queue[list[dict[str, object]]] = asyncio.Queue()
        socket = socketio.AsyncClient(reconnection=False)
        socket.on("entries", got.put)
        await socket.connect(
            roles["realtime"].url, auth={"token": owner._token}, transports=["websocket"]
        )
        answer = await socket.call("follow", {"streams": {room: None}})
        assert answer["streams"][room]["head"] == answer["streams"][room]["cutoff"]
        said = await owner.request("POST", f"/api/rooms/{room}/messages", {"body": "across"})
        async with asyncio.timeout(30):
            entries = await got.get()
        assert entries[0]["data"] == said
        await socket.disconnect()
    async with httpx2.AsyncClient() as http:
        for role in ("api", "jobs"):
            polling = f"{roles[role].url}/socket.io/?EIO=4&transport=polling"
            assert (await http.get(polling)).status_code == 503
        for role in ("realtime", "jobs"):
            assert (await http.get(f"{roles[role].url}/health")).status_code == 200
            assert (await http.get(f"{roles[role].url}/api/setup")).status_code == 404
