"""The named scenarios: how large, which faults when, and what is measured."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chaos.checker import Violation, check_all, deliveries
from chaos.cluster import Cluster, Shape, running_cluster
from chaos.faults import DEAF_SECONDS, Fault, heal, inject, mix
from chaos.records import ClientLog, read_logs
from chaos.servers import StartError
from chaos.truth import read_heads, read_truth

CONVERGE_SECONDS = 10.0
MEMORY_FACTOR = 1.5
MEMORY_SLACK = 64_000_000
LEAST_SECONDS = 3.0
"""So that there is something to lose before the first fault, and time for it to hurt."""
Schedule = Callable[[int, float, Shape], list[Fault]]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A name to ask for, and what it stands for."""

    name: str
    about: str
    shape: Shape
    seconds: float
    schedule: Schedule
    least_nodes: int = 1
    least_seconds: float = LEAST_SECONDS
    needs_redis: bool = False


@dataclass(slots=True)
class Result:
    """What a run showed."""

    scenario: str
    seed: int
    clients: int
    mutation: str = ""
    acknowledged: int = 0
    delivered: int = 0
    faults: int = 0
    converged: float = 0.0
    recovered: list[float] = field(default_factory=list)
    memory: tuple[int, int] = (0, 0)
    seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, *kinds: str) -> int:
        return sum(violation.kind in kinds for violation in self.violations)

    def slowest(self, share: float) -> float:
        """How soon that share of the connections that were lost was back and caught up; 0 if none was lost."""
        times = sorted(self.recovered)
        return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


def kill_one(_seed: int, seconds: float, _shape: Shape) -> list[Fault]:
    return [Fault(2.0, "kill-node", 0, min(8.0, seconds - 2))]


def roll(_seed: int, seconds: float, shape: Shape) -> list[Fault]:
    pause = seconds / (shape.nodes + 1)
    return [Fault(pause * (n + 0.5), "kill-node", n, 0.3) for n in range(shape.nodes)]


def mixed(seed: int, seconds: float, shape: Shape) -> list[Fault]:
    return mix(seed, seconds, shape.nodes, redis=shape.redis, replica=shape.replica)


def stall_one(_seed: int, seconds: float, _shape: Shape) -> list[Fault]:
    return [Fault(2.0, "deafen", 1, seconds - 4)]


def lose_redis(_seed: int, seconds: float, _shape: Shape) -> list[Fault]:
    return [Fault(2.0, "kill-redis", 0, seconds - 5)]


def split_redis(_seed: int, seconds: float, shape: Shape) -> list[Fault]:
    half = range(shape.nodes // 2)
    return [Fault(2.0, "cut-redis", node, seconds - 4) for node in half]


def fail_over(_seed: int, seconds: float, _shape: Shape) -> list[Fault]:
    return [Fault(seconds / 3, "fail-over")]


def storm(_seed: int, seconds: float, _shape: Shape) -> list[Fault]:
    return [Fault(seconds / 3, "storm")]


def poison(seed: int, seconds: float, _shape: Shape) -> list[Fault]:
    return [Fault(1.0, "rogues", 0, seconds - 2, float(seed))]


def spoil(_seed: int, seconds: float, shape: Shape) -> list[Fault]:
    return [Fault(0.2, "spoil-bus", node, seconds, 0.3) for node in range(shape.nodes)]


def nothing(_seed: int, _seconds: float, _shape: Shape) -> list[Fault]:
    return []


LARGE = Shape(clients=5_000, writers=40, rate=1.0, room_size=100)
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "node-killed",
            "kill -9 of the node that has every client",
            replace(LARGE, redis=True, one_first=True),
            20,
            kill_one,
        ),
        Scenario("rolling-kill", "kill -9 of every node in turn", Shape(redis=True), 25, roll),
        Scenario(
            "deaf-node",
            "a node's connection to Redis stays open and brings nothing",
            Shape(redis=True),
            25,
            stall_one,
            least_nodes=2,
            least_seconds=4 + DEAF_SECONDS,
            needs_redis=True,
        ),
        Scenario(
            "redis-gone",
            "no Redis for a minute",
            Shape(redis=True),
            65,
            lose_redis,
            least_seconds=6,
            needs_redis=True,
        ),
        Scenario(
            "failover",
            "the primary database is lost under load, the replica promoted",
            Shape(redis=True, replica=True),
            20,
            fail_over,
        ),
        Scenario(
            "reconnect-storm",
            "every client loses its connection in the same moment",
            replace(LARGE, clients=10_000, redis=True),
            25,
            storm,
        ),
        Scenario(
            "poisoned-client",
            "rubbish, floods, half-open connections, readers that never read",
            Shape(redis=True),
            15,
            poison,
        ),
        Scenario(
            "split",
            "half of the nodes cannot reach Redis",
            Shape(nodes=4, redis=True),
            20,
            split_redis,
            least_nodes=2,
            least_seconds=6,
            needs_redis=True,
        ),
        Scenario(
            "full-disk",
            "a node that cannot write its logs, and is killed besides",
            Shape(redis=True, full_disk=True),
            12,
            kill_one,
        ),
        Scenario(
            "mixed",
            "random faults by seed, the first node cannot write its logs",
            Shape(redis=True, full_disk=True),
            20,
            mixed,
        ),
        Scenario("spoiled-bus", "hints lost, late, doubled, swapped", Shape(redis=True), 10, spoil),
        Scenario("calm", "no fault at all", Shape(redis=True), 5, nothing),
    )
}


def mutated(shape: Shape, mutation: str) -> Shape:
    """A small cluster with one mechanism switched off, everybody in one room and busy."""
    return replace(
        shape,
        clients=40,
        genuine=0,
        writers=40,
        rate=20.0,
        room_size=40,
        moving=0,
        nodes=2,
        mutation=mutation,
    )


def check_asked(scenario: Scenario, seconds: float, shape: Shape) -> None:
    """Raises StartError for a run that the product refuses, or that would show nothing."""
    name = scenario.name
    if scenario.needs_redis and not shape.redis:
        raise StartError(f"{name} is about Redis, and there is none.")
    if shape.nodes < scenario.least_nodes:
        raise StartError(f"{name} needs at least {scenario.least_nodes} nodes.")
    if shape.nodes > 1 and not shape.redis:
        raise StartError("several nodes need Redis; without it there can be one.")
    if not seconds >= scenario.least_seconds:
        raise StartError(f"{name} needs at least {scenario.least_seconds:g} seconds.")


async def run_scenario(
    scenario: Scenario, seed: int, seconds: float, shape: Shape, say: Say
) -> Result:
    """Starts a cluster, hurts it, lets it heal, and checks. Raises StartError when it cannot be started."""
    check_asked(scenario, seconds, shape)
    began = time.monotonic()
    result = Result(scenario.name, seed, shape.clients, shape.mutation)
    faults = scenario.schedule(seed, seconds, shape)
    result.faults = len(faults)
    for fault in faults:
        say(f"  {fault}")
    async with running_cluster(shape, seed) as cluster:
        say(
            f"  {shape.clients} clients on {shape.nodes} nodes after {time.monotonic() - began:.1f} s"
        )
        before = max(node.memory for node in cluster.nodes)
        await cluster.tell(do="write")
        over = asyncio.create_task(asyncio.sleep(seconds))
        for failed in await inject(cluster, faults):
            result.violations.append(Violation("fault", scenario.name, failed))
        await over
        await settle(cluster, result, say)
        after = max(node.memory for node in cluster.nodes)
        result.memory = (before, after)
        if after > before * MEMORY_FACTOR + MEMORY_SLACK:
            told = f"{before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after"
            result.violations.append(Violation("memory", "nodes", told))
        logs = await collect(cluster)
        result.notes += cluster.notes
        result.notes += await asyncio.to_thread(count_errors, cluster)
        private = [room.id for room in cluster.workspace.rooms]
        truth = await asyncio.to_thread(
            read_truth, cluster.primary.url(), cluster.workspace.base, private
        )
    result.acknowledged = sum(len(log.acknowledged) for log in logs)
    result.delivered = deliveries(logs)
    result.recovered = [back - lost for log in logs for lost, back in log.outages]
    result.violations += check_all(logs, truth)
    result.seconds = time.monotonic() - began
    return result


async def settle(cluster: Cluster, result: Result, say: Say) -> None:
    """The faults stop; within CONVERGE_SECONDS every client has everything up to the heads."""
    try:
        await heal(cluster)
    except StartError as error:
        result.violations.append(Violation("behind", "a node", f"is not ready: {error}"))
        return
    healed = time.monotonic()
    answers = await cluster.tell(do="stop")
    if late := sum(answer["unanswered"] for answer in answers):
        result.violations.append(Violation("behind", "commands", f"{late} were never answered"))
    url = cluster.primary.url()
    heads = await asyncio.to_thread(read_heads, url)
    truth = await asyncio.to_thread(read_truth, url, {}, ())
    members = {room.id: sorted(truth.members.get(room.id, ())) for room in cluster.workspace.rooms}
    left = max(0.5, CONVERGE_SECONDS - (time.monotonic() - healed))
    waited = await cluster.tell(do="wait", heads=heads, members=members, seconds=left)
    result.converged = time.monotonic() - healed
    for answer in waited:
        for name, lack in answer["told"].items():
            result.violations.append(Violation("behind", name, lack))
    say(f"  converged {result.converged:.2f} s after the faults stopped")


def count_errors(cluster: Cluster) -> list[str]:
    """What nodes logged as errors, the most frequent ones; numbers and ids left out."""
    found: Counter[str] = Counter()
    for node in cluster.nodes:
        for line in node.log.read_text(errors="replace").splitlines():
            if "[error" in line:
                told = line.partition("]")[2].split("   ")[0].strip()[:90]
                found[re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+", "…", told)] += 1
    return [f"nodes logged {times} times: {told}" for told, times in found.most_common(5)]


async def collect(cluster: Cluster) -> list[ClientLog]:
    """Ends the clients and reads what they wrote down."""
    await asyncio.gather(
        *(swarm.tell({"do": "finish", "path": str(swarm.path)}) for swarm in cluster.swarms)
    )
    return [log for swarm in cluster.swarms for log in read_logs(swarm.path)]
