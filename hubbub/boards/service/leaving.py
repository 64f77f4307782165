"""What boards do when people go for good, and how a board of the sample goes."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from hubbub.boards.access import Streams
from hubbub.boards.models import board_members, boards, task_assignees, task_comments, tasks
from hubbub.boards.service.boards import read_board
from hubbub.boards.service.tasks import tell_assignees
from hubbub.boards.service.telling import tell
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import replies
from hubbub.kernel.transaction import Transaction


def forget_people(tx: Transaction, caller: Caller, people: Sequence[str]) -> None:
    """Takes these people, who never said anything, from every board and task; the boards are told."""
    assigned = tx.execute(
        select(tasks.c.board, task_assignees.c.task, task_assignees.c.user)
        .join(tasks, tasks.c.id == task_assignees.c.task)
        .where(task_assignees.c.user.in_(people))
        .order_by(tasks.c.board, task_assignees.c.task, task_assignees.c.user)
    ).all()
    joined = tx.execute(
        select(board_members.c.board, board_members.c.user)
        .where(board_members.c.user.in_(people))
        .order_by(board_members.c.board, board_members.c.user)
    ).all()
    if not assigned and not joined:
        return
    those = {row.board for row in [*assigned, *joined]}
    log.lock_streams(tx.connection, those)
    found = tx.execute(select(boards.c.id, boards.c.outside).where(boards.c.id.in_(those)))
    streams = {row.id: Streams(row.id, row.outside) for row in found}
    tx.execute(delete(task_assignees).where(task_assignees.c.user.in_(people)))
    tx.execute(delete(board_members).where(board_members.c.user.in_(people)))
    for row in assigned:
        tell_assignees(tx, caller, streams[row.board], "task.unassigned", row.task, row.user)
    for row in joined:
        data = {"board": row.board, "user": row.user, "right": None}
        tell(tx, caller, streams[row.board], "board.member_removed", data)


def remove_sample_boards(tx: Transaction, caller: Caller) -> None:
    """Removes the boards of the sample with everything on them; their people and followers are told."""
    for row in tx.execute(select(boards).where(boards.c.sample)).all():
        board, streams = row.id, Streams(row.id, row.outside)
        log.lock_streams(tx.connection, [board])
        mine = select(tasks.c.id).where(tasks.c.board == board)
        given = select(board_members.c.user).where(board_members.c.board == board)
        doing = select(task_assignees.c.user).where(task_assignees.c.task.in_(mine))
        people = {*tx.execute(given).scalars(), *tx.execute(doing).scalars()}
        said = select(task_comments.c.id).where(task_comments.c.task.in_(mine))
        tx.execute(delete(replies).where(replies.c.subject.in_(said)))
        tell(tx, caller, streams, "board.deleted", read_board(tx, board))
        for person in sorted(people):
            data = {"board": board, "user": person, "right": None}
            tx.append(person, "board.member_removed", caller.id, data)
        tx.execute(delete(boards).where(boards.c.id == board))
        for stream in filter(None, streams):
            log.erase_before_head(tx.connection, stream)
