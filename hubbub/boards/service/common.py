"""What every command of boards does first: find the board, lock its stream, and look again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from hubbub.boards.access import (
    NO_LIST,
    NO_TASK,
    Board,
    Right,
    access_board,
    access_list,
    access_task,
    board_people,
)
from hubbub.boards.models import board_lists, tasks
from hubbub.boards.repeats import change_repeat
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer
from hubbub.kernel.errors import Conflict, Invalid, NotFound
from hubbub.kernel.transaction import Transaction


def lock_board(
    tx: Transaction, caller: Caller, board: str, right: Right, *, archived: bool = False
) -> Board:
    """The board, whose stream is locked: everything read from now on stays true. Raises like `access_board`."""
    log.lock_streams(tx.connection, [board])
    return access_board(tx.connection, caller, board, right, archived=archived)


def lock_task(
    tx: Transaction, caller: Caller, task: str, right: Right = "edit", *, live: bool = True
) -> tuple[Board, Any]:
    """The board, whose stream is locked, and the task's row.

    Raises like `access_task`, and Conflict for an archived task that has to be `live`.
    """
    board = tx.connection.execute(select(tasks.c.board).where(tasks.c.id == task)).scalar()
    if board is None:
        raise NotFound(NO_TASK)
    log.lock_streams(tx.connection, [board])
    found, row = access_task(tx.connection, caller, task, right)
    if live and row.archived_at is not None:
        raise Conflict("This task is archived: restore it first.")
    return found, row


def lock_list(tx: Transaction, caller: Caller, identifier: str, right: Right) -> tuple[Board, Any]:
    """The board, whose stream is locked, and the list's row. Raises like `access_list`."""
    board = tx.connection.execute(
        select(board_lists.c.board).where(board_lists.c.id == identifier)
    ).scalar()
    if board is None:
        raise NotFound(NO_LIST)
    log.lock_streams(tx.connection, [board])
    return access_list(tx.connection, caller, identifier, right)


def find_list(connection: Connection, board: str, identifier: str) -> Any:
    """The row of a list that tasks of this board can be put into. Raises Invalid or Conflict."""
    row = connection.execute(
        select(board_lists).where(board_lists.c.id == identifier, board_lists.c.board == board)
    ).one_or_none()
    check_list(row is not None, row is not None and row.archived_at is not None)
    return row


def find_list_of(connection: Connection, board: str, status: str | None) -> Any:
    """The row of the board's first list of that status (None: without one). Raises Conflict when there is none."""
    row = connection.execute(
        select(board_lists)
        .where(
            board_lists.c.board == board,
            board_lists.c.status.is_not_distinct_from(status),
            board_lists.c.archived_at.is_(None),
        )
        .order_by(board_lists.c.rank)
        .limit(1)
    ).one_or_none()
    if row is None:
        which = f"with the status {status.capitalize()}" if status else "without a status"
        raise Conflict(f"This board has no list {which}.")
    return row


def check_list(found: bool, archived: bool) -> None:
    """Raises Invalid or Conflict unless tasks can be put into a list."""
    if not found:
        raise Invalid.field("list", "There is no such list on this board.")
    if archived:
        raise Conflict("This list is archived: restore it first.")


def check_task_people(
    connection: Connection, board: Board, people: Sequence[str], *, shown: bool
) -> None:
    """Raises Invalid unless everybody is active and may see a task of the board, whose list is `shown` outside."""
    if not people:
        return
    known = {identifier for identifier, _ in board_people(connection, board.row, outsiders=shown)}
    if not known.issuperset(people):
        where = "is not on this board" if shown else "does not see this list"
        raise Invalid.field("assignees", f"One of these people {where}.")


def find_repeat(
    row: Any, changes: dict[str, Any], due_at: int | None, due_has_time: bool
) -> str | None:
    """The text of a task's repeat after changes that leave it due then. Raises Invalid."""
    moved = row is not None and (row.due_at, row.due_has_time) != (due_at, due_has_time)
    kept = None if row is None else row.repeat
    try:
        return change_repeat(kept, changes, due_at, due_has_time, moved=moved)
    except ValueError as error:
        raise Invalid.field("repeat", str(error)) from None


def unchanged(tx: Transaction, board: str, data: Any) -> Answer:
    """The answer of a command that found everything as it was wished."""
    return Answer(data, seq=log.read_states(tx.connection, [board])[board].head)
