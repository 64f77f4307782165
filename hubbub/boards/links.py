"""Tasks that were made from the messages of a room."""

from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from hubbub.boards.access import visible_boards, visible_lists
from hubbub.boards.models import board_lists, board_members, boards, tasks
from hubbub.boards.status import task_status
from hubbub.chat.access import access_room
from hubbub.kernel.caller import Caller

MOST = 200

LINKED = (
    select(
        tasks.c.id.label("task"),
        tasks.c.board,
        tasks.c.message,
        tasks.c.title,
        task_status.label("status"),
        or_(
            tasks.c.archived_at.is_not(None),
            board_lists.c.archived_at.is_not(None),
            boards.c.archived_at.is_not(None),
        ).label("archived"),
    )
    .join_from(tasks, board_lists, board_lists.c.id == tasks.c.list)
    .join(boards, boards.c.id == tasks.c.board)
    .outerjoin(
        board_members,
        and_(board_members.c.board == boards.c.id, board_members.c.user == bindparam("caller")),
    )
    .where(tasks.c.message_room == bindparam("room"))
    .order_by(tasks.c.id.desc())
    .limit(bindparam("limit"))
)


def list_linked_tasks(
    connection: Connection, caller: Caller, *, room: str, limit: int
) -> dict[str, Any]:
    """The newest tasks made from messages of a room, of what the caller sees of boards: {items}.

    `archived` also where the task's list or its board is. Raises NotFound for a room the caller may not read.
    """
    access_room(connection, caller, room)
    rows = connection.execute(
        LINKED.where(visible_boards(caller), visible_lists(caller.role)),
        {"caller": caller.id, "room": room, "limit": limit},
    )
    return {
        "items": [
            {
                "task": row.task,
                "board": row.board,
                "message": row.message,
                "title": row.title,
                "status": row.status,
                "archived": row.archived,
            }
            for row in rows
        ]
    }
