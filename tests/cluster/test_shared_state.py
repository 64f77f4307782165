"""What nodes of one workspace share: sessions, limits, presence, and the end of rights."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pyotp
import pytest
from sqlalchemy import select

from hubbub.app import Application
from hubbub.client import Client, Refused
from hubbub.gateway import ConnectRefused
from hubbub.people.models import sessions
from tests.servers import PostgreSQL, Redis, running_redis
from tests.support.app import PASSWORD, Person, found_workspace, join, make_room, running_app
from tests.support.server import ServerProcess
from tests.support.warm import run_module

pytestmark = pytest.mark.anyio

SECRET = "the same for each and every one of the nodes"
PATIENCE = 60.0
MINUTE, HOUR = 60_000, 3_600_000


class Clock:
    """Stands still until a test moves it; all nodes have it."""

    now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    """A Redis of this file's own: it is stopped in the middle."""
    with running_redis() as server:
        yield server


@pytest.fixture
def database(migrated_postgresql: PostgreSQL) -> Iterator[str]:
    yield migrated_postgresql.create("shared_state", "hubbub_migrated")
    migrated_postgresql.drop("shared_state")


async def until(true: Callable[[], Awaitable[bool]]) -> float:
    """Waits for it and answers how long that took."""
    started = time.monotonic()
    while not await true():
        assert time.monotonic() - started < PATIENCE, "it did not happen in time"
        await asyncio.sleep(0.02)
    return time.monotonic() - started


Nodes = tuple[Application, Application]


@asynccontextmanager
async def running_nodes(
    database: str, redis: Redis, folder: Path, clock: Clock, **settings: Any
) -> AsyncIterator[Nodes]:
    redis.command("FLUSHALL")
    options = {"redis_url": redis.url, "jwt_secret": SECRET, "database_pool": 2} | settings
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(running_app(database, folder / name, clock, **options))
            for name in ("one", "two")
        ]
        yield one, two


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def nodes(database: str, redis: Redis, tmp_path: Path, clock: Clock) -> AsyncIterator[Nodes]:
    async with running_nodes(database, redis, tmp_path, clock) as running:
        yield running


def on(node: Application, person: Person) -> Person:
    """The same person, with the same token, asking another node."""
    moved = Person(node, {"access_token": person.token, "user": person.user})
    moved.http.cookies.update(person.http.cookies)
    return moved


async def sign_in(node: Application, email: str = "owner@example.com", **more: Any) -> Any:
    person = Person(node)
    body = {"email": email, "password": PASSWORD, "token_in_body": True} | more
    return await person.call("POST", "/api/auth/login", body)


async def count_sessions(node: Application) -> list[Any]:
    rows: list[Any] = await node.kernel.read(
        lambda connection: list(connection.execute(select(sessions).order_by(sessions.c.id)))
    )
    return rows


async def test_sessions_hold_on_every_node_and_over_restarts(
    database: str, redis: Redis, tmp_path: Path, clock: Clock
) -> None:
    async with running_nodes(database, redis, tmp_path, clock) as (one, two):
        owner = await found_workspace(one)
        assert (await on(two, owner).call("GET", "/api/auth/me"))["id"] == owner.id
        signed = await sign_in(one)
    async with running_nodes(database, redis, tmp_path, clock) as (one, two):
        for node in (one, two):
            await on(node, owner).call("GET", "/api/auth/me")
        body = {"refresh_token": signed["refresh_token"], "token_in_body": True}
        fresh = await Person(two).call("POST", "/api/auth/refresh", body)
        again = await Person(one).call("POST", "/api/auth/refresh", body)
        assert again["refresh_token"] == fresh["refresh_token"], (
            "a lost answer is given by any node"
        )
        clock.now += MINUTE
        await Person(one).call("POST", "/api/auth/refresh", body, status=401)
        await Person(two).call(
            "POST", "/api/auth/refresh", {"refresh_token": fresh["refresh_token"]}, status=401
        )


async def test_guests_visit_every_node_and_end_on_time(nodes: Nodes, clock: Clock) -> None:
    one, two = nodes
    owner = await found_workspace(one)
    room = await make_room(owner, "Project")
    code = (await owner.call("POST", "/api/invitations", {"role": "guest", "room": room}))["code"]
    body = {"invite": code, "name": "Gus Guest", "token_in_body": True}
    signed = await Person(one).call("POST", "/api/guests", body)
    guest = Person(one, signed)
    assert (await on(two, guest).call("GET", f"/api/rooms/{room}"))["id"] == room
    clock.now += 2 * HOUR - MINUTE
    refreshed = await Person(two).call(
        "POST",
        "/api/auth/refresh",
        {"refresh_token": signed["refresh_token"], "token_in_body": True},
    )
    guest = Person(one, refreshed)
    clock.now += 2 * HOUR + 1_000
    for node in nodes:
        await Person(node).call(
            "POST", "/api/auth/refresh", {"refresh_token": refreshed["refresh_token"]}, status=401
        )
        await on(node, guest).call("GET", "/api/auth/me", status=401)


async def test_reading_writes_no_session(nodes: Nodes, clock: Clock) -> None:
    one, two = nodes
    owner = await found_workspace(one)
    before = await count_sessions(one)
    for node in nodes:
        await Person(node).call("GET", "/api/setup")
        await Person(node).call("GET", "/api/auth/me", status=401)
        await on(node, owner).call("GET", "/api/auth/me")
    clock.now += 2_000
    await on(two, owner).call("GET", "/api/auth/me")
    assert await count_sessions(one) == before


async def test_a_code_works_once_in_the_cluster(nodes: Nodes, clock: Clock) -> None:
    one, two = nodes
    owner = await found_workspace(one)
    secret = (await owner.call("POST", "/api/auth/totp", {"password": PASSWORD}))["secret"]

    def code() -> str:
        return pyotp.TOTP(secret).at(clock.now // 1000)

    await owner.call("POST", "/api/auth/totp/confirm", {"code": code()})
    clock.now += MINUTE
    await sign_in(one, totp=code())
    with pytest.raises(AssertionError, match="401"):
        await sign_in(two, totp=code())


async def test_attempts_are_counted_across_nodes(
    database: str, redis: Redis, tmp_path: Path, clock: Clock
) -> None:
    async with running_nodes(
        database, redis, tmp_path, clock, rate_limits=True, anonymous_calls=20
    ) as nodes:
        await found_workspace(nodes[0])
        wrong = {"email": "owner@example.com", "password": "not the one"}
        for attempt in range(5):
            await Person(nodes[attempt % 2]).call("POST", "/api/auth/login", wrong, status=401)
        for node in nodes:
            answer = await Person(node).send("POST", "/api/auth/login", wrong)
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 15 * 60
        one, two = nodes

        async def remaining() -> int:
            answer = await Person(one).send("GET", "/api/setup")
            return int(answer.headers["ratelimit-remaining"])

        before = await remaining()
        for _ in range(10):
            await Person(two).call("GET", "/api/setup")
        # Time forgives some, one in 45 seconds.
        assert await remaining() < before - 5, "calls to one node count on the other"


async def test_rights_end_on_the_other_node_within_a_second(nodes: Nodes, clock: Clock) -> None:
    one, two = nodes
    owner = await found_workspace(one)
    mia, max_, cleo = [await join(owner, name) for name in ("Mia M", "Max M", "Cleo C")]
    room = await make_room(owner, "Project", "private", mia, max_, cleo)
    for person in (mia, max_, cleo):
        await on(two, person).call("GET", f"/api/rooms/{room}")
    await owner.call("PATCH", f"/api/users/{mia.id}", {"active": False})
    await owner.call("PATCH", f"/api/users/{max_.id}", {"role": "client"})
    await owner.call("DELETE", f"/api/rooms/{room}/members/{cleo.id}")
    clock.now += 1_000
    await on(two, mia).call("GET", "/api/auth/me", status=401)
    await on(two, max_).call("POST", "/api/rooms", {"name": "Lounge", "kind": "open"}, status=403)
    await on(two, cleo).call("GET", f"/api/rooms/{room}", status=404)


class Visitor:
    """As much of a socket as connecting asks for."""

    address = "127.0.0.1"
    connected = True
    data: object = None


async def test_a_session_believed_a_moment_ago_opens_no_socket(nodes: Nodes) -> None:
    one, two = nodes
    owner = await found_workspace(one)
    mia = await join(owner, "Mia Member")
    await on(two, mia).call("GET", "/api/auth/me")
    await owner.call("PATCH", f"/api/users/{mia.id}", {"active": False})
    # The clock stands still, so HTTP believes for its second; a socket would for as long as it is open.
    await on(two, mia).call("GET", "/api/auth/me")
    connect: Any = two.gateway.namespace("/").connect_handler
    with pytest.raises(ConnectRefused, match="session has ended"):
        await connect(Visitor(), {"token": mia.token})
    assert two.delivery.people == 0


# Processes: sockets, and what is killed.


@asynccontextmanager
async def processes(database: str, redis_url: str, folder: Path) -> AsyncIterator[list[Any]]:
    made = [
        ServerProcess(
            folder / name, database, JWT_SECRET=SECRET, REDIS_URL=redis_url, NODE_NAME=name
        )
        for name in ("first", "second")
    ]
    try:
        await asyncio.gather(*(asyncio.to_thread(process.start) for process in made))
        yield made
    finally:
        for process in made:
            await asyncio.to_thread(process.close)


async def member(owner: Client, url: str, name: str) -> Client:
    code = (await owner.request("POST", "/api/invitations", {"role": "member"}))["code"]
    client = Client(url)
    await client.sign_up(name, f"{name.split()[0].lower()}@example.com", PASSWORD, invite=code)
    return client


async def online(client: Client) -> set[str]:
    return set((await client.request("GET", "/api/sync"))["presence"])


async def test_presence_and_revocation_between_processes(database: str, tmp_path: Path) -> None:
    with running_redis() as redis:
        async with AsyncExitStack() as stack:
            first, second = await stack.enter_async_context(
                processes(database, redis.url, tmp_path)
            )
            owner = await stack.enter_async_context(Client(first.url))
            await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
            await owner.connect()
            people = [
                await stack.enter_async_context(await member(owner, second.url, f"{name} Member"))
                for name in ("Mia", "Max", "Cleo")
            ]
            mia, max_, cleo = people
            for person in people:
                await person.connect()
            everybody = {person.me["id"] for person in (owner, *people)}
            await until(lambda: is_true(online(owner), everybody))
            await until(lambda: is_true(online(mia), everybody))

            # A deactivated person's sockets on the other node close, first by the bus.
            await owner.request("PATCH", f"/api/users/{mia.me['id']}", {"active": False})
            by_bus = await until(lambda: ended(mia))
            # Redis dies: then the sweep finds it.
            redis.process.kill()
            redis.process.wait()
            await owner.request("PATCH", f"/api/users/{max_.me['id']}", {"active": False})
            by_sweep = await until(lambda: ended(max_))
            assert max(by_bus, by_sweep) < PATIENCE / 4
            assert (await cleo.request("GET", "/api/auth/me"))["id"] == cleo.me["id"]


async def test_a_killed_nodes_people_go_by_their_lease(
    database: str, redis: Redis, tmp_path: Path
) -> None:
    redis.command("FLUSHALL")
    async with AsyncExitStack() as stack:
        first, second = await stack.enter_async_context(processes(database, redis.url, tmp_path))
        owner = await stack.enter_async_context(Client(first.url))
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        await owner.connect()
        mia = await stack.enter_async_context(await member(owner, second.url, "Mia Member"))
        await mia.connect()
        both = {owner.me["id"], mia.me["id"]}
        await until(lambda: is_true(online(owner), both))
        # A process that would sign otherwise is refused.
        stranger = ServerProcess(tmp_path / "stranger", database, REDIS_URL=redis.url)
        refusal = asyncio.create_task(asyncio.to_thread(run_refused, stranger, tmp_path))
        await asyncio.to_thread(second.kill)
        assert both == await online(owner), "a dead node's people stay until the lease ends"
        await until(lambda: is_true(online(owner), {owner.me["id"]}))
        refused = await refusal
        stranger.close()
        assert refused.returncode != 0
        assert "JWT_SECRET" in refused.stderr


def run_refused(stranger: ServerProcess, folder: Path) -> "subprocess.CompletedProcess[str]":
    return run_module("hubbub", "serve", env=stranger._environment, cwd=folder, timeout=PATIENCE)


async def is_true(answer: Awaitable[set[str]], expected: set[str]) -> bool:
    return await answer == expected


async def ended(client: Client) -> bool:
    """Whether the client's socket was closed for good: its session is over."""
    with suppress(Refused, httpx2.HTTPError):
        return client._runner is not None and client._runner.done()
    return False
