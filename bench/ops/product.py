"""Hubbub itself under our fleet: messages over reloads and kills, counted by clients that resume."""

import asyncio
import contextlib
import random
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.ops.cases import Figures, until
from bench.ops.ours import Ours
from bench.ops.programs import BOUND, Done, kill
from chaos.people import PASSWORD, SECRET, found_workspace
from hubbub.client import Client, Entry
from tests.servers import ServerError, free_port, free_ports, running_postgresql, running_redis

PEOPLE = 24
ROOM = 8
PAUSE = 0.25
"""Mean seconds between two messages of a person."""
BETWEEN = 3.0
CATCH_UP = 30.0

SETTINGS = """[fleet]
directory = "{folder}/fleet"
log_dir = "{folder}/logs"
workers = "{workers}"
ports = "{first}-{last}"
metrics = "127.0.0.1:{metrics}"

[fleet.environment]
HUBBUB_ENV = "production"
PUBLIC_URL = "https://rig.example"
JWT_SECRET = "{secret}"
DATA_DIR = "{folder}/data"
DATABASE_URL = "{database}"
REDIS_URL = "{redis}"
RATE_LIMITS = "false"

[fleet.proxy]
http = "127.0.0.1:{port}"
connections_per_address = 100000
requests_per_second = 100000
connects_per_second = 100000

[fleet.rollout]
canary_seconds = 2
drain_seconds = 3
warm_seconds = 3
"""


class OurProduct(Ours):
    """The fleet as it comes, with Hubbub's own workers and smoke command."""

    def __init__(self, folder: Path, workers: int, database: str, redis: str) -> None:
        super().__init__(folder, workers)
        self.database = database
        self.redis = redis
        self.place.environment["JWT_SECRET"] = SECRET

    def settings(self) -> str:
        spares = 3 * self.workers
        first = free_ports(spares)
        return SETTINGS.format(
            folder=self.place.folder,
            workers=self.workers,
            first=first,
            last=first + spares - 1,
            metrics=free_port(),
            secret=SECRET,
            database=self.database,
            redis=self.redis,
            port=self.port,
        )


@dataclass
class Person:
    """Somebody who posts in a room and follows it."""

    client: Client
    email: str
    room: str
    acknowledged: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    async def join(self) -> None:
        await self.client.sign_in(self.email, PASSWORD)
        await self.client.follow({self.room: 0})

    async def watch(self) -> None:
        async for item in self.client.entries():
            if isinstance(item, Entry) and item.kind == "message.posted":
                self.seen[item.data["body"]] += 1

    async def write(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(random.expovariate(1 / PAUSE))
            body = secrets.token_hex(8)
            self.sent.append(body)
            await self.client.post(self.room, body)
            self.acknowledged.append(body)


async def product(folder: Path, reloads: int) -> Figures:
    """That many reloads, and as many kills of a worker, and one of the supervisor. Raises ServerError."""
    with running_postgresql() as postgresql, running_redis() as redis:
        fleet = OurProduct(folder, 2, postgresql.create("rig"), redis.url)
        done = await fleet.place.run(
            *(sys.executable, "-m", "hubbub", "migrate"),
            more={"DATABASE_URL": fleet.database, "DATA_DIR": str(folder / "data")},
        )
        if done.code:
            raise ServerError(f"hubbub migrate failed: {done.output[-2000:]}")
        workspace = await asyncio.to_thread(
            found_workspace, fleet.database, PEOPLE, ROOM, moving=0, seed=1
        )
        try:
            await fleet.begin()
            rooms = {member: room.id for room in workspace.rooms[:-1] for member in room.members}
            people = [
                Person(Client(f"http://127.0.0.1:{fleet.port}"), person.email, rooms[person.id])
                for person in workspace.people
            ]
            return await disturbed(fleet, people, reloads)
        finally:
            await fleet.stop()


async def disturbed(fleet: OurProduct, people: list[Person], reloads: int) -> Figures:
    """Everybody writes while the fleet is reloaded and killed; what each saw against what was acknowledged."""
    for person in people:
        await person.join()
    stop = asyncio.Event()
    watching = [asyncio.create_task(person.watch()) for person in people]
    writing = [asyncio.create_task(person.write(stop)) for person in people]
    done: list[Done] = []
    began = time.monotonic()
    for number in range(reloads):
        await asyncio.sleep(BETWEEN)
        done.append(await fleet.reload())
        await asyncio.sleep(BETWEEN)
        kill(min(await fleet.managed()))
        if number == 0:
            await asyncio.sleep(BETWEEN)
            fleet.kill_supervisor()
            await fleet.revive()
        await fleet.whole()
    await asyncio.sleep(BETWEEN)
    stop.set()
    _, late = await asyncio.wait(writing, timeout=BOUND)
    wanted = {
        room: {body for person in people if person.room == room for body in person.acknowledged}
        for room in {person.room for person in people}
    }
    await until(lambda: not any(lacking(person, wanted) for person in people), CATCH_UP)
    for task in [*watching, *late]:
        task.cancel()
    await asyncio.gather(*watching, *writing, return_exceptions=True)
    for person in people:
        with contextlib.suppress(OSError):
            await person.client.close()
    return {
        "messages": sum(len(bodies) for bodies in wanted.values()),
        "reloads": sum(each.code == 0 for each in done),
        "refused": [each.output[-600:] for each in done if each.code],
        "kills": reloads,
        "supervisor_kills": 1,
        "seconds": time.monotonic() - began,
        "unanswered": len(late),
        "lost": sum(len(lacking(person, wanted)) for person in people),
        "doubled": sum(count > 1 for person in people for count in person.seen.values()),
    }


def lacking(person: Person, wanted: dict[str, set[str]]) -> set[str]:
    return wanted[person.room] - person.seen.keys()
