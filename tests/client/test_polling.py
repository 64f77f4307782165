"""The client by long-polling."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hubbub.client import Client, Entry
from tests.cluster.wires import Wire, wire
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

PASSWORD = "a long enough passphrase"


@asynccontextmanager
async def polling(server: ServerProcess) -> AsyncIterator[tuple[Client, Client, str, Wire]]:
    """An owner, the same person by long-polling and following a room, the room, and the wire of the second."""

    async def choose() -> int:
        return server.port

    async with wire(choose) as between, Client(server.url) as owner:
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        room = (await owner.request("GET", "/api/rooms"))["items"][0]["id"]
        url = f"http://127.0.0.1:{between.port}"
        async with Client(url, transports=("polling",)) as poller:
            poller.adopt(owner)
            await poller.follow({room: None})
            yield owner, poller, room, between


async def test_an_answer_that_is_cut_off_is_a_lost_connection(server: ServerProcess) -> None:
    async with polling(server) as (owner, poller, room, between):
        # Not any answer: one that only says "ok" to what was sent may be lost.
        between.cuts = b"entries"
        said = await owner.post(room, "cut off")
        entry = await poller.next_entry()
        assert isinstance(entry, Entry)
        assert entry.data == said
        assert poller.connects == 2


async def test_what_cannot_be_sent_is_a_lost_connection(server: ServerProcess) -> None:
    async with polling(server) as (_, poller, room, between):
        socket, lost = poller._socket, poller._lost
        assert socket is not None
        noticed: asyncio.Future[bool] = asyncio.Future()
        socket.eio.write_loop_task.add_done_callback(lambda _: noticed.set_result(lost.is_set()))
        between.cuts = b"POST "
        posting = asyncio.create_task(poller.post(room, "on its way"))
        # Not only when the poll comes back, which waits until the server has something to say.
        assert await noticed
        said = await posting
        assert poller.connects == 2
        entry = await poller.next_entry()
        assert isinstance(entry, Entry)
        assert entry.data == said
