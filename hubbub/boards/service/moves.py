"""Moving tasks, and doing so with many at once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from hubbub.boards.access import NO_TASK, Standing, check_right
from hubbub.boards.models import tasks
from hubbub.boards.ranks import rank_between
from hubbub.boards.schemas import END
from hubbub.boards.service import places
from hubbub.boards.service.common import check_list, find_list, lock_board, unchanged
from hubbub.boards.service.places import TASKS
from hubbub.boards.service.repeating import make_next
from hubbub.boards.service.tasks import find_task_ranks, put_away, touch_task
from hubbub.boards.shapes import task_cards
from hubbub.kernel.bulk import Statement, look_up
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict, Invalid, NotFound
from hubbub.kernel.transaction import Transaction

LOCK_BOARD = Statement(
    "SELECT id, head FROM streams WHERE id IN "
    "(SELECT tasks.board FROM {given} CROSS JOIN tasks WHERE tasks.id = given.task) "
    "ORDER BY id {for_update}",
    "task",
)
BESIDE = (
    "(SELECT beside.rank FROM tasks AS beside WHERE beside.id = given.after "
    "AND beside.list = given.list AND beside.id <> given.task AND beside.archived_at IS NULL)"
)
# All that a move has to know: the task, the caller's right, the list, and the ranks around the place wished for.
AROUND = Statement(
    "SELECT tasks.board, tasks.list, tasks.rank, tasks.version, tasks.repeat, place.status, "  # noqa: S608
    "tasks.archived_at, "
    'boards.shown_to, mine."right", boards.archived_at, place.id, place.archived_at, '
    f"{BESIDE}, "
    "(SELECT rank FROM tasks AS other WHERE other.list = given.list AND other.id <> given.task "
    f"AND other.rank > coalesce({BESIDE}, '') ORDER BY other.rank LIMIT 1), "
    "(SELECT rank FROM tasks AS other WHERE other.list = given.list AND other.id <> given.task "
    "ORDER BY other.rank DESC LIMIT 1) "
    "FROM {given} CROSS JOIN tasks CROSS JOIN boards "
    'LEFT JOIN board_members AS mine ON mine.board = boards.id AND mine."user" = given.caller '
    "LEFT JOIN board_lists AS place ON place.id = given.list AND place.board = boards.id "
    "WHERE tasks.id = given.task AND boards.id = tasks.board",
    "task",
    "list",
    "after",
    "caller",
)
MOVE = Statement(
    "UPDATE tasks SET list = given.list, rank = given.rank, version = given.version, "
    "changed_at = given.now FROM {given} WHERE tasks.id = given.task",
    "task",
    "list",
    "rank",
    "#version",
    "#now",
)


@command("task.move", target="task")
def move_task(
    tx: Transaction, caller: Caller, *, task: str, list: str, after: str | None = END
) -> Answer:
    """Puts a task into a list behind another task (None: in front, END or one that is gone: at the end).

    One that repeats and comes into a list of status `done` is followed by the next one.
    Answers task, list, rank and version. Raises like `access_task`, Invalid for a list that is not on the board,
    Conflict for an archived task or list. Moves are many: one round trip tells all of it, the lock included.
    """
    asked = (task, list, after or "", caller.id)
    _, found = look_up(tx.connection, [(LOCK_BOARD, [(task,)]), (AROUND, [asked])])
    if not found:
        raise NotFound(NO_TASK)
    board, here, own, version, repeat, status, archived, *rest = found[0]
    *standing, place, place_archived, before, behind, last = rest
    check_move(caller, standing, archived)
    check_list(place is not None, place_archived is not None)
    if after == task and here == list:
        return unchanged(tx, board, moved_shape(task, list, own, version))
    if after is not None and before is None:
        before, behind = last, None
    rank = rank_between(before, behind)
    if len(rank) > places.LONGEST:
        rank = find_task_ranks(tx, caller, board, list, after, 1, [task])[0]
    data = moved_shape(task, list, rank, version + 1)
    tx.put(MOVE, [(task, list, rank, version + 1, tx.now)])
    tx.append(board, "task.moved", caller.id, data)
    if repeat is not None and status == "done" and here != list:
        make_next(tx, caller, task, came_from=here)
    return Answer(data)


def check_move(caller: Caller, standing: Sequence[Any], archived: int | None) -> None:
    """Raises as `lock_task` unless the caller may move a task of a board that they stand to so."""
    shown_to, given, board_archived = standing
    try:
        check_right(Standing(shown_to, given, board_archived is not None), caller, "edit")
    except NotFound:
        raise NotFound(NO_TASK) from None
    if archived is not None:
        raise Conflict("This task is archived: restore it first.")


def moved_shape(task: str, place: str, rank: str, version: int) -> dict[str, Any]:
    return {"task": task, "list": place, "rank": rank, "version": version}


def write_move(tx: Transaction, caller: Caller, row: Any, place: str, rank: str) -> dict[str, Any]:
    version = touch_task(tx, row, list=place, rank=rank)
    data = moved_shape(row.id, place, rank, version)
    tx.append(row.board, "task.moved", caller.id, data)
    return data


def find_tasks(tx: Transaction, board: str, wanted: Sequence[str]) -> Sequence[Any]:
    """The tasks' rows in the order they are named. Raises Invalid when one is not on the board."""
    rows = {
        row.id: row
        for row in tx.execute(select(tasks).where(tasks.c.board == board, tasks.c.id.in_(wanted)))
    }
    if len(rows) != len(set(wanted)):
        raise Invalid.field("tasks", "One of these tasks is not on this board.")
    return [rows[task] for task in wanted]


@command("tasks.move", target="board", stream="board")
def move_tasks(
    tx: Transaction,
    caller: Caller,
    *,
    board: str,
    tasks: Sequence[str],
    list: str,
    after: str | None = END,
) -> Answer:
    """Puts many tasks into a list, in the order they are named, all or none; answers `moves` as `move_task` does.

    Raises as `move_task`.
    """
    lock_board(tx, caller, board, "edit")
    status = find_list(tx.connection, board, list).status
    rows = find_tasks(tx, board, tasks)
    if any(row.archived_at is not None for row in rows):
        raise Conflict("One of these tasks is archived: restore it first.")
    ranks = find_task_ranks(tx, caller, board, list, after, len(rows), tasks)
    TASKS.park(tx.connection, tasks)
    moves = [write_move(tx, caller, row, list, rank) for row, rank in zip(rows, ranks, strict=True)]
    for row in rows:
        if row.repeat is not None and status == "done" and row.list != list:
            make_next(tx, caller, row.id, came_from=row.list)
    return Answer({"moves": moves})


@command("tasks.archive", target="board", stream="board")
def archive_tasks(tx: Transaction, caller: Caller, *, board: str, tasks: Sequence[str]) -> Answer:
    """Archives many tasks, all or none; answers `tasks` as cards. Those that are archived stay so.

    Raises like `access_board`, and Invalid for a task that is not on the board.
    """
    lock_board(tx, caller, board, "edit")
    for row in find_tasks(tx, board, tasks):
        if row.archived_at is None:
            put_away(tx, caller, row)
    answer = {"tasks": task_cards(tx.connection, find_tasks(tx, board, tasks))}
    return Answer(answer) if tx.last_seq is not None else unchanged(tx, board, answer)
