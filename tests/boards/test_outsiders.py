"""Clients and guests see the lists that are shown to them, and nothing tells them of the others."""

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection

from hubbub.boards import jobs
from hubbub.boards.service import (
    boards,
    changing,
    checklists,
    comments,
    lists,
    moves,
    places,
    tasks,
)
from hubbub.client import Client, Refused, Reset
from hubbub.client.follower import Entry
from hubbub.kernel import log
from hubbub.kernel.errors import Forbidden, Invalid
from tests.realtime.conftest import Team
from tests.realtime.conftest import server as server
from tests.realtime.conftest import team as team
from tests.support.app import Person, say

from .conftest import Project, do, make_board
from .mover import TIGHT, hurry
from .replay import DERIVED, Shown, apply
from .test_boards import told
from .test_due import FAR, at
from .test_due import told as reminded

pytestmark = pytest.mark.anyio

ROUNDS = 3
CHANGES = 60
SECRET = "Secret"


async def hide(person: Person, place: str, *, shown: bool = False) -> None:
    await do(person, lists.change_list, list=place, changes={"shown_outside": shown})


async def see(person: Person, board: str) -> dict[str, Any]:
    page: dict[str, Any] = await person.call("GET", f"/api/boards/{board}", first=1_000)
    return page


def as_shown(page: dict[str, Any]) -> Shown:
    shown = Shown()
    for place in page["lists"]:
        shown.lists[place["id"]] = {k: v for k, v in place.items() if k not in ("tasks", "total")}
        shown.tasks |= {task["id"]: task for task in place["tasks"]}
    return shown


def follow(shown: Shown, entries: list[log.Entry]) -> None:
    """Applies entries as who forgets what is archived. Raises KeyError for one about what is not there."""
    for entry in entries:
        data = orjson.loads(entry.data)
        if entry.kind == "list.rebalanced":
            data["ranks"] = {k: v for k, v in data["ranks"].items() if k in shown.tasks}
        if entry.kind == "board.rebalanced":
            data["ranks"] = {k: v for k, v in data["ranks"].items() if k in shown.lists}
        if entry.kind == "task.archived" and data["task"] not in shown.tasks:
            continue
        apply(shown, entry.kind, data)
        if entry.kind == "task.archived":
            del shown.tasks[data["task"]]


def columns(shown: Shown) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The live lists with their cards, in order."""
    found = []
    for place in sorted(shown.lists.values(), key=lambda one: one["rank"].encode()):
        cards = [task for task in shown.tasks.values() if task["list"] == place["id"]]
        cards.sort(key=lambda task: task["rank"].encode())
        left = (*DERIVED, "description", "checklist")
        bare = [{k: v for k, v in card.items() if k not in left} for card in cards]
        if not place["archived"]:
            found.append((place, bare))
    return found


async def test_what_they_are_told_makes_what_they_see(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "LONGEST", TIGHT)
    monkeypatch.setattr(places, "SHORT", 2)
    mia, client, board = project.mia, project.workspace.client, project.board
    await do(mia, boards.set_member, board=board, user=client.id, right="comment")
    assert (await see(client, board))["stream"] == board
    streams: set[str] = set()
    for turn in range(ROUNDS):
        # Two lists are hidden one after the other, then the first is shown again.
        await hide(mia, project.lists[2 - turn % 2], shown=turn == 2)
        opened = await see(client, board)
        stream = opened["stream"]
        assert stream != board
        streams.add(stream)
        await hurry(mia.application.kernel, board, mia.id, turn, CHANGES)

        def read(connection: Connection, stream: str = stream) -> list[log.Entry]:
            return log.read_entries(connection, stream, 0, 2**53, 10_000)

        entries = await mia.application.kernel.read(read)
        now = await see(client, board)
        assert (now["stream"], now["head"]) == (stream, len(entries))
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        shown = as_shown(opened)
        follow(shown, entries[opened["head"] :])
        assert columns(shown) == columns(as_shown(now))
        whole = await see(mia, board)
        assert whole["stream"] == board
        assert now["lists"] == [one for one in whole["lists"] if one["shown_outside"]]
        hidden = {
            one["id"].encode()
            for archived in (False, True)
            for one in (
                await mia.call("GET", f"/api/boards/{board}/lists", archived=str(archived))
            )["items"]
            if not one["shown_outside"]
        }
        assert hidden
        assert not any(place in entry.data for entry in entries for place in hidden)
    assert len(streams) == ROUNDS


async def test_nothing_tells_of_a_hidden_list(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by guessing ids either: every answer is that of something that does not exist."""
    workspace, mia, client, board = (
        project.workspace,
        project.mia,
        project.workspace.client,
        project.board,
    )
    shown, inside, hidden = project.lists
    for person in (client, workspace.guest):
        await do(mia, boards.set_member, board=board, user=person.id, right="comment")
    said = await say(mia, workspace.room, "Two things in one.")
    given: dict[str, Any] = {"board": board, "message": said["id"], "due_has_time": True}
    given["due_at"] = at(f"{FAR}T09:30")
    # One that was theirs before its list was hidden, one made in it, and one moved there alone.
    theirs = await do(
        mia, tasks.create_task, list=hidden, title=f"{SECRET} one", assignees=[client.id], **given
    )
    comment = await do(client, comments.add_comment, task=theirs["id"], body="My own words")
    await hide(mia, hidden)
    made = await do(mia, tasks.create_task, list=hidden, title=f"{SECRET} two", **given)
    alone = await do(
        mia, tasks.create_task, list=shown, title=f"{SECRET} three", assignees=[client.id], **given
    )
    await do(mia, moves.move_task, task=alone["id"], list=hidden)
    open_ = await do(
        mia, tasks.create_task, list=shown, title="In the open", assignees=[client.id], **given
    )
    before = len(await told(mia, client.id))
    for task in (theirs["id"], made["id"], alone["id"]):
        await do(mia, comments.add_comment, task=task, body=f"{SECRET} @Clara Client")
        await do(mia, checklists.add_item, task=task, text=f"{SECRET} step")
        await do(mia, changing.change_task, task=task, changes={"description": SECRET})
    with pytest.raises(Invalid):
        await do(mia, tasks.assign_task, task=made["id"], user=client.id)
    with pytest.raises(Invalid):
        await do(
            mia, tasks.create_task, list=hidden, title=SECRET, assignees=[client.id], board=board
        )
    await do(mia, tasks.unassign_task, task=alone["id"], user=client.id)
    await do(mia, tasks.archive_task, task=made["id"])
    await do(mia, lists.change_list, list=hidden, changes={"name": f"{SECRET} list"})
    monkeypatch.setattr(jobs, "due_until", lambda now: (at(f"{FAR}T10:00"), at(FAR)))
    await jobs.remind_all(mia.application.kernel, None)  # type: ignore[arg-type]
    assert reminded(client) == ["In the open"]
    assert len(await told(mia, client.id)) == before + 1
    assert sorted(reminded(mia)) == ["Secret three"]

    secret = [hidden, theirs["id"], made["id"], alone["id"]]
    stream = (await see(client, board))["stream"]
    link = (await client.call("POST", "/api/me/calendar"))["url"]
    for person in (client, workspace.guest):
        answers = []
        for path in (
            *(f"/api/boards?archived={archived}" for archived in (True, False)),
            f"/api/boards/{board}?first=1000",
            *(f"/api/boards/{board}/lists?archived={archived}" for archived in (True, False)),
            *(f"/api/boards/{board}/tasks?archived={archived}" for archived in (True, False)),
            f"/api/boards/{board}/tasks?text={SECRET}",
            f"/api/boards/{board}/tasks?list={hidden}",
            *(
                f"/api/boards/{board}/activity?{query}"
                for query in ("limit=100", f"task={alone['id']}")
            ),
            "/api/tasks/mine",
            f"/api/rooms/{workspace.room}/tasks",
            link,
        ):
            answer = await person.send("GET", path)
            assert answer.status_code == 200, path
            answers.append(answer.text)
        assert not [one for one in answers if SECRET in one or any(id_ in one for id_ in secret)]
        assert "In the open" in answers[2]
        for method, path, body in (
            ("GET", f"/api/streams/{board}/entries", None),
            ("PATCH", f"/api/lists/{hidden}", {"name": "Mine"}),
            ("POST", f"/api/lists/{hidden}/move", {}),
            ("POST", f"/api/lists/{hidden}/archive", None),
            ("PATCH", f"/api/comments/{comment['id']}", {"body": "Others"}),
            ("DELETE", f"/api/comments/{comment['id']}", None),
            *(
                (method, f"/api/tasks/{task}{rest}", body)
                for task in secret[1:]
                for method, rest, body in (
                    ("GET", "", None),
                    ("PATCH", "", {"title": "Mine"}),
                    ("GET", "/comments", None),
                    ("POST", "/comments", {"body": "Well"}),
                    ("POST", "/checklist", {"text": "Step"}),
                    ("POST", "/move", {"list": shown}),
                    ("POST", "/archive", None),
                    ("PUT", f"/assignees/{client.id}", None),
                )
            ),
        ):
            await person.call(method, path, body, status=404)
        await person.call(
            "POST", f"/api/tasks/{open_['id']}/comments", {"body": "Well"}, status=201
        )

    # The words of a comment are gone from both streams, and those of before from the log.
    said = await do(client, comments.add_comment, task=open_["id"], body="Regretted words")
    await do(client, comments.delete_comment, comment=said["id"])
    await do(mia, lists.archive_list, list=inside)
    for place in (board, stream):
        assert "Regretted" not in str(await told(mia, place))
    assert (await told(mia, stream))[-1][0] == "list.archived"
    await hide(mia, inside)
    assert [kind for kind, _ in await told(mia, stream)] == ["board.divided"]
    await client.call("GET", f"/api/streams/{stream}/entries", status=404)


async def test_who_may_hide_a_list(project: Project) -> None:
    workspace, board, place = project.workspace, project.board, project.lists[1]
    for person, path in ((workspace.max, place), (workspace.owner, place)):
        if person is workspace.max:
            with pytest.raises(Forbidden):
                await hide(person, path)
            await do(person, lists.change_list, list=path, changes={"name": "Mine"})
        else:
            await hide(person, path)
    own = await make_board(workspace.max, "Open", "Doing")
    await hide(workspace.max, own["lists"][0]["id"])
    # Whoever made the task does it again and again where clients do not see it: the next one is not theirs.
    client = workspace.client
    await do(project.mia, boards.set_member, board=board, user=client.id, right="view")
    again = await do(
        project.mia,
        tasks.create_task,
        board=board,
        list=project.lists[0],
        title="Water the plants",
        due_at=at(FAR),
        repeat={"every": 1, "unit": "day"},
        assignees=[client.id],
    )
    await do(project.mia, lists.change_list, list=project.lists[2], changes={"status": "done"})
    await do(
        project.mia, lists.change_list, list=project.lists[0], changes={"shown_outside": False}
    )
    await do(project.mia, moves.move_task, task=again["id"], list=project.lists[2])
    columns = {one["id"]: one["tasks"] for one in (await see(project.mia, board))["lists"]}
    assert columns[project.lists[0]][-1]["title"] == "Water the plants"
    assert columns[project.lists[0]][-1]["assignees"] == []
    assert [one["tasks"] for one in (await see(client, board))["lists"]] == [
        columns[project.lists[2]]
    ]


async def drain(client: Client, heard: list[Entry | Reset], stream: str, seq: int) -> None:
    """Everything that comes until the entry, or until the stream ends for a `seq` below zero."""
    async with asyncio.timeout(60):
        while True:
            item = await client.next_entry()
            heard.append(item)
            if item.stream == stream and (
                isinstance(item, Reset) if seq < 0 else isinstance(item, Entry) and item.seq >= seq
            ):
                return


async def test_their_sockets_hear_nothing_of_it(team: Team) -> None:
    owner = await team.found()
    client, mia = await team.member(owner, "Clara", "client"), await team.member(owner, "Mia")
    made = await owner.request("POST", "/api/boards", {"name": "Launch", "lists": ["Open", "In"]})
    board, (shown, hidden) = made["id"], [place["id"] for place in made["lists"]]
    for person in (client, mia):
        body = {"user": person.me["id"], "right": "comment"}
        await owner.request("POST", f"/api/boards/{board}/members", body)
    for person in (owner, client, mia):
        page = await person.request("GET", f"/api/boards/{board}")
        assert page["stream"] == board
        await person.follow({board: page["head"]})
    task = (await owner.command("task.create", board=board, list=shown, title="Task"))["task"]["id"]
    heard: dict[str, list[Entry | Reset]] = {name: [] for name in ("client", "mia", "owner")}

    await owner.request("PATCH", f"/api/lists/{hidden}", {"shown_outside": False})
    await drain(client, heard["client"], board, -1)
    with pytest.raises(Refused):
        await client.follow({board: None})
    page = await client.request("GET", f"/api/boards/{board}")
    stream = page["stream"]
    assert [one["id"] for one in page["lists"]] == [shown]
    await client.follow({stream: page["head"]})
    with pytest.raises(Refused):
        await owner.follow({stream: None})

    inner = await owner.command("task.create", board=board, list=hidden, title=SECRET)
    await owner.command("comment.add", task=inner["task"]["id"], body=SECRET)
    await owner.command("task.move", task=task, list=hidden)
    await owner.command("task.change", task=task, title=SECRET)
    await owner.command("task.change", task=task, title="In the open")
    await owner.command("task.move", task=task, list=shown)
    said = await client.command("comment.add", task=task, body="Well")
    await drain(client, heard["client"], stream, said["seq"])
    kinds = [
        item.kind for item in heard["client"] if isinstance(item, Entry) and item.stream == stream
    ]
    assert kinds == ["task.archived", "task.restored", "comment.added"]
    assert SECRET not in str(heard["client"])
    assert hidden not in str(heard["client"])

    # Whoever becomes a client loses all of it.
    last = await owner.command("task.change", task=task, priority="high")
    await drain(mia, heard["mia"], board, last["seq"])
    await owner.request("PATCH", f"/api/users/{mia.me['id']}", {"role": "client"})
    await drain(mia, heard["mia"], board, -1)
    page = await mia.request("GET", f"/api/boards/{board}")
    assert (page["stream"], [one["id"] for one in page["lists"]]) == (stream, [shown])
    await mia.follow({stream: page["head"]})
    await owner.command("task.archive", task=inner["task"]["id"])
    last = await owner.command("task.change", task=task, priority="low")
    heard["mia"].clear()
    await drain(mia, heard["mia"], stream, 4)
    assert {item.stream for item in heard["mia"]} <= {stream, mia.me["id"]}
    await drain(owner, heard["owner"], board, last["seq"])
    assert "board.divided" in [item.kind for item in heard["owner"] if isinstance(item, Entry)]
    assert not any(isinstance(item, Reset) for item in heard["owner"])
