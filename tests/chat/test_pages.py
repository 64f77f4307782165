"""The newest page of a room: kept, never out of date, and never for whom it is not."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from hubbub.app import Application
from hubbub.chat.service.pages import ENTRY_BYTES, Page, PageCache
from hubbub.people.access import CHECKED_MS
from hubbub.people.tokens import ACCESS_SECONDS
from tests.conftest import MIGRATED
from tests.servers import PostgreSQL
from tests.support.app import Person, found_workspace, join, make_room, running_app, say

from .conftest import Workspace

pytestmark = pytest.mark.anyio

EVERYTHING = 2**53


async def newest(person: Person, room: str) -> list[dict[str, Any]]:
    """The newest messages, made sure to be what a read without any keeping finds."""
    path = f"/api/rooms/{room}/messages"
    page = await person.call("GET", path)
    read = await person.call("GET", path, before=EVERYTHING)
    assert page == read
    items: list[dict[str, Any]] = page["items"]
    return items


@contextmanager
def counting_reads(application: Application) -> Iterator[list[str]]:
    """The statements that read messages while the block runs."""
    counted: list[str] = []

    def count(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FROM messages" in statement:
            counted.append(statement)

    engine = application.kernel.database._reading
    event.listen(engine, "before_cursor_execute", count)
    yield counted
    event.remove(engine, "before_cursor_execute", count)


async def test_a_page_is_read_once_for_everybody(workspace: Workspace) -> None:
    await say(workspace.mia, workspace.room, "hello")
    path = f"/api/rooms/{workspace.room}/messages"
    with counting_reads(workspace.mia.application) as counted:
        pages = [
            (await person.send("GET", path, limit=limit)).content
            for limit in (50, 7)
            for person in (workspace.mia, workspace.owner, workspace.client, workspace.guest)
        ]
    assert len(set(pages)) == 1
    assert len(counted) == 2


async def test_every_change_shows_at_once(workspace: Workspace) -> None:
    mia, owner, room = workspace.mia, workspace.owner, workspace.room
    first = await say(mia, room, "first")
    path = f"/api/messages/{first['id']}"
    assert (await newest(owner, room))[-1]["body"] == "first"
    await mia.call("PATCH", path, {"body": f"better, @{owner.user['name']}"})
    edited = (await newest(owner, room))[-1]
    assert edited["body"].startswith("better")
    assert edited["mentions"] == [owner.id]
    assert edited["edited_at"]
    await owner.call("PUT", f"{path}/reactions/👍")
    assert (await newest(owner, room))[-1]["reactions"] == [{"emoji": "👍", "users": [owner.id]}]
    await owner.call("DELETE", f"{path}/reactions/👍")
    assert (await newest(owner, room))[-1]["reactions"] == []
    answer = await say(owner, room, "an answer", reply_to=first["id"])
    assert [item["replies"] for item in await newest(owner, room)] == [1, 0]
    await owner.call("DELETE", f"/api/messages/{answer['id']}", status=204)
    assert [(item["replies"], item["deleted"]) for item in await newest(owner, room)] == [
        (0, False),
        (0, True),
    ]
    await mia.call("DELETE", path, status=204)
    assert [item["body"] for item in await newest(owner, room)] == ["", ""]


async def test_posts_are_added_to_a_kept_page(workspace: Workspace) -> None:
    owner, mia, room = workspace.owner, workspace.mia, workspace.room
    path = f"/api/rooms/{room}/messages"

    async def short(limit: int = 3) -> list[str]:
        page = await owner.call("GET", path, limit=limit)
        assert page == await owner.call("GET", path, limit=limit, before=EVERYTHING)
        return [item["body"] for item in page["items"]]

    for number in range(2):
        await say(mia, room, f"{number} é 👍 \\")
    await short()
    with counting_reads(mia.application) as counted:
        await say(mia, room, f"2 for @{owner.user['name']}")
        await owner.call("GET", path, limit=3)
        await owner.call("PATCH", f"/api/rooms/{room}", {"topic": "New"})
        await workspace.owner.call("POST", f"/api/rooms/{room}/members", {"user": workspace.max.id})
        await say(mia, room, "3")
        await owner.call("GET", path, limit=3)
        assert counted == []
    assert [body[0] for body in await short()] == ["1", "2", "3"]
    for number in range(4, 9):
        await say(mia, room, f"{number}")
    assert await short() == ["6", "7", "8"]
    root = (await newest(owner, room))[-1]
    answer = await say(mia, room, "9", reply_to=root["id"])
    assert await short() == ["7", "8", "9"]
    await say(mia, room, "10")
    await mia.call("DELETE", f"/api/messages/{answer['id']}", status=204)
    await say(mia, room, "11")
    assert await short() == ["", "10", "11"]
    await owner.call("PUT", f"/api/messages/{root['id']}/reactions/👍")
    await say(mia, room, "12")
    assert [item["body"] for item in await newest(owner, room)][-3:] == ["10", "11", "12"]


async def test_names_are_not_part_of_a_page(workspace: Workspace) -> None:
    await say(workspace.mia, workspace.room, "hello")
    before = await newest(workspace.owner, workspace.room)
    await workspace.mia.call("PATCH", "/api/users/me", {"name": "Maria Member"})
    assert await newest(workspace.owner, workspace.room) == before


async def test_rights_are_asked_for_each_read(workspace: Workspace) -> None:
    owner, mia, room = workspace.owner, workspace.mia, workspace.room
    path = f"/api/rooms/{room}/messages"
    await say(mia, room, "hello")
    await newest(mia, room)
    refused = await workspace.max.call("GET", path, status=404)
    assert refused["type"] == "about:blank"
    assert refused["request_id"]
    await owner.call("DELETE", f"/api/rooms/{room}/members/{mia.id}", status=204)
    await mia.call("GET", path, status=404)
    await owner.call("POST", f"/api/rooms/{room}/members", {"user": mia.id})
    await newest(mia, room)
    await owner.call("DELETE", f"/api/rooms/{room}", status=204)
    await mia.call("GET", path, status=404)
    await owner.call("GET", path, status=404)


async def test_open_rooms_are_for_colleagues(workspace: Workspace) -> None:
    await say(workspace.owner, workspace.hall, "welcome")
    path = f"/api/rooms/{workspace.hall}/messages"
    assert len(await newest(workspace.mia, workspace.hall)) == 1
    await workspace.client.call("GET", path, status=404)
    await workspace.guest.call("GET", path, status=404)
    unknown = "00000000-0000-7000-8000-000000000000"
    await workspace.owner.call("GET", f"/api/rooms/{unknown}/messages", status=404)


async def test_archived_rooms_stay_readable(workspace: Workspace) -> None:
    owner, room = workspace.owner, workspace.room
    await say(workspace.mia, room, "hello")
    before = await newest(workspace.mia, room)
    await owner.call("PATCH", f"/api/rooms/{room}", {"archived": True})
    assert await newest(workspace.mia, room) == before
    await owner.call("PATCH", f"/api/rooms/{room}", {"archived": False})
    await say(workspace.mia, room, "again")
    assert len(await newest(workspace.mia, room)) == 2


async def test_a_short_page_tells_that_there_is_more(workspace: Workspace) -> None:
    for number in range(4):
        await say(workspace.mia, workspace.room, f"message {number}")
    path = f"/api/rooms/{workspace.room}/messages"
    page = await workspace.mia.call("GET", path, limit=3)
    assert [item["body"] for item in page["items"]] == ["message 1", "message 2", "message 3"]
    assert (page["has_before"], page["has_after"]) == (True, False)
    assert page["head"] == page["items"][-1]["seq"]
    for bad in ("0", "201", "x", "-1"):
        await workspace.mia.call("GET", path, limit=bad, status=422)
    await workspace.mia.call("GET", "/api/rooms/general/messages", status=422)
    await workspace.mia.call("GET", path, before=3, after=2, status=400)


async def test_the_short_way_answers_like_the_long_one(workspace: Workspace) -> None:
    """A parameter nobody knows is ignored, and takes a request the long way."""
    path = f"/api/rooms/{workspace.room}/messages"
    await say(workspace.mia, workspace.room, "hello")
    stranger = Person(workspace.mia.application)
    forger = Person(workspace.mia.application)
    forger.token = "a.b.c"
    for person in (workspace.mia, workspace.max, stranger, forger):
        short, long = [await person.send("GET", path, **query) for query in ({}, {"unknown": "1"})]
        assert short.status_code == long.status_code
        assert list(short.headers) == list(long.headers)
        a, b = short.json(), long.json()
        a.pop("request_id", None), b.pop("request_id", None)
        assert a == b
    assert (await stranger.send("GET", path)).headers["www-authenticate"] == "Bearer"
    metrics = (await stranger.http.get("/metrics")).text
    route = 'method="GET",route="/api/rooms/{room}/messages"'
    assert f'hubbub_http_requests_total{{{route},status="200"}} 2.0' in metrics
    assert f'hubbub_http_requests_total{{{route},status="404"}} 2.0' in metrics
    assert f'hubbub_http_requests_total{{{route},status="401"}} 5.0' in metrics


async def test_limits_hold_on_the_short_way(migrated_database_url: str, tmp_path: Path) -> None:
    async with running_app(migrated_database_url, tmp_path, rate_limits=True) as application:
        owner = await found_workspace(application)
        room = await make_room(owner, "Room")
        path = f"/api/rooms/{room}/messages"
        left = [(await owner.send("GET", path)).headers["ratelimit-remaining"] for _ in range(2)]
        assert int(left[0]) - int(left[1]) == 1
        while (answer := await owner.send("GET", path)).status_code == 200:
            assert answer.headers["ratelimit-limit"] == "1200"
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60


class MovedClock:
    def __init__(self) -> None:
        self.now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now


async def test_a_token_seen_before_still_runs_out(
    migrated_database_url: str, tmp_path: Path
) -> None:
    clock = MovedClock()
    async with running_app(migrated_database_url, tmp_path, clock) as application:
        owner = await found_workspace(application)
        room = await make_room(owner, "Room")
        await newest(owner, room)
        clock.now += ACCESS_SECONDS * 1000 - 1
        await newest(owner, room)
        clock.now += 1
        problem = await owner.call("GET", f"/api/rooms/{room}/messages", status=401)
        assert "expired" in problem["detail"]


@pytest.fixture
async def nodes(
    migrated_postgresql: PostgreSQL, tmp_path: Path
) -> AsyncIterator[tuple[Application, Application, MovedClock]]:
    """Two processes' worth of Hubbub on one database, and the clock of both."""
    url = migrated_postgresql.create("two_nodes", MIGRATED)
    clock = MovedClock()
    async with (
        running_app(url, tmp_path, clock) as first,
        running_app(url, tmp_path, clock) as second,
    ):
        yield first, second, clock
    migrated_postgresql.drop("two_nodes")


def at(person: Person, application: Application) -> Person:
    """The same person, calling another node."""
    return Person(application, {"access_token": person.token, "user": person.user})


async def test_another_node_shows_each_change(
    nodes: tuple[Application, Application, MovedClock],
) -> None:
    first, second, clock = nodes
    owner = await found_workspace(first)
    mia = await join(owner, "Mia Member")
    room = await make_room(owner, "Room", "private", mia)
    path = f"/api/rooms/{room}/messages"
    here, there = at(mia, second), mia
    message = await say(there, room, "one")
    assert [item["body"] for item in await newest(here, room)] == ["one"]
    await there.call("PATCH", f"/api/messages/{message['id']}", {"body": "two"})
    assert [item["body"] for item in await newest(here, room)] == ["two"]
    await say(here, room, "three")
    assert [item["body"] for item in await newest(there, room)] == ["two", "three"]
    await there.call("DELETE", f"/api/messages/{message['id']}", status=204)
    assert [item["deleted"] for item in await newest(here, room)] == [True, False]
    # Rights taken away elsewhere are gone with the very next read,
    await owner.call("DELETE", f"/api/rooms/{room}/members/{mia.id}", status=204)
    await here.call("GET", path, status=404)
    # a session that ended elsewhere within a second.
    elsewhere = at(owner, second)
    await newest(elsewhere, room)
    session = (await owner.call("GET", "/api/auth/sessions"))["items"][0]["id"]
    await owner.call("DELETE", f"/api/auth/sessions/{session}", status=204)
    await owner.call("GET", path, status=401)
    clock.now += CHECKED_MS
    await elsewhere.call("GET", path, status=401)


async def test_a_restarted_database_is_read_again(
    nodes: tuple[Application, Application, MovedClock],
) -> None:
    owner = await found_workspace(nodes[0])
    room = await make_room(owner, "Room")
    await say(owner, room, "hello")
    await newest(owner, room)
    with nodes[1].kernel.database.reading() as connection:
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        connection.execute(text(f"{others} AND datname = current_database()"))
    assert len(await newest(owner, room)) == 1
    assert (await owner.call("GET", "/api/rooms"))["items"]


def test_the_cache_holds_what_was_used_last() -> None:
    cache = PageCache(3 * (1_000 + ENTRY_BYTES))
    for room in ("a", "b", "c"):
        cache.keep(room, 50, Page((1, 1), b"x" * 1_000))
    assert cache.find("a", 50, (1, 1)) is not None
    cache.keep("d", 50, Page((1, 1), b"x" * 1_000))
    found = [room for room in "abcd" if cache.find(room, 50, (1, 1))]
    assert found == ["a", "c", "d"]
    assert cache.size == 3 * (1_000 + ENTRY_BYTES)
    assert cache.find("a", 49, (1, 1)) is None


def test_the_cache_gives_only_the_version_asked_for() -> None:
    cache = PageCache()
    cache.keep("a", 50, Page((7, 1), b"seven"))
    assert cache.find("a", 50, (8, 2)) is None
    assert cache.find("a", 50, (7, 2)) is None, "another history with the same head"
    cache.keep("a", 50, Page((8, 2), b"eight"))
    assert cache.find("a", 50, (7, 1)) is None
    assert cache.find("a", 50, (8, 2)) == Page((8, 2), b"eight")
    assert cache.size == 5 + ENTRY_BYTES


def test_a_huge_page_pushes_nothing_out() -> None:
    cache = PageCache(10_000)
    cache.keep("a", 50, Page((1, 1), b"x" * 1_000))
    cache.keep("b", 50, Page((1, 1), b"x" * 10_001))
    assert cache.find("a", 50, (1, 1)) is not None
    assert cache.find("b", 50, (1, 1)) is None
