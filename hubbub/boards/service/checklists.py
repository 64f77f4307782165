"""The checklist of a task."""

from typing import Any

from sqlalchemy import delete, func, insert, select, update

from hubbub.boards.access import Streams
from hubbub.boards.models import checklist_items
from hubbub.boards.schemas import END, MOST_ITEMS
from hubbub.boards.service.common import lock_task, unchanged
from hubbub.boards.service.places import ITEMS
from hubbub.boards.service.tasks import touch_task
from hubbub.boards.service.telling import tell
from hubbub.boards.shapes import read_checklist
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict, NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction


def find_item(tx: Transaction, task: str, item: str) -> Any:
    """The item's row. Raises NotFound."""
    row = tx.execute(
        select(checklist_items).where(checklist_items.c.task == task, checklist_items.c.id == item)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such item on this checklist.")
    return row


def tell_checklist(
    tx: Transaction, caller: Caller, streams: Streams, row: Any, *, status: int = 200
) -> Answer:
    """Tells of the whole checklist of a task (its row as TASK has it) as it is now, and answers it."""
    data = {
        "task": row.id,
        "checklist": read_checklist(tx.connection, row.id),
        "version": touch_task(tx, row),
    }
    tell(tx, caller, streams, "checklist.changed", data, shown=row.shown_outside)
    return Answer(data, status=status)


@command("checklist.add", target="task")
def add_item(
    tx: Transaction, caller: Caller, *, task: str, text: str, after: str | None = END
) -> Answer:
    """Adds an item behind another one (None: in front, END: at the end); answers task and checklist.

    Raises like `access_task`, and Conflict when the checklist is full.
    """
    board, row = lock_task(tx, caller, task)
    count = tx.execute(select(func.count()).where(checklist_items.c.task == task)).scalar_one()
    if count >= MOST_ITEMS:
        raise Conflict(f"A checklist has at most {MOST_ITEMS} items.")
    ranks, _ = ITEMS.find_ranks(tx.connection, task, after)
    item = {"task": task, "id": new_id(), "text": text, "rank": ranks[0]}
    tx.execute(insert(checklist_items), item)
    return tell_checklist(tx, caller, board.streams, row, status=201)


@command("checklist.change", target="task")
def change_item(
    tx: Transaction, caller: Caller, *, task: str, item: str, changes: dict[str, Any]
) -> Answer:
    """Changes `text` and `done` and moves behind `after`, as far as `changes` names them; answers as `add_item`.

    Raises like `access_task`, and NotFound.
    """
    board, row = lock_task(tx, caller, task)
    found = find_item(tx, task, item)
    values: dict[str, Any] = {
        name: changes[name]
        for name in ("text", "done")
        if name in changes and changes[name] != getattr(found, name)
    }
    if "after" in changes and changes["after"] != item:
        ranks, _ = ITEMS.find_ranks(tx.connection, task, changes["after"], moving=[item])
        values["rank"] = ranks[0]
    if not values:
        data = {"task": task, "checklist": read_checklist(tx.connection, task)}
        return unchanged(tx, board.id, data | {"version": row.version})
    tx.execute(
        update(checklist_items)
        .where(checklist_items.c.task == task, checklist_items.c.id == item)
        .values(**values)
    )
    return tell_checklist(tx, caller, board.streams, row)


@command("checklist.remove", target="task")
def remove_item(tx: Transaction, caller: Caller, *, task: str, item: str) -> Answer:
    """Removes an item; answers as `add_item`. Raises like `access_task`, and NotFound."""
    board, row = lock_task(tx, caller, task)
    find_item(tx, task, item)
    tx.execute(
        delete(checklist_items).where(checklist_items.c.task == task, checklist_items.c.id == item)
    )
    return tell_checklist(tx, caller, board.streams, row)
