"""Boards, lists and tasks as the contract shows them (docs/api.md)."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, select, text

from hubbub.boards.models import checklist_items, tasks
from hubbub.boards.repeats import repeat_shape
from hubbub.kernel.clock import format_optional_time, format_time
from hubbub.people.models import users


def board_shape(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "room": row.room,
        "shown_to": row.shown_to,
        "created_by": row.created_by,
        "created_at": format_time(row.created_at),
        "archived": row.archived_at is not None,
    }


def list_shape(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "board": row.board,
        "name": row.name,
        "rank": row.rank,
        "status": row.status,
        "shown_outside": row.shown_outside,
        "archived": row.archived_at is not None,
    }


def label_shape(row: Any) -> dict[str, Any]:
    return {"id": row.id, "board": row.board, "name": row.name, "colour": row.colour}


def item_shape(row: Any) -> dict[str, Any]:
    return {"id": row.id, "text": row.text, "done": row.done, "rank": row.rank}


def comment_shape(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "task": row.task,
        "author": row.author,
        "body": row.body,
        "created_at": format_time(row.created_at),
        "edited_at": format_optional_time(row.edited_at),
        "deleted": row.deleted_at is not None,
    }


# One statement for any number of tasks and all that belongs to them.
PARTS = """
SELECT 'assignees', task, "user", 0 FROM task_assignees WHERE {those}
UNION ALL
SELECT 'labels', task, label, 0 FROM task_labels WHERE {those}
UNION ALL
SELECT 'items', task, CAST(count(*) AS text), sum(CASE WHEN done THEN 1 ELSE 0 END)
FROM checklist_items WHERE {those} GROUP BY task
UNION ALL
SELECT 'comments', task, CAST(count(*) AS text), 0
FROM task_comments WHERE {those} AND deleted_at IS NULL GROUP BY task
"""
PARTS_SQLITE = text(PARTS.format(those="task IN (SELECT value FROM json_each(:ids))"))
# It does not see how many there are, so it always looks each up by key, which is the quicker for any board.
PARTS_POSTGRESQL = text(
    PARTS.format(those="task = ANY(ARRAY(SELECT unnest(CAST(:ids AS text[]))))")
)


def task_cards(connection: Connection, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The tasks as a board shows them, without their descriptions, in the order given; one more query in all."""
    cards = [task_card(row) for row in rows]
    ids = [card["id"] for card in cards]
    if not ids:
        return []
    if connection.dialect.name == "sqlite":
        parts = connection.execute(PARTS_SQLITE, {"ids": orjson.dumps(ids).decode()})
    else:
        parts = connection.execute(PARTS_POSTGRESQL, {"ids": ids})
    add_parts(cards, [tuple(part) for part in parts])
    return cards


def task_card(row: Any) -> dict[str, Any]:
    """A task with nobody assigned, without labels, checklist and comments; of a row that begins as the table does."""
    (identifier, board, place, rank, title, description, priority, due_at, due_has_time) = row[:9]
    (created_by, created_at, changed_at, archived_at, message, version, repeat) = row[9:16]
    status = row[18]
    return {
        "id": identifier,
        "board": board,
        "list": place,
        "rank": rank,
        "title": title,
        "described": description != "",
        "status": status,
        "priority": priority,
        "due_at": None if due_at is None else format_time(due_at),
        "due_has_time": due_has_time,
        "repeat": repeat_shape(repeat),
        "created_by": created_by,
        "created_at": format_time(created_at),
        "changed_at": format_time(changed_at),
        "archived": archived_at is not None,
        "message": message,
        "version": version,
        "assignees": [],
        "labels": [],
        "items": 0,
        "items_done": 0,
        "comments": 0,
    }


def add_parts(cards: Sequence[dict[str, Any]], parts: Sequence[tuple[str, str, str, int]]) -> None:
    by_task = {card["id"]: card for card in cards}
    for part, task, value, done in sorted(parts):
        card = by_task[task]
        if part in ("assignees", "labels"):
            card[part].append(value)
        else:
            card[part] = int(value)
            if part == "items":
                card["items_done"] = int(done)


def read_task(connection: Connection, task: str) -> dict[str, Any]:
    """The whole task, but for its comments: with its description and its checklist. Raises NoResultFound."""
    row = connection.execute(select(tasks).where(tasks.c.id == task)).one()
    return {
        **task_cards(connection, [row])[0],
        "description": row.description,
        "checklist": read_checklist(connection, task),
    }


def read_checklist(connection: Connection, task: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(checklist_items)
        .where(checklist_items.c.task == task)
        .order_by(checklist_items.c.rank)
    )
    return [item_shape(row) for row in rows]


def name_people(connection: Connection, people: Collection[str]) -> list[dict[str, str]]:
    """Ids and names of those of the people who exist, also of former ones, by name."""
    if not people:
        return []
    rows = connection.execute(select(users.c.id, users.c.name).where(users.c.id.in_(people)))
    named = [{"user": identifier, "name": name} for identifier, name in rows]
    return sorted(named, key=lambda person: person["name"].casefold())
