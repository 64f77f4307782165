"""Showing lists to clients and guests, or hiding them."""

from sqlalchemy import select, update

from hubbub.boards.access import Board, Streams
from hubbub.boards.models import board_members, boards, comment_wordings, task_comments, tasks
from hubbub.boards.service.telling import append_many
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users
from hubbub.people.roles import COLLEAGUES


def divide(tx: Transaction, caller: Caller, board: Board) -> Streams:
    """Gives the clients and guests of a board, whose stream is locked, a new stream; answers the board's streams.

    Whatever they followed before ends for them, so that they load afresh what they see now. A former stream of
    their own loses its entries, which may tell of what they see no more.
    """
    fresh = Streams(board.id, new_id())
    tx.create_stream(str(fresh.outside), "outside")
    tx.execute(update(boards).where(boards.c.id == board.id).values(outside=fresh.outside))
    former = board.row.outside
    if former is None:
        outsiders = (
            select(users.c.id)
            .join(board_members, board_members.c.user == users.c.id)
            .where(board_members.c.board == board.id, users.c.role.not_in(sorted(COLLEAGUES)))
            .order_by(users.c.id)
        )
        people = [*tx.execute(outsiders).scalars()]
        told = [("board.divided", {"board": board.id, "user": person}) for person in people]
        append_many(tx, caller, board.id, told)
        return fresh
    append_many(tx, caller, former, [("board.divided", {"board": board.id, "user": None})])
    log.erase_before_head(tx.connection, former)
    said = select(task_comments.c.id).join(tasks, tasks.c.id == task_comments.c.task)
    tx.execute(
        update(comment_wordings)
        .where(
            comment_wordings.c.comment.in_(said.where(tasks.c.board == board.id)),
            comment_wordings.c.outside.is_not(None),
        )
        .values(outside=None)
    )
    return fresh
