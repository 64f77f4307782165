"""A board over the socket of a real server: commands, what its followers get, and where that ends."""

import asyncio
from typing import Any

import pytest

from hubbub.client import Client, Refused, Reset
from tests.realtime.conftest import Team
from tests.realtime.conftest import server as server
from tests.realtime.conftest import team as team

from .replay import Shown, apply, without_derived

pytestmark = pytest.mark.anyio

SECONDS = 60


async def follow_until(client: Client, shown: Shown, stream: str, seq: int) -> Reset | None:
    """Applies a board's entries up to that one; stops before it for a reset, which is answered."""
    async with asyncio.timeout(SECONDS):
        while True:
            item = await client.next_entry()
            if isinstance(item, Reset):
                return item
            if item.stream == stream:
                apply(shown, item.kind, item.data)
                if item.seq == seq:
                    return None


async def open_board(client: Client, board: str) -> Shown:
    """The board as it is read, followed from its head."""
    read = await client.request("GET", f"/api/boards/{board}")
    await client.follow({board: read["head"]})
    shown = Shown()
    for place in read["lists"]:
        shown.lists[place["id"]] = place
        for task in place["tasks"]:
            shown.tasks[task["id"]] = without_derived(task)
    return shown


async def test_two_people_work_on_one_board(team: Team) -> None:
    owner = await team.found()
    mia = await team.member(owner, "Mia Member")
    made = await owner.request("POST", "/api/boards", {"name": "Launch", "lists": ["Open", "Done"]})
    board, (todo, done) = made["id"], [place["id"] for place in made["lists"]]
    tasks = [
        (await owner.command("task.create", board=board, list=todo, title=f"Task {n}"))["task"]
        for n in range(3)
    ]
    screens = [await open_board(client, board) for client in (owner, mia)]
    ids = [task["id"] for task in tasks]
    await asyncio.gather(
        *(owner.command("task.move", task=task, list=done, after=None) for task in ids),
        *(mia.command("task.move", task=task, list=todo) for task in ids),
    )
    last = await mia.command("task.change", task=ids[0], title="The first one", priority="high")
    for client, shown in zip((owner, mia), screens, strict=True):
        assert await follow_until(client, shown, board, last["seq"]) is None
    assert screens[0].columns() == screens[1].columns()
    assert screens[0].tasks[ids[0]]["title"] == "The first one"
    read: dict[str, Any] = await mia.request("GET", f"/api/boards/{board}")
    columns = {place["id"]: [task["id"] for task in place["tasks"]] for place in read["lists"]}
    assert columns == screens[0].columns()

    await owner.request("PATCH", f"/api/boards/{board}", {"shown_to": "members"})
    secret = await owner.command("task.create", board=board, list=todo, title="A secret")
    reset = await follow_until(mia, screens[1], board, secret["seq"])
    assert reset == Reset(board, 0, "withdrawn")
    assert secret["task"]["id"] not in screens[1].tasks
    with pytest.raises(Refused):
        await mia.follow({board: None})
    with pytest.raises(Refused):
        await mia.command("task.archive", task=ids[0])
