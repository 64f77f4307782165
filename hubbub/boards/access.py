"""Who may do what on which board. The only way to fetch a board, a list or a task for somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, and_, bindparam, or_, select, text

from hubbub.boards.models import board_lists, board_members, boards, tasks
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Conflict, Forbidden, NotFound
from hubbub.people.models import users
from hubbub.people.roles import COLLEAGUES

Right = Literal["view", "comment", "edit", "manage"]

RIGHTS: tuple[Right, ...] = ("view", "comment", "edit", "manage")
"""From the least to the most; each contains those before it."""
MANAGERS = frozenset({"owner", "admin"})
"""Roles that manage every board."""

NO_BOARD = "There is no such board, or it is not yours to see."
NO_LIST = "There is no such list, or it is not yours to see."
NO_TASK = "There is no such task, or it is not yours to see."


@dataclass(frozen=True, slots=True)
class Board:
    """A board as the caller stands to it."""

    row: Any
    right: Right

    @property
    def id(self) -> str:
        return str(self.row.id)


def right_of(role: str, shown_to: str, given: str | None) -> Right | None:
    """What somebody of this role may do on a board, given the right of their row there; None is nothing.

    Owners and admins manage every board. Other colleagues have what they were given, and otherwise edit what is shown
    to colleagues. Clients and guests have what they were given, but comment at most.
    """
    if role in MANAGERS:
        return "manage"
    place = next((right for right in RIGHTS if right == given), None)
    if role in COLLEAGUES:
        return place or ("edit" if shown_to == "colleagues" else None)
    return place if place in (None, "view") else "comment"


BOARD = (
    select(boards, board_members.c.right.label("given"))
    .select_from(
        boards.outerjoin(
            board_members,
            and_(
                board_members.c.board == boards.c.id,
                board_members.c.user == bindparam("caller"),
            ),
        )
    )
    .where(boards.c.id == bindparam("board"))
)


def access_board(
    connection: Connection,
    caller: Caller,
    board: str,
    right: Right = "view",
    *,
    archived: bool = False,
) -> Board:
    """The board, if the caller has the right there.

    An archived board can be seen, and with `archived` also be changed. Raises NotFound for a board the caller may not
    know of, Forbidden without the right, Conflict for an archived one.
    """
    row = connection.execute(BOARD, {"board": board, "caller": caller.id}).one_or_none()
    if row is None:
        raise NotFound(NO_BOARD)
    standing = Standing(row.shown_to, row.given, row.archived_at is not None)
    return Board(row, check_right(standing, caller, right, archived=archived))


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides who may do what on a board: whom it is shown to, the right given, whether it is archived."""

    shown_to: str
    given: str | None
    archived: bool


def check_right(
    standing: Standing, caller: Caller, right: Right, *, archived: bool = False
) -> Right:
    """What the caller may do, if that includes `right`. Raises as `access_board`."""
    has = right_of(caller.role, standing.shown_to, standing.given)
    if has is None:
        raise NotFound(NO_BOARD)
    if RIGHTS.index(has) < RIGHTS.index(right):
        raise Forbidden(f"You may {has} this board; this needs the right to {right} it.")
    if right != "view" and standing.archived and not archived:
        raise Conflict("This board is archived: restore it first.")
    return has


LIST = select(board_lists).where(board_lists.c.id == bindparam("list"))


def access_list(
    connection: Connection, caller: Caller, identifier: str, right: Right = "view"
) -> tuple[Board, Any]:
    """The board and the list's row, if the caller has the right there. Raises like `access_board`."""
    row = connection.execute(LIST, {"list": identifier}).one_or_none()
    if row is None:
        raise NotFound(NO_LIST)
    try:
        return access_board(connection, caller, row.board, right), row
    except NotFound:
        raise NotFound(NO_LIST) from None


TASK = select(tasks).where(tasks.c.id == bindparam("task"))


def access_task(
    connection: Connection, caller: Caller, task: str, right: Right = "view"
) -> tuple[Board, Any]:
    """The board and the task's row, if the caller has the right there. Raises like `access_board`."""
    row = connection.execute(TASK, {"task": task}).one_or_none()
    if row is None:
        raise NotFound(NO_TASK)
    try:
        return access_board(connection, caller, row.board, right), row
    except NotFound:
        raise NotFound(NO_TASK) from None


STANDINGS = """
SELECT asked.value ->> 0 AS board, asked.value ->> 1 AS person, boards.shown_to, given."right"
FROM {pairs} AS asked(value)
JOIN boards ON boards.id = (asked.value ->> 0)
LEFT JOIN board_members AS given
    ON given.board = boards.id AND given."user" = (asked.value ->> 1)
"""
STANDINGS_SQLITE = text(
    STANDINGS.format(pairs="(SELECT value FROM json_each(:pairs))").replace("asked(value)", "asked")
)
STANDINGS_POSTGRESQL = text(STANDINGS.format(pairs="json_array_elements(CAST(:pairs AS json))"))


def followable_boards(
    connection: Connection, asked: Sequence[tuple[Caller, str]]
) -> set[tuple[Caller, str]]:
    """Those of the pairs where the caller may follow the board's stream; with one statement."""
    sqlite = connection.dialect.name == "sqlite"
    pairs = list({(board, caller.id) for caller, board in asked})
    rows = connection.execute(
        STANDINGS_SQLITE if sqlite else STANDINGS_POSTGRESQL,
        {"pairs": orjson.dumps(pairs).decode()},
    )
    standings = {(board, person): (shown_to, given) for board, person, shown_to, given in rows}
    return {
        (caller, board)
        for caller, board in asked
        if (standing := standings.get((board, caller.id))) is not None
        and right_of(caller.role, *standing) is not None
    }


def visible_boards(caller: Caller) -> Any:
    """The condition on `boards`, outer-joined with the caller's own `board_members`, for those they may see."""
    if caller.role in MANAGERS:
        return boards.c.id.is_not(None)
    given = board_members.c.user.is_not(None)
    if caller.role in COLLEAGUES:
        return or_(given, boards.c.shown_to == "colleagues")
    return given


def board_people(connection: Connection, row: Any) -> list[tuple[str, str]]:
    """Id and name of the active people who may see the board, by id."""
    given = and_(board_members.c.user == users.c.id, board_members.c.board == row.id)
    roles = COLLEAGUES if row.shown_to == "colleagues" else MANAGERS
    found = connection.execute(
        select(users.c.id, users.c.name)
        .select_from(users.outerjoin(board_members, given))
        .where(
            users.c.active, or_(users.c.role.in_(sorted(roles)), board_members.c.user.is_not(None))
        )
        .order_by(users.c.id)
    )
    return [(identifier, name) for identifier, name in found]
