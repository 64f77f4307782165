"""The product itself against the usual stack: durable posts over the socket, and reading a room.

`python -m bench.product --seconds 5 --rounds 1 --json out.json`

Both servers have one process on core 0 and the same PostgreSQL (fsync on) and Redis. These and the
load share core 1, so an answer's time includes theirs; `core1_busy` tells when they were the limit.
"""

import argparse
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from bench.contestants import PEOPLE, Contestant, check_reading, running_hubbub, running_node
from scripts.house import ROOT, find_tool
from tests.servers import PostgreSQL, ServerError, running_postgresql, running_redis

LOAD = ROOT / "bench" / "load" / "load"
WRK_REPORT = ROOT / "bench" / "wrk.lua"
READERS = 32
WARMUP = 1.0
QUIET = 0.5
"""Seconds the load goes on reading after the measurement."""
SAMPLE = 0.05
WAL_FILES = 60
WAL_KEPT = ("min_wal_size=1GB", "max_wal_size=4GB")
FOLLOWED = "durable posts, 50 followers"
ALONE = "durable posts, own rooms"
READING = "read 50 messages"
READING_NEWS = "read 50 messages, 10 people posting"


@dataclass
class Meter:
    """CPU seconds of processes and what they started, sampled beside a measurement."""

    pids: dict[str, int]
    samples: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def rates(self, began: float, ended: float) -> dict[str, float]:
        """CPU seconds per second of each process between two readings of time.monotonic()."""
        inside = [sample for sample in self.samples if began <= sample[0] <= ended]
        if len(inside) < 2:
            raise RuntimeError("The measurement was too short to read CPU times.")
        (first, before), (last, after) = inside[0], inside[-1]
        return {name: (after[name] - before[name]) / (last - first) for name in self.pids}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Takes samples in a thread for as long as the block runs."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(SAMPLE):
                used = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
                self.samples.append((time.monotonic(), used))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def run_product(rounds: int, seconds: float, say: Callable[[str], None]) -> list[dict[str, object]]:
    """Measures both servers `rounds` times, alternating; one result for each case, server, round.

    `say` gets a line for each measurement. Raises ServerError when something does not start and
    RuntimeError when a measurement fails twice.
    """
    with ExitStack() as stack:
        stack.enter_context(on_core(1))
        postgresql = stack.enter_context(running_postgresql(WAL_KEPT))
        recycle_wal(postgresql)
        redis = stack.enter_context(running_redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubbub-bench-")))
        contestants = [
            stack.enter_context(running_hubbub(postgresql, folder / "data")),
            stack.enter_context(running_node(postgresql, redis)),
        ]
        sizes = [check_reading(contestant) for contestant in contestants]
        if max(sizes) > 1.2 * min(sizes):
            raise RuntimeError(f"The answers differ too much in size: {sizes} bytes.")
        results: list[dict[str, object]] = []
        servers = {"postgresql": postgresql.process.pid, "redis": redis.process.pid}
        for number in range(rounds):
            for case in (FOLLOWED, ALONE, READING, READING_NEWS):
                # Who goes first alternates too.
                for contestant in contestants[:: 1 if number % 2 == 0 else -1]:
                    contestant.tokens = contestant.refresh()
                    try:
                        figures = measure(contestant, case, seconds, servers, folder)
                    except RuntimeError as error:
                        say(f"{error}; once more. {contestant.running.last_words()}")
                        figures = measure(contestant, case, seconds, servers, folder)
                    server = contestant.running.server
                    about = {"case": case, "server": server.name, "version": server.version}
                    results.append({**about, "round": number + 1, **figures})
                    shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
                    say(f"{case}, {server.name}: {shown}")
        return results


def recycle_wal(postgresql: PostgreSQL) -> None:
    """Leaves WAL files to write into, as a server that has run for a while has them.

    A fresh one makes each of them first, 16 MB of zeros, while everybody waits.
    """
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE filling (number integer)")
        for _ in range(WAL_FILES):
            connection.execute("INSERT INTO filling VALUES (1)")
            connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE filling")


def measure(
    contestant: Contestant, case: str, seconds: float, servers: dict[str, int], folder: Path
) -> dict[str, float]:
    """One measurement of one server; times in milliseconds, CPU in microseconds per operation.

    `servers` are the processes both contestants use, by name. Raises RuntimeError when an operation
    failed or a follower missed a post.
    """
    told = f"{case}, {contestant.running.server.name}"
    reading = case in (READING, READING_NEWS)
    meter = Meter({"server": contestant.running.pid, **servers})
    posted: dict[str, float] | None = None
    with meter.watching():
        if case == READING:
            read(contestant, WARMUP, folder)
            found = read(contestant, seconds, folder)
        elif case == READING_NEWS:
            with ThreadPoolExecutor(1) as thread:
                posting = thread.submit(post, contestant, contestant.archives, seconds, folder)
                time.sleep(WARMUP)
                found = read(contestant, seconds, folder)
                ended = time.monotonic()
                posted = posting.result()
        elif case == FOLLOWED:
            found = posted = post(contestant, [contestant.shared] * PEOPLE, seconds, folder)
        else:
            found = posted = post(contestant, contestant.rooms, seconds, folder)
        if case != READING_NEWS:
            ended = time.monotonic() - (0 if reading else QUIET)
    if posted is not None:
        expected = posted["all_acks"] * (PEOPLE if case == FOLLOWED else 1)
        if posted["errors"] or posted["all_deliveries"] < expected:
            raise RuntimeError(f"{told}: not all was delivered: {json.dumps(posted)}")
    if found["errors"]:
        raise RuntimeError(f"{told}: errors: {json.dumps(found)}")
    unit = "requests" if reading else "acks"
    per_second = found[unit] / found["seconds"]
    figures = {
        f"{unit}_per_second": round(per_second, 1),
        "p50_ms": found["p50_ms"],
        "p99_ms": found["p99_ms"],
        "max_ms": found["max_ms"],
    }
    load_cpu = found["load_cpu"]
    if posted is not None:
        figures["posts_per_second"] = round(posted["acks"] / posted["seconds"], 1)
        figures["deliveries_per_second"] = round(posted["deliveries"] / posted["seconds"], 1)
        load_cpu += posted["load_cpu"] if reading else 0
    # Both ends are cut off: a sample's time and the load's are not quite the same.
    edge = seconds / 20
    busy = meter.rates(ended - found["seconds"] + edge, ended - edge)
    for process, used in busy.items():
        figures[f"{process}_cpu_us"] = round(used / per_second * 1e6, 1)
    figures["server_busy"] = round(busy.pop("server"), 3)
    figures["core1_busy"] = round(sum(busy.values()) + load_cpu / found["seconds"], 3)
    return figures


def post(
    contestant: Contestant, rooms: list[str], seconds: float, folder: Path
) -> dict[str, float]:
    """Somebody posts into each of the rooms, waiting for one acknowledgement before the next."""
    script = folder / "script"
    lines = map(contestant.plan, contestant.tokens, rooms)
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    running = contestant.running
    words = [str(LOAD), "post", "--port", str(running.port), "--sockets", str(len(rooms))]
    words += ["--seconds", str(seconds), "--warmup", str(WARMUP)]
    return run_load([*words, "--pid", str(running.pid), "--script", str(script)])


def read(contestant: Contestant, seconds: float, folder: Path) -> dict[str, float]:
    """Everybody reads every archive in turn, over 32 connections."""
    program = find_tool("wrk")
    if program is None:
        raise ServerError("wrk is not installed; `make bench` installs it.")
    asked = folder / "asked"
    pairs = [(room, token) for token in contestant.tokens for room in contestant.archives]
    asked.write_text("".join(f"{contestant.read_path(room)} {token}\n" for room, token in pairs))
    words = [program, "--threads", "1", "--connections", str(READERS)]
    words += ["--duration", f"{max(1, round(seconds))}s", "--script", str(WRK_REPORT)]
    before = os.times()
    found = run_load([*words, f"http://127.0.0.1:{contestant.running.port}", "--", str(asked)])
    after = os.times()
    # Of children that ended; a load of posts beside this one goes on for longer.
    used = after.children_user + after.children_system
    return {**found, "load_cpu": used - before.children_user - before.children_system}


def run_load(words: list[str]) -> dict[str, float]:
    """The JSON object on the last line of a load generator's output."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, its children, and those of them that ended."""
    process = psutil.Process(pid)
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if member is process:
            total += times.children_user + times.children_system
    return total


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keeps this process, and what it starts in the block, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_alone(
    run: Callable[[int, float, Callable[[str], None]], object],
    name: str,
    description: str | None,
    seconds: float,
) -> None:
    """Measures with `run` as the command line wishes, `seconds` each if it does not say; writes the results."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run(options.rounds, options.seconds, lambda line: print(line, flush=True))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    run_alone(run_product, "bench.product", __doc__, 5.0)
