"""Rooms and messages as the contract shows them (docs/api.md; web/src/core/wire.ts)."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select

from hubbub.chat.models import reactions
from hubbub.kernel.clock import format_optional_time, format_time


def room_shape(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "topic": row.topic,
        "kind": row.kind,
        "created_at": format_time(row.created_at),
        "archived": row.archived_at is not None,
    }


def new_message_shape(
    identifier: str,
    room: str,
    seq: int,
    author: str,
    body: str,
    reply_to: str | None,
    mentioned: Sequence[str],
    created_at: int,
) -> dict[str, Any]:
    """A message that was just posted."""
    return {
        "id": identifier,
        "room": room,
        "seq": seq,
        "author": author,
        "body": body,
        "reply_to": reply_to,
        "replies": 0,
        "reactions": [],
        "mentions": mentioned,
        "attachments": [],
        "created_at": format_time(created_at),
        "edited_at": None,
        "deleted": False,
    }


def message_shape(row: Any, reacted: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "room": row.room,
        "seq": row.seq,
        "author": row.author,
        "body": row.body,
        "reply_to": row.reply_to,
        "replies": row.replies,
        "reactions": reacted,
        "mentions": orjson.loads(row.mentions),
        "attachments": [],
        "created_at": format_time(row.created_at),
        "edited_at": format_optional_time(row.edited_at),
        "deleted": row.deleted_at is not None,
    }


REACTIONS = (
    select(reactions.c.message, reactions.c.emoji, reactions.c.user)
    .where(reactions.c.message.in_(bindparam("ids", expanding=True)))
    .order_by(reactions.c.at, reactions.c.emoji, reactions.c.user)
)


def message_shapes(connection: Connection, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The messages with their reactions, in the order given; one query for all reactions."""
    rows = list(rows)
    reacted: dict[str, dict[str, list[str]]] = {}
    if rows:
        for found in connection.execute(REACTIONS, {"ids": [row.id for row in rows]}):
            reacted.setdefault(found.message, {}).setdefault(found.emoji, []).append(found.user)
    return [
        message_shape(
            row,
            [
                {"emoji": emoji, "users": people}
                for emoji, people in reacted.get(row.id, {}).items()
            ],
        )
        for row in rows
    ]
