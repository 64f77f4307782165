"""What somebody's calendar shows: the tasks that are theirs and have a due date, on boards they see now."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, func, select

from hubbub.boards.due import DAY_MS
from hubbub.boards.ics import Event, format_calendar
from hubbub.boards.listing import own_tasks
from hubbub.boards.models import board_labels, boards, task_labels, tasks
from hubbub.boards.status import task_status
from hubbub.kernel.caller import Caller
from hubbub.people.models import workspaces

PAST_DAYS = 30
MOST_EVENTS = 1_000
LONGEST_DESCRIPTION = 500


def read_calendar(connection: Connection, caller: Caller, *, now: int, base_url: str) -> bytes:
    """The calendar as text, the earliest first: from PAST_DAYS before `now` (milliseconds) on, up to MOST_EVENTS."""
    source, conditions = own_tasks(connection, caller)
    rows = connection.execute(
        select(
            *(tasks.c[name] for name in ("id", "board", "title", "due_at", "due_has_time")),
            *(tasks.c[name] for name in ("created_at", "changed_at", "version")),
            func.substr(tasks.c.description, 1, LONGEST_DESCRIPTION + 1).label("description"),
            boards.c.name.label("board_name"),
            task_status.label("status"),
        )
        .select_from(source)
        .where(*conditions, tasks.c.due_at >= now - PAST_DAYS * DAY_MS)
        .order_by(tasks.c.due_at, tasks.c.id)
        .limit(MOST_EVENTS)
    ).all()
    labels = read_label_names(connection, [row.id for row in rows])
    workspace = connection.execute(select(workspaces.c.name)).scalar_one()
    return format_calendar(
        f"{workspace}: my tasks", (make_event(row, labels[row.id], base_url) for row in rows)
    )


def read_label_names(connection: Connection, wanted: list[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = defaultdict(list)
    found = connection.execute(
        select(task_labels.c.task, board_labels.c.name)
        .join(board_labels, board_labels.c.id == task_labels.c.label)
        .where(task_labels.c.task.in_(wanted))
        .order_by(board_labels.c.name)
    )
    for task, name in found:
        names[task].append(name)
    return names


def make_event(row: Any, labels: list[str], base_url: str) -> Event:
    url = f"{base_url}/boards/{row.board}/t/{row.id}"
    words = row.description.strip()
    if len(words) > LONGEST_DESCRIPTION:
        words = f"{words[:LONGEST_DESCRIPTION].rstrip()}…"
    return Event(
        uid=f"{row.id}@hubbub",
        due_at=row.due_at,
        has_time=row.due_has_time,
        summary=f"✓ {row.title}" if row.status == "done" else row.title,
        description=f"{words}\n\n{url}" if words else url,
        url=url,
        categories=[row.board_name, *labels],
        created_at=row.created_at,
        changed_at=row.changed_at,
        sequence=row.version,
    )
