"""What boards do when people go for good."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from hubbub.boards.models import board_members, task_assignees, tasks
from hubbub.boards.service.tasks import tell_assignees
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
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
    log.lock_streams(tx.connection, {row.board for row in [*assigned, *joined]})
    tx.execute(delete(task_assignees).where(task_assignees.c.user.in_(people)))
    tx.execute(delete(board_members).where(board_members.c.user.in_(people)))
    for row in assigned:
        tell_assignees(tx, caller, "task.unassigned", row.task, row.user)
    for row in joined:
        data = {"board": row.board, "user": row.user, "right": None}
        tx.append(row.board, "board.member_removed", caller.id, data)
