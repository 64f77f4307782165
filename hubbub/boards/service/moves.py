"""Moving tasks, and doing so with many at once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from hubbub.boards.access import Streams
from hubbub.boards.models import board_lists, tasks
from hubbub.boards.schemas import END
from hubbub.boards.service.common import find_list, lock_board, unchanged
from hubbub.boards.service.moving import lost_status, move_many, move_one, moved_shape
from hubbub.boards.service.places import TASKS
from hubbub.boards.service.repeating import make_next
from hubbub.boards.service.tasks import find_task_ranks, put_away, touch_task
from hubbub.boards.service.telling import tell_move
from hubbub.boards.shapes import task_cards
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, Command, command
from hubbub.kernel.errors import Conflict, Invalid
from hubbub.kernel.transaction import Transaction

move_task = Command("task.move", move_one, target="task", many=move_many)


def write_move(
    tx: Transaction, caller: Caller, streams: Streams, row: Any, place: Any, rank: str
) -> dict[str, Any]:
    """Puts a task, its row as TASK has it, into a list, whose row is given, and tells of it."""
    lost = lost_status(row.status, place.status)
    version = touch_task(tx, row, list=place.id, rank=rank, **lost)
    data = moved_shape(row.id, place.id, rank, version) | lost
    was_shown, shown = row.shown_outside, place.shown_outside
    tell_move(tx, caller, streams, data, came_from=row.list, was_shown=was_shown, shown=shown)
    return data


def find_tasks(tx: Transaction, board: str, wanted: Sequence[str]) -> Sequence[Any]:
    """The tasks' rows, as TASK has them, in the order they are named.

    Raises Invalid when one is not on the board.
    """
    query = select(tasks, board_lists.c.shown_outside).join(
        board_lists, board_lists.c.id == tasks.c.list
    )
    found = tx.execute(query.where(tasks.c.board == board, tasks.c.id.in_(wanted)))
    rows = {row.id: row for row in found}
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
    streams = lock_board(tx, caller, board, "edit").streams
    place = find_list(tx.connection, board, list)
    shown = bool(place.shown_outside)
    rows = find_tasks(tx, board, tasks)
    if any(row.archived_at is not None for row in rows):
        raise Conflict("One of these tasks is archived: restore it first.")
    ranks = find_task_ranks(tx, caller, streams, list, after, len(rows), tasks, shown=shown)
    TASKS.park(tx.connection, tasks)
    moves = [
        write_move(tx, caller, streams, row, place, rank)
        for row, rank in zip(rows, ranks, strict=True)
    ]
    for row in rows:
        if row.repeat is not None and place.status == "done" and row.list != list:
            make_next(tx, caller, row.id, came_from=row.list)
    return Answer({"moves": moves})


@command("tasks.archive", target="board", stream="board")
def archive_tasks(tx: Transaction, caller: Caller, *, board: str, tasks: Sequence[str]) -> Answer:
    """Archives many tasks, all or none; answers `tasks` as cards. Those that are archived stay so.

    Raises like `access_board`, and Invalid for a task that is not on the board.
    """
    streams = lock_board(tx, caller, board, "edit").streams
    for row in find_tasks(tx, board, tasks):
        if row.archived_at is None:
            put_away(tx, caller, streams, row)
    answer = {"tasks": task_cards(tx.connection, find_tasks(tx, board, tasks))}
    return Answer(answer) if tx.last_seq is not None else unchanged(tx, board, answer)
