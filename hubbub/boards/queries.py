"""What boards show: the boards one sees, one board whole, and a task whole."""

from collections.abc import Sequence
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

from hubbub.boards.access import (
    Streams,
    access_board,
    access_task,
    is_outsider,
    right_of,
    stream_for,
    visible_boards,
    visible_lists,
)
from hubbub.boards.listing import CARD_COLUMNS
from hubbub.boards.models import (
    board_labels,
    board_lists,
    board_members,
    boards,
    task_comments,
    tasks,
)
from hubbub.boards.shapes import (
    board_shape,
    comment_shape,
    list_shape,
    name_people,
    read_task,
    task_cards,
)
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.log import streams
from hubbub.people.models import users

MOST_ARCHIVED = 200
"""Archived lists that are shown."""
BLOCK = 200
"""Cards that are encoded at once."""


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


def first_sqlite(lists: Any) -> Any:
    numbered = (
        select(
            *CARD_COLUMNS,
            func.row_number().over(partition_by=tasks.c.list, order_by=tasks.c.rank).label("place"),
        )
        .join(board_lists, board_lists.c.id == tasks.c.list)
        .where(
            tasks.c.board == bindparam("board"),
            tasks.c.archived_at.is_(None),
            board_lists.c.archived_at.is_(None),
            lists,
        )
        .subquery()
    )
    return (
        select(numbered)
        .where(numbered.c.place <= bindparam("first"))
        .order_by(numbered.c.list, numbered.c.place)
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
ROLES = ("owner", "admin", "member", "client", "guest")
FIRST_FOR = {
    role: {
        "sqlite": first_sqlite(visible_lists(role)),
        "postgresql": FIRST_POSTGRESQL.where(visible_lists(role)),
    }
    for role in ROLES
}
"""The first live tasks of each live list that people of a role see."""


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
    .outerjoin(
        board_members,
        and_(board_members.c.board == boards.c.id, board_members.c.user == bindparam("caller")),
    )
    .where(boards.c.id > bindparam("cursor"))
    .order_by(boards.c.id)
    .limit(bindparam("limit"))
)
BOARDS_FOR = {
    (role, archived): BOARDS.join(
        streams,
        streams.c.id
        == (func.coalesce(boards.c.outside, boards.c.id) if is_outsider(role) else boards.c.id),
    ).where(
        visible_boards(Caller("", role)),
        boards.c.archived_at.is_not(None) if archived else boards.c.archived_at.is_(None),
    )
    for role in ROLES
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
                "stream": stream_for(caller.role, Streams(row.id, row.outside)),
                "head": row.head,
            }
            for row in shown
        ],
        "next": shown[-1].id if len(rows) > limit else None,
    }


def read_board(connection: Connection, caller: Caller, *, board: str, first: int) -> bytes:
    """What the caller sees of a board as JSON, with the `first` tasks of each list.

    `stream` is to be followed from `head` on. `people` are those who made or have one of these tasks and are no
    members. It is encoded here, in the reading thread, a part at a time: a board of thousands of tasks keeps nobody
    waiting. Raises NotFound.
    """
    found = access_board(connection, caller, board)
    head = log.read_states(connection, [found.stream])[found.stream].head
    lists = connection.execute(LISTS_OF.where(visible_lists(caller.role)), {"board": board}).all()
    parts = read_parts(connection, board)
    query = FIRST_FOR[caller.role][connection.dialect.name]
    rows = connection.execute(query, {"board": board, "first": first}).all()
    cards: dict[str, list[dict[str, Any]]] = {row.id: [] for row in lists}
    people = {found.row.created_by}
    for card in task_cards(connection, rows):
        cards[card["list"]].append(card)
        people.update(card["assignees"], (card["created_by"],))
    people.difference_update(member["user"] for member in parts["members"])
    shown = [
        {**list_shape(row), "total": row.total, "tasks": encode_many(cards[row.id])}
        for row in lists
    ]
    return orjson.dumps(
        {
            **board_shape(found.row),
            "right": found.right,
            "stream": found.stream,
            "head": head,
            **parts,
            "people": name_people(connection, people),
            "lists": shown,
        }
    )


def encode_many(cards: Sequence[dict[str, Any]]) -> orjson.Fragment:
    """A list of cards as JSON. The encoder lets no other thread run, so it gets a few at a time."""
    blocks = [cards[start : start + BLOCK] for start in range(0, len(cards), BLOCK)]
    return orjson.Fragment(b"[" + b",".join(orjson.dumps(block)[1:-1] for block in blocks) + b"]")


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
    """What was said about a task, newest first: {items, next, people}, the people by whom. Raises NotFound."""
    access_task(connection, caller, task)
    rows = connection.execute(
        COMMENTS, {"task": task, "cursor": cursor or BEYOND, "limit": limit + 1}
    ).all()
    shown = rows[:limit]
    return {
        "items": [comment_shape(row) for row in shown],
        "next": shown[-1].id if len(rows) > limit else None,
        "people": name_people(connection, {row.author for row in shown}),
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
    rows = connection.execute(query.where(visible_lists(caller.role)), {"board": board})
    return {"items": [{**list_shape(row), "total": row.total} for row in rows]}
