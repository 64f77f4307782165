"""The primary dies under load and its synchronous standby takes over: nothing acknowledged is lost or doubled."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hubbub.client import Client, Entry
from tests.servers import running_postgresql
from tests.servers_postgresql import (
    crash,
    make_synchronous,
    promote,
    running_replica,
    several,
)
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

POSTERS = 6
SETTLE_SECONDS = 120


@pytest.fixture
def failover(tmp_path: Path) -> Iterator[tuple[ServerProcess, Callable[[], None]]]:
    """A node over a primary and its synchronous standby, which serves history meanwhile; and what fails."""
    with running_postgresql() as primary:
        primary.create("hubbub")
        with running_replica(primary) as standby:
            make_synchronous(primary, "replica")
            node = ServerProcess(
                tmp_path / "node",
                several("hubbub", primary, standby),
                DATABASE_REPLICA_URL=standby.url("hubbub"),
            )

            def fail() -> None:
                crash(primary)
                promote(standby)

            try:
                node.start()
                yield node, fail
            finally:
                node.close()


async def test_a_standby_is_promoted_under_load(
    failover: tuple[ServerProcess, Callable[[], None]],
) -> None:
    node, fail = failover
    owner = Client(node.url)
    await owner.sign_up("Owner", "owner@example.com", "a long enough passphrase")
    room = (await owner.request("POST", "/api/rooms", {"name": "Studio", "kind": "private"}))["id"]
    await owner.follow({room: 0})
    seen: list[Entry] = []
    others: list[object] = []
    told: dict[str, int] = {}
    stop = asyncio.Event()

    async def watch() -> None:
        async for item in owner.entries():
            if isinstance(item, Entry):
                if item.stream == room:
                    seen.append(item)
            else:
                others.append(item)

    async def talk() -> None:
        while not stop.is_set():
            key = str(uuid.uuid4())
            # The client repeats it with its key until it has an answer.
            told[key] = (await owner.post(room, f"said {key}", key=key))["seq"]
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(SETTLE_SECONDS), asyncio.TaskGroup() as talking:
        for _ in range(POSTERS):
            talking.create_task(talk())
        while len(told) < 30:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(fail)
        before = len(told)
        while len(told) < before + 30:
            await asyncio.sleep(0.02)
        stop.set()

    kept: list[dict[str, object]] = []
    while True:
        page = await owner.request(
            "GET", f"/api/streams/{room}/entries", after=len(kept), limit=200
        )
        kept += page["items"]
        if len(kept) >= page["head"]:
            break
    async with asyncio.timeout(SETTLE_SECONDS):
        while len(seen) < len(kept):
            await asyncio.sleep(0.05)
    watching.cancel()
    assert [entry["seq"] for entry in kept] == list(range(1, len(kept) + 1))
    posted = {e["key"]: e["seq"] for e in kept if e["kind"] == "message.posted"}
    assert posted == told, "what was acknowledged is what is kept, each once"
    assert [(entry.seq, entry.data) for entry in seen] == [(e["seq"], e["data"]) for e in kept]
    assert others == []
    assert node.starts == 1
    await owner.close()
