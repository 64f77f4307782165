"""Making, changing and moving lists, and the labels of a board."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from hubbub.boards.access import Streams
from hubbub.boards.models import board_labels, board_lists
from hubbub.boards.schemas import END
from hubbub.boards.service.common import lock_board, lock_list, unchanged
from hubbub.boards.service.dividing import divide
from hubbub.boards.service.places import LISTS
from hubbub.boards.service.telling import tell
from hubbub.boards.shapes import label_shape, list_shape
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict, NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction

MOST_LISTS = 50
MOST_LISTS_EVER = 500
MOST_LABELS = 100


@command("list.create", target="board", stream="board")
def create_list(
    tx: Transaction,
    caller: Caller,
    *,
    board: str,
    name: str,
    status: str | None = None,
    after: str | None = END,
) -> Answer:
    """Makes a list behind another one (None: in front, END: at the end); answers it.

    Raises like `access_board`, and Conflict when the board is full.
    """
    streams = lock_board(tx, caller, board, "edit").streams
    check_room_for_list(tx, board)
    rank = find_list_rank(tx, caller, streams, after)
    identifier = new_id()
    tx.execute(
        insert(board_lists),
        {"id": identifier, "board": board, "name": name, "rank": rank, "status": status},
    )
    shape = read_list(tx, identifier)
    tell(tx, caller, streams, "list.created", shape)
    return Answer(shape, status=201)


def check_room_for_list(tx: Transaction, board: str, fresh: int = 1) -> None:
    """Raises Conflict unless the board may have another list, of which so many are new."""
    mine = board_lists.c.board == board
    total = tx.execute(select(func.count()).where(mine)).scalar_one()
    live = tx.execute(
        select(func.count()).where(mine, board_lists.c.archived_at.is_(None))
    ).scalar_one()
    if live >= MOST_LISTS:
        raise Conflict(f"A board has at most {MOST_LISTS} lists: archive one first.")
    if total + fresh > MOST_LISTS_EVER:
        raise Conflict(f"A board has at most {MOST_LISTS_EVER} lists, archived ones counted.")


def find_list_rank(
    tx: Transaction, caller: Caller, streams: Streams, after: str | None, moving: Sequence[str] = ()
) -> str:
    """The rank for a list that goes behind another one; others may have to make room."""
    return find_list_ranks(tx, caller, streams, after, 1, moving)[0]


def find_list_ranks(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    after: str | None,
    count: int,
    moving: Sequence[str] = (),
) -> Sequence[str]:
    """Ranks for so many lists; clients and guests are told only of the lists they see that made room."""
    board = streams.board
    ranks, moved = LISTS.find_ranks(tx.connection, board, after, count, moving)
    if not moved:
        return ranks
    tx.append(board, "board.rebalanced", caller.id, {"board": board, "ranks": moved})
    if streams.outside is not None:
        shown = tx.execute(
            select(board_lists.c.id).where(
                board_lists.c.board == board, board_lists.c.shown_outside
            )
        )
        theirs = {place: moved[place] for place in shown.scalars() if place in moved}
        data = {"board": board, "ranks": theirs}
        tx.append(streams.outside, "board.rebalanced", caller.id, data)
    return ranks


def read_list(tx: Transaction, identifier: str) -> dict[str, Any]:
    return list_shape(tx.execute(select(board_lists).where(board_lists.c.id == identifier)).one())


@command("list.change", target="list")
def change_list(tx: Transaction, caller: Caller, *, list: str, changes: dict[str, Any]) -> Answer:
    """Changes `name`, `status` and `shown_outside`, as far as `changes` names them; answers the list.

    Raises like `access_list`; the last one takes the right to manage.
    """
    board, row = lock_list(tx, caller, list, "manage" if "shown_outside" in changes else "edit")
    values: dict[str, Any] = {
        name: changes[name]
        for name in ("name", "status", "shown_outside")
        if name in changes and changes[name] != getattr(row, name)
    }
    if not values:
        return unchanged(tx, board.id, list_shape(row))
    if "shown_outside" not in values:
        return write_list(tx, caller, board.streams, row, "list.changed", values)
    tx.execute(update(board_lists).where(board_lists.c.id == list).values(**values))
    divide(tx, caller, board)
    shape = read_list(tx, list)
    # Clients and guests load afresh what they see now.
    tx.append(board.id, "list.changed", caller.id, shape)
    return Answer(shape)


def write_list(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    row: Any,
    kind: str,
    values: dict[str, Any],
) -> Answer:
    tx.execute(update(board_lists).where(board_lists.c.id == row.id).values(**values))
    shape = read_list(tx, row.id)
    tell(tx, caller, streams, kind, shape, shown=row.shown_outside)
    return Answer(shape)


@command("list.move", target="list")
def move_list(tx: Transaction, caller: Caller, *, list: str, after: str | None = END) -> Answer:
    """Puts a list behind another one (None: in front, END: at the end); answers it. Raises like `access_list`."""
    board, row = lock_list(tx, caller, list, "edit")
    if after == list:
        return unchanged(tx, board.id, list_shape(row))
    rank = find_list_rank(tx, caller, board.streams, after, [list])
    return write_list(tx, caller, board.streams, row, "list.moved", {"rank": rank})


@command("list.archive", target="list")
def archive_list(tx: Transaction, caller: Caller, *, list: str) -> Answer:
    """Archives a list; its tasks stay in it and are not shown. Raises like `access_list`."""
    board, row = lock_list(tx, caller, list, "edit")
    if row.archived_at is not None:
        return unchanged(tx, board.id, list_shape(row))
    return write_list(tx, caller, board.streams, row, "list.archived", {"archived_at": tx.now})


@command("list.restore", target="list")
def restore_list(tx: Transaction, caller: Caller, *, list: str) -> Answer:
    """Brings an archived list back to its place. Raises like `access_list`, and Conflict when the board is full."""
    board, row = lock_list(tx, caller, list, "edit")
    if row.archived_at is None:
        return unchanged(tx, board.id, list_shape(row))
    check_room_for_list(tx, board.id, fresh=0)
    return write_list(tx, caller, board.streams, row, "list.restored", {"archived_at": None})


@command("label.create", target="board", stream="board")
def create_label(
    tx: Transaction, caller: Caller, *, board: str, name: str, colour: str = "grey"
) -> Answer:
    """Makes a label; answers it. Raises like `access_board`, and Conflict for a name that is taken."""
    streams = lock_board(tx, caller, board, "edit").streams
    count = tx.execute(select(func.count()).where(board_labels.c.board == board)).scalar_one()
    if count >= MOST_LABELS:
        raise Conflict(f"A board has at most {MOST_LABELS} labels.")
    check_label_name(tx, board, name)
    label = new_id()
    tx.execute(insert(board_labels), {"id": label, "board": board, "name": name, "colour": colour})
    shape = {"id": label, "board": board, "name": name, "colour": colour}
    tell(tx, caller, streams, "label.created", shape)
    return Answer(shape, status=201)


def check_label_name(tx: Transaction, board: str, name: str) -> None:
    taken = tx.execute(
        select(board_labels.c.id).where(board_labels.c.board == board, board_labels.c.name == name)
    ).scalar()
    if taken is not None:
        raise Conflict("This board has a label of this name.")


def find_label(tx: Transaction, board: str, label: str) -> Any:
    row = tx.execute(
        select(board_labels).where(board_labels.c.board == board, board_labels.c.id == label)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such label on this board.")
    return row


@command("label.change", target="label", stream="board")
def change_label(
    tx: Transaction, caller: Caller, *, board: str, label: str, changes: dict[str, Any]
) -> Answer:
    """Changes `name` and `colour`, as far as `changes` names them; answers the label. Raises as `create_label`."""
    streams = lock_board(tx, caller, board, "edit").streams
    row = find_label(tx, board, label)
    values: dict[str, Any] = {
        name: changes[name]
        for name in ("name", "colour")
        if name in changes and changes[name] != getattr(row, name)
    }
    shape = label_shape(row) | values
    if not values:
        return unchanged(tx, board, shape)
    if "name" in values:
        check_label_name(tx, board, values["name"])
    tx.execute(update(board_labels).where(board_labels.c.id == label).values(**values))
    tell(tx, caller, streams, "label.changed", shape)
    return Answer(shape)


@command("label.remove", target="label", stream="board")
def remove_label(tx: Transaction, caller: Caller, *, board: str, label: str) -> None:
    """Removes a label, also from every task that has it. Raises like `access_board`, and NotFound."""
    streams = lock_board(tx, caller, board, "edit").streams
    find_label(tx, board, label)
    tx.execute(delete(board_labels).where(board_labels.c.id == label))
    tell(tx, caller, streams, "label.removed", {"id": label, "board": board})
