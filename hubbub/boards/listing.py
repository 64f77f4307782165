"""Pages of tasks: of one board by filters, and of one person across boards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from hubbub.boards.access import access_board, visible_boards, visible_lists
from hubbub.boards.cursors import make_cursor, read_cursor
from hubbub.boards.due import Days, Due, due_condition
from hubbub.boards.models import (
    board_lists,
    board_members,
    boards,
    task_assignees,
    task_labels,
    tasks,
)
from hubbub.boards.shapes import task_cards
from hubbub.boards.status import UNDONE, task_status
from hubbub.chat.service.search import escape_like
from hubbub.kernel.caller import Caller

Sort = Literal["rank", "due", "priority", "changed"]
COUNTED = 10_000
"""Totals count so many tasks; a board has no more that are not archived."""
NEVER = 2**62
"""Where tasks without a due date stand: behind all others."""

DUE = func.coalesce(tasks.c.due_at, literal_column(str(NEVER)))
URGENCY = case(
    (tasks.c.priority == "high", 0),
    (tasks.c.priority == "medium", 1),
    (tasks.c.priority == "low", 2),
    else_=3,
)

URGENCIES: dict[str | None, int] = {"high": 0, "medium": 1, "low": 2, None: 3}


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by, all in one direction, its last column unique; and the types of these."""

    columns: Sequence[ColumnElement[Any]]
    types: Sequence[type]
    place: Callable[[Any], Sequence[str | int]]
    falling: bool = False

    def after(self, place: Sequence[Any]) -> ColumnElement[bool]:
        here: ColumnElement[Any] = tuple_(*self.columns)
        return here < tuple_(*place) if self.falling else here > tuple_(*place)

    def sort(self) -> list[ColumnElement[Any]]:
        return [column.desc() if self.falling else column for column in self.columns]


def due_place(row: Any) -> list[str | int]:
    return [NEVER if row.due_at is None else row.due_at, row.id]


ORDERS: dict[Sort, Order] = {
    "rank": Order(
        (board_lists.c.rank, tasks.c.rank, tasks.c.id),
        (str, str, str),
        lambda row: [row.list_rank, row.rank, row.id],
    ),
    "due": Order((DUE, tasks.c.id), (int, str), due_place),
    "priority": Order(
        (URGENCY, DUE, tasks.c.id),
        (int, int, str),
        lambda row: [URGENCIES[row.priority], *due_place(row)],
    ),
    "changed": Order(
        (tasks.c.changed_at, tasks.c.id),
        (int, str),
        lambda row: [row.changed_at, row.id],
        falling=True,
    ),
}


# One look at the index for each task, where NOT EXISTS might read everybody's tasks at once.
FIRST_ASSIGNEE = (
    select(task_assignees.c.user)
    .where(task_assignees.c.task == tasks.c.id)
    .limit(1)
    .correlate(tasks)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which tasks are wanted; what is None asks for nothing. `assignee` "none": nobody's; `place`: a list."""

    status: str | None = None
    priority: str | None = None
    assignee: str | None = None
    label: str | None = None
    due: Due | None = None
    text: str | None = None
    place: str | None = None
    archived: bool = False

    def conditions(self, days: Days) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [archived_condition(self.archived)]
        if self.status is not None:
            wanted = None if self.status == "none" else self.status
            found.append(task_status == wanted)
        if self.priority is not None:
            wanted = None if self.priority == "none" else self.priority
            found.append(tasks.c.priority == wanted)
        if self.assignee == "none":
            found.append(FIRST_ASSIGNEE.is_(None))
        elif self.assignee is not None:
            found.append(
                exists().where(
                    task_assignees.c.task == tasks.c.id, task_assignees.c.user == self.assignee
                )
            )
        if self.label is not None:
            found.append(
                exists().where(task_labels.c.task == tasks.c.id, task_labels.c.label == self.label)
            )
        if self.due is not None:
            found.append(due_condition(self.due, days))
        if self.due == "overdue":
            found.append(UNDONE)
        if self.place is not None:
            found.append(tasks.c.list == self.place)
        for word in (self.text or "").replace("\0", " ").split()[:WORDS]:
            pattern = f"%{escape_like(word)}%"
            found.append(
                or_(
                    tasks.c.title.ilike(pattern, escape="\\"),
                    tasks.c.description.ilike(pattern, escape="\\"),
                )
            )
        return found


WORDS = 10


CARD_COLUMNS: list[ColumnElement[Any]] = [
    # A card only says whether there is a description.
    func.substr(column, 1, 1).label("description") if column.name == "description" else column
    for column in tasks.c
]


def archived_condition(archived: bool) -> ColumnElement[bool]:
    """Tasks that are archived themselves, or those that stand in a list one sees."""
    if archived:
        return tasks.c.archived_at.is_not(None)
    return and_(tasks.c.archived_at.is_(None), board_lists.c.archived_at.is_(None))


SOURCE = tasks.join(board_lists, board_lists.c.id == tasks.c.list)
COLUMNS = (*CARD_COLUMNS, board_lists.c.rank.label("list_rank"))


def list_tasks(
    connection: Connection,
    caller: Caller,
    *,
    board: str,
    filters: Filters,
    days: Days,
    sort: Sort,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """A page of a board's tasks: {items, next, totals}; `totals` by list, on the first page.

    Raises NotFound, or Invalid for a cursor that is none of this order.
    """
    access_board(connection, caller, board)
    conditions = [tasks.c.board == board, visible_lists(caller.role), *filters.conditions(days)]
    query = select(*COLUMNS).select_from(SOURCE).where(*conditions)
    page = read_page(connection, query, sort, limit, cursor)
    if cursor is None:
        page["totals"] = count_by_list(connection, conditions)
    return page


def read_page(
    connection: Connection, query: Select[Any], sort: Sort, limit: int, cursor: str | None
) -> dict[str, Any]:
    """{items, next} of the tasks the query selects, in that order."""
    order = ORDERS[sort]
    if cursor is not None:
        query = query.where(order.after(read_cursor(cursor, sort, order.types)))
    rows = connection.execute(query.order_by(*order.sort()).limit(limit + 1)).all()
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "items": task_cards(connection, shown),
        "next": make_cursor(sort, order.place(shown[-1])) if more else None,
    }


def count_by_list(
    connection: Connection, conditions: Sequence[ColumnElement[bool]]
) -> dict[str, int]:
    some = select(tasks.c.list).select_from(SOURCE).where(*conditions).limit(COUNTED).subquery()
    rows = connection.execute(select(some.c.list, func.count()).group_by(some.c.list))
    return {place: int(count) for place, count in rows}


def list_own_tasks(
    connection: Connection,
    caller: Caller,
    *,
    due: Due | None,
    days: Days,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """A page of what the caller has to do, on every board they see, by due date: {items, next, totals}.

    What is done is left out. `totals`, on the first page, has the tasks `overdue`, due
    `today` and this `week`, those without a date as `none`, and `all`. Raises Invalid for a cursor that is none.
    """
    source, conditions = own_tasks(connection, caller)
    conditions.append(UNDONE)
    wanted = [*conditions, due_condition(due, days)] if due else conditions
    query = select(*COLUMNS).select_from(source).where(*wanted)
    page = read_page(connection, query, "due", limit, cursor)
    if cursor is None:
        page["totals"] = count_own(connection, source, conditions, days)
    return page


def own_tasks(
    connection: Connection, caller: Caller
) -> tuple[FromClause, list[ColumnElement[bool]]]:
    """Where the caller's tasks on boards they see are selected from, and the conditions for these."""
    source = SOURCE.join(boards, boards.c.id == tasks.c.board).outerjoin(
        board_members,
        and_(board_members.c.board == boards.c.id, board_members.c.user == caller.id),
    )
    mine = select(task_assignees.c.task).where(task_assignees.c.user == caller.id)
    sqlite = connection.dialect.name == "sqlite"
    return source, [
        # As an array PostgreSQL looks each up by its key; as a join it may read the tasks of everybody instead.
        tasks.c.id.in_(mine)
        if sqlite
        else tasks.c.id == func.any(func.array(mine.scalar_subquery())),
        archived_condition(archived=False),
        boards.c.archived_at.is_(None),
        visible_boards(caller),
        visible_lists(caller.role),
    ]


DUES: tuple[Due, ...] = ("overdue", "today", "week", "none")


def count_own(
    connection: Connection, source: Any, conditions: Sequence[ColumnElement[bool]], days: Days
) -> dict[str, int]:
    flags = [case((due_condition(due, days), 1), else_=0).label(due) for due in DUES]
    some = select(*flags).select_from(source).where(*conditions).limit(COUNTED).subquery()
    sums = [func.coalesce(func.sum(some.c[due]), 0) for due in DUES]
    row = connection.execute(select(func.count(), *sums).select_from(some)).one()
    return {"all": row[0], **{due: int(count) for due, count in zip(DUES, row[1:], strict=True)}}
