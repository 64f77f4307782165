"""Reminding people of what is due: an entry on their own stream, once for each due date of a task."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, or_, select, union_all, update

from hubbub.boards.access import may_see, read_standings
from hubbub.boards.due import DAY_MS
from hubbub.boards.models import board_lists, boards, task_assignees, tasks
from hubbub.boards.status import UNDONE
from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import format_time
from hubbub.kernel.commands import command
from hubbub.kernel.log import Entry
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users

BATCH = 100


def remind_condition(until: int, day: int) -> ColumnElement[bool]:
    """Tasks whose people are to be reminded and were not: timed ones due by `until`, and those due on that `day`.

    `day` as the midnight, UTC, at which it begins. What is a day late is late, and nobody is reminded any more.
    """
    at, timed = tasks.c.due_at, tasks.c.due_has_time
    return and_(
        tasks.c.archived_at.is_(None),
        tasks.c.reminded_for.is_distinct_from(at),
        # The wider bounds serve the index, the narrower ones the truth.
        at > min(until - DAY_MS, day - 1),
        at <= max(until, day),
        or_(and_(timed, at > until - DAY_MS, at <= until), and_(~timed, at == day)),
    )


def find_due(connection: Connection, until: int, day: int) -> list[str]:
    """Ids of up to BATCH tasks that are to be done and whose people are to be reminded."""
    source = tasks.join(board_lists, board_lists.c.id == tasks.c.list).join(
        boards, boards.c.id == tasks.c.board
    )
    found = connection.execute(
        select(tasks.c.id)
        .select_from(source)
        .where(
            remind_condition(until, day),
            UNDONE,
            board_lists.c.archived_at.is_(None),
            boards.c.archived_at.is_(None),
        )
        .order_by(tasks.c.due_at, tasks.c.id)
        .limit(BATCH)
    )
    return [*found.scalars()]


@command("task.remind", audited=False)
def remind(tx: Transaction, caller: Caller, *, until: int, day: int) -> dict[str, int]:
    """Reminds of up to BATCH tasks, as `remind_condition` chooses them; answers how many they were.

    Whose people are told is noted in the same transaction, so that no second run tells them again.
    """
    wanted = find_due(tx.connection, until, day)
    if not wanted:
        return {"tasks": 0}
    # Somebody may have changed one meanwhile, or another run reminded of it: the rows are locked and looked at again.
    rows = tx.execute(
        update(tasks)
        .where(tasks.c.id.in_(wanted), remind_condition(until, day))
        .values(reminded_for=tasks.c.due_at)
        .returning(tasks.c.id, tasks.c.board, tasks.c.title, tasks.c.due_at, tasks.c.due_has_time)
    ).all()
    told = find_people(tx.connection, [row.id for row in rows])
    for person, due in sorted(told.items()):
        tell_due(tx, caller, person, [row for row in rows if row.id in due])
    return {"tasks": len(wanted)}


def find_people(connection: Connection, wanted: Sequence[str]) -> dict[str, set[str]]:
    """For each person to be told, the tasks: their own, and those they made that are nobody's.

    Only people who are active and may see the task.
    """
    those = tasks.c.id.in_(wanted)
    active = users.c.active
    nobodys = ~select(task_assignees.c.user).where(task_assignees.c.task == tasks.c.id).exists()
    person = users.c.id.label("person")
    columns = (tasks.c.id, tasks.c.board, person, users.c.role, board_lists.c.shown_outside)
    placed = select(*columns).join(board_lists, board_lists.c.id == tasks.c.list)
    assigned = (
        placed.join(task_assignees, task_assignees.c.task == tasks.c.id)
        .join(users, users.c.id == task_assignees.c.user)
        .where(those, active)
    )
    made = placed.join(users, users.c.id == tasks.c.created_by).where(those, active, nobodys)
    rows = connection.execute(union_all(assigned, made)).all()
    asked = {row: (Caller(row.person, row.role), row.board) for row in rows}
    allowed = read_standings(connection, [*set(asked.values())])
    told: dict[str, set[str]] = defaultdict(set)
    for row, pair in asked.items():
        if pair in allowed and may_see(row.role, row.shown_outside):
            told[row.person].add(row.id)
    return told


def tell_due(tx: Transaction, caller: Caller, person: str, rows: Sequence[Any]) -> None:
    """An entry for each of the tasks on somebody's own stream, the first due first."""
    first = tx.reserve(person, len(rows))
    ordered = sorted(rows, key=lambda row: (row.due_at, row.id))
    batch = []
    for place, row in enumerate(ordered):
        data = {
            "board": row.board,
            "task": row.id,
            "title": row.title,
            "due_at": format_time(row.due_at),
            "due_has_time": row.due_has_time,
        }
        batch.append(
            Entry(person, first + place, "task.due", caller.id, tx.now, None, orjson.dumps(data))
        )
    tx.append_entries(batch)
    tx.flush()
