"""Several nodes on one PostgreSQL and one Redis: from one node to another, and what a node costs.

`python -m bench.nodes --seconds 4 --rounds 1 --json out.json`

Nodes, PostgreSQL, Redis and the load share both cores of the machine, so the figures of several nodes say what
they cost rather than what they could do on machines of their own.
"""

import argparse
import asyncio
import itertools
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.cases import PRODUCT, STACK, follows, of_nodes
from bench.contestants import Contestant, running_hubbub, running_node
from bench.peers.servers import Running, running_server
from bench.product import LOAD, Meter, recycle_wal, run_load
from tests.servers import running_postgresql, running_redis

PEOPLE = 100
SENDERS = 48
"""Of a saturating load; a number that 1, 2 and 4 nodes divide."""
FOLLOWERS = 5
RATE = 500.0
WARMUP = 1.0
QUIET = 0.5
SIZES = (1, 2, 4)
OVERLAPS = (0, 1, 10, 100)
SENT_AT = re.compile(rb"(\d{20}) lorem")


@dataclass
class Cluster:
    """A contestant and the further nodes that serve the same people."""

    name: str
    contestant: Contestant
    add: Callable[[], Running]
    nodes: list[Running] = field(default_factory=list)

    def grow(self, size: int) -> None:
        while len(self.nodes) < size:
            self.nodes.append(self.add())


class Client:
    """One Socket.IO client over a websocket: emits, counts acknowledgements, notes what is delivered."""

    def __init__(self, connection: ClientConnection, delivery: str) -> None:
        self._connection = connection
        self._delivery = f'["{delivery}"'.encode()
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self.acks = 0
        self.errors = 0
        self.latencies: list[float] = []
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, port: int, plan: dict[str, Any], *, following: bool) -> "Client":
        """Connects and, if it is to follow, runs the plan's set-up."""
        url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        connection = await connect(url, compression=None, max_size=None, ping_interval=None)
        await connection.recv()
        plan = plan if following else not_following(plan)
        await connection.send("40" + json.dumps(plan["auth"]))
        answer = await connection.recv()
        if not str(answer).startswith("40"):
            raise RuntimeError(f"The connect was refused: {answer!r}")
        made = cls(connection, plan["delivery"])
        for event in plan["setup"]:
            await asyncio.wait_for(await made.emit(event), 10)
        return made

    async def emit(self, event: list[Any]) -> "asyncio.Future[bytes]":
        """Sends an event; answers the future of its acknowledgement."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        text = json.dumps(event).replace("%T", f"{time.monotonic_ns():020}")
        text = text.replace("%K", f"{id(self):x}-{number}-{time.monotonic_ns():x}")
        await self._connection.send(f"42{number}{text}")
        return answer

    async def _read(self) -> None:
        async for message in self._connection:
            packet = message.encode() if isinstance(message, str) else message
            if packet == b"2":
                await self._connection.send("3")
            elif packet.startswith(b"42" + self._delivery):
                now = time.monotonic_ns()
                self.latencies += [(now - int(at)) / 1e6 for at in SENT_AT.findall(packet)]
            elif packet.startswith(b"43"):
                number, _, rest = packet[2:].partition(b"[")
                self.acks += 1
                self.errors += b'"ok":true' not in rest
                waiting = self._waiting.pop(int(number), None)
                if waiting and not waiting.done():
                    waiting.set_result(rest)

    async def close(self) -> None:
        self._reader.cancel()
        await self._connection.close()


def not_following(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan of somebody who only posts."""
    return {**plan, "setup": [], "auth": {**plan["auth"], "rooms": []}}


def run_nodes(rounds: int, seconds: float, say: Callable[[str], None]) -> list[dict[str, object]]:
    """Measures Hubbub and the usual stack with 1, 2 and 4 nodes; one result for each case, server, round.

    `say` gets a line for each measurement. Raises ServerError when something does not start and RuntimeError when
    a post failed or was not delivered.
    """
    with ExitStack() as stack:
        postgresql = stack.enter_context(running_postgresql())
        recycle_wal(postgresql)
        redis = stack.enter_context(running_redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubbub-bench-")))
        hubbub = stack.enter_context(
            running_hubbub(postgresql, folder / "data", redis=redis, count=PEOPLE, core=None)
        )
        node = stack.enter_context(running_node(postgresql, redis, count=PEOPLE, core=None))
        clusters = [
            Cluster(
                name,
                contestant,
                lambda server=contestant.running.server: stack.enter_context(  # type: ignore[misc]
                    running_server(server, core=None)
                ),
                [contestant.running],
            )
            for name, contestant in ((PRODUCT, hubbub), (STACK, node))
        ]
        results: list[dict[str, object]] = []

        def note(case: str, label: str, cluster: Cluster, number: int, **figures: float) -> None:
            version = cluster.contestant.running.server.version
            about = {"case": case, "server": label, "version": version, "round": number + 1}
            results.append({**about, **figures})
            shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
            say(f"{case}, {label}: {shown}")

        for size in SIZES:
            for cluster in clusters:
                cluster.grow(size)
            for number in range(rounds):
                for cluster in clusters[:: 1 if number % 2 == 0 else -1]:
                    cluster.contestant.tokens = cluster.contestant.refresh()
                    figures = throughput(cluster, size, seconds, folder)
                    note("nodes", of_nodes(cluster.name, size), cluster, number, **figures)
                    if size != 2:
                        continue
                    figures = across(cluster, seconds)
                    note("across", cluster.name, cluster, number, **figures)
                    figures = across_saturated(cluster, seconds, folder)
                    note("across-saturated", cluster.name, cluster, number, **figures)
                    for rooms in OVERLAPS:
                        figures = overlap(cluster, rooms, seconds)
                        note("overlap", follows(cluster.name, rooms), cluster, number, **figures)
        return results


def throughput(cluster: Cluster, size: int, seconds: float, folder: Path) -> dict[str, float]:
    """Senders spread over the nodes, each in a room of its own, waiting for each acknowledgement."""
    meter = Meter({str(n): running.pid for n, running in enumerate(cluster.nodes[:size])})
    contestant = cluster.contestant
    plans = list(map(contestant.plan, contestant.tokens, contestant.rooms))
    share = SENDERS // size
    with meter.watching(), ThreadPoolExecutor(size) as threads:
        parts = [
            threads.submit(
                load_posts,
                running,
                plans[n * share : (n + 1) * share],
                seconds,
                folder / f"script{n}",
            )
            for n, running in enumerate(cluster.nodes[:size])
        ]
        found = [part.result() for part in parts]
        ended = time.monotonic() - QUIET
    if any(part["errors"] for part in found):
        raise RuntimeError(f"{cluster.name}: posts failed: {json.dumps(found)}")
    per_second = sum(part["acks"] / part["seconds"] for part in found)
    used = sum(meter.rates(ended - seconds * 0.95, ended - seconds * 0.05).values())
    return {
        "acks_per_second": round(per_second, 1),
        "p50_ms": round(statistics.fmean(part["p50_ms"] for part in found), 2),
        "p99_ms": max(part["p99_ms"] for part in found),
        "server_cpu_us": round(used / per_second * 1e6, 1),
    }


def load_posts(
    running: Running, plans: list[dict[str, Any]], seconds: float, script: Path
) -> dict[str, float]:
    """The load generator on one node, a socket for each plan."""
    script.write_text("".join(json.dumps(plan) + "\n" for plan in plans))
    words = [str(LOAD), "post", "--port", str(running.port), "--sockets", str(len(plans))]
    words += ["--seconds", str(seconds), "--warmup", str(WARMUP)]
    return run_load([*words, "--pid", str(running.pid), "--script", str(script)])


def across(cluster: Cluster, seconds: float) -> dict[str, float]:
    """Posts at a steady rate on the first node, followed on the second."""
    contestant = cluster.contestant
    plan = contestant.plan(contestant.tokens[0], contestant.shared)

    async def measure() -> dict[str, float]:
        async with following(cluster, [plan] * FOLLOWERS) as followers:
            plans = [contestant.plan(token, contestant.shared) for token in contestant.tokens]
            sent = await post_steadily(cluster, plans, seconds)
        return percentiles(followers, sent * FOLLOWERS)

    return watched(cluster, measure, seconds)


def overlap(cluster: Cluster, rooms: int, seconds: float) -> dict[str, float]:
    """Posts at a steady rate in 100 rooms on the first node, of which the second follows some."""
    contestant = cluster.contestant
    plans = list(map(contestant.plan, contestant.tokens, contestant.rooms))

    async def measure() -> dict[str, float]:
        async with following(cluster, plans[:rooms]) as followers:
            sent = await post_steadily(cluster, plans, seconds)
        expected = sent * rooms // len(plans)
        return percentiles(followers, expected) if rooms else {}

    return watched(cluster, measure, seconds)


def across_saturated(cluster: Cluster, seconds: float, folder: Path) -> dict[str, float]:
    """All senders post into one room on the first node as fast as they can; one follows on the second."""
    contestant = cluster.contestant
    plans = [contestant.plan(token, contestant.shared) for token in contestant.tokens[:SENDERS]]

    async def measure() -> dict[str, float]:
        async with following(cluster, plans[:1]) as followers:
            found = await asyncio.to_thread(
                load_posts,
                cluster.nodes[0],
                list(map(not_following, plans)),
                seconds,
                folder / "script",
            )
            await settled(followers, int(found["all_acks"]))
        posted = {"acks_per_second": round(found["acks"] / found["seconds"], 1)}
        return {**percentiles(followers, int(found["all_acks"])), **posted}

    return uvloop.run(measure())


def watched(cluster: Cluster, measure: Callable[[], Any], seconds: float) -> dict[str, float]:
    """A measurement, with the CPU of both nodes in percent of a core."""
    meter = Meter({"first": cluster.nodes[0].pid, "second": cluster.nodes[1].pid})
    with meter.watching():
        figures: dict[str, float] = uvloop.run(measure())
        ended = time.monotonic() - QUIET
    used = meter.rates(ended - seconds * 0.95, ended - seconds * 0.05)
    return {**figures, **{f"{name}_cpu_percent": round(x * 100, 1) for name, x in used.items()}}


class following:  # noqa: N801 - used as a function
    """Sockets on the second node that follow the rooms of their plans."""

    def __init__(self, cluster: Cluster, plans: list[dict[str, Any]]) -> None:
        self._port = cluster.nodes[1].port
        self._plans = plans
        self._clients: list[Client] = []

    async def __aenter__(self) -> list[Client]:
        for plan in self._plans:
            self._clients.append(await Client.open(self._port, plan, following=True))
        return self._clients

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.close()


async def post_steadily(cluster: Cluster, plans: list[dict[str, Any]], seconds: float) -> int:
    """Posts at RATE in all, one plan after the other; how many. Raises RuntimeError if one fails."""
    port = cluster.nodes[0].port
    posters = [await Client.open(port, plan, following=False) for plan in plans]
    loop = asyncio.get_running_loop()
    began = loop.time()
    total = int((WARMUP + seconds) * RATE)
    answers = []
    for number in range(total):
        if (wait := began + number / RATE - loop.time()) > 0:
            await asyncio.sleep(wait)
        place = number % len(plans)
        answers.append(await posters[place].emit(plans[place]["event"]))
    await asyncio.wait(answers, timeout=10)
    await asyncio.sleep(QUIET)
    acks, errors = (sum(getattr(p, name) for p in posters) for name in ("acks", "errors"))
    for poster in posters:
        await poster.close()
    if acks < total or errors:
        raise RuntimeError(f"{cluster.name}: {total} posts, {acks} acknowledged, {errors} refused")
    return total


async def settled(followers: list[Client], expected: int) -> None:
    """Waits a while for what is still on its way."""
    for _ in range(500):
        if sum(len(follower.latencies) for follower in followers) >= expected:
            return
        await asyncio.sleep(0.01)


def percentiles(followers: list[Client], expected: int) -> dict[str, float]:
    """Times from sending to receiving, in milliseconds, without the warm-up. Raises RuntimeError for missing ones."""
    received = sum(len(follower.latencies) for follower in followers)
    if received != expected:
        raise RuntimeError(f"{expected} deliveries were expected, {received} came")
    counted = sorted(
        latency
        for follower in followers
        for latency in follower.latencies[len(follower.latencies) // 5 :]
    )
    return {
        "p50_ms": round(counted[len(counted) // 2], 2),
        "p99_ms": round(counted[len(counted) * 99 // 100], 2),
        "max_ms": round(counted[-1], 2),
    }


def main() -> None:
    """Measures and writes the results; prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m bench.nodes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run_nodes(options.rounds, options.seconds, lambda line: print(line, flush=True))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
