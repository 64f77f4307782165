"""Faults, and the schedule of them that follows from a seed alone."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg

from chaos.cluster import Cluster
from chaos.rogues import Rogues
from chaos.servers import StartError

DEAF_SECONDS = 5.0
CLOCK_JUMP_MS = 240_000
"""Four minutes either way: tokens live for fifteen."""


@dataclass(frozen=True, slots=True)
class Fault:
    """At `at` seconds, for `seconds`; `target` is a node's number, where one is meant."""

    at: float
    kind: str
    target: int = 0
    seconds: float = 0.0
    amount: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.at:6.2f} s  {self.kind} node={self.target} "
            f"for={self.seconds:.2f} s amount={self.amount:.2f}"
        )


Action = Callable[[Cluster, Fault], Awaitable[None]]


async def kill_node(cluster: Cluster, fault: Fault) -> None:
    node = cluster.nodes[fault.target]
    await node.kill()
    await asyncio.sleep(fault.seconds)
    if not node.alive:
        # Another fault may kill it before it is up; healing starts it again.
        with contextlib.suppress(StartError):
            await node.start()


async def pause_node(cluster: Cluster, fault: Fault) -> None:
    node = cluster.nodes[fault.target]
    node.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        node.send(signal.SIGCONT)


async def end_backends(cluster: Cluster, _fault: Fault) -> None:
    """Ends every connection of the nodes to the database, in the middle of whatever it does."""
    statement = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = 'hubbub' AND pid <> pg_backend_pid()"
    )
    await asyncio.to_thread(cluster.primary.execute, statement)


async def cut_database(cluster: Cluster, fault: Fault) -> None:
    links = cluster.database_links[fault.target]
    for link in links:
        link.refuse(True)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        for link in links:
            link.refuse(False)


async def stall_database(cluster: Cluster, fault: Fault) -> None:
    links = cluster.database_links[fault.target]
    for link in links:
        link.stall(True)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        for link in links:
            link.stall(False)


async def slow_database(cluster: Cluster, fault: Fault) -> None:
    links = cluster.database_links[fault.target]
    for link in links:
        link.delay = fault.amount
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        for link in links:
            link.delay = 0.0


async def restart_database(cluster: Cluster, _fault: Fault) -> None:
    if cluster.primary is cluster.database:
        await cluster.database.restart()


async def fail_over(cluster: Cluster, _fault: Fault) -> None:
    """The primary is gone for good, and its replica takes its place."""
    assert cluster.replica is not None
    await cluster.database.end(signal.SIGQUIT)
    await asyncio.to_thread(cluster.replica.promote)


async def spoil_bus(cluster: Cluster, fault: Fault) -> None:
    """Hints are dropped, late, doubled and swapped."""
    node = cluster.nodes[fault.target]
    share = fault.amount
    node.tell(drop=share, delay=share / 2, double=share / 2, swap=share / 2)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        node.tell(drop=0, delay=0, double=0, swap=0)


async def jump_clock(cluster: Cluster, fault: Fault) -> None:
    node = cluster.nodes[fault.target]
    node.tell(clock_ms=fault.amount)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        node.tell(clock_ms=0)


async def kill_redis(cluster: Cluster, fault: Fault) -> None:
    assert cluster.redis is not None
    await cluster.redis.kill()
    await asyncio.sleep(fault.seconds)
    if not cluster.redis.alive:
        await cluster.redis.start()


async def pause_redis(cluster: Cluster, fault: Fault) -> None:
    assert cluster.redis is not None
    cluster.redis.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        cluster.redis.send(signal.SIGCONT)


async def cut_redis(cluster: Cluster, fault: Fault) -> None:
    """One node can no longer reach Redis."""
    link = cluster.redis_links[fault.target]
    link.refuse(True)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        link.refuse(False)


async def stall_redis(cluster: Cluster, fault: Fault) -> None:
    """One node hears nothing from Redis, while its connection looks alive."""
    link = cluster.redis_links[fault.target]
    link.stall(True)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        link.stall(False)


async def deafen(cluster: Cluster, fault: Fault) -> None:
    """As `stall_redis`, and the node must say within DEAF_SECONDS that it is not ready. Raises TimeoutError."""
    link, node = cluster.redis_links[fault.target], cluster.nodes[fault.target]
    link.stall(True)
    began = time.monotonic()
    try:
        while await node.get("/readyz") == 200:
            if time.monotonic() - began > min(fault.seconds, DEAF_SECONDS):
                raise TimeoutError(f"{node.name} hears nothing and says that it is ready")
            await asyncio.sleep(0.1)
        cluster.notes.append(f"unready {time.monotonic() - began:.1f} s after it was deaf")
        await asyncio.sleep(max(0.0, began + fault.seconds - time.monotonic()))
    finally:
        link.stall(False)


async def storm(cluster: Cluster, _fault: Fault) -> None:
    await cluster.tell(do="storm")


async def let_rogues_in(cluster: Cluster, fault: Fault) -> None:
    """Clients that send rubbish, flood, fall silent half-way or never read."""
    assert cluster.balancers is not None
    token = cluster.workspace.people[-1].token
    room = next(
        r.id for r in cluster.workspace.rooms if cluster.workspace.people[-1].id in r.members
    )
    rogues = Rogues(cluster.balancers.ports[0], token, room, random.Random(fault.amount))
    async with asyncio.timeout(fault.seconds + 30):
        await rogues.bother(fault.seconds, each=max(2, cluster.shape.clients // 40))


ACTIONS: dict[str, Action] = {
    "kill-node": kill_node,
    "pause-node": pause_node,
    "end-backends": end_backends,
    "cut-database": cut_database,
    "stall-database": stall_database,
    "slow-database": slow_database,
    "restart-database": restart_database,
    "fail-over": fail_over,
    "spoil-bus": spoil_bus,
    "jump-clock": jump_clock,
    "kill-redis": kill_redis,
    "pause-redis": pause_redis,
    "cut-redis": cut_redis,
    "stall-redis": stall_redis,
    "deafen": deafen,
    "storm": storm,
    "rogues": let_rogues_in,
}
WITH_REDIS = ("deafen", "kill-redis", "pause-redis", "cut-redis", "stall-redis")
ONCE = ("restart-database", "fail-over")
# The first has a place of its own in the schedule; the second wants longer than others last.
MIXED = tuple(kind for kind in ACTIONS if kind not in ("fail-over", "deafen"))


def mix(seed: int, seconds: float, nodes: int, *, redis: bool, replica: bool) -> list[Fault]:
    """A schedule of random faults; the same for the same seed and length."""
    chance = random.Random(f"mixed {seed}")
    kinds = [kind for kind in MIXED if redis or kind not in WITH_REDIS]
    # Not seldom, and not before there is something to lose.
    kinds += ["kill-node", "kill-node", "spoil-bus"]
    faults = []
    at = 0.5
    while at < seconds - 2:
        kind = chance.choice(kinds)
        lasts = 0.5 + chance.random() * 3
        amount = chance.random()
        if kind == "jump-clock":
            amount = (amount * 2 - 1) * CLOCK_JUMP_MS
        elif kind == "slow-database":
            amount *= 0.1
        faults.append(Fault(at, kind, chance.randrange(nodes), lasts, amount))
        if kind in ONCE:
            kinds = [k for k in kinds if k not in ONCE]
        at += 0.3 + chance.random() * 1.7
    if replica:
        faults.append(Fault(seconds * 0.6, "fail-over"))
        faults = [fault for fault in faults if fault.kind != "restart-database"]
    return sorted(faults, key=lambda fault: fault.at)


async def inject(cluster: Cluster, faults: list[Fault]) -> list[str]:
    """Does each fault at its time and waits for the last to be over; what went wrong doing so."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    failed: list[str] = []

    async def do(fault: Fault) -> None:
        await asyncio.sleep(max(0.0, began + fault.at - loop.time()))
        try:
            await ACTIONS[fault.kind](cluster, fault)
        except (OSError, psycopg.Error, TimeoutError, ExceptionGroup) as error:
            failed.append(f"{fault.kind}: {error!r}")

    await asyncio.gather(*(do(fault) for fault in faults))
    return failed


async def heal(cluster: Cluster) -> None:
    """Everything runs again, and nothing is in the way; returns when every node is ready. Raises StartError."""
    for node in cluster.nodes:
        node.send(signal.SIGCONT)
        node.tell(clock_ms=0, drop=0, delay=0, double=0, swap=0)
    for links in [*cluster.database_links, cluster.redis_links]:
        for link in links:
            link.delay = 0.0
            link.stall(False)
            link.refuse(False)
    if cluster.redis is not None:
        cluster.redis.send(signal.SIGCONT)
        if not cluster.redis.alive:
            await cluster.redis.start()
    await asyncio.gather(*(node.start() for node in cluster.nodes if not node.alive))
    await asyncio.gather(*(node.wait() for node in cluster.nodes))
    with contextlib.suppress(psycopg.Error):
        await asyncio.to_thread(cluster.primary.execute, "SELECT 1")
