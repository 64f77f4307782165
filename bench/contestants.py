"""Who takes part in the measurements of the product, each with the same people and rooms."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from bench.peers.servers import Running, hubbub_product, node_product, running_server
from tests.servers import PostgreSQL, Redis

PEOPLE = 50
ARCHIVES = 10
STORED = 60
READ = 50
BODY_LENGTH = 150
NODE_POOL = 20
"""Connections of the Node stack: of 4 to 20 the number with the most acknowledgements."""


@dataclass
class Contestant:
    """A server with its people: a token and a room of their own for each, and rooms they share."""

    running: Running
    tokens: list[str]
    rooms: list[str]
    shared: str
    archives: list[str]
    read_path: Callable[[str], str]
    """The path of a room's last messages."""
    plan: Callable[[str, str], dict[str, Any]]
    """One socket's line of the load's script, for a token and the room it posts into."""
    refresh: Callable[[], list[str]]


@contextmanager
def running_hubbub(
    postgresql: PostgreSQL | None,
    data: Path,
    *,
    redis: Redis | None = None,
    count: int = PEOPLE,
    archives: int = ARCHIVES,
    core: int | None = 0,
) -> Iterator[Contestant]:
    """Hubbub with its people, made through the API as they would be; with a Redis it is a node of several.

    Without a PostgreSQL it keeps everything in SQLite, in `data`.
    """
    database = postgresql.create("hubbub_bench") if postgresql else ""
    server = hubbub_product(database, data, redis.url if redis else "")
    with running_server(server, core) as running:
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
        code = call("POST", "/invitations", owner, role="member", uses=count)["code"]
        people += [sign_up(number, invite=code) for number in range(2, count + 1)]
        members = [person["user"]["id"] for person in people[1:]]

        def new_room(token: str, name: str, members: list[str]) -> str:
            room = call("POST", "/rooms", token, name=name, kind="private", members=members)
            return str(room["id"])

        shared = new_room(owner, "Everybody", members)
        filled = [new_room(owner, "Archive", members) for _ in range(archives)]
        for archive in filled:
            for body in make_bodies():
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
                # One event may bring several.
                "mark": '"kind":"message.posted"',
            }

        def path(room: str) -> str:
            return f"/api/rooms/{room}/messages?limit={READ}"

        yield Contestant(running, refresh(), rooms, shared, filled, path, plan, refresh)
        http.close()


@contextmanager
def running_node(
    postgresql: PostgreSQL,
    redis: Redis,
    *,
    pool: int = NODE_POOL,
    count: int = PEOPLE,
    archives: int = ARCHIVES,
    core: int | None = 0,
    secret: str = "",
) -> Iterator[Contestant]:
    """The Node stack with its people, made by the server itself for whoever has the secret (a fresh one)."""
    secret = secret or secrets.token_hex(32)
    server = node_product(postgresql.create("node_bench"), redis.url, secret, pool)
    with running_server(server, core) as running:
        made = httpx2.post(
            f"http://127.0.0.1:{running.port}/bench/setup",
            json={"people": count, "archives": archives, "bodies": make_bodies()},
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

        def path(room: str) -> str:
            return f"/rooms/{room}/messages"

        shared, filled = found["shared"], found["archives"]
        yield Contestant(running, tokens, rooms, shared, filled, path, plan, lambda: tokens)


def check_reading(contestant: Contestant) -> int:
    """The bytes of the answer wrk will get; makes sure that it holds the last messages."""
    path = contestant.read_path(contestant.archives[0])
    url = f"http://127.0.0.1:{contestant.running.port}{path}"
    headers = {"Authorization": f"Bearer {contestant.tokens[0]}"}
    answer = httpx2.get(url, headers=headers)
    items = answer.raise_for_status().json()["items"]
    if len(items) != READ or any(len(item["body"]) != BODY_LENGTH for item in items):
        raise RuntimeError(f"{contestant.running.server.name} answers other messages: {items}")
    if httpx2.get(url).status_code != 401:
        raise RuntimeError(f"{contestant.running.server.name} answers without a token.")
    return len(answer.content)


def make_body(start: str) -> str:
    """Text of the benchmark's length; `%T` in `start` will be twenty digits."""
    length = BODY_LENGTH - len(start.replace("%T", "0" * 20))
    return start + ("lorem ipsum dolor sit amet " * 10)[:length]


def make_bodies() -> list[str]:
    """What an archive holds."""
    return [make_body(f"message {number} ") for number in range(STORED)]
