"""Rooms: kinds, rights, joining, leaving, deleting, the first screen."""

import pytest
from sqlalchemy import event

from tests.support.app import Person, make_room, say

from .conftest import Workspace

pytestmark = pytest.mark.anyio


async def kinds(person: Person, stream: str) -> list[str]:
    page = await person.call("GET", f"/api/streams/{stream}/entries", after=0, limit=200)
    return [entry["kind"] for entry in page["items"]]


async def test_the_first_person_finds_a_room(workspace: Workspace) -> None:
    screen = await workspace.owner.call("GET", "/api/sync")
    general = next(room for room in screen["rooms"] if room["name"] == "General")
    assert set(general["members"]) == {workspace.owner.id, workspace.mia.id, workspace.max.id}
    assert screen["heads"][general["id"]] == general["head"]
    assert screen["me"]["email"] == "owner@example.com"


async def test_who_sees_which_room(workspace: Workspace) -> None:
    for person, expected in (
        (workspace.owner, {"General", "Project", "Hall"}),
        (workspace.mia, {"General", "Project", "Hall"}),
        (workspace.max, {"General", "Closed", "Hall"}),
        (workspace.client, {"Project"}),
        (workspace.guest, {"Project"}),
    ):
        listed = await person.call("GET", "/api/rooms")
        assert {room["name"] for room in listed["items"]} == expected
        screen = await person.call("GET", "/api/sync")
        assert {room["name"] for room in screen["rooms"]} == expected


async def test_guests_see_only_the_people_of_their_room(workspace: Workspace) -> None:
    screen = await workspace.guest.call("GET", "/api/sync")
    names = {person["name"] for person in screen["people"]}
    assert names == {"Olga Owner", "Mia Member", "Clara Client", "Gus Guest"}
    assert all(not person.get("email") for person in screen["people"])
    assert workspace.owner.id not in screen["heads"]
    assert set(screen["heads"]) == {workspace.guest.id, workspace.room}


async def test_open_rooms_can_be_read_and_joined_by_members(workspace: Workspace) -> None:
    path = f"/api/rooms/{workspace.hall}"
    await workspace.mia.call("GET", f"{path}/messages")
    await workspace.mia.call("POST", f"{path}/messages", {"body": "x"}, status=403)
    joined = await workspace.mia.call("POST", f"{path}/members")
    assert joined["joined"] is True
    await say(workspace.mia, workspace.hall, "here I am")
    for outsider in (workspace.client, workspace.guest):
        await outsider.call("POST", f"{path}/members", status=404)
        await outsider.call("GET", f"{path}/messages", status=404)
    await workspace.mia.call("DELETE", f"{path}/members/{workspace.mia.id}", status=204)
    await workspace.mia.call("POST", f"{path}/messages", {"body": "x"}, status=403)


async def test_private_rooms_are_unknown_to_others(workspace: Workspace) -> None:
    path = f"/api/rooms/{workspace.closed}"
    for other in (workspace.owner, workspace.mia, workspace.client, workspace.guest):
        await other.call("GET", path, status=404)
        await other.call("POST", f"{path}/members", status=404)
        await other.call("PATCH", path, {"topic": "mine"}, status=404)
        await other.call("DELETE", path, status=404)


async def test_direct_rooms_are_found_again(workspace: Workspace) -> None:
    body = {"kind": "direct", "members": [workspace.max.id]}
    first = await workspace.mia.call("POST", "/api/rooms", body, status=201)
    again = await workspace.mia.call("POST", "/api/rooms", body, status=200)
    other_way = await workspace.max.call(
        "POST", "/api/rooms", {"kind": "direct", "members": [workspace.mia.id]}, status=200
    )
    assert first["id"] == again["id"] == other_way["id"]
    path = f"/api/rooms/{first['id']}"
    await workspace.mia.call("DELETE", path, status=403)
    await workspace.mia.call("PATCH", path, {"name": "Ours"}, status=403)
    await workspace.mia.call("POST", f"{path}/members", {"user": workspace.owner.id}, status=403)
    await workspace.mia.call("POST", "/api/rooms", {"kind": "direct"}, status=422)
    await workspace.guest.call("POST", "/api/rooms", body, status=403)
    await workspace.client.call("POST", "/api/rooms", body, status=422)


async def test_added_and_removed(workspace: Workspace) -> None:
    path = f"/api/rooms/{workspace.room}/members"
    await workspace.client.call("POST", path, {"user": workspace.max.id}, status=403)
    view = await workspace.mia.call("POST", path, {"user": workspace.max.id})
    assert workspace.max.id in view["members"]
    await workspace.mia.call("POST", path, {"user": workspace.max.id}, status=200)
    assert (await kinds(workspace.max, workspace.max.id)).count("member.joined") == 3
    await say(workspace.max, workspace.room, "thanks")
    await workspace.mia.call("DELETE", f"{path}/{workspace.max.id}", status=403)
    await workspace.owner.call("DELETE", f"{path}/{workspace.max.id}", status=204)
    await workspace.owner.call("DELETE", f"{path}/{workspace.max.id}", status=404)
    await workspace.max.call("GET", f"/api/rooms/{workspace.room}", status=404)
    assert (await kinds(workspace.max, workspace.max.id))[-1] == "member.left"
    assert (await kinds(workspace.owner, workspace.room))[-1] == "member.left"


async def test_archived_rooms_can_be_read_only(workspace: Workspace) -> None:
    path = f"/api/rooms/{workspace.room}"
    await workspace.mia.call("PATCH", path, {"archived": True}, status=403)
    await workspace.owner.call("PATCH", path, {"archived": True})
    await workspace.mia.call("POST", f"{path}/messages", {"body": "x"}, status=409)
    await workspace.mia.call("GET", f"{path}/messages")
    await workspace.owner.call("PATCH", path, {"archived": False})
    await say(workspace.mia, workspace.room, "again")


async def test_deleted_rooms_leave_one_entry(workspace: Workspace) -> None:
    await say(workspace.mia, workspace.room, "gone soon")
    await workspace.mia.call("DELETE", f"/api/rooms/{workspace.room}", status=403)
    await workspace.owner.call("DELETE", f"/api/rooms/{workspace.room}", status=204)
    for person in (workspace.owner, workspace.mia, workspace.guest):
        await person.call("GET", f"/api/rooms/{workspace.room}", status=404)
        await person.call("GET", f"/api/streams/{workspace.room}/entries", status=404)
    assert (await workspace.mia.call("GET", "/api/search", q="gone soon"))["items"] == []
    assert (await kinds(workspace.mia, workspace.mia.id))[-1] == "member.left"


async def test_topic_by_any_member_name_by_few(workspace: Workspace) -> None:
    path = f"/api/rooms/{workspace.room}"
    changed = await workspace.mia.call("PATCH", path, {"topic": "New"})
    assert changed["topic"] == "New"
    same_name = {"name": "Project", "topic": "Newer"}
    assert (await workspace.mia.call("PATCH", path, same_name))["topic"] == "Newer"
    await workspace.mia.call("PATCH", path, {"name": "New"}, status=403)
    for person, manages in (
        (workspace.owner, True),
        (workspace.mia, False),
        (workspace.guest, False),
    ):
        assert (await person.call("GET", path))["manages"] is manages
    await workspace.guest.call("PATCH", path, {"topic": "Mine"}, status=403)
    for bad in ({"name": "x"}, {"name": "y" * 51}, {"topic": "z" * 251}, {"other": 1}):
        await workspace.owner.call("PATCH", path, bad, status=422)


async def test_query_counts_do_not_grow_with_rows(workspace: Workspace) -> None:
    """The main reads take a fixed number of statements, however much there is."""
    for n in range(5):
        other = await make_room(workspace.mia, f"Extra {n}", "private", workspace.owner)
        for m in range(5):
            message = await say(workspace.mia, other, f"message {m}")
            await workspace.owner.call("PUT", f"/api/messages/{message['id']}/reactions/👍")
    counted: list[str] = []
    engine = workspace.owner.application.kernel.database._reading

    def count(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            counted.append(statement)

    await workspace.owner.call("GET", "/api/auth/me")
    event.listen(engine, "before_cursor_execute", count)
    for path, most in (
        ("/api/sync", 7),
        ("/api/rooms", 3),
        (f"/api/rooms/{other}/messages", 5),
        ("/api/search?q=message", 3),
        (f"/api/streams/{other}/entries", 4),
    ):
        counted.clear()
        await workspace.owner.call("GET", path)
        assert 0 < len(counted) <= most, f"{path}: {len(counted)}\n" + "\n".join(counted)
