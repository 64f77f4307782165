"""Following streams over the socket: live, resume, reset, and rights that end at once."""

import asyncio
from typing import Any

import httpx2
import pytest
import socketio

from hubbub.client import Client, Entry, Refused, Reset
from tests.support.server import ServerProcess

from .conftest import PASSWORD, Team, private_room

pytestmark = pytest.mark.anyio

SECONDS = 60


async def next_of(client: Client, kind: str) -> Entry:
    """The next entry of that kind; others are skipped."""
    async with asyncio.timeout(SECONDS):
        while True:
            item = await client.next_entry()
            if isinstance(item, Entry) and item.kind == kind:
                return item


async def next_reset(client: Client) -> Reset:
    async with asyncio.timeout(SECONDS):
        while True:
            item = await client.next_entry()
            if isinstance(item, Reset):
                return item


async def test_three_people_talk(team: Team) -> None:
    owner = await team.found()
    mia = await team.member(owner, "Mia Member")
    room = await private_room(owner, mia)
    guest = await team.guest(owner, room)
    for client in (owner, mia, guest):
        await client.follow({room: None})
    for client in (owner, mia, guest):
        said = await client.post(room, f"from {client.me['name']}")
        for other in (owner, mia, guest):
            entry = await next_of(other, "message.posted")
            assert entry.data == said
            assert entry.seq == said["seq"]


async def test_what_was_missed_comes_first_and_once(team: Team) -> None:
    owner = await team.found()
    room = await private_room(owner)
    said = [await owner.post(room, str(n)) for n in range(450)]
    late = team.client()
    await late.sign_in("owner@example.com", PASSWORD)
    await late.follow({room: said[99]["seq"]})
    live = await owner.post(room, "live")
    got = [await next_of(late, "message.posted") for _ in range(351)]
    assert [entry.seq for entry in got] == [m["seq"] for m in said[100:]] + [live["seq"]]


async def test_cursor_from_the_future_is_reset(team: Team) -> None:
    owner = await team.found()
    room = await private_room(owner)
    await owner.follow({room: 10_000})
    reset = await next_reset(owner)
    assert (reset.stream, reset.reason) == (room, "too_old")
    said = await owner.post(room, "after")
    assert (await next_of(owner, "message.posted")).seq == said["seq"]


async def test_strangers_are_told_it_is_not_there(team: Team) -> None:
    owner = await team.found()
    mia = await team.member(owner, "Mia Member")
    room = await private_room(owner)
    nothing = "00000000-0000-7000-8000-000000000000"
    for stream in (room, owner.me["id"], nothing):
        with pytest.raises(Refused) as refused:
            await mia.follow({stream: None})
        assert refused.value.status == 404


async def test_removal_stops_delivery_at_once(team: Team) -> None:
    owner = await team.found()
    mia = await team.member(owner, "Mia Member")
    room = await private_room(owner, mia)
    await mia.follow({room: None, mia.me["id"]: None})
    await owner.request("DELETE", f"/api/rooms/{room}/members/{mia.me['id']}")
    await owner.post(room, "a secret")
    seen: list[Any] = []
    reset = None
    async with asyncio.timeout(SECONDS):
        while reset is None or not any(e.kind == "member.left" and e.stream != room for e in seen):
            item = await mia.next_entry()
            if isinstance(item, Reset):
                reset = item
            else:
                seen.append(item)
    assert reset.reason == "withdrawn"
    await asyncio.sleep(0.3)
    assert not [entry for entry in seen if entry.kind == "message.posted"]
    assert mia._entries.empty()
    with pytest.raises(Refused):
        await mia.follow({room: None})


async def test_ended_session_loses_its_socket(team: Team) -> None:
    owner = await team.found()
    phone = team.client()
    await phone.sign_in("owner@example.com", PASSWORD)
    room = await private_room(owner)
    await owner.follow({room: None})
    await phone.follow({room: None})
    sessions = (await owner.request("GET", "/api/auth/sessions"))["items"]
    other = next(session for session in sessions if not session["current"])
    await owner.request("DELETE", f"/api/auth/sessions/{other['id']}")
    async with asyncio.timeout(SECONDS):
        while phone._runner is not None and not phone._runner.done():
            await asyncio.sleep(0.05)
    with pytest.raises(Refused):
        await phone.post(room, "still here?")
    assert (await owner.post(room, "only me"))["body"] == "only me"


async def test_a_role_that_sees_less_follows_less(team: Team) -> None:
    owner = await team.found()
    mia = await team.member(owner, "Mia Member")
    workspace = (await mia.request("GET", "/api/sync"))["workspace"]["id"]
    await mia.follow({workspace: None})
    await owner.request("PATCH", f"/api/users/{mia.me['id']}", {"role": "client"})
    reset = await next_reset(mia)
    assert (reset.stream, reset.reason) == (workspace, "withdrawn")
    with pytest.raises(Refused):
        await mia.follow({workspace: None})


async def test_typing_and_presence_are_signals(team: Team) -> None:
    owner = await team.found()
    room = await private_room(owner)
    guest = await team.guest(owner, room)
    await guest.follow({room: None})
    await owner.follow({room: None})
    async with asyncio.timeout(SECONDS):
        # The guest may be told of their own arrival first.
        came = {
            "stream": room,
            "kind": "presence",
            "actor": owner.me["id"],
            "data": {"online": True},
        }
        while await guest.signals.get() != came:
            pass
        await owner._socket.emit("typing", {"room": room})  # type: ignore[union-attr]
        while (signal := await guest.signals.get())["kind"] != "typing":
            pass
    assert signal["actor"] == owner.me["id"]
    screen = await guest.request("GET", "/api/sync")
    assert set(screen["presence"]) == {owner.me["id"], guest.me["id"]}


async def test_commands_answer_problems(team: Team) -> None:
    owner = await team.found()
    room = await private_room(owner)
    mia = await team.member(owner, "Mia Member")
    for event, arguments, status in (
        ("message.post", {"room": room, "body": "x"}, 404),
        ("message.post", {"room": "nonsense", "body": "x"}, 422),
        ("message.post", {"room": room, "body": ""}, 422),
        ("message.edit", {"message": room, "body": "x"}, 404),
        ("message.react", {"message": room, "emoji": "no"}, 422),
        ("room.read", {"room": room, "seq": -1}, 422),
    ):
        with pytest.raises(Refused) as refused:
            await mia.command(event, **arguments)
        assert refused.value.status == status, event
        assert refused.value.problem["request_id"]


async def test_socket_and_http_share_their_keys(team: Team) -> None:
    owner = await team.found()
    room = await private_room(owner)
    first = await owner.post(room, "once", key="shared")
    again = await owner.request(
        "POST", f"/api/rooms/{room}/messages", {"body": "once"}, key="shared"
    )
    assert again == first
    edited = await owner.command("message.edit", message=first["id"], body="twice", key="e1")
    repeated = await owner.request(
        "PATCH", f"/api/messages/{first['id']}", {"body": "twice"}, key="e1"
    )
    assert repeated == edited["message"]


async def test_connect_needs_a_token(server: ServerProcess, team: Team) -> None:
    await team.found()
    for auth in (None, {}, {"token": "rubbish"}, {"token": 7}, {"token": None}):
        refused: list[Any] = []
        socket = socketio.AsyncClient(reconnection=False, request_timeout=SECONDS)
        socket.on("connect_error", refused.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await socket.connect(server.url, auth=auth, wait_timeout=SECONDS)
        assert refused[0]["data"]["status"] == 401, auth
        await socket.disconnect()


async def test_goaway_before_leaving(server: ServerProcess, team: Team) -> None:
    owner = await team.found()
    told: list[Any] = []
    await owner.connect()
    assert owner._socket is not None
    owner._socket.on("goaway", told.append)
    code = await asyncio.to_thread(server.stop)
    assert code == 0
    # The process may have ended before what it said is read here.
    async with asyncio.timeout(SECONDS):
        while not told:
            await asyncio.sleep(0.01)
    assert told[0]["reason"] == "shutdown"
    assert told[0]["retry_after"] > 0
    server.start()
    assert (await owner.request("GET", "/api/auth/me"))["id"] == owner.me["id"]


async def test_restart_keeps_everybody_signed_in(server: ServerProcess, team: Team) -> None:
    owner = await team.found()
    room = await private_room(owner)
    await owner.follow({room: None})
    server.kill()
    server.start()
    said = await owner.post(room, "after the restart")
    assert (await next_of(owner, "message.posted")).data == said


async def test_polling_works_as_well(server: ServerProcess, team: Team) -> None:
    owner = await team.found()
    room = await private_room(owner)
    socket = socketio.AsyncClient(reconnection=False, request_timeout=SECONDS)
    got: asyncio.Queue[Any] = asyncio.Queue()
    socket.on("entries", got.put)
    await socket.connect(
        server.url,
        auth={"token": owner._token},
        transports=["polling"],
        wait_timeout=SECONDS,
    )
    answer = await socket.call("follow", {"streams": {room: None}})
    assert answer["ok"] is True
    assert answer["streams"][room]["cutoff"] == answer["streams"][room]["head"]
    ack = await socket.call("message.post", {"room": room, "key": "k", "body": "by polling"})
    async with asyncio.timeout(SECONDS):
        entries = await got.get()
    assert entries[0]["data"] == ack["message"]
    assert entries[0]["key"] == "k"
    await socket.disconnect()


async def test_health_is_open_and_metrics_are_not_for_everybody(
    server: ServerProcess, team: Team
) -> None:
    owner = await team.found()
    async with httpx2.AsyncClient(base_url=server.url, timeout=SECONDS) as http:
        health = (await http.get("/health")).json()
        assert health["status"] == "ok"
        assert {"version", "uptime", "env", "node", "checks"} <= set(health)
        metrics = (await http.get("/metrics")).text
        assert "hubbub_sockets" in metrics
        assert (await http.get("/api/socket/stats")).status_code == 401
    stats = await owner.request("GET", "/api/socket/stats")
    assert stats["total"]["nodes"] == 1
