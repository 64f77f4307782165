"""Changing tasks: their fields, and how far they are, by which a task may come into another list."""

from typing import Any

from sqlalchemy import delete, select

from hubbub.boards.access import TASK, Streams
from hubbub.boards.models import board_lists, task_labels
from hubbub.boards.repeats import repeat_shape
from hubbub.boards.schemas import END
from hubbub.boards.service.common import find_list_of, find_repeat, lock_task, unchanged
from hubbub.boards.service.moves import write_move
from hubbub.boards.service.repeating import make_next
from hubbub.boards.service.tasks import (
    add_rows,
    check_labels,
    find_task_ranks,
    set_assignees,
    touch_task,
)
from hubbub.boards.service.telling import tell
from hubbub.boards.shapes import read_task
from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import format_optional_time, format_time
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.transaction import Transaction

FIELDS = ("title", "description", "status", "priority", "due_at", "due_has_time")


@command("task.change", target="task")
def change_task(tx: Transaction, caller: Caller, *, task: str, changes: dict[str, Any]) -> Answer:
    """Changes the fields that `changes` names: FIELDS, `repeat`, and as whole lists `labels` and `assignees`.

    Where its list has a status, another `status` puts the task at the end of the first list that has that one.
    Answers the whole task. Without a due date it does not repeat. Raises like `access_task`, Invalid for people or
    labels that are not on the board, and Conflict for an archived task or where no list has the status.
    """
    board, row = lock_task(tx, caller, task)
    given = board_lists.c.id == row.list
    of_list = tx.execute(select(board_lists.c.status).where(given)).scalar_one()
    wanted = changes if of_list is None or "status" not in changes else changes | {"status": None}
    values: dict[str, Any] = {
        name: wanted[name]
        for name in FIELDS
        if name in wanted and wanted[name] != getattr(row, name)
    }
    repeat = find_repeat(
        row,
        changes,
        values.get("due_at", row.due_at),
        values.get("due_has_time", row.due_has_time),
    )
    if repeat != row.repeat:
        values["repeat"] = repeat
    before = read_task(tx.connection, task)
    told: dict[str, Any] = dict(values)
    if "repeat" in values:
        told["repeat"] = repeat_shape(repeat)
    if "due_at" in values:
        told["due_at"] = format_optional_time(values["due_at"])
    if "labels" in changes and sorted(changes["labels"]) != before["labels"]:
        check_labels(tx, board.id, changes["labels"])
        tx.execute(delete(task_labels).where(task_labels.c.task == task))
        add_rows(tx, task, (), changes["labels"])
        told["labels"] = sorted(changes["labels"])
    if told:
        version = touch_task(tx, row, **values)
        data = {"task": task, "version": version, "changed_at": format_time(tx.now)}
        data |= {"changed": told}
        tell(tx, caller, board.streams, "task.changed", data, shown=row.shown_outside)
    if "assignees" in changes:
        set_assignees(tx, caller, board, task, changes["assignees"])
    if of_list is not None and changes.get("status", of_list) != of_list:
        move_on(tx, caller, board.streams, task, changes["status"])
    elif repeat is not None and values.get("status") == "done":
        make_next(tx, caller, task, came_from=row.list)
    if tx.last_seq is None:
        return unchanged(tx, board.id, before)
    return Answer(read_task(tx.connection, task))


def move_on(
    tx: Transaction, caller: Caller, streams: Streams, task: str, status: str | None
) -> None:
    """Moves a task to the end of the board's first list of that status. Raises Conflict when there is none."""
    row = tx.execute(TASK, {"task": task}).one()
    place = find_list_of(tx.connection, row.board, status)
    shown = bool(place.shown_outside)
    rank = find_task_ranks(tx, caller, streams, place.id, END, 1, shown=shown)[0]
    write_move(tx, caller, streams, row, place, rank)
    if row.repeat is not None and status == "done":
        make_next(tx, caller, task, came_from=row.list)
