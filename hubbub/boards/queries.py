"""What boards show: the boards one sees, one board whole, a task whole, and what happened on a board."""

from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    func,
    lateral,
    literal,
    select,
    true,
    union_all,
)

from hubbub.boards.access import access_board, access_task, right_of, visible_boards
from hubbub.boards.cursors import make_cursor, read_cursor
from hubbub.boards.listing import CARD_COLUMNS
from hubbub.boards.models import (
    board_labels,
    board_lists,
    board_members,
    boards,
    task_comments,
    tasks,
)
from hubbub.boards.shapes import board_shape, comment_shape, list_shape, read_task, task_cards
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.log import Entry, entries, streams
from hubbub.people.models import users

MOST_ARCHIVED = 200
"""Archived lists that are shown."""
SCANNED = 1_000
"""Entries that one page of activity looks at."""


def live_tasks_of(place: Any) -> Any:
    return and_(
        tasks.c.board == board_lists.c.board, tasks.c.list == place, tasks.c.archived_at.is_(None)
    )


EVERY_LIST = (
    select(
        board_lists,
        select(func.count())
        .select_from(tasks)
        .where(live_tasks_of(board_lists.c.id))
        .correlate(board_lists)
        .scalar_subquery()
        .label("total"),
    )
    .where(board_lists.c.board == bindparam("board"))
    .order_by(board_lists.c.rank)
)
ARCHIVED_LISTS = EVERY_LIST.where(board_lists.c.archived_at.is_not(None)).limit(MOST_ARCHIVED)
LISTS_OF = EVERY_LIST.where(board_lists.c.archived_at.is_(None))
NUMBERED = (
    select(
        *CARD_COLUMNS,
        func.row_number().over(partition_by=tasks.c.list, order_by=tasks.c.rank).label("place"),
    )
    .join(board_lists, board_lists.c.id == tasks.c.list)
    .where(
        tasks.c.board == bindparam("board"),
        tasks.c.archived_at.is_(None),
        board_lists.c.archived_at.is_(None),
    )
    .subquery()
)
FIRST_SQLITE = (
    select(NUMBERED)
    .where(NUMBERED.c.place <= bindparam("first"))
    .order_by(NUMBERED.c.list, NUMBERED.c.place)
)
FIRST_IN_LIST = lateral(
    select(*CARD_COLUMNS)
    .where(live_tasks_of(board_lists.c.id))
    .order_by(tasks.c.rank)
    .limit(bindparam("first"))
    .correlate(board_lists)
)
FIRST_POSTGRESQL = (
    select(FIRST_IN_LIST)
    .select_from(board_lists.join(FIRST_IN_LIST, true()))
    .where(board_lists.c.board == bindparam("board"), board_lists.c.archived_at.is_(None))
)


MEMBERS = (
    select(literal("member"), users.c.id, users.c.name, board_members.c.right)
    .join_from(board_members, users, users.c.id == board_members.c.user)
    .where(board_members.c.board == bindparam("board"))
)
LABELS = select(
    literal("label"), board_labels.c.id, board_labels.c.name, board_labels.c.colour
).where(board_labels.c.board == bindparam("board"))
PARTS = union_all(MEMBERS, LABELS)
BOARDS = (
    select(boards, board_members.c.right.label("given"), streams.c.head)
    .join(streams, streams.c.id == boards.c.id)
    .outerjoin(
        board_members,
        and_(board_members.c.board == boards.c.id, board_members.c.user == bindparam("caller")),
    )
    .where(boards.c.id > bindparam("cursor"))
    .order_by(boards.c.id)
    .limit(bindparam("limit"))
)
BOARDS_FOR = {
    (role, archived): BOARDS.where(
        visible_boards(Caller("", role)),
        boards.c.archived_at.is_not(None) if archived else boards.c.archived_at.is_(None),
    )
    for role in ("owner", "admin", "member", "client", "guest")
    for archived in (True, False)
}

COMMENTS = (
    select(task_comments)
    .where(task_comments.c.task == bindparam("task"), task_comments.c.id < bindparam("cursor"))
    .order_by(task_comments.c.id.desc())
    .limit(bindparam("limit"))
)
BEYOND = "g"
"""Behind every id."""


def list_boards(
    connection: Connection, caller: Caller, *, archived: bool, limit: int, cursor: str | None
) -> dict[str, Any]:
    """The boards one sees, in order of their ids: {items, next}."""
    rows = connection.execute(
        BOARDS_FOR[caller.role, archived],
        {"caller": caller.id, "cursor": cursor or "", "limit": limit + 1},
    ).all()
    shown = rows[:limit]
    return {
        "items": [
            {
                **board_shape(row),
                "right": right_of(caller.role, row.shown_to, row.given),
                "head": row.head,
            }
            for row in shown
        ],
        "next": shown[-1].id if len(rows) > limit else None,
    }


def read_board(connection: Connection, caller: Caller, *, board: str, first: int) -> dict[str, Any]:
    """A board whole, with the `first` tasks of each list and the head of its stream to follow from.

    Raises NotFound.
    """
    found = access_board(connection, caller, board)
    head = log.read_states(connection, [board])[board].head
    lists = connection.execute(LISTS_OF, {"board": board}).all()
    parts = read_parts(connection, board)
    query = FIRST_SQLITE if connection.dialect.name == "sqlite" else FIRST_POSTGRESQL
    rows = connection.execute(query, {"board": board, "first": first}).all()
    cards: dict[str, list[dict[str, Any]]] = {row.id: [] for row in lists}
    for card in task_cards(connection, rows):
        cards[card["list"]].append(card)
    return {
        **board_shape(found.row),
        "right": found.right,
        "head": head,
        **parts,
        "lists": [{**list_shape(row), "total": row.total, "tasks": cards[row.id]} for row in lists],
    }


def read_parts(connection: Connection, board: str) -> dict[str, list[dict[str, str]]]:
    """The board's members and labels, by name; with one statement."""
    parts: dict[str, list[dict[str, str]]] = {"members": [], "labels": []}
    for kind, identifier, name, more in connection.execute(PARTS, {"board": board}):
        if kind == "member":
            parts["members"].append({"user": identifier, "name": name, "right": more})
        else:
            label = {"id": identifier, "board": board, "name": name, "colour": more}
            parts["labels"].append(label)
    for part in parts.values():
        part.sort(key=lambda item: item["name"].casefold())
    return parts


def read_task_view(connection: Connection, caller: Caller, *, task: str) -> dict[str, Any]:
    """A task with its description and checklist. Raises NotFound."""
    access_task(connection, caller, task)
    return read_task(connection, task)


def list_comments(
    connection: Connection, caller: Caller, *, task: str, limit: int, cursor: str | None
) -> dict[str, Any]:
    """What was said about a task, newest first: {items, next}. Raises NotFound."""
    access_task(connection, caller, task)
    rows = connection.execute(
        COMMENTS, {"task": task, "cursor": cursor or BEYOND, "limit": limit + 1}
    ).all()
    shown = rows[:limit]
    return {
        "items": [comment_shape(row) for row in shown],
        "next": shown[-1].id if len(rows) > limit else None,
    }


def list_members(connection: Connection, caller: Caller, *, board: str) -> dict[str, Any]:
    """Who was given a right of their own on the board: {items}. Raises NotFound."""
    access_board(connection, caller, board)
    return {"items": read_parts(connection, board)["members"]}


def list_labels(connection: Connection, caller: Caller, *, board: str) -> dict[str, Any]:
    access_board(connection, caller, board)
    return {"items": read_parts(connection, board)["labels"]}


def list_lists(
    connection: Connection, caller: Caller, *, board: str, archived: bool
) -> dict[str, Any]:
    """The board's lists in their order, or the archived ones, with how many tasks each has: {items}."""
    access_board(connection, caller, board)
    query = ARCHIVED_LISTS if archived else LISTS_OF
    rows = connection.execute(query, {"board": board})
    return {"items": [{**list_shape(row), "total": row.total} for row in rows]}


def list_activity(
    connection: Connection,
    caller: Caller,
    *,
    board: str,
    task: str | None,
    actor: str | None,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """What happened on a board, newest first: {items, next}, entries of its stream.

    Of one task or by one person, if asked. A page looks at SCANNED entries at most, so it may have fewer than `limit`
    and still a `next`. Raises NotFound, or Invalid for a cursor that is none.
    """
    access_board(connection, caller, board)
    state = log.read_states(connection, [board])[board]
    until = state.head + 1
    if cursor is not None:
        until = min(until, int(read_cursor(cursor, "activity", (int,))[0]))
    first = max(state.floor + 1, until - SCANNED)
    query = (
        select(entries)
        .where(entries.c.stream == board, entries.c.seq >= first, entries.c.seq < until)
        .order_by(entries.c.seq.desc())
        .limit(limit + 1)
    )
    if actor is not None:
        query = query.where(entries.c.actor == actor)
    if task is not None:
        query = query.where(entries.c.data.contains(task, autoescape=True))
    found = [log.to_entry(row) for row in connection.execute(query)]
    shown = found[:limit]
    ended = shown[-1].seq if len(found) > limit else first
    return {
        "items": [
            orjson.Fragment(entry.encode())
            for entry in shown
            if task is None or is_about(entry, task)
        ],
        "next": make_cursor("activity", [ended]) if ended > state.floor + 1 else None,
    }


def is_about(entry: Entry, task: str) -> bool:
    """Whether an entry of a board tells of that task."""
    data = orjson.loads(entry.data)
    return task in (data.get("task"), data.get("id"))
