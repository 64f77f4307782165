"""What happened on a board: the entries of its stream, newest first."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Connection, select

from hubbub.boards.access import access_board, is_outsider
from hubbub.boards.cursors import make_cursor, read_cursor
from hubbub.boards.models import board_lists, tasks
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
    """What happened on a board, newest first: {items, next, people}, entries of the stream that the caller follows.

    `people` are those who are in them. Clients and guests are not told of what is in a list that is hidden by now.

    Of one task or by one person, if asked. A page looks at SCANNED entries at most, so it may have fewer than `limit`
    and still a `next`. Raises NotFound, or Invalid for a cursor that is none.
    """
    stream = access_board(connection, caller, board).stream
    state = log.read_states(connection, [stream])[stream]
    until = state.head + 1
    if cursor is not None:
        until = min(until, int(read_cursor(cursor, "activity", (int,))[0]))
    first = max(state.floor + 1, until - SCANNED)
    query = (
        select(entries)
        .where(entries.c.stream == stream, entries.c.seq >= first, entries.c.seq < until)
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
    page = [(entry, orjson.loads(entry.data)) for entry in found[:limit]]
    hidden = find_hidden(connection, page) if is_outsider(caller.role) else set()
    for entry, data in page:
        about = {data.get("task"), data.get("id")}
        if (task is None or task in about) and about.isdisjoint(hidden):
            shown.append(orjson.Fragment(entry.encode()))
            people |= {entry.actor, data.get("user", entry.actor)}
    return {
        "items": shown,
        "next": make_cursor("activity", [ended]) if ended > state.floor + 1 else None,
        "people": name_people(connection, people),
    }


def find_hidden(
    connection: Connection, page: Iterable[tuple[log.Entry, dict[str, Any]]]
) -> set[str]:
    """The tasks that these entries tell of and clients and guests do not see now."""
    told = {data.get("task", data.get("id")) for _, data in page}
    found = connection.execute(
        select(tasks.c.id)
        .join(board_lists, board_lists.c.id == tasks.c.list)
        .where(tasks.c.id.in_(told - {None}), ~board_lists.c.shown_outside)
    )
    return {*found.scalars()}
