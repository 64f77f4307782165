"""Rooms and messages as the contract shows them (docs/api.md; web/src/core/wire.ts)."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, text

from hubbub.chat.models import messages
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


COLUMNS = len(messages.c)


def message_shape(row: Any, reacted: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    """A message from its row, which starts with the columns of the table, and what people reacted by message."""
    # Taken apart at once: a column asked of the row by its name costs many times as much.
    (
        _number,
        identifier,
        room,
        seq,
        author,
        body,
        reply_to,
        answers,
        mentioned,
        created_at,
        edited_at,
        deleted_at,
    ) = row[:COLUMNS]
    people = [] if mentioned == "[]" else orjson.loads(mentioned)
    shape = new_message_shape(identifier, room, seq, author, body, reply_to, people, created_at)
    shape["replies"] = answers
    shape["reactions"] = [
        {"emoji": emoji, "users": users} for emoji, users in reacted.get(identifier, {}).items()
    ]
    shape["edited_at"] = format_optional_time(edited_at)
    shape["deleted"] = deleted_at is not None
    return shape


# One statement for any number of messages: a list in the text would be compiled and planned anew for each length.
REACTIONS = 'SELECT message, emoji, "user" FROM reactions WHERE {those} ORDER BY at, emoji, "user"'
REACTIONS_SQLITE = text(REACTIONS.format(those="message IN (SELECT value FROM json_each(:ids))"))
REACTIONS_POSTGRESQL = text(REACTIONS.format(those="message = ANY(CAST(:ids AS text[]))"))


def read_reactions(connection: Connection, ids: list[str]) -> dict[str, dict[str, list[str]]]:
    """Who reacted to the messages: by message and emoji, each in the order it came."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(REACTIONS_SQLITE, {"ids": orjson.dumps(ids).decode()})
    else:
        rows = connection.execute(REACTIONS_POSTGRESQL, {"ids": ids})
    reacted: dict[str, dict[str, list[str]]] = {}
    for message, emoji, user in rows:
        reacted.setdefault(message, {}).setdefault(emoji, []).append(user)
    return reacted


def message_shapes(connection: Connection, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The messages with their reactions, in the order given; one query for all reactions."""
    rows = list(rows)
    reacted = read_reactions(connection, [row.id for row in rows]) if rows else {}
    return [message_shape(row, reacted) for row in rows]
