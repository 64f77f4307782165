"""Brings comments in, with their dates, and their authors where they are here."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select, update

from hubbub.boards.models import board_lists, comment_wordings, task_comments, tasks
from hubbub.boards.service.telling import tell_many
from hubbub.boards.shapes import comment_shape
from hubbub.boards.trello.ledger import Changed
from hubbub.boards.trello.pieces import CommentPiece
from hubbub.boards.trello.work import Work
from hubbub.kernel.ids import new_id


def write_comments(work: Work, pieces: Sequence[CommentPiece]) -> None:
    """Adds comments, and words them as in Trello again. Whom old words mention is not told."""
    found = work.ledger.sort("comment", pieces)
    known = work.ledger.find("task", [piece.task for piece in found.fresh])
    made = [(piece, new_id()) for piece in found.fresh]
    if made:
        work.tx.execute(
            insert(task_comments),
            [
                {
                    "id": identifier,
                    "task": known[piece.task].ours,
                    "author": piece.author or work.caller.id,
                    "body": piece.body,
                    "created_at": work.tx.now if piece.created_at is None else piece.created_at,
                    "edited_at": piece.edited_at,
                }
                for piece, identifier in made
            ],
        )
        tell_comments(work, "comment.added", [identifier for _, identifier in made])
        work.keep("comment", made)
    alter_comments(work, found.changed)


def alter_comments(work: Work, changes: Sequence[Changed[CommentPiece]]) -> None:
    """Changes words and authors; a comment that was deleted here stays so."""
    altered = []
    for changed in changes:
        values: dict[str, Any] = {"body": changed.piece.body}
        if changed.piece.author is not None:
            values["author"] = changed.piece.author
        if "body" in changed.fields:
            values["edited_at"] = changed.piece.edited_at
        written = work.tx.execute(
            update(task_comments)
            .where(task_comments.c.id == changed.ours, task_comments.c.deleted_at.is_(None))
            .values(**values)
        )
        if written.rowcount:
            altered.append(changed.ours)
        work.note("comment", changed)
    if altered:
        tell_comments(work, "comment.edited", altered)


def tell_comments(work: Work, kind: str, ids: Sequence[str]) -> None:
    """Tells the board of comments, in this order, and keeps where their words stand, to be scrubbed with them."""
    found = (
        select(task_comments, board_lists.c.shown_outside)
        .join(tasks, tasks.c.id == task_comments.c.task)
        .join(board_lists, board_lists.c.id == tasks.c.list)
        .where(task_comments.c.id.in_(ids))
    )
    rows = {row.id: row for row in work.tx.execute(found)}
    told = [
        (kind, {**comment_shape(row), "mentions": []}, row.shown_outside)
        for row in (rows[identifier] for identifier in ids)
    ]
    seqs = tell_many(work.tx, work.caller, work.board.streams, told)
    work.tx.execute(
        insert(comment_wordings),
        [
            {"comment": identifier, "seq": seq, "outside": outside}
            for identifier, (seq, outside) in zip(ids, seqs, strict=True)
        ],
    )
