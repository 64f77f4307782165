"""Making and changing boards, and who may do what there."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from hubbub.boards.access import MANAGERS, Right, Streams, right_of
from hubbub.boards.models import board_lists, board_members, boards
from hubbub.boards.ranks import spread_ranks
from hubbub.boards.service.common import lock_board, unchanged
from hubbub.boards.service.telling import append_many, tell
from hubbub.boards.shapes import board_shape, list_shape
from hubbub.chat.access import access_room, visible_people
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users
from hubbub.people.roles import COLLEAGUES

MOST_MEMBERS = 1_000


@command("board.create", target="name")
def create_board(
    tx: Transaction,
    caller: Caller,
    *,
    name: str,
    room: str | None = None,
    shown_to: str = "colleagues",
    lists: Sequence[str | dict[str, Any]] = (),
    sample: bool = False,
) -> Answer:
    """Makes a board, managed by the caller, with these lists; answers it. Raises Forbidden or NotFound.

    A list is its name, or has `name` and `status`. A board of the sample goes with it.
    """
    if caller.role not in COLLEAGUES:
        raise Forbidden("Only members of the workspace may make boards.")
    if room is not None:
        access_room(tx.connection, caller, room)
    board = new_id()
    tx.create_stream(board, "board")
    tx.execute(
        insert(boards),
        {
            "id": board,
            "name": name,
            "room": room,
            "shown_to": shown_to,
            "created_by": caller.id,
            "created_at": tx.now,
            "sample": sample,
        },
    )
    tx.execute(insert(board_members), {"board": board, "user": caller.id, "right": "manage"})
    shape = read_board(tx, board)
    tx.append(board, "board.created", caller.id, shape)
    tx.append(
        board, "board.member_set", caller.id, {"board": board, "user": caller.id, "right": "manage"}
    )
    shown = []
    for first, rank in zip(lists, spread_ranks(None, None, len(lists)), strict=True):
        identifier = new_id()
        named = {"name": first} if isinstance(first, str) else first
        tx.execute(
            insert(board_lists),
            {"status": None, **named, "id": identifier, "board": board, "rank": rank},
        )
        row = tx.execute(select(board_lists).where(board_lists.c.id == identifier)).one()
        shown.append(list_shape(row))
        tx.append(board, "list.created", caller.id, shown[-1])
    return Answer({**shape, "right": "manage", "lists": shown}, status=201)


def read_board(tx: Transaction, board: str) -> dict[str, Any]:
    return board_shape(tx.execute(select(boards).where(boards.c.id == board)).one())


@command("board.change", target="board", stream="board")
def change_board(tx: Transaction, caller: Caller, *, board: str, changes: dict[str, Any]) -> Answer:
    """Changes `name`, `room`, `shown_to` and `archived`, as far as `changes` names them; answers the board.

    Raises like `access_board` and `access_room`.
    """
    found = lock_board(tx, caller, board, "manage", archived=True)
    row, connection = found.row, tx.connection
    archived = changes.get("archived", row.archived_at is not None)
    values: dict[str, Any] = {
        name: changes[name]
        for name in ("name", "room", "shown_to")
        if name in changes and changes[name] != getattr(row, name)
    }
    if values and archived and row.archived_at is not None:
        raise Conflict("This board is archived: restore it first.")
    if values.get("room") is not None:
        access_room(connection, caller, values["room"])
    if values:
        connection.execute(update(boards).where(boards.c.id == board).values(**values))
        tell(tx, caller, found.streams, "board.changed", read_board(tx, board))
    if values.get("shown_to") == "members":
        withdraw_colleagues(tx, caller, board)
    if archived != (row.archived_at is not None):
        connection.execute(
            update(boards)
            .where(boards.c.id == board)
            .values(archived_at=tx.now if archived else None)
        )
        kind = "board.archived" if archived else "board.restored"
        tell(tx, caller, found.streams, kind, read_board(tx, board))
    shape = {**read_board(tx, board), "right": found.right}
    return Answer(shape) if tx.last_seq is not None else unchanged(tx, board, shape)


def withdraw_colleagues(tx: Transaction, caller: Caller, board: str) -> None:
    """Tells of everybody whose right ended when the board was no longer shown to colleagues, each by an entry.

    Clients and guests with a stream of their own are not told: they do not know these people.
    """
    given = select(board_members.c.user).where(board_members.c.board == board)
    people = [
        *tx.execute(
            select(users.c.id)
            .where(
                users.c.active,
                users.c.role.in_(sorted(COLLEAGUES - MANAGERS)),
                users.c.id.not_in(given),
            )
            .order_by(users.c.id)
        ).scalars()
    ]
    told = [
        ("board.member_removed", {"board": board, "user": person, "right": None})
        for person in people
    ]
    append_many(tx, caller, board, told)


@command("board.set_member", target="board", stream="board")
def set_member(tx: Transaction, caller: Caller, *, board: str, user: str, right: str) -> Answer:
    """Gives somebody a right on the board, or another one; answers it.

    Raises like `access_board`, and Invalid for a person who is not there, or a right their role cannot have.
    """
    found = lock_board(tx, caller, board, "manage")
    person = tx.execute(select(users).where(users.c.id == user, users.c.active)).one_or_none()
    visible = visible_people(tx.connection, caller)
    if person is None or (visible is not None and user not in visible):
        raise Invalid.field("user", "This person does not exist or is not active.")
    if person.role not in COLLEAGUES and right in ("edit", "manage"):
        raise Invalid.field("right", "Clients and guests may view or comment.")
    mine = (board_members.c.board == board, board_members.c.user == user)
    before = tx.execute(select(board_members.c.right).where(*mine)).scalar()
    data = {"board": board, "user": user, "right": right}
    if before == right:
        return unchanged(tx, found.id, data)
    if before is None:
        count = tx.execute(select(func.count()).where(board_members.c.board == board)).scalar_one()
        if count >= MOST_MEMBERS:
            raise Conflict(f"A board has at most {MOST_MEMBERS} members.")
        tx.execute(insert(board_members), data)
    else:
        tx.execute(update(board_members).where(*mine).values(right=right))
    tell_member(tx, caller, found.streams, "board.member_set", user, data)
    return Answer(data)


@command("board.remove_member", target="board", stream="board")
def remove_member(tx: Transaction, caller: Caller, *, board: str, user: str) -> None:
    """Takes somebody's own right away, or leaves; what the board shows to colleagues stays theirs.

    Raises like `access_board`, and NotFound for somebody without a right of their own.
    """
    least: Right = "view" if user == caller.id else "manage"
    found = lock_board(tx, caller, board, least, archived=True)
    gone = tx.execute(
        delete(board_members).where(board_members.c.board == board, board_members.c.user == user)
    ).rowcount
    if not gone:
        raise NotFound("This person is not a member of the board.")
    role = tx.execute(select(users.c.role).where(users.c.id == user)).scalar_one()
    left = right_of(role, found.row.shown_to, None)
    data = {"board": board, "user": user, "right": left}
    tell_member(tx, caller, found.streams, "board.member_removed", user, data)


def tell_member(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    kind: str,
    user: str,
    data: dict[str, Any],
) -> None:
    """Tells the board and the person."""
    tell(tx, caller, streams, kind, data)
    tx.append(user, kind, caller.id, data)
