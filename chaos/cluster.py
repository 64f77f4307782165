"""A whole cluster on loopback: database, Redis, nodes behind links, balancers, and the swarm."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from chaos.links import Link
from chaos.people import Workspace, found_workspace, plan_clients
from chaos.servers import Balancers, Node, Postgresql, Redis, StartError, migrate
from scripts.house import ROOT, find_tool
from tests.servers import private_folder, unprivileged_user

PER_BALANCER = 4_500
"""Clients of one balancer: each needs two open files, and a storm has old and new ones at once."""
PER_SWARM = 5_000
ANSWER_SECONDS = 180.0


@dataclass(slots=True)
class Shape:
    """How large a run is."""

    nodes: int = 3
    clients: int = 120
    writers: int = 20
    """Of those who are in no moving room."""
    rate: float = 2.0
    room_size: int = 40
    moving: int = 2
    genuine: int = 6
    """How many use the Python client, and as many the stock JavaScript client, besides `clients`."""
    redis: bool = False
    replica: bool = False
    one_first: bool = False
    """Every client connects before the other nodes start, so one node has them all."""
    full_disk: bool = False
    """The first node cannot write its logs."""
    mutation: str = ""


@dataclass(slots=True)
class Cluster:
    """What runs, and what a fault can be done to."""

    folder: Path
    seed: int
    shape: Shape
    database: Postgresql
    replica: Postgresql | None
    redis: Redis | None
    nodes: list[Node] = field(default_factory=list)
    database_links: list[list[Link]] = field(default_factory=list)
    redis_links: list[Link] = field(default_factory=list)
    workspace: Workspace = field(default_factory=Workspace)
    balancers: Balancers | None = None
    swarms: list["SwarmProcess"] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What faults measured on the way."""

    @property
    def primary(self) -> Postgresql:
        """Whichever database accepts writes."""
        if self.replica is not None and not self.database.alive:
            return self.replica
        return self.database

    async def tell(self, **order: Any) -> list[dict[str, Any]]:
        """Gives every swarm an order; their answers."""
        return list(await asyncio.gather(*(swarm.tell(order) for swarm in self.swarms)))

    async def total(self, name: str) -> int:
        return sum(answer[name] for answer in await self.tell(do="status"))


class SwarmProcess:
    """A process of clients: light ones, the Python client, or the stock JavaScript client."""

    def __init__(
        self, folder: Path, name: str, program: Sequence[str], plan: dict[str, Any]
    ) -> None:
        self.path = folder / f"{name}.log.json"
        written = folder / f"{name}.json"
        written.write_bytes(orjson.dumps(plan))
        self._errors = (folder / f"{name}.err").open("w+")
        self.process = subprocess.Popen(
            [*program, str(written)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._turn = asyncio.Lock()

    async def tell(self, order: dict[str, Any]) -> dict[str, Any]:
        """Raises StartError when the swarm broke or does not answer."""
        async with self._turn:
            stdin, stdout = self.process.stdin, self.process.stdout
            assert stdin is not None
            assert stdout is not None
            line = b""
            try:
                stdin.write(orjson.dumps(order) + b"\n")
                stdin.flush()
                async with asyncio.timeout(ANSWER_SECONDS):
                    line = await asyncio.to_thread(stdout.readline)
            except (TimeoutError, BrokenPipeError):
                self.process.kill()
            if not line:
                self._errors.seek(0)
                raise StartError(f"the swarm broke at {order['do']}: {self._errors.read()[-3000:]}")
            answer: dict[str, Any] = orjson.loads(line)
            return answer

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._errors.close()


@asynccontextmanager
async def running_cluster(shape: Shape, seed: int) -> AsyncIterator[Cluster]:
    """Everything started and every client connected; all of it is ended after the block.

    Raises StartError.
    """
    with private_folder("hubbub-chaos-", None) as folder:
        if (owner := unprivileged_user()) is not None:
            # PostgreSQL runs as somebody else, in folders below this one.
            folder.chmod(0o777)
            assert owner
        database = Postgresql(folder, "primary")
        cluster = Cluster(folder, seed, shape, database, None, None)
        try:
            await start_servers(cluster)
            await start_nodes(cluster)
            await start_clients(cluster)
            yield cluster
        finally:
            await stop(cluster)


async def start_servers(cluster: Cluster) -> None:
    shape, database = cluster.shape, cluster.database
    await asyncio.to_thread(database.create)
    await database.start()
    database.execute("CREATE DATABASE hubbub")
    await asyncio.to_thread(migrate, database.url(), cluster.folder)
    cluster.workspace = found_workspace(
        database.url(), shape.clients, shape.room_size, shape.moving, cluster.seed
    )
    if shape.replica:
        replica = Postgresql(cluster.folder, "replica", of=database)
        await asyncio.to_thread(replica.create)
        await replica.start()
        cluster.replica = replica
        # A commit is acknowledged when the replica has it too: else a failover may lose it.
        database.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        database.execute("SELECT pg_reload_conf()")
    if shape.redis:
        cluster.redis = Redis(cluster.folder)
        await cluster.redis.start()


async def start_nodes(cluster: Cluster) -> None:
    shape = cluster.shape
    for number in range(shape.nodes):
        targets = [cluster.database] + ([cluster.replica] if cluster.replica else [])
        links = [Link(server.port) for server in targets]
        for link in links:
            await link.open()
        cluster.database_links.append(links)
        hosts = ",".join(f"127.0.0.1:{link.port}" for link in links)
        redis_url = ""
        if cluster.redis is not None:
            redis_link = Link(cluster.redis.port)
            await redis_link.open()
            cluster.redis_links.append(redis_link)
            redis_url = f"redis://127.0.0.1:{redis_link.port}/0"
        cluster.nodes.append(
            Node(
                cluster.folder,
                f"node{number}",
                f"postgresql://hubbub@{hosts}/hubbub",
                redis_url,
                cluster.seed,
                shape.mutation,
            )
        )
    cluster.nodes[0].full_disk = shape.full_disk
    first = cluster.nodes[:1] if shape.one_first else cluster.nodes
    await asyncio.gather(*(node.start() for node in first))


async def start_clients(cluster: Cluster) -> None:
    shape = cluster.shape
    cluster.balancers = Balancers(cluster.nodes, -(-shape.clients // PER_BALANCER))
    await cluster.balancers.start()
    plans = plan_clients(cluster.workspace, shape.writers)
    for number, start in enumerate(range(0, len(plans), PER_SWARM)):
        document = {
            "seed": f"{cluster.seed} {number}",
            "ports": cluster.balancers.ports,
            "rate": shape.rate,
            "clients": plans[start : start + PER_SWARM],
        }
        program = (sys.executable, "-m", "chaos.swarm")
        cluster.swarms.append(SwarmProcess(cluster.folder, f"swarm{number}", program, document))
    start_genuine(cluster, plans)
    await cluster.tell(do="connect")
    if shape.one_first:
        await asyncio.gather(*(node.start() for node in cluster.nodes[1:]))


def start_genuine(cluster: Cluster, plans: Sequence[dict[str, Any]]) -> None:
    """Second devices of people who also have a light client, with the libraries that people use.

    Raises StartError.
    """
    assert cluster.balancers is not None
    if not cluster.shape.genuine:
        return
    node = find_tool("node")
    if node is None:
        raise StartError("Node.js is not installed; `make setup` brings it.")
    programs = {
        "python": [sys.executable, "-m", "chaos.genuine"],
        "stock": [node, str(ROOT / "chaos" / "stock.mjs")],
    }
    readers = [(place, plan) for place, plan in enumerate(plans) if plan["role"] != "mover"]
    for name, program in programs.items():
        people = [readers[number % len(readers)] for number in range(cluster.shape.genuine)]
        document = {
            "ports": cluster.balancers.ports,
            "pause": 1.0,
            "clients": [
                {
                    **plan,
                    "name": f"{name}{number}",
                    "email": cluster.workspace.people[place].email,
                }
                for number, (place, plan) in enumerate(people)
            ],
        }
        cluster.swarms.append(SwarmProcess(cluster.folder, name, program, document))


async def stop(cluster: Cluster) -> None:
    """Ends every process this cluster started."""
    for swarm in cluster.swarms:
        swarm.close()
    if cluster.balancers is not None:
        await cluster.balancers.stop()
    await asyncio.gather(*(node.kill() for node in cluster.nodes))
    for links in [*cluster.database_links, cluster.redis_links]:
        for link in links:
            await link.close()
    if cluster.redis is not None:
        await cluster.redis.kill()
    for server in (cluster.replica, cluster.database):
        if server is not None:
            await server.end(signal.SIGQUIT)
