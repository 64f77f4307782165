"""What is said about a task."""

from typing import Any

import orjson
from sqlalchemy import delete, insert, select, update

from hubbub.boards.access import MANAGERS, Board, board_people
from hubbub.boards.models import comment_wordings, task_comments
from hubbub.boards.service.common import lock_task
from hubbub.boards.service.tasks import tell_person
from hubbub.boards.service.telling import tell
from hubbub.boards.shapes import comment_shape
from hubbub.chat.service.mentions import match_mentions
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command, replies
from hubbub.kernel.errors import Conflict, Forbidden, NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction

NO_COMMENT = "There is no such comment, or it is not yours to see."


def find_mentioned(tx: Transaction, board: Board, row: Any, body: str) -> list[str]:
    """Ids of the people who may see the task and are mentioned, as in messages."""
    if "@" not in body:
        return []
    able = board_people(tx.connection, board.row, outsiders=row.shown_outside)
    people = [(name.casefold(), person) for person, name in able]
    return match_mentions(body, sorted(people, key=lambda one: -len(one[0])))


def tell_mentioned(
    tx: Transaction, caller: Caller, row: Any, comment: str, people: list[str]
) -> None:
    task = {"board": row.board, "id": row.id, "title": row.title}
    for person in people:
        tell_person(tx, caller, "comment.mentioned", person, task, comment=comment)


@command("comment.add", target="task")
def add_comment(tx: Transaction, caller: Caller, *, task: str, body: str) -> Answer:
    """Says something about a task, also an archived one; answers the comment. Raises like `access_task`."""
    board, row = lock_task(tx, caller, task, "comment", live=False)
    comment = new_id()
    tx.subject = comment
    values = {"id": comment, "task": task, "author": caller.id, "body": body, "created_at": tx.now}
    tx.execute(insert(task_comments), values)
    return tell_comment(tx, caller, (board, row), "comment.added", comment, body, status=201)


def tell_comment(
    tx: Transaction,
    caller: Caller,
    place: tuple[Board, Any],
    kind: str,
    comment: str,
    body: str,
    *,
    before: str = "",
    status: int = 200,
) -> Answer:
    """Tells the board of a comment's words, and those who were not mentioned `before`; answers the comment."""
    board, row = place
    written = tx.execute(select(task_comments).where(task_comments.c.id == comment)).one()
    people = find_mentioned(tx, board, row, body)
    shape = {**comment_shape(written), "mentions": people}
    seq, outside = tell(tx, caller, board.streams, kind, shape, shown=row.shown_outside)
    tx.execute(insert(comment_wordings), {"comment": comment, "seq": seq, "outside": outside})
    told = set(find_mentioned(tx, board, row, before))
    tell_mentioned(tx, caller, row, comment, [p for p in people if p not in told])
    return Answer(shape, status=status)


def lock_comment(tx: Transaction, caller: Caller, comment: str) -> tuple[tuple[Board, Any], Any]:
    """The comment's board and task, locked, and its own row. Raises like `access_task`."""
    task = tx.execute(select(task_comments.c.task).where(task_comments.c.id == comment)).scalar()
    if task is None:
        raise NotFound(NO_COMMENT)
    try:
        place = lock_task(tx, caller, task, "comment", live=False)
    except NotFound:
        raise NotFound(NO_COMMENT) from None
    tx.subject = comment
    row = tx.execute(select(task_comments).where(task_comments.c.id == comment)).one()
    return place, row


@command("comment.edit", target="comment")
def edit_comment(tx: Transaction, caller: Caller, *, comment: str, body: str) -> Answer:
    """Changes the words of one's own comment; answers it. Raises like `access_task`."""
    place, row = lock_comment(tx, caller, comment)
    if row.deleted_at is not None:
        raise Conflict("This comment was deleted.")
    if row.author != caller.id:
        raise Forbidden("Only its author may edit a comment.")
    tx.execute(
        update(task_comments)
        .where(task_comments.c.id == comment)
        .values(body=body, edited_at=tx.now)
    )
    return tell_comment(tx, caller, place, "comment.edited", comment, body, before=row.body)


@command("comment.delete", target="comment")
def delete_comment(tx: Transaction, caller: Caller, *, comment: str) -> Answer:
    """Erases a comment's words everywhere: the row stays as a tombstone, the log is scrubbed.

    Its author, owners and admins may. Raises like `access_task`.
    """
    (board, task), row = lock_comment(tx, caller, comment)
    if row.author != caller.id and caller.role not in MANAGERS:
        raise Forbidden("Only its author, an admin or the owner may delete a comment.")
    if row.deleted_at is not None:
        return Answer(None)
    erased = {**comment_shape(row), "body": "", "mentions": [], "deleted": True}
    wordings = select(comment_wordings.c.seq, comment_wordings.c.outside)
    for seqs in tx.execute(wordings.where(comment_wordings.c.comment == comment)).all():
        for stream, seq in zip(board.streams, seqs, strict=True):
            if stream is not None and seq is not None:
                log.scrub_entry(tx.connection, stream, seq, orjson.dumps(erased))
    tx.execute(
        update(task_comments)
        .where(task_comments.c.id == comment)
        .values(body="", deleted_at=tx.now)
    )
    tx.execute(delete(comment_wordings).where(comment_wordings.c.comment == comment))
    tx.execute(delete(replies).where(replies.c.subject == comment))
    data = {"id": comment, "task": task.id}
    tell(tx, caller, board.streams, "comment.deleted", data, shown=task.shown_outside)
    return Answer(None)
