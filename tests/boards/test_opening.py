"""Opening a board: one moment of it, to follow from its head, with the names of those who are on it."""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection

from hubbub.boards import queries
from hubbub.boards.service import boards, checklists, comments, tasks
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from tests.chat.conftest import workspace as workspace

from .conftest import Project, do
from .mover import hurry
from .replay import replay

pytestmark = pytest.mark.anyio


def derived(task: dict[str, Any], said: Counter[str]) -> dict[str, Any]:
    """The card of a task that was made from entries alone, but for when it was changed."""
    made = {name: value for name, value in task.items() if name not in ("description", "checklist")}
    done = [item for item in task["checklist"] if item["done"]]
    return made | {
        "described": task["description"] != "",
        "items": len(task["checklist"]),
        "items_done": len(done),
        "comments": said[task["id"]],
    }


async def test_an_open_board_is_as_its_head_says(project: Project) -> None:
    """While it is changed: else a client that applies what comes after the head counts twice, or never."""
    kernel, mia = project.mia.application.kernel, project.mia
    caller = Caller(mia.id, "member")
    await do(mia, checklists.add_item, task=project.tasks[0], text="A step")
    changing = asyncio.create_task(hurry(kernel, project.board, mia.id, 7, 48))
    opened: list[dict[str, Any]] = []
    while not changing.done():
        read = await kernel.read(queries.read_board, caller, board=project.board, first=10_000)
        opened.append(orjson.loads(read))
    await changing

    def read_all(connection: Connection) -> list[log.Entry]:
        return log.read_entries(connection, project.board, 0, 2**53, 10_000)

    entries = await kernel.read(read_all)
    heads = {board["head"] for board in opened}
    assert len(heads) > 2
    for board in opened:
        shown = replay(entries[: board["head"]])
        said = Counter(one["task"] for one in shown.comments.values() if not one["deleted"])
        live = {place["id"]: place for place in shown.lists.values() if not place["archived"]}
        assert {place["id"] for place in board["lists"]} == live.keys()
        columns = shown.columns()
        for place in board["lists"]:
            cards = [
                {name: value for name, value in card.items() if name != "changed_at"}
                for card in place["tasks"]
            ]
            wanted = [shown.tasks[task] for task in columns[place["id"]]]
            assert cards == [derived(task, said) for task in wanted]
            assert place["total"] == len(cards)


async def test_a_client_sees_the_names_of_those_on_the_board(project: Project) -> None:
    """And of nobody else: not of every colleague the board is shown to."""
    workspace, mia, board = project.workspace, project.mia, project.board
    client = workspace.client
    await do(mia, boards.set_member, board=board, user=client.id, right="comment")
    task = project.tasks[0]
    path = f"/api/boards/{board}"
    assert (await client.call("GET", path))["people"] == []
    await do(mia, tasks.assign_task, task=task, user=workspace.max.id)
    await do(workspace.owner, comments.add_comment, task=task, body="Well")
    max_ = {"user": workspace.max.id, "name": "Max Member"}
    owner = {"user": workspace.owner.id, "name": "Olga Owner"}
    seen = await client.call("GET", path)
    assert [member["name"] for member in seen["members"]] == ["Clara Client", "Mia Member"]
    assert seen["people"] == [max_]
    said = await client.call("GET", f"/api/tasks/{task}/comments")
    assert said["people"] == [owner]
    happened = await client.call("GET", f"{path}/activity", limit=2)
    assert [entry["kind"] for entry in happened["items"]] == ["comment.added", "task.assigned"]
    assert happened["people"] == [
        max_,
        {"user": mia.id, "name": "Mia Member"},
        owner,
    ]
