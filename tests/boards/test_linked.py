"""Tasks made from messages: told in the room, and found by it."""

from typing import Any

import pytest

from hubbub.boards.service import boards, lists, tasks
from hubbub.kernel.errors import NotFound
from hubbub.kernel.ids import new_id
from tests.chat.conftest import workspace as workspace
from tests.support.app import Person, say

from .conftest import Project, do, make_board
from .test_boards import told

pytestmark = pytest.mark.anyio


async def linked(person: Person, room: str, **query: Any) -> list[dict[str, Any]]:
    found = await person.call("GET", f"/api/rooms/{room}/tasks", **query)
    items: list[dict[str, Any]] = found["items"]
    return items


async def test_a_task_is_made_from_a_message(project: Project) -> None:
    """The room is told which, without its title, and nothing there becomes unread."""
    workspace, mia, room = project.workspace, project.mia, project.workspace.room
    said = await say(workspace.owner, room, "The cups are still missing.")
    key, given = new_id(), {"board": project.board, "list": project.lists[1], "title": "Get cups"}
    before = (await workspace.client.call("GET", f"/api/rooms/{room}"))["unread"]
    made = [
        await do(mia, tasks.create_task, key=key, **given, message=said["id"]) for _ in range(2)
    ]
    assert made[0] == made[1]
    task = made[0]["id"]
    kind, data = (await told(mia, room))[-1]
    assert kind == "task.linked"
    assert data == {"message": said["id"], "board": project.board, "task": task}
    assert [entry for entry, _ in await told(mia, room, said["seq"])] == ["task.linked"]
    view = await workspace.client.call("GET", f"/api/rooms/{room}")
    assert view["unread"] == before
    page = await workspace.client.call("GET", f"/api/rooms/{room}/messages")
    assert page["items"][-1]["id"] == said["id"]

    found = {
        "task": task,
        "board": project.board,
        "message": said["id"],
        "title": "Get cups",
        "status": None,
        "archived": False,
    }
    assert await linked(workspace.owner, room) == [found]
    # The client is in the room, but not on the board; Max is on the board, but not in the room.
    assert await linked(workspace.client, room) == []
    await workspace.max.call("GET", f"/api/rooms/{room}/tasks", status=404)
    with pytest.raises(NotFound):
        await do(workspace.max, tasks.create_task, **given, message=said["id"])
    await do(mia, boards.set_member, board=project.board, user=workspace.client.id, right="view")
    assert await linked(workspace.client, room) == [found]

    await mia.call("PATCH", f"/api/tasks/{task}", {"status": "open"})
    assert await linked(workspace.client, room) == [found | {"status": "open"}]
    await mia.call("PATCH", f"/api/lists/{project.lists[1]}", {"status": "doing"})
    await workspace.owner.call("DELETE", f"/api/messages/{said['id']}")
    assert await linked(mia, room) == [found | {"status": "doing"}]
    await do(mia, lists.archive_list, list=project.lists[1])
    assert (await linked(mia, room))[0]["archived"]


async def test_the_newest_links_of_the_boards_one_sees(project: Project) -> None:
    workspace, mia = project.workspace, project.mia
    said = await say(mia, workspace.room, "Two things in one.")
    own = await make_board(mia, "Open", shown_to="members")
    max_ = await make_board(workspace.max, "Open", shown_to="members")
    places = [(own["id"], own["lists"][0]["id"]), (project.board, project.lists[0])]
    made = [
        await do(mia, tasks.create_task, board=b, list=p, title="Part", message=said["id"])
        for b, p in places
    ]
    hall = await say(workspace.owner, workspace.hall, "An open room.")
    place = {"board": max_["id"], "list": max_["lists"][0]["id"]}
    await do(workspace.max, tasks.create_task, **place, title="Secret", message=hall["id"])
    newest = [task["id"] for task in reversed(made)]
    assert [one["task"] for one in await linked(mia, workspace.room)] == newest
    assert [one["task"] for one in await linked(mia, workspace.room, limit=1)] == newest[:1]
    assert await linked(mia, workspace.hall) == []
    assert [one["title"] for one in await linked(workspace.max, workspace.hall)] == ["Secret"]
