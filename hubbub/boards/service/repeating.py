"""The next one of a task that repeats, made when a task is done."""

from typing import Any

from sqlalchemy import select

from hubbub.boards.access import TASK, Streams, board_people
from hubbub.boards.models import board_lists, boards
from hubbub.boards.repeats import decode_repeat, next_due
from hubbub.boards.schemas import END
from hubbub.boards.service.tasks import add_task, check_count, find_task_ranks, touch_task
from hubbub.boards.service.telling import tell
from hubbub.boards.shapes import read_task
from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import format_time
from hubbub.kernel.transaction import Transaction


def make_next(tx: Transaction, caller: Caller, task: str, *, came_from: str) -> None:
    """Hands the repeat of a task that has just been done on to the next one, due on the next date, without a status.

    The board's stream is locked. What has no next date within the calendar ends. Raises Conflict for a full board.
    """
    row = tx.execute(TASK, {"task": task}).one()
    board = tx.execute(select(boards).where(boards.c.id == row.board)).one()
    streams = Streams(board.id, board.outside)
    due_at = next_due(decode_repeat(row.repeat), row.due_at, row.due_has_time, tx.now)
    version = touch_task(tx, row, repeat=None)
    data = {"task": task, "version": version, "changed_at": format_time(tx.now)}
    data |= {"changed": {"repeat": None}}
    tell(tx, caller, streams, "task.changed", data, shown=row.shown_outside)
    if due_at is None:
        return
    check_count(tx, row.board, 1)
    done = read_task(tx.connection, task)
    place = choose_list(tx, row.board, came_from)
    shown = bool(place.shown_outside)
    able = board_people(tx.connection, board, outsiders=shown)
    people = {identifier for identifier, _ in able}
    values = {
        "board": row.board,
        "list": place.id,
        "rank": find_task_ranks(tx, caller, streams, place.id, END, 1, shown=shown)[0],
        "title": row.title,
        "description": row.description,
        "priority": row.priority,
        "due_at": due_at,
        "due_has_time": row.due_has_time,
        "repeat": row.repeat,
        # Theirs to be reminded of, whoever did it this time.
        "created_by": row.created_by,
    }
    add_task(
        tx,
        caller,
        streams,
        values,
        [person for person in done["assignees"] if person in people],
        done["labels"],
        [item["text"] for item in done["checklist"]],
        shown=shown,
    )


def choose_list(tx: Transaction, board: str, came_from: str) -> Any:
    """The list where the next one stands: where the done one came from if nobody works on what is there.

    Else the board's first list of status `open`, the first without a status, and where it came from.
    """
    found = tx.execute(
        select(board_lists.c.id, board_lists.c.status, board_lists.c.shown_outside)
        .where(board_lists.c.board == board, board_lists.c.archived_at.is_(None))
        .order_by(board_lists.c.rank)
    )

    def preference(place: Any) -> int:
        own = place.id == came_from
        if own and place.status in ("open", None):
            return 0
        return {"open": 1, None: 2, "doing": 3 if own else 4, "done": 5}[place.status]

    return min(found, key=preference)
