"""Posting, editing, deleting, reacting, reading: over HTTP, on both databases."""

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text

from hubbub.chat.models import messages
from hubbub.kernel.commands import replies
from hubbub.kernel.log import entries
from tests.support.app import say

from .conftest import Workspace

pytestmark = pytest.mark.anyio


async def read_log(workspace: Workspace, room: str) -> list[dict[str, Any]]:
    page = await workspace.owner.call("GET", f"/api/streams/{room}/entries", after=0, limit=200)
    items: list[dict[str, Any]] = page["items"]
    return items


async def test_a_message_is_an_entry(workspace: Workspace) -> None:
    message = await say(workspace.mia, workspace.room, "Hello *there*")
    log = await read_log(workspace, workspace.room)
    assert log[-1]["kind"] == "message.posted"
    assert log[-1]["data"] == message
    assert log[-1]["seq"] == message["seq"]
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    page = await workspace.guest.call("GET", f"/api/rooms/{workspace.room}/messages")
    assert page["items"] == [message]
    assert page["head"] == message["seq"]


async def test_key_is_replayed_byte_for_byte(workspace: Workspace) -> None:
    path = f"/api/rooms/{workspace.room}/messages"
    first = await workspace.mia.send("POST", path, {"body": "once"}, key="k1")
    again = await workspace.mia.send("POST", path, {"body": "once"}, key="k1")
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotent-replay"] == "true"
    assert "idempotent-replay" not in first.headers
    await workspace.mia.call("POST", path, {"body": "other"}, key="k1", status=409)
    assert len((await workspace.mia.call("GET", path))["items"]) == 1


async def test_same_key_many_times_at_once(workspace: Workspace) -> None:
    path = f"/api/rooms/{workspace.room}/messages"
    answers = await asyncio.gather(
        *(workspace.mia.send("POST", path, {"body": "once"}, key="k") for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 422), ("   ", 422), ("x" * 8_001, 422), ("nul \0", 422), ("x" * 8_000, 201), ("ok", 201)],
)
async def test_bodies_are_checked(workspace: Workspace, body: str, status: int) -> None:
    path = f"/api/rooms/{workspace.room}/messages"
    problem = await workspace.mia.call("POST", path, {"body": body}, status=status)
    if status == 422:
        assert problem["errors"][0]["loc"] == ["body", "body"]
        assert problem["request_id"]


async def test_edit_is_for_the_author(workspace: Workspace) -> None:
    message = await say(workspace.mia, workspace.room, "frist")
    path = f"/api/messages/{message['id']}"
    await workspace.owner.call("PATCH", path, {"body": "no"}, status=403)
    edited = await workspace.mia.call("PATCH", path, {"body": "first"})
    assert (edited["body"], edited["seq"]) == ("first", message["seq"])
    assert edited["edited_at"] is not None
    log = await read_log(workspace, workspace.room)
    assert (log[-1]["kind"], log[-1]["data"]) == ("message.edited", edited)


async def test_deleted_words_are_gone_everywhere(workspace: Workspace) -> None:
    message = await say(workspace.mia, workspace.room, "zanzibar one")
    path = f"/api/messages/{message['id']}"
    await workspace.mia.call("PATCH", path, {"body": "zanzibar two"}, key="edit-1")
    await workspace.mia.call("PUT", f"{path}/reactions/👍", key="react-1")
    assert (await workspace.mia.call("GET", "/api/search", q="zanzibar"))["items"]
    await workspace.mia.call("DELETE", path, status=204)
    await workspace.mia.call("DELETE", path, status=409)
    database = workspace.mia.application.kernel.database
    with database.reading() as connection:
        kept = [
            *connection.execute(select(entries.c.data)).scalars(),
            *connection.execute(select(messages.c.body)).scalars(),
            *(b.decode() for b in connection.execute(select(replies.c.body)).scalars()),
        ]
        if database.sqlite:
            kept += connection.execute(text("SELECT body FROM message_search")).scalars()
    assert not [words for words in kept if "zanzibar" in words]
    assert (await workspace.mia.call("GET", "/api/search", q="zanzibar"))["items"] == []
    tombstone = await workspace.mia.call("GET", path)
    assert (tombstone["deleted"], tombstone["body"], tombstone["reactions"]) == (True, "", [])


async def test_admins_may_delete_others_may_not(workspace: Workspace) -> None:
    message = await say(workspace.client, workspace.room, "mine")
    path = f"/api/messages/{message['id']}"
    await workspace.mia.call("DELETE", path, status=403)
    await workspace.max.call("DELETE", path, status=404)
    await workspace.owner.call("DELETE", path, status=204)


async def test_reactions(workspace: Workspace) -> None:
    message = await say(workspace.mia, workspace.room, "nice")
    path = f"/api/messages/{message['id']}/reactions/👩‍💻"
    await workspace.guest.call("PUT", path)
    await workspace.guest.call("PUT", path)
    shown = await workspace.mia.call("PUT", path)
    assert shown["reactions"] == [
        {"emoji": "👩‍💻", "users": [workspace.guest.id, workspace.mia.id]}
    ]
    shown = await workspace.guest.call("DELETE", path)
    assert shown["reactions"] == [{"emoji": "👩‍💻", "users": [workspace.mia.id]}]
    log = await read_log(workspace, workspace.room)
    kinds = [entry["kind"] for entry in log if entry["kind"].startswith("reaction")]
    assert kinds == ["reaction.added", "reaction.added", "reaction.removed"]
    for bad in ("abc", "a👍", "<b>"):
        await workspace.mia.call(
            "PUT", f"/api/messages/{message['id']}/reactions/{bad}", status=422
        )


async def test_threads_are_one_level_deep(workspace: Workspace) -> None:
    root = await say(workspace.mia, workspace.room, "root")
    first = await say(workspace.owner, workspace.room, "first", reply_to=root["id"])
    second = await say(workspace.mia, workspace.room, "second", reply_to=first["id"])
    assert second["reply_to"] == root["id"]
    thread = await workspace.guest.call("GET", f"/api/messages/{second['id']}/thread")
    assert [item["body"] for item in thread["items"]] == ["root", "first", "second"]
    assert thread["items"][0]["replies"] == 2
    await workspace.owner.call("DELETE", f"/api/messages/{first['id']}")
    assert (await workspace.mia.call("GET", f"/api/messages/{root['id']}"))["replies"] == 1
    elsewhere = await say(workspace.max, workspace.closed, "other room")
    await workspace.mia.call(
        "POST",
        f"/api/rooms/{workspace.room}/messages",
        {"body": "x", "reply_to": elsewhere["id"]},
        status=422,
    )


async def test_mentions_and_unread(workspace: Workspace) -> None:
    for body in ("hello @Olga Owner!", "nothing", "@olga owner and @all", "mail me@Olga Owner"):
        await say(workspace.mia, workspace.room, body)
    page = await workspace.owner.call("GET", f"/api/rooms/{workspace.room}/messages")
    mentioned = [workspace.owner.id in item["mentions"] for item in page["items"]]
    assert mentioned == [True, False, True, False]
    assert set(page["items"][2]["mentions"]) >= {workspace.guest.id, workspace.client.id}
    view = await workspace.owner.call("GET", f"/api/rooms/{workspace.room}")
    assert (view["unread"], view["mentions"]) == (4, 2)
    second = page["items"][1]["seq"]
    mark = await workspace.owner.call("PUT", f"/api/rooms/{workspace.room}/read", {"seq": second})
    assert mark == {"room": workspace.room, "seq": second}
    view = await workspace.owner.call("GET", f"/api/rooms/{workspace.room}")
    assert (view["unread"], view["mentions"], view["read"]) == (2, 1, second)
    back = await workspace.owner.call("PUT", f"/api/rooms/{workspace.room}/read", {"seq": 1})
    assert back["seq"] == second, "a read mark never moves back"
    far = await workspace.owner.call("PUT", f"/api/rooms/{workspace.room}/read", {"seq": 10**9})
    assert far["seq"] == page["head"]
    mine = await workspace.mia.call("GET", f"/api/rooms/{workspace.room}")
    assert mine["unread"] == 0, "one's own messages are not unread"


async def test_pages_in_both_directions(workspace: Workspace) -> None:
    said = [await say(workspace.mia, workspace.room, str(n)) for n in range(25)]
    path = f"/api/rooms/{workspace.room}/messages"

    async def page(**query: Any) -> tuple[list[str], bool, bool]:
        found = await workspace.mia.call("GET", path, limit=10, **query)
        bodies = [item["body"] for item in found["items"]]
        return bodies, found["has_before"], found["has_after"]

    assert await page() == ([str(n) for n in range(15, 25)], True, False)
    older = await page(before=said[15]["seq"])
    assert older == ([str(n) for n in range(5, 15)], True, True)
    assert await page(before=said[5]["seq"]) == ([str(n) for n in range(5)], False, True)
    assert await page(after=said[19]["seq"]) == (["20", "21", "22", "23", "24"], True, False)
    around = await page(around=said[12]["seq"])
    assert around == ([str(n) for n in range(8, 18)], True, True)
    await workspace.mia.call("GET", path, before=1, after=1, status=400)
    await workspace.mia.call("GET", path, limit=201, status=422)


@pytest.mark.parametrize("word", ["burge", "AMBURG", "ba", "hamburger bahn", "100%", "a_b", 'x"y'])
async def test_search_finds_partial_words(workspace: Workspace, word: str) -> None:
    said = await say(workspace.mia, workspace.room, 'Der Hamburger Bahnhof, 100% a_b x"y')
    await say(workspace.mia, workspace.room, "nothing of the kind: 1000, aXb")
    found = await workspace.guest.call("GET", "/api/search", q=word)
    assert [hit["message"]["id"] for hit in found["items"]] == [said["id"]]
    assert (await workspace.max.call("GET", "/api/search", q=word))["items"] == []


async def test_search_filters_and_pages(workspace: Workspace) -> None:
    for n in range(5):
        await say(workspace.mia, workspace.room, f"needle {n}")
    await say(workspace.owner, workspace.hall, "needle in the hall")
    first = await workspace.owner.call("GET", "/api/search", q="needle", limit=4)
    rest = await workspace.owner.call(
        "GET", "/api/search", q="needle", limit=4, cursor=first["next"]
    )
    bodies = [hit["message"]["body"] for hit in first["items"] + rest["items"]]
    assert bodies == ["needle in the hall", *(f"needle {n}" for n in (4, 3, 2, 1, 0))]
    assert rest["next"] is None
    here = await workspace.owner.call("GET", "/api/search", q="needle", room=workspace.hall)
    assert len(here["items"]) == 1
    by_mia = await workspace.owner.call("GET", "/api/search", q="needle", author=workspace.mia.id)
    assert len(by_mia["items"]) == 5
    edited = by_mia["items"][0]["message"]["id"]
    await workspace.mia.call("PATCH", f"/api/messages/{edited}", {"body": "haystack"})
    assert (await workspace.owner.call("GET", "/api/search", q="haystack"))["items"]
    await workspace.owner.call("GET", "/api/search", q="  ", status=422)


async def test_log_of_a_stream_may_be_pulled(workspace: Workspace) -> None:
    await say(workspace.mia, workspace.room, "one")
    path = f"/api/streams/{workspace.room}/entries"
    page = await workspace.guest.call("GET", path, after=0, limit=2)
    assert len(page["items"]) == 2
    assert page["reset"] is False
    beyond = await workspace.guest.call("GET", path, after=page["head"] + 1)
    assert (beyond["reset"], beyond["items"]) == (True, [])
    await workspace.max.call("GET", path, status=404)
    assert orjson.dumps(page["items"][0])
