"""The board of the sample workspace: one that is worth looking at, and that goes with the sample."""

import pytest
from sqlalchemy import Connection, func, select

from hubbub.boards.models import boards, task_comments, tasks
from tests.chat.conftest import Workspace
from tests.chat.conftest import workspace as workspace

from .replay import check_replay
from .test_boards import told

pytestmark = pytest.mark.anyio


async def test_the_sample_has_a_board_and_takes_it_away(workspace: Workspace) -> None:
    owner, kernel = workspace.owner, workspace.owner.application.kernel
    await owner.call("POST", "/api/sample")
    (found,) = (await workspace.mia.call("GET", "/api/boards"))["items"]
    board = await owner.call("GET", f"/api/boards/{found['id']}")
    cards = [card for place in board["lists"] for card in place["tasks"]]
    assert [place["status"] for place in board["lists"]] == [None, "open", "doing", "done"]
    assert len(cards) == 12
    assert {card["priority"] for card in cards} == {None, "low", "medium", "high"}
    assert any(card["items_done"] < card["items"] for card in cards)
    mine = await owner.call("GET", "/api/tasks/mine")
    assert [card["title"] for card in mine["items"]] == [
        "Look at the home page on your own phone",
        "Write the page about the roastery",
    ]
    assert await kernel.read(check_replay, board["id"])
    linked = await owner.call("GET", f"/api/rooms/{board['room']}/tasks")
    assert {one["task"] for one in linked["items"]} == {c["id"] for c in cards if c["message"]}
    assert len(linked["items"]) == 3

    # A list that clients do not see gives them a stream of their own, which goes too.
    body = {"user": workspace.client.id, "right": "view"}
    await owner.call("POST", f"/api/boards/{board['id']}/members", body)
    await owner.call("PATCH", f"/api/lists/{board['lists'][0]['id']}", {"shown_outside": False})
    stream = (await workspace.client.call("GET", f"/api/boards/{board['id']}"))["stream"]

    await owner.call("DELETE", "/api/sample")
    await owner.call("GET", f"/api/boards/{board['id']}", status=404)
    for place in (board["id"], stream):
        assert [kind for kind, _ in await told(owner, place)] == ["board.deleted"]
    gone = {"board": board["id"], "user": owner.id, "right": None}
    assert ("board.member_removed", gone) in await told(owner, owner.id)

    def count(connection: Connection) -> list[int]:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (boards, tasks, task_comments)
        ]

    assert await kernel.read(count) == [0, 0, 0]
