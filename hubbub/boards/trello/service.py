"""Brings a board of Trello's in, a batch at a time: each is one transaction with its entries and its ledger rows."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from hubbub.boards.models import board_labels, board_lists
from hubbub.boards.schemas import END
from hubbub.boards.service.boards import change_board, create_board, set_member
from hubbub.boards.service.common import lock_board
from hubbub.boards.service.lists import (
    archive_list,
    change_label,
    change_list,
    create_label,
    find_list_ranks,
    restore_list,
)
from hubbub.boards.service.telling import tell_many
from hubbub.boards.shapes import list_shape
from hubbub.boards.trello.comments import write_comments
from hubbub.boards.trello.ledger import Changed, Ledger, find_imported_board
from hubbub.boards.trello.pieces import BoardPiece, Kind, LabelPiece, ListPiece, MemberPiece
from hubbub.boards.trello.tasks import write_tasks
from hubbub.boards.trello.work import Work
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import command
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction


@command("import.start", target="name")
def start_import(tx: Transaction, caller: Caller, *, piece: BoardPiece, name: str) -> str:
    """Makes the board, or finds the one made before; answers its id. Raises as `create_board` and `access_board`."""
    board = find_imported_board(tx.connection, piece.external)
    if board is None:
        made = create_board(tx, caller, name=name, shown_to=piece.shown_to)
        board = str(made.data["id"])
        Ledger(tx.connection, piece.external, board).keep("board", [(piece, board)])
        return board
    lock_board(tx, caller, board, "manage")
    ledger = Ledger(tx.connection, piece.external, board)
    for changed in ledger.sort("board", [piece]).changed:
        change_board(tx, caller, board=board, changes={"name": name})
        ledger.note("board", changed)
    return board


@command("import.bring", target="board")
def bring_in(
    tx: Transaction, caller: Caller, *, board: str, origin: str, kind: Kind, pieces: Sequence[Any]
) -> dict[str, Any]:
    """Brings in pieces of one kind: what is new is made, what has changed in Trello is changed.

    Answers `counts` (new, changed) by kind, and what was `refused`. Raises like `access_board`.
    """
    work = Work(
        tx, caller, lock_board(tx, caller, board, "manage"), Ledger(tx.connection, origin, board)
    )
    WRITERS[kind](work, pieces)
    return {"counts": work.counts, "refused": work.refused}


def write_members(work: Work, pieces: Sequence[MemberPiece]) -> None:
    """Gives people their rights; those of whoever imports stay as they are."""
    found = work.ledger.sort("member", pieces)
    for piece in [*found.fresh, *(one.piece for one in found.changed)]:
        if piece.user != work.caller.id:
            given = {"board": work.board.id, "user": piece.user, "right": piece.right}
            with work.refusing("A member"):
                set_member(work.tx, work.caller, **given)
    work.keep("member", [(piece, piece.user) for piece in found.fresh])
    for changed in found.changed:
        work.note("member", changed, changed.piece.user)


def write_labels(work: Work, pieces: Sequence[LabelPiece]) -> None:
    """Makes labels; one that the board has by that name already is taken."""
    tx, board = work.tx, work.board.id
    found = work.ledger.sort("label", pieces)
    there = select(board_labels.c.name, board_labels.c.id).where(board_labels.c.board == board)
    ours = {row.name: row.id for row in tx.execute(there)}
    made = []
    for piece in found.fresh:
        if piece.name not in ours:
            given = {"board": board, "name": piece.name, "colour": piece.colour}
            ours[piece.name] = create_label(tx, work.caller, **given).data["id"]
        made.append((piece, ours[piece.name]))
    work.keep("label", made)
    for changed in found.changed:
        changes = {name: getattr(changed.piece, name) for name in changed.fields}
        with work.refusing(f"The label {changed.piece.name}"):
            change_label(tx, work.caller, board=board, label=changed.ours, changes=changes)
            work.note("label", changed)


def write_lists(work: Work, pieces: Sequence[ListPiece]) -> None:
    """Makes lists behind those that are there."""
    tx = work.tx
    found = work.ledger.sort("list", pieces)
    if found.fresh:
        count = len(found.fresh)
        ranks = find_list_ranks(tx, work.caller, work.board.streams, END, count)
        work.keep("list", make_lists(work, found.fresh, ranks))
    for changed in found.changed:
        with work.refusing(f"The list {changed.piece.name}"):
            alter_list(work, changed)
            work.note("list", changed)


def make_lists(
    work: Work, pieces: Sequence[ListPiece], ranks: Sequence[str]
) -> list[tuple[ListPiece, str]]:
    tx, made = work.tx, [(piece, new_id()) for piece in pieces]
    tx.execute(
        insert(board_lists),
        [
            {
                "id": identifier,
                "board": work.board.id,
                "name": piece.name,
                "rank": rank,
                "status": piece.status,
            }
            for (piece, identifier), rank in zip(made, ranks, strict=True)
        ],
    )
    archived = [identifier for piece, identifier in made if piece.archived]
    ids = [identifier for _, identifier in made]
    rows = tx.execute(
        select(board_lists).where(board_lists.c.id.in_(ids)).order_by(board_lists.c.rank)
    )
    shapes = [list_shape(row) for row in rows]
    told: list[tuple[str, Any, bool]] = []
    for shape in shapes:
        told.append(("list.created", shape, True))
        if shape["id"] in archived:
            told.append(("list.archived", {**shape, "archived": True}, True))
    tx.execute(update(board_lists).where(board_lists.c.id.in_(archived)).values(archived_at=tx.now))
    tell_many(tx, work.caller, work.board.streams, told)
    return made


def alter_list(work: Work, changed: Changed[ListPiece]) -> None:
    if "name" in changed.fields:
        change_list(work.tx, work.caller, list=changed.ours, changes={"name": changed.piece.name})
    if "archived" in changed.fields:
        verb = archive_list if changed.piece.archived else restore_list
        verb(work.tx, work.caller, list=changed.ours)


WRITERS: dict[Kind, Callable[[Work, Sequence[Any]], None]] = {
    "member": write_members,
    "label": write_labels,
    "list": write_lists,
    "task": write_tasks,
    "comment": write_comments,
}
