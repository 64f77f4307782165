"""Who may do what on which board. The only way to fetch a board, a list or a task for somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, text, true

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


class Streams(NamedTuple):
    """Where it is told what happens on a board: its own stream, and that of clients and guests.

    These have one, `outside`, once a list of the board was hidden from them; before, they follow the board's.
    """

    board: str
    outside: str | None


@dataclass(frozen=True, slots=True)
class Board:
    """A board as the caller stands to it."""

    row: Any
    right: Right
    role: str

    @property
    def id(self) -> str:
        return str(self.row.id)

    @property
    def streams(self) -> Streams:
        return Streams(self.row.id, self.row.outside)

    @property
    def stream(self) -> str:
        """The one that the caller follows."""
        return stream_for(self.role, self.streams)


def is_outsider(role: str) -> bool:
    """Whether people of this role see only the lists that are shown to clients and guests."""
    return role not in COLLEAGUES


def may_see(role: str, shown_outside: bool) -> bool:
    """Whether people of this role see a list, and the tasks in it, of a board they see."""
    return shown_outside or not is_outsider(role)


def stream_for(role: str, streams: Streams) -> str:
    return streams.outside or streams.board if is_outsider(role) else streams.board


def visible_lists(role: str) -> ColumnElement[bool]:
    """The condition on `board_lists` for those that people of this role see of the boards they see."""
    return board_lists.c.shown_outside if is_outsider(role) else true()


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
    has = check_right(standing, caller, right, archived=archived)
    return Board(row, has, caller.role)


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
    if row is None or not may_see(caller.role, row.shown_outside):
        raise NotFound(NO_LIST)
    try:
        return access_board(connection, caller, row.board, right), row
    except NotFound:
        raise NotFound(NO_LIST) from None


TASK = (
    select(tasks, board_lists.c.shown_outside)
    .join(board_lists, board_lists.c.id == tasks.c.list)
    .where(tasks.c.id == bindparam("task"))
)
"""A task's row, and whether its list is shown to clients and guests."""


def access_task(
    connection: Connection, caller: Caller, task: str, right: Right = "view"
) -> tuple[Board, Any]:
    """The board and the task's row as TASK has it, if the caller has the right there. Raises like `access_board`."""
    row = connection.execute(TASK, {"task": task}).one_or_none()
    if row is None or not may_see(caller.role, row.shown_outside):
        raise NotFound(NO_TASK)
    try:
        return access_board(connection, caller, row.board, right), row
    except NotFound:
        raise NotFound(NO_TASK) from None


STANDINGS = """
SELECT asked.value ->> 0 AS asked, asked.value ->> 1 AS person, boards.outside, boards.shown_to, given."right"
FROM {pairs} AS asked(value)
JOIN boards ON boards.{column} = (asked.value ->> 0)
LEFT JOIN board_members AS given
    ON given.board = boards.id AND given."user" = (asked.value ->> 1)
"""
STANDINGS_SQLITE = STANDINGS.replace("asked(value)", "asked").replace(
    "{pairs}", "(SELECT value FROM json_each(:pairs))"
)
STANDINGS_POSTGRESQL = STANDINGS.replace("{pairs}", "json_array_elements(CAST(:pairs AS json))")
STANDINGS_OF = {
    ("sqlite", column): text(STANDINGS_SQLITE.format(column=column)) for column in ("id", "outside")
} | {
    ("postgresql", column): text(STANDINGS_POSTGRESQL.format(column=column))
    for column in ("id", "outside")
}

Pair = tuple[Caller, str]


def read_standings(
    connection: Connection, asked: Sequence[Pair], column: Literal["id", "outside"] = "id"
) -> dict[Pair, str | None]:
    """Those of the pairs where the caller sees the board, named by this column, and the board's outside stream."""
    pairs = list({(board, caller.id) for caller, board in asked})
    rows = connection.execute(
        STANDINGS_OF[connection.dialect.name, column], {"pairs": orjson.dumps(pairs).decode()}
    )
    found = {(name, person): (outside, standing) for name, person, outside, *standing in rows}
    return {
        (caller, name): found[name, caller.id][0]
        for caller, name in asked
        if (name, caller.id) in found
        and right_of(caller.role, *found[name, caller.id][1]) is not None
    }


def followable_boards(connection: Connection, asked: Sequence[Pair]) -> set[Pair]:
    """Those of the pairs where the caller may follow the board's stream; with one statement."""
    seen = read_standings(connection, asked)
    return {pair for pair, outside in seen.items() if not (outside and is_outsider(pair[0].role))}


def followable_outsides(connection: Connection, asked: Sequence[Pair]) -> set[Pair]:
    """Those of the pairs where the caller may follow the stream of a board's clients and guests."""
    seen = read_standings(connection, asked, "outside")
    return {pair for pair in seen if is_outsider(pair[0].role)}


def visible_boards(caller: Caller) -> Any:
    """The condition on `boards`, outer-joined with the caller's own `board_members`, for those they may see."""
    if caller.role in MANAGERS:
        return boards.c.id.is_not(None)
    given = board_members.c.user.is_not(None)
    if caller.role in COLLEAGUES:
        return or_(given, boards.c.shown_to == "colleagues")
    return given


def board_people(
    connection: Connection, row: Any, *, outsiders: bool = True
) -> list[tuple[str, str]]:
    """Id and name of the active people who may see the board, by id; without its `outsiders`, if so asked."""
    given = and_(board_members.c.user == users.c.id, board_members.c.board == row.id)
    roles = COLLEAGUES if row.shown_to == "colleagues" else MANAGERS
    query = (
        select(users.c.id, users.c.name)
        .select_from(users.outerjoin(board_members, given))
        .where(
            users.c.active, or_(users.c.role.in_(sorted(roles)), board_members.c.user.is_not(None))
        )
        .order_by(users.c.id)
    )
    if not outsiders:
        query = query.where(users.c.role.in_(sorted(COLLEAGUES)))
    found = connection.execute(query)
    return [(identifier, name) for identifier, name in found]
