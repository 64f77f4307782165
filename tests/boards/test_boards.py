"""Boards: who may do what, what is told of it, and what is refused."""

from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, select

from hubbub.boards.access import followable_boards
from hubbub.boards.ranks import LONGEST_RANK
from hubbub.boards.schemas import END
from hubbub.boards.service import boards, changing, checklists, comments, lists, moves, tasks
from hubbub.boards.service.lists import MOST_LISTS
from hubbub.boards.service.tasks import MOST_TASKS
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from hubbub.kernel.ids import new_id
from hubbub.people.models import users
from tests.support.app import Person, say

from .conftest import Project, do, make_board
from .replay import check_replay

pytestmark = pytest.mark.anyio


async def told(person: Person, stream: str, after: int = 0) -> list[tuple[str, Any]]:
    """Kind and data of every entry of a stream."""

    def read(connection: Connection) -> list[log.Entry]:
        return log.read_entries(connection, stream, after, 2**53, 10_000)

    entries = await person.application.kernel.read(read)
    return [(entry.kind, orjson.loads(entry.data)) for entry in entries]


async def follows(person: Person, board: str) -> bool:
    caller = Caller(person.id, person.user["role"])
    return bool(await person.application.kernel.read(followable_boards, [(caller, board)]))


async def column(project: Project, place: int = 0) -> list[str]:
    """The live tasks of a list in order, having checked that the entries alone make the same board."""
    shown = await project.mia.application.kernel.read(check_replay, project.board)
    return shown.columns()[project.lists[place]]


async def test_who_may_do_what(project: Project) -> None:
    workspace, board = project.workspace, project.board
    new: dict[str, Any] = {"board": board, "list": project.lists[0], "title": "Mine"}
    for person in (workspace.owner, workspace.mia, workspace.max):
        assert await follows(person, board)
        await do(person, tasks.create_task, **new)
    for person in (workspace.client, workspace.guest):
        assert not await follows(person, board)
        with pytest.raises(NotFound):
            await do(person, tasks.create_task, **new)
        with pytest.raises(Forbidden):
            await make_board(person)
    with pytest.raises(Forbidden):
        await do(workspace.max, boards.change_board, board=board, changes={"name": "Taken"})
    with pytest.raises(Invalid):
        await do(
            project.mia, boards.set_member, board=board, user=workspace.client.id, right="edit"
        )
    given = {"board": board, "user": workspace.client.id, "right": "comment"}
    await do(project.mia, boards.set_member, **given)
    assert await follows(workspace.client, board)
    await do(workspace.client, comments.add_comment, task=project.tasks[0], body="As agreed?")
    with pytest.raises(Forbidden):
        await do(workspace.client, moves.move_task, task=project.tasks[0], list=project.lists[1])
    await do(project.mia, boards.set_member, board=board, user=workspace.max.id, right="view")
    with pytest.raises(Forbidden):
        await do(workspace.max, tasks.create_task, **new)
    await do(project.mia, boards.remove_member, board=board, user=workspace.client.id)
    assert not await follows(workspace.client, board)
    assert (await told(project.mia, workspace.client.id))[-1] == (
        "board.member_removed",
        {"board": board, "user": workspace.client.id, "right": None},
    )
    with pytest.raises(NotFound):
        await do(project.mia, boards.remove_member, board=board, user=workspace.client.id)
    await column(project)


async def test_a_board_for_members_alone_takes_the_others_right(project: Project) -> None:
    workspace, board = project.workspace, project.board
    await do(project.mia, boards.change_board, board=board, changes={"shown_to": "members"})
    kind, data = (await told(project.mia, board))[-1]
    assert (kind, data["user"], data["right"]) == (
        "board.member_removed",
        workspace.max.id,
        None,
    )
    withdrawn = project.mia.application.delivery.withdraws["board.member_removed"]
    entry = log.Entry(board, 1, kind, project.mia.id, 0, None, orjson.dumps(data))
    assert withdrawn(entry) == workspace.max.id
    assert withdrawn(entry._replace(stream=workspace.max.id)) == ""
    assert withdrawn(entry._replace(data=orjson.dumps(data | {"right": "edit"}))) == ""
    assert not await follows(workspace.max, board)
    assert await follows(workspace.owner, board)
    with pytest.raises(NotFound):
        await do(workspace.max, lists.create_list, board=board, name="Mine")
    await do(project.mia, boards.remove_member, board=board, user=project.mia.id)
    assert not await follows(project.mia, board)


async def test_moving_goes_by_neighbours(project: Project) -> None:
    a, b, c, d, e = project.tasks
    todo, doing, _ = project.lists
    mia = project.mia
    await do(mia, moves.move_task, task=e, list=todo, after=None)
    await do(mia, moves.move_task, task=a, list=todo, after=c)
    assert await column(project) == [e, b, c, a, d]
    await do(mia, moves.move_task, task=b, list=todo)
    # It stands where it stands.
    again = await do(mia, moves.move_task, task=b, list=todo, after=b)
    assert again["task"] == b
    assert await column(project) == [e, c, a, d, b]
    await do(mia, moves.move_task, task=c, list=doing)
    # The neighbour has moved away, then it is archived: the end.
    await do(mia, moves.move_task, task=e, list=todo, after=c)
    await do(mia, tasks.archive_task, task=d)
    await do(mia, moves.move_task, task=a, list=todo, after=d)
    assert await column(project) == [b, e, a]
    # An archived task keeps its place.
    await do(mia, tasks.restore_task, task=d)
    assert await column(project) == [d, b, e, a]
    answer = await do(
        mia, moves.move_tasks, board=project.board, tasks=[a, d], list=doing, after=None
    )
    assert [move["task"] for move in answer["moves"]] == [a, d]
    assert await column(project, 1) == [a, d, c]
    await do(mia, moves.move_tasks, board=project.board, tasks=[c, a], list=doing, after=d)
    assert await column(project, 1) == [d, c, a]
    await do(mia, moves.move_tasks, board=project.board, tasks=[d, a], list=doing, after=END)
    assert await column(project, 1) == [c, d, a]


async def test_a_gap_that_is_too_tight_is_spread_out(project: Project) -> None:
    first, *others = project.tasks
    for turn in range(260):
        task = others[turn % 2]
        await do(project.mia, moves.move_task, task=task, list=project.lists[0], after=first)
    kinds = [kind for kind, _ in await told(project.mia, project.board)]
    assert 1 <= kinds.count("list.rebalanced") <= 3
    assert await column(project) == [first, others[1], others[0], others[2], others[3]]
    shown = await project.mia.application.kernel.read(check_replay, project.board)
    assert max(len(task["rank"]) for task in shown.tasks.values()) <= LONGEST_RANK
    # The same with many at once, whose own places are in the way.
    for _ in range(100):
        some: dict[str, Any] = {
            "tasks": [*reversed(others)],
            "list": project.lists[0],
            "after": first,
        }
        await do(project.mia, moves.move_tasks, board=project.board, **some)
    assert await column(project) == [first, *reversed(others)]


async def test_a_task_has_everything_it_was_given(project: Project) -> None:
    workspace, mia, board = project.workspace, project.mia, project.board
    label = await do(mia, lists.create_label, board=board, name="Urgent", colour="red")
    message = await say(mia, workspace.room, "We need a task for this")
    task = await do(
        mia,
        tasks.create_task,
        board=board,
        list=project.lists[1],
        title="Print the posters",
        description="A3, *both* sides",
        priority="high",
        due_at=1_795_219_200_000,
        assignees=[workspace.max.id, mia.id],
        labels=[label["id"]],
        message=message["id"],
    )
    assert task["due_at"] == "2026-11-21T00:00:00.000Z"
    assert (task["described"], task["version"]) == (True, 1)
    assert task["labels"] == [label["id"]]
    assert task["assignees"] == sorted([workspace.max.id, mia.id])
    assert (await told(mia, workspace.max.id))[-1] == (
        "task.assigned",
        {
            "board": board,
            "task": task["id"],
            "title": "Print the posters",
            "user": workspace.max.id,
        },
    )
    changes = {"priority": None, "due_at": None, "title": "Print", "assignees": [mia.id]}
    changed = await do(mia, changing.change_task, task=task["id"], changes=changes)
    assert (changed["priority"], changed["due_at"], changed["title"]) == (None, None, "Print")
    assert (changed["assignees"], changed["version"]) == ([mia.id], 3)
    assert (await told(mia, workspace.max.id))[-1][0] == "task.unassigned"
    before = await told(mia, board)
    await do(mia, changing.change_task, task=task["id"], changes=changes)
    assert await told(mia, board) == before
    await do(mia, tasks.assign_task, task=task["id"], user=workspace.owner.id)
    await do(mia, tasks.unassign_task, task=task["id"], user=mia.id)
    await do(mia, lists.change_label, board=board, label=label["id"], changes={"name": "Now"})
    await do(mia, lists.remove_label, board=board, label=label["id"])
    await column(project)


async def test_what_is_not_on_the_board_is_refused(project: Project) -> None:
    workspace, mia, board, todo = (
        project.workspace,
        project.mia,
        project.board,
        project.lists[0],
    )
    other = await make_board(workspace.max, "Elsewhere", shown_to="members")
    label = await do(workspace.max, lists.create_label, board=other["id"], name="Theirs")
    secret = await say(workspace.max, workspace.closed, "only for me")
    new: dict[str, Any] = {"board": board, "list": todo, "title": "Mine"}
    for problem, more in (
        (Invalid, {"list": other["lists"][0]["id"]}),
        (Invalid, {"labels": [label["id"]]}),
        (Invalid, {"assignees": [workspace.client.id]}),
        (Invalid, {"assignees": [new_id()]}),
        (NotFound, {"message": secret["id"]}),
        (NotFound, {"board": other["id"]}),
    ):
        with pytest.raises(problem):
            await do(mia, tasks.create_task, **(new | more))
    for given in ({"list": other["lists"][0]["id"]}, {"list": new_id()}):
        with pytest.raises(Invalid):
            await do(mia, moves.move_task, task=project.tasks[0], **given)
    some = [project.tasks[0], new_id()]
    with pytest.raises(Invalid):
        await do(mia, moves.move_tasks, board=board, tasks=some, list=todo)
    with pytest.raises(Invalid):
        await do(mia, moves.archive_tasks, board=board, tasks=some)
    with pytest.raises(NotFound):
        await do(mia, moves.move_task, task=new_id(), list=todo)
    assert len(await column(project)) == 5


async def test_archived_things_stay_until_they_are_restored(project: Project) -> None:
    mia, board, task, todo = project.mia, project.board, project.tasks[0], project.lists[0]
    await do(mia, tasks.archive_task, task=task)
    for command, given in (
        (moves.move_task, {"task": task, "list": todo}),
        (changing.change_task, {"task": task, "changes": {"title": "Other"}}),
        (moves.move_tasks, {"board": board, "tasks": [task], "list": todo}),
    ):
        with pytest.raises(Conflict):
            await do(mia, command, **given)
    await do(mia, lists.archive_list, list=todo)
    for command, given in (
        (tasks.restore_task, {"task": task}),
        (tasks.create_task, {"board": board, "list": todo, "title": "Other"}),
    ):
        with pytest.raises(Conflict):
            await do(mia, command, **given)
    await do(mia, lists.restore_list, list=todo)
    await do(mia, tasks.restore_task, task=task)
    assert await column(project) == project.tasks
    await do(mia, boards.change_board, board=board, changes={"archived": True})
    with pytest.raises(Conflict):
        await do(mia, moves.move_task, task=task, list=todo)
    with pytest.raises(Conflict):
        await do(mia, boards.change_board, board=board, changes={"name": "Other"})
    restored = await do(mia, boards.change_board, board=board, changes={"archived": False})
    assert restored["archived"] is False
    answer = await do(mia, moves.archive_tasks, board=board, tasks=project.tasks[:2])
    assert [card["archived"] for card in answer["tasks"]] == [True, True]
    assert await column(project) == project.tasks[2:]


async def test_checklists_and_comments(project: Project) -> None:
    workspace, mia, task = project.workspace, project.mia, project.tasks[0]
    for text in ("first", "third"):
        answer = await do(mia, checklists.add_item, task=task, text=text)
    first = answer["checklist"][0]["id"]
    answer = await do(mia, checklists.add_item, task=task, text="second", after=first)
    assert [item["text"] for item in answer["checklist"]] == ["first", "second", "third"]
    changes = {"done": True, "after": END}
    answer = await do(mia, checklists.change_item, task=task, item=first, changes=changes)
    assert [item["done"] for item in answer["checklist"]] == [False, False, True]
    await do(mia, checklists.remove_item, task=task, item=first)
    with pytest.raises(NotFound):
        await do(mia, checklists.remove_item, task=task, item=first)
    said = await do(mia, comments.add_comment, task=task, body="@Max Member, look @Clara Client")
    assert said["mentions"] == [workspace.max.id]
    kind, data = (await told(mia, workspace.max.id))[-1]
    assert (kind, data["comment"]) == ("comment.mentioned", said["id"])
    await column(project)
    with pytest.raises(Forbidden):
        await do(workspace.max, comments.edit_comment, comment=said["id"], body="other")
    await do(mia, comments.edit_comment, comment=said["id"], body="a secret, @Max Member")
    assert (await told(mia, workspace.max.id))[-1] == (kind, data)
    with pytest.raises(Forbidden):
        await do(workspace.max, comments.delete_comment, comment=said["id"])
    await do(workspace.owner, comments.delete_comment, comment=said["id"])
    await column(project)
    assert "secret" not in str(await told(mia, project.board))
    with pytest.raises(Conflict):
        await do(mia, comments.edit_comment, comment=said["id"], body="back")


async def test_lists_are_moved_and_bounded(project: Project) -> None:
    mia, board = project.mia, project.board
    todo, doing, done = project.lists
    await do(mia, lists.move_list, list=done, after=None)
    await do(mia, lists.move_list, list=todo)
    shown = await mia.application.kernel.read(check_replay, board)
    ordered = sorted(shown.lists, key=lambda place: shown.lists[place]["rank"].encode())
    assert ordered == [done, doing, todo]
    changed = await do(mia, lists.change_list, list=todo, changes={"status": "open"})
    assert changed["status"] == "open"
    for number in range(MOST_LISTS - 3):
        await do(mia, lists.create_list, board=board, name=f"List {number}", after=done)
    with pytest.raises(Conflict, match="archive one first"):
        await do(mia, lists.create_list, board=board, name="One more")
    await do(mia, lists.archive_list, list=done)
    await do(mia, lists.create_list, board=board, name="One more")
    with pytest.raises(Conflict):
        await do(mia, lists.restore_list, list=done)
    await column(project)


async def test_a_board_has_a_bounded_number_of_tasks(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_TASKS == 10_000
    monkeypatch.setattr(tasks, "MOST_TASKS", 5)
    new: dict[str, Any] = {"board": project.board, "list": project.lists[0], "title": "Sixth"}
    with pytest.raises(Conflict, match="archive some first"):
        await do(project.mia, tasks.create_task, **new)
    await do(project.mia, tasks.archive_task, task=project.tasks[0])
    await do(project.mia, tasks.create_task, **new)
    with pytest.raises(Conflict, match="archive some first"):
        await do(project.mia, tasks.restore_task, task=project.tasks[0])


async def test_a_key_makes_a_retry_harmless(project: Project) -> None:
    new: dict[str, Any] = {"board": project.board, "list": project.lists[2], "title": "Once"}
    first = await do(project.mia, tasks.create_task, key="one", **new)
    assert await do(project.mia, tasks.create_task, key="one", **new) == first
    assert await column(project, 2) == [first["id"]]
    with pytest.raises(Problem):
        await do(project.mia, tasks.create_task, key="one", **(new | {"title": "Twice"}))
    move = {"task": first["id"], "list": project.lists[1]}
    moved = await do(project.mia, moves.move_task, key="two", **move)
    await do(project.mia, moves.move_task, task=first["id"], list=project.lists[0])
    # The answer comes again, the move is not made again.
    assert await do(project.mia, moves.move_task, key="two", **move) == moved
    assert (await column(project))[-1] == first["id"]


async def test_a_board_may_belong_to_a_room(project: Project) -> None:
    workspace = project.workspace
    board = await make_board(workspace.mia, room=workspace.room)
    assert board["room"] == workspace.room
    with pytest.raises(NotFound):
        await make_board(workspace.mia, room=workspace.closed)
    changes = {"room": workspace.closed}
    with pytest.raises(NotFound):
        await do(workspace.mia, boards.change_board, board=board["id"], changes=changes)
    # Being in the room gives no right on the board.
    assert not await follows(workspace.client, board["id"])
    changed = await do(
        workspace.mia, boards.change_board, board=board["id"], changes={"room": None}
    )
    assert changed["room"] is None


async def test_people_of_the_sample_leave_boards_when_it_goes(project: Project) -> None:
    owner, board = project.workspace.owner, project.board
    await owner.call("POST", "/api/sample")

    def find_sample(connection: Connection) -> list[str]:
        return [*connection.execute(select(users.c.id).where(users.c.sample)).scalars()]

    sample = (await owner.application.kernel.read(find_sample))[0]
    await do(project.mia, boards.set_member, board=board, user=sample, right="view")
    for task in project.tasks[:2]:
        await do(project.mia, tasks.assign_task, task=task, user=sample)
    await owner.call("DELETE", "/api/sample")
    kinds = [kind for kind, _ in await told(owner, board)]
    assert kinds[-3:] == ["task.unassigned", "task.unassigned", "board.member_removed"]
    await column(project)
