"""How far a task is: its list's status, or its own where the list has none."""

from typing import Any

import pytest

from hubbub.boards.service import changing, lists, moves, tasks
from hubbub.kernel.errors import Conflict
from tests.support.app import Person

from .conftest import Project, do
from .replay import Shown, check_replay
from .test_boards import told

pytestmark = pytest.mark.anyio


async def set_status(person: Person, task: str, status: str | None, **more: Any) -> Any:
    changes = {"status": status, **more}
    return await do(person, changing.change_task, task=task, changes=changes)


def read(project: Project) -> Shown:
    with project.mia.application.kernel.database.reading() as connection:
        return check_replay(connection, project.board)


async def find(project: Project, query: str) -> list[str]:
    page = await project.mia.call("GET", f"/api/boards/{project.board}/tasks?{query}")
    assert sum(page["totals"].values()) == len(page["items"])
    return [one["title"] for one in page["items"]]


async def test_the_list_counts_first(project: Project) -> None:
    mia, board, task = project.mia, project.board, project.tasks[0]
    first, doing, done = project.lists
    assert (await set_status(mia, task, "doing"))["status"] == "doing"
    before = len(await told(mia, board))
    await set_status(mia, task, "doing")
    assert len(await told(mia, board)) == before
    assert await find(project, "status=doing") == ["Task 0"]
    await mia.call("PATCH", f"/api/tasks/{task}", {"status": "later"}, status=422)

    # What the list says hides it, and stops doing so.
    await do(mia, lists.change_list, list=first, changes={"status": "open"})
    assert await find(project, "status=doing") == []
    await do(mia, lists.change_list, list=first, changes={"status": None})
    assert await find(project, "status=doing") == ["Task 0"]

    # In a list that has one it ends, and on coming back there is none.
    await do(mia, lists.change_list, list=done, changes={"status": "done"})
    await do(mia, moves.move_task, task=task, list=doing)
    assert read(project).tasks[task]["status"] == "doing"
    await do(mia, moves.move_task, task=task, list=done)
    await do(mia, moves.move_task, task=task, list=first)
    assert read(project).tasks[task]["status"] is None
    await set_status(mia, task, "open")
    await do(mia, moves.move_tasks, board=board, tasks=[task, project.tasks[1]], list=done)
    assert [read(project).tasks[one]["status"] for one in (task, project.tasks[1])] == [None, None]
    made = await do(mia, tasks.create_task, board=board, list=first, title="Nearly", status="doing")
    assert (made["list"], made["status"]) == (first, "doing")


async def test_a_list_with_a_status_is_left_for_another(project: Project) -> None:
    mia, board, task = project.mia, project.board, project.tasks[0]
    first, doing, done = project.lists
    await set_status(mia, task, "open")
    for place, status in zip(project.lists, ("open", "doing", "done"), strict=True):
        await do(mia, lists.change_list, list=place, changes={"status": status})
    await do(mia, moves.move_task, task=project.tasks[1], list=done)
    assert (await set_status(mia, task, "open"))["list"] == first
    moved = await set_status(mia, task, "done", title="Finished")
    assert (moved["list"], moved["status"], moved["title"]) == (done, None, "Finished")
    assert [kind for kind, _ in (await told(mia, board))[-2:]] == ["task.changed", "task.moved"]
    assert read(project).columns()[done] == [project.tasks[1], task]
    given = {"board": board, "list": first, "title": "Made done"}
    made = await do(mia, tasks.create_task, **given, status="done")
    assert (made["list"], made["status"]) == (done, None)

    with pytest.raises(Conflict, match="no list without a status"):
        await set_status(mia, task, None)
    await do(mia, lists.archive_list, list=doing)
    with pytest.raises(Conflict, match="no list with the status Doing"):
        await set_status(mia, task, "doing", title="Not written")
    assert read(project).tasks[task]["title"] == "Finished"
    await do(mia, lists.change_list, list=first, changes={"status": None})
    assert (await set_status(mia, task, None))["list"] == first


async def test_what_is_done_itself_is_done(project: Project) -> None:
    """It is not overdue, nobody's to do, and is followed by the next one if it repeats; wherever it is done."""
    mia, (first, _, done) = project.mia, project.lists
    weekly = {"every": 1, "unit": "week"}
    given = {"assignees": [mia.id], "due_at": 1_700_000_000_000}
    task = project.tasks[0]
    await do(mia, changing.change_task, task=task, changes=given | {"repeat": weekly})
    await set_status(mia, project.tasks[1], "done", **given)
    assert await find(project, "status=none&due=overdue") == ["Task 0"]
    assert await find(project, "status=done&due=overdue") == []
    mine = await mia.call("GET", "/api/tasks/mine")
    assert [one["id"] for one in mine["items"]] == [task]
    assert mine["totals"]["overdue"] == 1

    ended = await set_status(mia, task, "done")
    assert (ended["repeat"], ended["status"]) == (None, "done")
    (fresh,) = (one for one in read(project).tasks.values() if one["repeat"] is not None)
    assert (fresh["list"], fresh["status"], fresh["title"]) == (first, None, "Task 0")
    await set_status(mia, task, None)
    await set_status(mia, task, "done")
    assert len(read(project).columns()[first]) == 6

    await do(mia, lists.change_list, list=first, changes={"status": "open"})
    await do(mia, lists.change_list, list=done, changes={"status": "done"})
    await set_status(mia, fresh["id"], "done")
    shown = read(project)
    assert shown.columns()[done] == [fresh["id"]]
    assert [one["list"] for one in shown.tasks.values() if one["repeat"] is not None] == [first]
