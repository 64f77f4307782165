"""The product itself against the usual stack: durable posts over the socket, and reading a room.

`python -m bench.product --seconds 5 --rounds 1 --json out.json`

Both servers have one process on core 0 and the same PostgreSQL (fsync on) and Redis. These and the
load share core 1, so an answer's time includes theirs; `core1_busy` tells when they were the limit.
"""

import argparse
import json
import os
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.peers.servers import Running, hubbub_product, node_product, running_server
from scripts.house import ROOT, find_tool
from tests.servers import PostgreSQL, Redis, ServerError, running_postgresql, running_redis

LOAD = ROOT / "bench" / "load" / "load"
WRK_REPORT = ROOT / "bench" / "wrk.lua"
SENDERS = 50
STORED = 60
READ = 50
BODY_LENGTH = 150
READERS = 32
WARMUP = 1.0
SAMPLE = 0.05
NODE_POOL = 10
"""Connections of the Node stack: of 4 to 20 the number with the most acknowledgements."""
FOLLOWED = "durable posts, 50 followers"
ALONE = "durable posts, own rooms"
READING = "read 50 messages"


@dataclass
class Contestant:
    """A server with its people: a token and a room of their own for each, and two they share."""

    running: Running
    tokens: list[str]
    rooms: list[str]
    shared: str
    archive: str
    read_path: str
    plan: Callable[[str, str], dict[str, Any]]
    """One socket's line of the load's script, for a token and the room it posts into."""
    refresh: Callable[[], list[str]]


@dataclass
class Meter:
    """CPU seconds of processes and what they started, sampled beside a measurement."""

    groups: dict[str, list[int]]
    samples: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def rates(self, began: float, ended: float) -> dict[str, float]:
        """CPU seconds per second of each group between two readings of time.monotonic()."""
        inside = [sample for sample in self.samples if began <= sample[0] <= ended]
        if len(inside) < 2:
            raise RuntimeError("The measurement was too short to read CPU times.")
        (first, before), (last, after) = inside[0], inside[-1]
        return {name: (after[name] - before[name]) / (last - first) for name in self.groups}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Takes samples in a thread for as long as the block runs."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(SAMPLE):
                used = {name: sum(map(cpu_seconds, pids)) for name, pids in self.groups.items()}
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
    RuntimeError when the load fails.
    """
    with ExitStack() as stack:
        stack.enter_context(on_core(1))
        postgresql = stack.enter_context(running_postgresql())
        redis = stack.enter_context(running_redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubbub-bench-")))
        bodies = [make_body(f"message {number} ") for number in range(STORED)]
        contestants = [
            stack.enter_context(running_hubbub(postgresql, folder / "data", bodies)),
            stack.enter_context(running_node(postgresql, redis, bodies)),
        ]
        sizes = [check_reading(contestant) for contestant in contestants]
        if max(sizes) > 1.2 * min(sizes):
            raise RuntimeError(f"The answers differ too much in size: {sizes} bytes.")
        results: list[dict[str, object]] = []
        groups = {"postgresql": postgresql.process.pid, "redis": redis.process.pid}
        for number in range(rounds):
            for case in (FOLLOWED, ALONE, READING):
                # Who goes first alternates too.
                for contestant in contestants[:: 1 if number % 2 == 0 else -1]:
                    contestant.tokens = contestant.refresh()
                    figures = measure(contestant, case, seconds, groups, folder)
                    server = contestant.running.server
                    about = {"case": case, "server": server.name, "version": server.version}
                    results.append({**about, "round": number + 1, **figures})
                    shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
                    say(f"{case}, {server.name}: {shown}")
        return results


def measure(
    contestant: Contestant,
    case: str,
    seconds: float,
    groups: dict[str, int],
    folder: Path,
) -> dict[str, float]:
    """One measurement of one server; times in milliseconds, CPU in microseconds per operation."""
    pids = {"server": contestant.running.pid, **groups}
    meter = Meter({name: [pid] for name, pid in pids.items()})
    with meter.watching():
        if case == READING:
            read(contestant, WARMUP)
            began = time.monotonic()
            found, load_cpu = read(contestant, seconds)
        else:
            began = time.monotonic() + WARMUP
            found, load_cpu = post(contestant, case, seconds, folder)
            began = max(began, time.monotonic() - seconds)
        ended = time.monotonic()
    # Both ends are cut off: connecting before, closing after.
    edge = min(0.25, seconds / 8)
    busy = meter.rates(began + edge, ended - edge)
    count = found["requests"] if case == READING else found["acks"]
    per_second = count / found["seconds"]
    if not count or found["errors"]:
        raise RuntimeError(f"{case}, {contestant.running.server.name}: {json.dumps(found)}")
    figures = {
        ("requests_per_second" if case == READING else "acks_per_second"): round(per_second, 1),
        "p50_ms": found["p50_ms"],
        "p99_ms": found["p99_ms"],
        "max_ms": found["max_ms"],
    }
    if case != READING:
        figures["deliveries_per_second"] = round(found["deliveries"] / found["seconds"], 1)
    for name, used in busy.items():
        figures[f"{name}_cpu_us"] = round(used / per_second * 1e6, 1)
    figures["server_busy"] = round(busy["server"], 3)
    others = busy["postgresql"] + busy["redis"] + load_cpu / found["seconds"]
    figures["core1_busy"] = round(others, 3)
    return figures


def post(
    contestant: Contestant, case: str, seconds: float, folder: Path
) -> tuple[dict[str, float], float]:
    """Fifty people post, each waiting for the acknowledgement of one before the next."""
    followed = case == FOLLOWED
    rooms = [contestant.shared] * SENDERS if followed else contestant.rooms
    script = folder / "script"
    lines = [contestant.plan(*pair) for pair in zip(contestant.tokens, rooms, strict=True)]
    script.write_text("".join(json.dumps(line) + "\n" for line in lines))
    running = contestant.running
    words = [str(LOAD), "post", "--port", str(running.port), "--sockets", str(SENDERS)]
    words += ["--seconds", str(seconds), "--warmup", str(WARMUP)]
    found = run_load([*words, "--pid", str(running.pid), "--script", str(script)])
    return found, found["load_cpu"]


def read(contestant: Contestant, seconds: float) -> tuple[dict[str, float], float]:
    """wrk reads the archive over 32 connections; what it found, and its CPU seconds."""
    program = find_tool("wrk")
    if program is None:
        raise ServerError("wrk is not installed; `make bench` installs it.")
    header = f"Authorization: Bearer {contestant.tokens[0]}"
    url = f"http://127.0.0.1:{contestant.running.port}{contestant.read_path}"
    words = [program, "--threads", "1", "--connections", str(READERS)]
    words += ["--duration", f"{max(1, round(seconds))}s", "--header", header]
    before = os.times()
    found = run_load([*words, "--script", str(WRK_REPORT), url])
    after = os.times()
    used = after.children_user + after.children_system
    return found, used - before.children_user - before.children_system


def run_load(words: list[str]) -> dict[str, float]:
    """The JSON object on the last line of a load generator's output."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def check_reading(contestant: Contestant) -> int:
    """The bytes of the answer wrk will get; makes sure that it holds the last messages."""
    url = f"http://127.0.0.1:{contestant.running.port}{contestant.read_path}"
    headers = {"Authorization": f"Bearer {contestant.tokens[0]}"}
    answer = httpx2.get(url, headers=headers)
    items = answer.raise_for_status().json()["items"]
    if len(items) != READ or any(len(item["body"]) != BODY_LENGTH for item in items):
        raise RuntimeError(f"{contestant.running.server.name} answers other messages: {items}")
    if httpx2.get(url).status_code != 401:
        raise RuntimeError(f"{contestant.running.server.name} answers without a token.")
    return len(answer.content)


@contextmanager
def running_hubbub(postgresql: PostgreSQL, data: Path, bodies: list[str]) -> Iterator[Contestant]:
    """Hubbub with its people, made through the API as they would be."""
    with running_server(hubbub_product(postgresql.create("hubbub_bench"), data)) as running:
        http = httpx2.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=60)

        def call(method: str, path: str, token: str = "", **body: object) -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = http.request(method, f"/api{path}", json=body, headers=headers)
            if not answer.is_success:
                raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
            found: dict[str, Any] = answer.json()
            return found

        def sign_up(number: int, **more: str) -> dict[str, Any]:
            email = f"person{number}@example.com"
            more |= {"name": f"Person {number}", "email": email, "password": secrets.token_hex(12)}
            return call("POST", "/auth/signup", token_in_body=True, **more)

        people = [sign_up(1, workspace="Bench")]
        owner = people[0]["access_token"]
        code = call("POST", "/invitations", owner, role="member", uses=SENDERS)["code"]
        people += [sign_up(number, invite=code) for number in range(2, SENDERS + 1)]
        members = [person["user"]["id"] for person in people[1:]]

        def new_room(token: str, name: str, members: list[str]) -> str:
            room = call("POST", "/rooms", token, name=name, kind="private", members=members)
            return str(room["id"])

        shared = new_room(owner, "Everybody", members)
        archive = new_room(owner, "Archive", members)
        for body in bodies:
            call("POST", f"/rooms/{archive}/messages", owner, body=body)
        rooms = [new_room(person["access_token"], "Own", []) for person in people]
        refreshed = time.monotonic()

        def refresh() -> list[str]:
            nonlocal people, refreshed
            # A token lives for 15 minutes.
            if time.monotonic() - refreshed > 300:
                given = [person["refresh_token"] for person in people]
                people = [
                    call("POST", "/auth/refresh", refresh_token=token, token_in_body=True)
                    for token in given
                ]
                refreshed = time.monotonic()
            return [str(person["access_token"]) for person in people]

        def plan(token: str, room: str) -> dict[str, Any]:
            return {
                "auth": {"token": token},
                "setup": [["follow", {"streams": {room: None}}]],
                "event": ["message.post", {"room": room, "key": "%K", "body": make_body("%T ")}],
                "delivery": "entries",
            }

        path = f"/api/rooms/{archive}/messages?limit={READ}"
        yield Contestant(running, refresh(), rooms, shared, archive, path, plan, refresh)
        http.close()


@contextmanager
def running_node(
    postgresql: PostgreSQL, redis: Redis, bodies: list[str], pool: int = NODE_POOL
) -> Iterator[Contestant]:
    """The Node stack with its people, made by the server itself."""
    secret = secrets.token_hex(32)
    server = node_product(postgresql.create("node_bench"), redis.url, secret, pool)
    with running_server(server) as running:
        made = httpx2.post(
            f"http://127.0.0.1:{running.port}/bench/setup",
            json={"people": SENDERS, "bodies": bodies},
            headers={"X-Bench-Secret": secret},
            timeout=60,
        )
        found = made.raise_for_status().json()
        tokens = [str(person["token"]) for person in found["people"]]
        rooms = [str(person["room"]) for person in found["people"]]

        def plan(token: str, room: str) -> dict[str, Any]:
            return {
                "auth": {"token": token, "rooms": [room]},
                "setup": [],
                "event": ["post", {"room": room, "body": make_body("%T ")}],
                "delivery": "message",
            }

        shared, archive = found["shared"], found["archive"]
        path = f"/rooms/{archive}/messages"
        yield Contestant(running, tokens, rooms, shared, archive, path, plan, lambda: tokens)


def make_body(start: str) -> str:
    """Text of the benchmark's length; `%T` in `start` will be twenty digits."""
    length = BODY_LENGTH - len(start.replace("%T", "0" * 20))
    return start + ("lorem ipsum dolor sit amet " * 10)[:length]


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


def main() -> None:
    """Measures and writes the results; prints a line for each."""
    parser = argparse.ArgumentParser(prog="python -m bench.product", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = run_product(options.rounds, options.seconds, lambda line: print(line, flush=True))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
