"""What happened on a board: the entries of its stream, newest first."""

from typing import Any

import orjson
from sqlalchemy import Connection, select

from hubbub.boards.access import access_board
from hubbub.boards.cursors import make_cursor, read_cursor
from hubbub.boards.shapes import name_people
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.log import entries

SCANNED = 1_000
"""Entries that one page looks at."""


def list_activity(
    connection: Connection,
    caller: Caller,
    *,
    board: str,
    task: str | None,
    actor: str | None,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """What happened on a board, newest first: {items, next, people}, entries of its stream and who is in them.

    Of one task or by one person, if asked. A page looks at SCANNED entries at most, so it may have fewer than `limit`
    and still a `next`. Raises NotFound, or Invalid for a cursor that is none.
    """
    access_board(connection, caller, board)
    state = log.read_states(connection, [board])[board]
    until = state.head + 1
    if cursor is not None:
        until = min(until, int(read_cursor(cursor, "activity", (int,))[0]))
    first = max(state.floor + 1, until - SCANNED)
    query = (
        select(entries)
        .where(entries.c.stream == board, entries.c.seq >= first, entries.c.seq < until)
        .order_by(entries.c.seq.desc())
        .limit(limit + 1)
    )
    if actor is not None:
        query = query.where(entries.c.actor == actor)
    if task is not None:
        query = query.where(entries.c.data.contains(task, autoescape=True))
    found = [log.to_entry(row) for row in connection.execute(query)]
    ended = found[limit - 1].seq if len(found) > limit else first
    shown = []
    people = set()
    for entry in found[:limit]:
        data = orjson.loads(entry.data)
        if task is None or task in (data.get("task"), data.get("id")):
            shown.append(orjson.Fragment(entry.encode()))
            people |= {entry.actor, data.get("user", entry.actor)}
    return {
        "items": shown,
        "next": make_cursor("activity", [ended]) if ended > state.floor + 1 else None,
        "people": name_people(connection, people),
    }
