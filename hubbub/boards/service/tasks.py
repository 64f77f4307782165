"""Making tasks, who does them, and archiving them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from hubbub.boards.access import TASK, Board, Streams, is_outsider
from hubbub.boards.models import (
    board_labels,
    checklist_items,
    task_assignees,
    task_labels,
    tasks,
)
from hubbub.boards.ranks import spread_ranks
from hubbub.boards.schemas import END, MOST_ASSIGNEES
from hubbub.boards.service.common import (
    check_task_people,
    find_list,
    find_list_of,
    find_repeat,
    lock_board,
    lock_task,
    unchanged,
)
from hubbub.boards.service.places import TASKS
from hubbub.boards.service.telling import tell
from hubbub.boards.shapes import read_task
from hubbub.chat.access import access_message
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict, Invalid
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users

MOST_TASKS = 10_000


@command("task.create", target="board", stream="board")
def create_task(
    tx: Transaction,
    caller: Caller,
    *,
    board: str,
    list: str,
    title: str,
    description: str = "",
    status: str | None = None,
    priority: str | None = None,
    due_at: int | None = None,
    due_has_time: bool = False,
    repeat: dict[str, Any] | None = None,
    assignees: Sequence[str] = (),
    labels: Sequence[str] = (),
    after: str | None = END,
    message: str | None = None,
) -> Answer:
    """Makes a task in a list, behind another one (None: in front, END: at the end); answers it whole.

    `due_at` in milliseconds since the epoch. `message` is what it was made from, and must be the caller's to read; its
    room is told. If its list has another status than `status`, the task goes to the end of the first that has it.
    Raises like `access_board`, Invalid for people, labels or a list that are not on the board, and Conflict when the
    board is full or no list has the status.
    """
    found = lock_board(tx, caller, board, "edit")
    place = find_list(tx.connection, board, list)
    if status is not None and place.status not in (None, status):
        place, after = find_list_of(tx.connection, board, status), END
    shown = bool(place.shown_outside)
    check_count(tx, board, 1)
    check_task_people(tx.connection, found, assignees, shown=shown)
    check_labels(tx, board, labels)
    room = None if message is None else access_message(tx.connection, caller, message).room
    rank = find_task_ranks(tx, caller, found.streams, place.id, after, 1, shown=shown)[0]
    values = {
        "board": board,
        "list": place.id,
        "rank": rank,
        "title": title,
        "description": description,
        "status": status if place.status is None else None,
        "priority": priority,
        "due_at": due_at,
        "due_has_time": due_has_time,
        "repeat": find_repeat(None, {"repeat": repeat}, due_at, due_has_time),
        "created_by": caller.id,
        "message": message,
        "message_room": room,
    }
    task = add_task(tx, caller, found.streams, values, assignees, labels, shown=shown)
    if room is not None:
        # Without the title: not everybody in the room sees the board.
        linked = {"message": message, "board": board, "task": task["id"]}
        tx.append(room, "task.linked", caller.id, linked)
    return Answer(task, status=201)


def add_task(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    values: dict[str, Any],
    assignees: Sequence[str],
    labels: Sequence[str],
    items: Sequence[str] = (),
    *,
    shown: bool,
) -> dict[str, Any]:
    """Writes a new task with a checklist of these items, tells the board and its people, and answers it whole.

    `shown`: whether its list is shown to clients and guests; if not, none of them is among the assignees.
    """
    task = new_id()
    tx.execute(insert(tasks), {**values, "id": task, "created_at": tx.now, "changed_at": tx.now})
    add_rows(tx, task, assignees, labels)
    if items:
        ranks = spread_ranks(None, None, len(items))
        rows = [
            {"task": task, "id": new_id(), "text": text, "rank": rank}
            for text, rank in zip(items, ranks, strict=True)
        ]
        tx.execute(insert(checklist_items), rows)
    shape = read_task(tx.connection, task)
    tell(tx, caller, streams, "task.created", shape, shown=shown)
    for person in sorted(assignees):
        tell_person(tx, caller, "task.assigned", person, shape)
    return shape


def add_rows(tx: Transaction, task: str, assignees: Sequence[str], labels: Sequence[str]) -> None:
    if assignees:
        tx.execute(insert(task_assignees), [{"task": task, "user": user} for user in assignees])
    if labels:
        tx.execute(insert(task_labels), [{"task": task, "label": label} for label in labels])


def find_task_ranks(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    place: str,
    after: str | None,
    count: int,
    moving: Sequence[str] = (),
    *,
    shown: bool,
) -> Sequence[str]:
    """Ranks in a list behind a task; others may have to make room, of which an entry tells."""
    ranks, moved = TASKS.find_ranks(tx.connection, place, after, count, moving)
    if moved:
        data = {"list": place, "ranks": moved}
        tell(tx, caller, streams, "list.rebalanced", data, shown=shown)
    return ranks


def check_count(tx: Transaction, board: str, more: int) -> None:
    """Raises Conflict when the board would have more tasks than it may."""
    count = tx.execute(
        select(func.count()).where(tasks.c.board == board, tasks.c.archived_at.is_(None))
    ).scalar_one()
    if count + more > MOST_TASKS:
        raise Conflict(f"A board has at most {MOST_TASKS} tasks: archive some first.")


def check_labels(tx: Transaction, board: str, labels: Sequence[str]) -> None:
    """Raises Invalid unless all labels are the board's."""
    if not labels:
        return
    known = tx.execute(
        select(func.count()).where(board_labels.c.board == board, board_labels.c.id.in_(labels))
    ).scalar_one()
    if known != len(labels):
        raise Invalid.field("labels", "One of these labels is not on this board.")


def tell_person(
    tx: Transaction, caller: Caller, kind: str, person: str, task: dict[str, Any], **more: Any
) -> None:
    """Tells somebody on their own stream what concerns them, unless they did it themselves."""
    if person != caller.id:
        data = {"board": task["board"], "task": task["id"], "title": task["title"], "user": person}
        tx.append(person, kind, caller.id, data | more)


def touch_task(tx: Transaction, row: Any, **values: Any) -> int:
    """Writes values of a task with its next version, which is answered."""
    version = int(row.version) + 1
    tx.execute(
        update(tasks)
        .where(tasks.c.id == row.id)
        .values(version=version, changed_at=tx.now, **values)
    )
    return version


def set_assignees(
    tx: Transaction, caller: Caller, board: Board, task: str, wanted: Sequence[str]
) -> None:
    """Makes exactly these people the task's; an entry for each who comes or goes. Raises Invalid."""
    mine = task_assignees.c.task == task
    present = {*tx.execute(select(task_assignees.c.user).where(mine)).scalars()}
    coming = sorted(set(wanted) - present)
    shown = tx.execute(TASK, {"task": task}).one().shown_outside if coming else True
    check_task_people(tx.connection, board, coming, shown=shown)
    for person in sorted(present.difference(wanted)):
        tx.execute(delete(task_assignees).where(mine, task_assignees.c.user == person))
        tell_assignees(tx, caller, board.streams, "task.unassigned", task, person)
    for person in coming:
        add_rows(tx, task, [person], ())
        tell_assignees(tx, caller, board.streams, "task.assigned", task, person)


def tell_assignees(
    tx: Transaction, caller: Caller, streams: Streams, kind: str, task: str, person: str
) -> None:
    row = tx.execute(TASK, {"task": task}).one()
    version = touch_task(tx, row)
    assignees = tx.execute(
        select(task_assignees.c.user)
        .where(task_assignees.c.task == task)
        .order_by(task_assignees.c.user)
    ).scalars()
    data = {"task": task, "user": person, "assignees": [*assignees], "version": version}
    tell(tx, caller, streams, kind, data, shown=row.shown_outside)
    if not row.shown_outside:
        role = tx.execute(select(users.c.role).where(users.c.id == person)).scalar_one()
        if is_outsider(role):
            return
    tell_person(tx, caller, kind, person, {"board": row.board, "id": task, "title": row.title})


@command("task.assign", target="task")
def assign_task(tx: Transaction, caller: Caller, *, task: str, user: str) -> Answer:
    """Gives a task to one more person; answers it whole. Raises as `change_task`."""
    board, _ = lock_task(tx, caller, task)
    present = read_task(tx.connection, task)
    if user in present["assignees"]:
        return unchanged(tx, board.id, present)
    if len(present["assignees"]) >= MOST_ASSIGNEES:
        raise Conflict(f"A task has at most {MOST_ASSIGNEES} people.")
    set_assignees(tx, caller, board, task, [*present["assignees"], user])
    return Answer(read_task(tx.connection, task))


@command("task.unassign", target="task")
def unassign_task(tx: Transaction, caller: Caller, *, task: str, user: str) -> Answer:
    """Takes a task from somebody; answers it whole. Raises as `change_task`."""
    board, _ = lock_task(tx, caller, task)
    present = read_task(tx.connection, task)
    if user not in present["assignees"]:
        return unchanged(tx, board.id, present)
    set_assignees(tx, caller, board, task, [p for p in present["assignees"] if p != user])
    return Answer(read_task(tx.connection, task))


@command("task.archive", target="task")
def archive_task(tx: Transaction, caller: Caller, *, task: str) -> Answer:
    """Archives a task, which keeps its place; answers it whole. Raises like `access_task`."""
    board, row = lock_task(tx, caller, task, live=False)
    if row.archived_at is not None:
        return unchanged(tx, board.id, read_task(tx.connection, task))
    put_away(tx, caller, board.streams, row)
    return Answer(read_task(tx.connection, task))


def put_away(tx: Transaction, caller: Caller, streams: Streams, row: Any) -> None:
    """Archives a task; its row as TASK has it."""
    version = touch_task(tx, row, archived_at=tx.now)
    data = {"task": row.id, "list": row.list, "version": version}
    tell(tx, caller, streams, "task.archived", data, shown=row.shown_outside)


@command("task.restore", target="task")
def restore_task(tx: Transaction, caller: Caller, *, task: str) -> Answer:
    """Brings an archived task back to its place; answers it whole.

    Raises like `access_task`, and Conflict when its list is archived or the board is full.
    """
    board, row = lock_task(tx, caller, task, live=False)
    if row.archived_at is None:
        return unchanged(tx, board.id, read_task(tx.connection, task))
    find_list(tx.connection, board.id, row.list)
    check_count(tx, board.id, 1)
    touch_task(tx, row, archived_at=None)
    shape = read_task(tx.connection, task)
    tell(tx, caller, board.streams, "task.restored", shape, shown=row.shown_outside)
    return Answer(shape)
