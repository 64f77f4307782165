"""Boards of the product and of the usual stack: moves at a steady rate, and opening a large one.

`python -m bench.boards --seconds 2 --rounds 1 --json out.json`

Each server has one process on core 0. PostgreSQL (fsync on), Redis, HAProxy and the load share core 1, so an answer's
time includes theirs.
"""

import http.client
import json
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bench.boards_fill import Board, fill_hubbub, fill_node
from bench.cases import MOVES, OPENING, PRODUCT, PRODUCT_GZIP, PRODUCT_SQLITE, STACK
from bench.contestants import PEOPLE, Contestant, running_hubbub, running_node
from bench.product import (
    LOAD,
    WAL_KEPT,
    WARMUP,
    WRK_REPORT,
    Meter,
    on_core,
    recycle_wal,
    run_alone,
    run_load,
)
from scripts.house import find_tool
from tests.servers import ServerError, running_postgresql, running_redis
from tests.servers_balancers import backend, running_haproxy

RATE = 200
MOVED = 400
LARGE = 2_000
EVENTS = 60
"""Different moves of each person, made again and again."""
LONGER = 3.0
"""Moves are measured so much longer than other things: at their rate there are not many in a second."""
GZIP = ("compression algo gzip", "compression type application/json", "default_backend nodes")
"""How the fleet's HAProxy compresses answers of the API."""


@dataclass(frozen=True)
class Wire:
    """How a server is spoken to."""

    follow: Callable[[str, str], dict[str, Any]]
    """One socket's line of the load's script, but for its events, for a token and a board."""
    move: Callable[[str, str, str], list[Any]]
    """The event that puts a task into a list, behind another one."""
    path: Callable[[str], str]
    """Where a board is read whole."""


@dataclass
class Entrant:
    """A server with a board to move tasks on, and a large one to open."""

    label: str
    contestant: Contestant
    moving: Board
    large: Board
    wire: Wire
    pids: dict[str, int]
    """The processes it uses, by name."""


HUBBUB = Wire(
    lambda token, board: {
        "auth": {"token": token},
        "setup": [["follow", {"streams": {board: None}}]],
        "delivery": "entries",
        # One event may bring several.
        "mark": '"kind":"task.moved"',
    },
    lambda task, place, after: [
        "task.move",
        {"task": task, "list": place, "after": after, "key": "%K"},
    ],
    "/api/boards/{}?first=10000".format,
)
NODE = Wire(
    lambda token, board: {
        "auth": {"token": token, "boards": [board]},
        "setup": [],
        "delivery": "moved",
    },
    lambda task, place, after: ["move", {"card": task, "list": place, "after": after}],
    "/boards/{}".format,
)


def run_boards(rounds: int, seconds: float, say: Callable[[str], None]) -> list[dict[str, object]]:
    """Measures Hubbub on both databases and the usual stack; one result for each case, server, round.

    `say` gets a line for each measurement. Raises ServerError when something does not start and RuntimeError when a
    move failed or was not delivered to everybody.
    """
    with ExitStack() as stack:
        stack.enter_context(on_core(1))
        postgresql = stack.enter_context(running_postgresql(WAL_KEPT))
        recycle_wal(postgresql)
        redis = stack.enter_context(running_redis())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubbub-bench-")))
        pids = {"postgresql": postgresql.process.pid}
        entrants = []
        for label, database in ((PRODUCT, postgresql), (PRODUCT_SQLITE, None)):
            hubbub = stack.enter_context(running_hubbub(database, folder / label, archives=0))
            moving, large = (fill_hubbub(hubbub, count) for count in (MOVED, LARGE))
            used = pids if database else {}
            entrants.append(Entrant(label, hubbub, moving, large, HUBBUB, used))
        secret = secrets.token_hex(32)
        node = stack.enter_context(running_node(postgresql, redis, archives=0, secret=secret))
        moving, large = (fill_node(node, count, secret) for count in (MOVED, LARGE))
        used = {**pids, "redis": redis.process.pid}
        entrants.append(Entrant(STACK, node, moving, large, NODE, used))
        port = entrants[0].contestant.running.port
        proxy = stack.enter_context(running_haproxy(GZIP, backend("nodes", [port])))
        sizes = [check_opening(entrant) for entrant in entrants]
        if max(sizes) > 1.2 * min(sizes):
            raise RuntimeError(f"The answers differ too much in size: {sizes} bytes.")
        results: list[dict[str, object]] = []

        def note(case: str, entrant: Entrant, label: str, **figures: float) -> None:
            about = {"case": case, "server": label}
            version = {"version": entrant.contestant.running.server.version, "round": number + 1}
            results.append({**about, **version, **figures})
            shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
            say(f"{case}, {label}: {shown}")

        for number in range(rounds):
            for entrant in entrants[:: 1 if number % 2 == 0 else -1]:
                entrant.contestant.tokens = entrant.contestant.refresh()
                figures = measure_moves(entrant, seconds * LONGER, folder, Random(number))
                note(MOVES, entrant, entrant.label, **figures)
                own = entrant.contestant.running.port
                figures = measure_opening(entrant, own, "", seconds, folder)
                note(OPENING, entrant, entrant.label, **figures)
                if entrant.label == PRODUCT:
                    figures = measure_opening(entrant, proxy.port, "gzip", seconds, folder)
                    note(OPENING, entrant, PRODUCT_GZIP, **figures)
        return results


def measure_moves(
    entrant: Entrant, seconds: float, folder: Path, random: Random
) -> dict[str, float]:
    """Everybody follows the board and moves its tasks, in turn and at a steady rate, however long answers take.

    Every second task stays where it is: what is moved goes behind one of these, and so between two tasks.
    """
    tasks = entrant.moving.tasks
    script = folder / "script"
    with script.open("w") as file:
        for token in entrant.contestant.tokens:
            events = []
            for _ in range(EVENTS):
                task, _ = random.choice(tasks[::2])
                after, place = random.choice(tasks[1::2])
                events.append(entrant.wire.move(task, place, after))
            line = {**entrant.wire.follow(token, entrant.moving.id), "events": events}
            file.write(json.dumps(line) + "\n")
    running = entrant.contestant.running
    words = [str(LOAD), "post", "--port", str(running.port), "--pid", str(running.pid)]
    words += ["--sockets", str(PEOPLE), "--rate", str(RATE), "--script", str(script)]
    meter = Meter({"server": running.pid, **entrant.pids})
    with meter.watching():
        found = run_load([*words, "--seconds", str(seconds), "--warmup", str(WARMUP)])
        ended = time.monotonic() - found["waited"]
    followed = found["all_deliveries"] >= found["all_acks"] * PEOPLE
    if found["errors"] or found["all_acks"] != found["asked"] or not followed:
        raise RuntimeError(f"{entrant.label}: not all was done: {json.dumps(found)}")
    per_second = found["acks"] / found["seconds"]
    figures = {
        "acks_per_second": round(per_second, 1),
        "deliveries_per_second": round(found["deliveries"] / found["seconds"], 1),
        **{name: found[name] for name in ("p50_ms", "p99_ms", "max_ms")},
    }
    return {**figures, **costs(meter, ended, found, per_second)}


def measure_opening(
    entrant: Entrant, port: int, encoding: str, seconds: float, folder: Path
) -> dict[str, float]:
    """Somebody opens the large board again and again, one answer after the other."""
    program = find_tool("wrk")
    if program is None:
        raise ServerError("wrk is not installed; `make bench` installs it.")
    path = entrant.wire.path(entrant.large.id)
    asked = folder / "asked"
    lines = (f"{path} {token} {encoding}".strip() + "\n" for token in entrant.contestant.tokens)
    asked.write_text("".join(lines))
    words = [program, "--threads", "1", "--connections", "1", "--script", str(WRK_REPORT)]
    words += ["--duration", f"{max(1, round(seconds))}s"]
    words += [f"http://127.0.0.1:{port}", "--", str(asked)]
    meter = Meter({"server": entrant.contestant.running.pid, **entrant.pids})
    with meter.watching():
        found = run_load(words)
        ended = time.monotonic()
    if found["errors"]:
        raise RuntimeError(f"{entrant.label}: errors: {json.dumps(found)}")
    per_second = found["requests"] / found["seconds"]
    figures = {
        "bytes": float(len(ask(port, path, entrant.contestant.tokens[0], encoding)[1])),
        **{name: found[name] for name in ("p50_ms", "p99_ms", "max_ms")},
    }
    return {**figures, **costs(meter, ended, {**found, "load_cpu": 0.0}, per_second)}


def costs(
    meter: Meter, ended: float, found: dict[str, float], per_second: float
) -> dict[str, float]:
    """CPU of each process in microseconds per operation, and how busy both cores were."""
    edge = found["seconds"] / 20
    busy = meter.rates(ended - found["seconds"] + edge, ended - edge)
    figures = {f"{name}_cpu_us": round(used / per_second * 1e6, 1) for name, used in busy.items()}
    figures["server_busy"] = round(busy.pop("server"), 3)
    figures["core1_busy"] = round(sum(busy.values()) + found["load_cpu"] / found["seconds"], 3)
    return figures


def check_opening(entrant: Entrant) -> int:
    """The bytes of the large board; makes sure that everything is on it, and that it takes a token."""
    path = entrant.wire.path(entrant.large.id)
    port = entrant.contestant.running.port
    status, body = ask(port, path, entrant.contestant.tokens[0])
    lists = json.loads(body)["lists"] if status == 200 else []
    if sum(len(place["tasks"]) for place in lists) != LARGE:
        raise RuntimeError(f"{entrant.label} answers another board: {body[:500]!r}")
    if ask(port, path, "none")[0] != 401:
        raise RuntimeError(f"{entrant.label} answers without a token.")
    return len(body)


def ask(port: int, path: str, token: str, encoding: str = "identity") -> tuple[int, bytes]:
    """Status and body of a GET, as they came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": encoding or "identity"}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


if __name__ == "__main__":
    run_alone(run_boards, "bench.boards", __doc__, 2.0)
