"""The gateway beside its peers: runs the cases of `bench.cases`, each server alone on one core."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.cases import CASES, NATS, NODE_REDIS, QUICKEST, SERVERS, Case
from bench.peers.servers import Running, running_server
from scripts.house import ROOT, find_tool
from tests.servers import running_redis

LOAD = ROOT / "bench" / "load" / "load"
SERVER_CORE = 0
LOAD_CORE = 1
TRIES = 2
BUSY = 0.95
"""Share of its core from which the load generator may have been the bottleneck."""


Say = Callable[[str], None]
Result = dict[str, Any]


class LoadError(Exception):
    """The load generator gave up; the message is its own."""


def run_load(words: Sequence[str], running: Running) -> Result:
    """What the load generator printed, with `load_busy`: the share of its core it had work for."""
    pinned = [str(find_tool("taskset")), "--cpu-list", str(LOAD_CORE), str(LOAD), *words]
    command = [*pinned, "--port", str(running.port), "--pid", str(running.pid)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise LoadError(done.stderr.strip() or f"status {done.returncode}")
    result: Result = json.loads(done.stdout)
    result["load_busy"] = round(result["load_cpu"] / result["seconds"], 3)
    return result


def measure(case: Case, name: str, redis: str, seconds: float, say: Say) -> Result:
    """One run of one server. Raises LoadError when it fails twice."""
    words = [*case.load, "--seconds", str(round(seconds * case.seconds, 2))]
    if name == NATS:
        words += ["--protocol", "nats"]
    if name != NODE_REDIS:
        # Redis is on the same core and must get its turn.
        words.append("--spin")
    for left in reversed(range(TRIES)):
        server = SERVERS[name](redis)
        try:
            with running_server(server, core=SERVER_CORE) as running:
                found = run_load(words, running)
                return {"case": case.name, "server": name, "version": server.version, **found}
        except LoadError as error:
            if not left:
                raise LoadError(f"{case.name}, {name}: {error}") from error
            say(f"    {name}: {error}; once more")
    raise AssertionError


def in_turn(names: Sequence[str], number: int) -> Iterator[str]:
    """The servers, beginning with another one in each round."""
    first = number % len(names)
    return iter((*names[first:], *names[:first]))


def run_transport(
    rounds: int, seconds: float, say: Say, *, quick: bool = False, only: Sequence[str] = ()
) -> list[Result]:
    """Every case for every round, servers alternating; one result a run, failures told and left out."""
    results: list[Result] = []
    with running_redis() as redis:
        os.sched_setaffinity(redis.process.pid, {LOAD_CORE})
        for number in range(rounds):
            for case in CASES:
                if (quick and not case.quick) or (only and case.name not in only):
                    continue
                say(f"round {number + 1}/{rounds}: {case.title}")
                contestants = [s for s in case.servers if not quick or s in QUICKEST]
                for name in in_turn(contestants, number):
                    try:
                        found = measure(case, name, redis.url, seconds, say)
                    except LoadError as error:
                        say(f"    {error}")
                        continue
                    results.append({**found, "round": number})
                    say(f"    {name}: {summary(case, found)}")
    return results


def summary(case: Case, found: Result) -> str:
    parts = [
        f"{found[m.key] * m.scale:,.{m.digits}f} {m.unit or m.title}".strip()
        for m in case.metrics
        if m.key in found
    ]
    busy = "; load generator busy" if found["load_busy"] > BUSY else ""
    return ", ".join(parts) + busy
