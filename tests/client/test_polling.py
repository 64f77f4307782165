"""The client by long-polling."""

import asyncio

import pytest

from hubbub.client import Client, Entry
from tests.cluster.wires import wire
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

PASSWORD = "a long enough passphrase"


async def test_an_answer_that_is_cut_off_is_a_lost_connection(server: ServerProcess) -> None:
    async def choose() -> int:
        return server.port

    async with wire(choose) as between, Client(server.url) as owner:
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        room = (await owner.request("GET", "/api/rooms"))["items"][0]["id"]
        url = f"http://127.0.0.1:{between.port}"
        async with Client(url, transports=("polling",)) as poller:
            poller.adopt(owner)
            await poller.follow({room: None})
            between.cuts = True
            said = await owner.post(room, "cut off")
            async with asyncio.timeout(20):
                entry = await poller.next_entry()
            assert isinstance(entry, Entry)
            assert entry.data == said
            assert poller.connects == 2
