"""Boards over HTTP: one whole, tasks by filters, one's own, many at once, what happened; and what reading costs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import event

from hubbub.kernel.ids import new_id
from tests.chat.conftest import Workspace
from tests.chat.conftest import workspace as workspace
from tests.support.app import Person

pytestmark = pytest.mark.anyio


@dataclass
class Launch:
    """A board of Mia's that colleagues see, with a list of each status and two labels."""

    workspace: Workspace
    mia: Person
    id: str
    open: str
    doing: str
    done: str
    urgent: str

    @property
    def path(self) -> str:
        return f"/api/boards/{self.id}"

    async def add(self, title: str, place: str | None = None, **more: Any) -> dict[str, Any]:
        body = {"list": place or self.open, "title": title} | more
        made: dict[str, Any] = await self.mia.call("POST", f"{self.path}/tasks", body, status=201)
        return made

    async def titles(self, **query: Any) -> list[str]:
        page = await self.mia.call("GET", f"{self.path}/tasks?{urlencode(query)}")
        return [task["title"] for task in page["items"]]


@pytest.fixture
async def launch(workspace: Workspace) -> Launch:
    mia = workspace.mia
    board = await mia.call("POST", "/api/boards", {"name": "Launch"}, status=201)
    path = f"/api/boards/{board['id']}"
    lists = [
        (await mia.call("POST", f"{path}/lists", {"name": status, "status": status}))["id"]
        for status in ("open", "doing", "done")
    ]
    label = await mia.call("POST", f"{path}/labels", {"name": "Urgent", "colour": "red"})
    first, second, third = lists
    return Launch(workspace, mia, board["id"], first, second, third, label["id"])


def moment(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def day(ahead: int) -> str:
    """That day without a time, as a client sends it."""
    return f"{datetime.now(UTC).date() + timedelta(days=ahead)}T00:00:00Z"


async def test_a_board_whole(launch: Launch) -> None:
    for number in range(4):
        await launch.add(f"Task {number}", assignees=[launch.mia.id], labels=[launch.urgent])
    done = await launch.add("Long done", launch.done, description="With words")
    await launch.mia.call("POST", f"/api/tasks/{done['id']}/checklist", {"text": "One"})
    await launch.mia.call("POST", f"/api/tasks/{done['id']}/comments", {"body": "Well done"})
    board = await launch.mia.call("GET", launch.path, first=3)
    assert (board["name"], board["right"]) == ("Launch", "manage")
    assert [place["name"] for place in board["lists"]] == ["open", "doing", "done"]
    assert [place["total"] for place in board["lists"]] == [4, 0, 1]
    assert [task["title"] for task in board["lists"][0]["tasks"]] == ["Task 0", "Task 1", "Task 2"]
    assert board["lists"][0]["tasks"][0]["assignees"] == [launch.mia.id]
    assert board["lists"][0]["tasks"][0]["labels"] == [launch.urgent]
    (card,) = board["lists"][2]["tasks"]
    assert (card["described"], card["items"], card["items_done"]) == (True, 1, 0)
    assert card["comments"] == 1
    assert "description" not in card
    label = {"id": launch.urgent, "board": launch.id, "name": "Urgent", "colour": "red"}
    assert board["labels"] == [label]
    assert [(m["name"], m["right"]) for m in board["members"]] == [("Mia Member", "manage")]
    entries = await launch.mia.call("GET", f"/api/streams/{launch.id}/entries", after=0, limit=200)
    assert board["head"] == entries["head"] > 0


async def test_boards_one_sees(launch: Launch) -> None:
    guests, colleague = launch.workspace.client, launch.workspace.max
    assert (await guests.call("GET", "/api/boards"))["items"] == []
    (seen,) = (await colleague.call("GET", "/api/boards"))["items"]
    assert (seen["id"], seen["right"]) == (launch.id, "edit")
    await launch.mia.call("POST", f"{launch.path}/members", {"user": guests.id, "right": "comment"})
    (shown,) = (await guests.call("GET", "/api/boards"))["items"]
    assert (shown["right"], shown["head"] > 0) == ("comment", True)
    task = await launch.add("Look at this")
    path = f"/api/tasks/{task['id']}"
    await guests.call("PATCH", path, {"title": "Mine now"}, status=403)
    said = await guests.call("POST", f"{path}/comments", {"body": "Nice"}, status=201)
    found = await launch.mia.call("GET", f"{path}/comments")
    assert [(one["id"], one["body"]) for one in found["items"]] == [(said["id"], "Nice")]
    await launch.mia.call("DELETE", f"{launch.path}/members/{guests.id}", status=204)
    await guests.call("GET", launch.path, status=404)
    await guests.call("GET", f"{launch.path}/tasks", status=404)


async def test_boards_come_in_pages(launch: Launch) -> None:
    for number in range(3):
        await launch.mia.call("POST", "/api/boards", {"name": f"Board {number}"})
    await launch.mia.call("PATCH", launch.path, {"archived": True})
    seen = []
    cursor: dict[str, Any] = {}
    while True:
        page = await launch.mia.call("GET", "/api/boards", limit=1, **cursor)
        seen += [board["name"] for board in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == ["Board 0", "Board 1", "Board 2"]
    gone = await launch.mia.call("GET", "/api/boards", archived=True)
    assert [board["name"] for board in gone["items"]] == ["Launch"]


async def test_filters(launch: Launch) -> None:
    mia, max_ = launch.mia, launch.workspace.max
    await launch.add("Write 100% of it", priority="high", assignees=[mia.id])
    await launch.add("Read it", launch.doing, labels=[launch.urgent], assignees=[max_.id])
    await launch.add("Sign it", launch.done, priority="low", description="in the 2nd_office")
    put_away = await launch.add("Forget it")
    await mia.call("POST", f"/api/tasks/{put_away['id']}/archive")
    for query, expected in (
        ({}, ["Write 100% of it", "Read it", "Sign it"]),
        ({"status": "doing"}, ["Read it"]),
        ({"status": "none"}, []),
        ({"priority": "high"}, ["Write 100% of it"]),
        ({"priority": "none"}, ["Read it"]),
        ({"assignee": max_.id}, ["Read it"]),
        ({"assignee": "none"}, ["Sign it"]),
        ({"label": launch.urgent}, ["Read it"]),
        ({"list": launch.done}, ["Sign it"]),
        ({"text": "0%"}, ["Write 100% of it"]),
        ({"text": "D_O"}, ["Sign it"]),
        ({"text": "it write"}, ["Write 100% of it"]),
        ({"text": "\0 '\"\\"}, []),
        ({"archived": True}, ["Forget it"]),
        ({"status": "done", "priority": "low", "text": "sign"}, ["Sign it"]),
    ):
        assert await launch.titles(**query) == expected, query
    page = await mia.call("GET", f"{launch.path}/tasks", text="it", limit=1)
    assert page["totals"] == {launch.open: 1, launch.doing: 1, launch.done: 1}
    assert "description" not in page["items"][0]


async def test_what_is_due(launch: Launch) -> None:
    await launch.add("No date")
    await launch.add("Yesterday", due_at=day(-1))
    await launch.add("Yesterday, done", launch.done, due_at=day(-1))
    await launch.add("Today", due_at=day(0))
    await launch.add("Just past", due_at=moment(seconds=-30), due_has_time=True)
    await launch.add("Next month", due_at=moment(days=31), due_has_time=True)
    assert await launch.titles(due="none") == ["No date"]
    assert await launch.titles(due="overdue") == ["Yesterday", "Just past"]
    assert "Today" in await launch.titles(due="today")
    assert "Today" in await launch.titles(due="week")
    assert "Next month" not in await launch.titles(due="week")
    await launch.mia.call("GET", f"{launch.path}/tasks", due="today", zone="Asia/Tokyo")
    await launch.mia.call("GET", f"{launch.path}/tasks", zone="Mars/Olympus", status=422)


@pytest.mark.parametrize("sort", ["rank", "due", "priority", "changed"])
async def test_pages_have_everything_once_in_order(launch: Launch, sort: str) -> None:
    priorities = ("low", "high", None, "medium")
    for number in range(12):
        await launch.add(
            f"Task {number}",
            (launch.doing, launch.open, launch.done)[number % 3],
            priority=priorities[number % 4],
            due_at=day(number % 5) if number % 5 else None,
        )
    path = f"{launch.path}/tasks"
    whole = (await launch.mia.call("GET", path, sort=sort, limit=100))["items"]
    seen: list[dict[str, Any]] = []
    page = await launch.mia.call("GET", path, sort=sort, limit=5)
    while True:
        seen += page["items"]
        if page["next"] is None:
            break
        page = await launch.mia.call("GET", path, sort=sort, limit=5, cursor=page["next"])
        assert "totals" not in page
    assert seen == whole
    assert len({task["id"] for task in seen}) == 12
    keys: dict[str, Callable[[dict[str, Any]], Any]] = {
        "rank": lambda t: ([launch.open, launch.doing, launch.done].index(t["list"]), t["rank"]),
        "due": lambda t: t["due_at"] or "9",
        "priority": lambda t: ("high", "medium", "low", None).index(t["priority"]),
        "changed": lambda t: t["changed_at"],
    }
    values = [keys[sort](task) for task in seen]
    assert values == sorted(values, reverse=sort == "changed")
    first = await launch.mia.call("GET", path, sort=sort, limit=5)
    other = "due" if sort != "due" else "rank"
    for bad in ("x", "é", "=", "A" * 700):
        await launch.mia.call("GET", path, sort=sort, cursor=bad, status=422)
    await launch.mia.call("GET", path, sort=other, cursor=first["next"], status=422)


async def test_own_tasks_across_boards(launch: Launch) -> None:
    mia, owner = launch.mia, launch.workspace.owner
    closed = await owner.call(
        "POST",
        "/api/boards",
        {
            "name": "Closed",
            "shown_to": "members",
            "lists": ["All", {"name": "Done", "status": "done"}],
        },
    )
    assert [one["status"] for one in closed["lists"]] == [None, "done"]
    place = closed["lists"][0]["id"]
    member = f"/api/boards/{closed['id']}/members"
    await owner.call("POST", member, {"user": mia.id, "right": "edit"})
    body = {"list": place, "title": "On another board", "assignees": [mia.id], "due_at": day(0)}
    await owner.call("POST", f"/api/boards/{closed['id']}/tasks", body)
    await launch.add("Late", assignees=[mia.id], due_at=day(-3))
    await launch.add("Some day", assignees=[mia.id])
    await launch.add("Is done", launch.done, assignees=[mia.id], due_at=day(-3))
    await launch.add("Somebody else's", assignees=[owner.id], due_at=day(0))
    page = await mia.call("GET", "/api/tasks/mine")
    assert [task["title"] for task in page["items"]] == ["Late", "On another board", "Some day"]
    assert page["totals"] == {"all": 3, "overdue": 1, "today": 1, "week": 1, "none": 1}
    late = await mia.call("GET", "/api/tasks/mine", due="overdue")
    assert [task["title"] for task in late["items"]] == ["Late"]
    first = await mia.call("GET", "/api/tasks/mine", limit=2)
    rest = await mia.call("GET", "/api/tasks/mine", limit=2, cursor=first["next"])
    assert [task["title"] for task in rest["items"]] == ["Some day"]
    await owner.call("DELETE", f"{member}/{mia.id}", status=204)
    left = (await mia.call("GET", "/api/tasks/mine"))["items"]
    assert [task["title"] for task in left] == ["Late", "Some day"]


async def test_any_field_can_be_changed(launch: Launch) -> None:
    task = await launch.add("First words")
    path = f"/api/tasks/{task['id']}"
    changes = {
        "title": "Other words",
        "description": "# Why",
        "priority": "medium",
        "due_at": "2030-01-02T03:04:05.000Z",
        "due_has_time": True,
        "assignees": [launch.mia.id],
        "labels": [launch.urgent],
    }
    for name, value in changes.items():
        answered = await launch.mia.call("PATCH", path, {name: value})
        assert answered[name] == value
    assert (await launch.mia.call("GET", path)).items() >= changes.items()
    emptied = await launch.mia.call("PATCH", path, {"priority": None, "due_at": None, "labels": []})
    assert (emptied["priority"], emptied["due_at"], emptied["labels"]) == (None, None, [])
    for bad in (
        {"title": "No"},
        {"title": None},
        {"title": "x" * 101},
        {"description": "x" * 20_001},
        {"priority": "huge"},
        {"due_at": "tomorrow"},
        {"due_at": "2030-01-02T03:04:05"},
        {"assignees": [new_id()]},
        {"labels": [new_id()]},
        {"assignees": [launch.mia.id] * 2},
        {"list": launch.done},
    ):
        await launch.mia.call("PATCH", path, bad, status=422)


async def test_many_at_once(launch: Launch) -> None:
    ids = [(await launch.add(f"Task {number}"))["id"] for number in range(4)]
    there = await launch.add("Was there", launch.doing)
    path = f"{launch.path}/tasks"
    body = {"tasks": [ids[2], ids[0]], "list": launch.doing, "after": None}
    await launch.mia.call("POST", f"{path}/move", body)
    board = await launch.mia.call("GET", launch.path)
    columns = [[task["id"] for task in place["tasks"]] for place in board["lists"]]
    assert columns == [[ids[1], ids[3]], [ids[2], ids[0], there["id"]], []]
    before = board["head"]
    wrong = {"tasks": [ids[1], new_id()], "list": launch.done}
    await launch.mia.call("POST", f"{path}/move", wrong, status=422)
    await launch.mia.call("POST", f"{path}/archive", {"tasks": [ids[1], new_id()]}, status=422)
    await launch.mia.call("POST", f"{path}/archive", {"tasks": [ids[0]] * 101}, status=422)
    await launch.mia.call("POST", f"{path}/archive", {"tasks": []}, status=422)
    assert (await launch.mia.call("GET", launch.path))["head"] == before, "all or none"
    await launch.mia.call("POST", f"{path}/archive", {"tasks": [ids[1], ids[2]]}, key="put-away")
    again = await launch.mia.send(
        "POST", f"{path}/archive", {"tasks": [ids[1], ids[2]]}, key="put-away"
    )
    assert again.headers["idempotent-replay"] == "true"
    assert await launch.titles() == ["Task 3", "Task 0", "Was there"]
    await launch.mia.call("POST", f"/api/tasks/{ids[1]}/restore")
    assert await launch.titles(list=launch.open) == ["Task 1", "Task 3"]


async def test_lists_move_and_rest(launch: Launch) -> None:
    await launch.add("Comes along")
    path = f"/api/lists/{launch.open}"
    await launch.mia.call("PATCH", path, {"name": "Later"})
    await launch.mia.call("POST", f"{path}/move", {"after": launch.done})
    names = [place["name"] for place in (await launch.mia.call("GET", launch.path))["lists"]]
    assert names == ["doing", "done", "Later"]
    await launch.mia.call("POST", f"{path}/archive")
    assert await launch.titles() == []
    board = await launch.mia.call("GET", launch.path)
    assert [place["name"] for place in board["lists"]] == ["doing", "done"]
    (kept,) = (await launch.mia.call("GET", f"{launch.path}/lists", archived=True))["items"]
    assert (kept["name"], kept["total"]) == ("Later", 1)
    await launch.mia.call("POST", f"{path}/restore")
    assert await launch.titles() == ["Comes along"]


async def test_what_happened(launch: Launch) -> None:
    task = await launch.add("Follow me")
    other = await launch.add("Not me")
    await launch.workspace.max.call("POST", f"/api/tasks/{task['id']}/move", {"list": launch.done})
    await launch.mia.call("POST", f"/api/tasks/{task['id']}/comments", {"body": other["id"]})
    path = f"{launch.path}/activity"
    kinds = [entry["kind"] for entry in (await launch.mia.call("GET", path, limit=3))["items"]]
    assert kinds == ["comment.added", "task.moved", "task.created"]
    mine = await launch.mia.call("GET", path, task=task["id"])
    assert [e["kind"] for e in mine["items"]] == ["comment.added", "task.moved", "task.created"]
    about = await launch.mia.call("GET", path, task=other["id"])
    assert [entry["kind"] for entry in about["items"]] == ["task.created"]
    by_max = await launch.mia.call("GET", path, actor=launch.workspace.max.id)
    assert [entry["kind"] for entry in by_max["items"]] == ["task.moved"]
    seen: list[int] = []
    page = await launch.mia.call("GET", path, limit=2)
    while True:
        seen += [entry["seq"] for entry in page["items"]]
        if page["next"] is None:
            break
        page = await launch.mia.call("GET", path, limit=2, cursor=page["next"])
    assert seen == list(range(len(seen), 0, -1))
    await launch.mia.call("GET", path, cursor="x", status=422)


async def test_query_counts_do_not_grow_with_rows(launch: Launch) -> None:
    """The main reads take a fixed number of statements, however much there is."""
    for number in range(8):
        task = await launch.add(
            f"Task {number}",
            (launch.open, launch.doing)[number % 2],
            assignees=[launch.mia.id],
            labels=[launch.urgent],
        )
        await launch.mia.call("POST", f"/api/tasks/{task['id']}/comments", {"body": "Well"})
        await launch.mia.call("POST", f"/api/tasks/{task['id']}/checklist", {"text": "Step"})
    await launch.mia.call("GET", "/api/auth/me")
    counted: list[str] = []

    def count(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        # Whether the session still holds is asked once a second, whatever is read.
        if not statement.startswith(("BEGIN", "SELECT sessions.")):
            counted.append(statement)

    engine = launch.mia.application.kernel.database._reading
    event.listen(engine, "before_cursor_execute", count)
    for path, most in (
        ("/api/boards", 1),
        # And one for the head of its stream, which goes by the driver itself.
        (launch.path, 6),
        (f"{launch.path}/tasks", 4),
        (f"{launch.path}/tasks?due=today&text=task&assignee=none", 4),
        (f"{launch.path}/activity", 3),
        (f"/api/tasks/{task['id']}", 5),
        (f"/api/tasks/{task['id']}/comments", 4),
        ("/api/tasks/mine", 3),
    ):
        counted.clear()
        await launch.mia.call("GET", path)
        assert 0 < len(counted) <= most, f"{path}: {len(counted)}\n" + "\n".join(counted)
