"""`kill -9` of the serving process under load: 0 lost, 0 twice, 0 out of order.

The short form runs with every `make test`; `make chaos` runs it longer. HUBBUB_CHAOS_SEED replays a run,
HUBBUB_CHAOS_KILLS says how often the process dies.
"""

import asyncio
import os
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hubbub.client import Client, Entry
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("HUBBUB_CHAOS_KILLS", "3"))
CLIENTS = int(os.environ.get("HUBBUB_CHAOS_CLIENTS", "50"))
SEED = int(os.environ.get("HUBBUB_CHAOS_SEED", str(random.randrange(2**32))))
ROOMS = 3
POSTERS = 12
SETTLE_SECONDS = 120
LOAD = 25
"""Messages that are acknowledged between two kills, at least."""


@dataclass
class Witness:
    """A client and what it saw, and what it was told is kept."""

    client: Client
    seen: dict[str, list[Entry]] = field(default_factory=dict)
    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict)
    others: list[object] = field(default_factory=list)

    async def watch(self) -> None:
        async for item in self.client.entries():
            if isinstance(item, Entry):
                self.seen.setdefault(item.stream, []).append(item)
            else:
                self.others.append(item)

    async def talk(self, rooms: list[str], chance: random.Random, stop: asyncio.Event) -> None:
        while not stop.is_set():
            room = chance.choice(rooms)
            key = str(uuid.UUID(int=chance.getrandbits(128)))
            message = await self.client.post(room, f"said {key}", key=key)
            self.acknowledged[key] = (room, message["seq"])
            await asyncio.sleep(chance.random() * 0.02)


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path / "data", "" if "sqlite" in database_url else database_url)
    process.start()
    yield process
    process.close()


async def gather_people(server: ServerProcess) -> tuple[list[Witness], list[str]]:
    """The owner and invited members, each in every room."""
    owner = Client(server.url)
    await owner.sign_up("Owner", "owner@example.com", "a long enough passphrase")
    people = [owner]
    invitation = await owner.request("POST", "/api/invitations", {"role": "member"})
    # Hashing passwords is slow by design: every person has three sockets, as with a laptop and a phone.
    for place in range(max(1, CLIENTS // 3 - 1)):
        member = Client(server.url)
        await member.sign_up(
            f"Member {place}",
            f"member{place}@example.com",
            "a long enough passphrase",
            invite=invitation["code"],
        )
        people.append(member)
    rooms = []
    for place in range(ROOMS):
        room = await owner.request(
            "POST",
            "/api/rooms",
            {
                "name": f"Room {place}",
                "kind": "private",
                "members": [person.me["id"] for person in people],
            },
        )
        rooms.append(room["id"])
    sockets = list(people)
    while len(sockets) < CLIENTS:
        twin = Client(server.url)
        twin_of = people[len(sockets) % len(people)]
        twin.adopt(twin_of)
        sockets.append(twin)
    return [Witness(client) for client in sockets], rooms


async def test_nothing_is_lost_doubled_or_reordered(server: ServerProcess) -> None:
    print(f"HUBBUB_CHAOS_SEED={SEED}")
    chance = random.Random(SEED)
    witnesses, rooms = await gather_people(server)
    await asyncio.gather(*(witness.client.follow(dict.fromkeys(rooms, 0)) for witness in witnesses))
    watching = [asyncio.create_task(witness.watch()) for witness in witnesses]
    stop = asyncio.Event()
    talking = [
        asyncio.create_task(witness.talk(rooms, random.Random(chance.random()), stop))
        for witness in witnesses[:POSTERS]
    ]
    for _ in range(KILLS):
        await said_more(witnesses)
        await asyncio.sleep(chance.random())
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await said_more(witnesses)
    stop.set()
    await asyncio.gather(*talking)

    truth: dict[str, list[dict[str, object]]] = {}
    for room in rooms:
        truth[room] = await read_log(witnesses[0].client, room)
    async with asyncio.timeout(SETTLE_SECONDS):
        while not all(
            len(witness.seen.get(room, ())) >= len(truth[room])
            for witness in witnesses
            for room in rooms
        ):
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    for task in watching:
        task.cancel()

    assert server.starts == KILLS + 1
    assert all(witness.client.connects > 1 for witness in witnesses)
    for room in rooms:
        expected = [(e["seq"], e["kind"], e["data"]) for e in truth[room]]
        assert [seq for seq, _, _ in expected] == list(range(1, len(expected) + 1))
        for witness in witnesses:
            assert witness.others == []
            got = [(entry.seq, entry.kind, entry.data) for entry in witness.seen[room]]
            assert got == expected
    kept = {
        (e["key"], room): e["seq"]
        for room in rooms
        for e in truth[room]
        if e["kind"] == "message.posted"
    }
    said = {
        (key, room): seq
        for witness in witnesses
        for key, (room, seq) in witness.acknowledged.items()
    }
    assert said == kept, "what was acknowledged is what is kept, each once"
    assert len(said) > LOAD * KILLS, "there was hardly any load"
    await asyncio.gather(*(witness.client.close() for witness in witnesses))


async def said_more(witnesses: list[Witness]) -> None:
    """Waits until some more was acknowledged, so that there is load however slow the machine is."""

    def count() -> int:
        return sum(len(witness.acknowledged) for witness in witnesses)

    async with asyncio.timeout(SETTLE_SECONDS):
        enough = count() + LOAD
        while count() < enough:
            await asyncio.sleep(0.02)


async def read_log(client: Client, stream: str) -> list[dict[str, object]]:
    """The whole log of a stream as the server has it."""
    items: list[dict[str, object]] = []
    while True:
        page = await client.request(
            "GET", f"/api/streams/{stream}/entries", after=len(items), limit=200
        )
        items += page["items"]
        if len(items) >= page["head"]:
            return items
