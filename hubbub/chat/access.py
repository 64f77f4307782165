"""Who may do what in which room. The only way to fetch a room or a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, and_, bindparam, select, text

from hubbub.chat.models import members, messages, rooms
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Conflict, Forbidden, NotFound
from hubbub.people.models import users
from hubbub.people.roles import COLLEAGUES

Right = Literal["read", "post", "invite", "manage"]

NO_ROOM = "There is no such room, or it is not yours to see."
NO_MESSAGE = "There is no such message, or it is not yours to see."


@dataclass(frozen=True, slots=True)
class Room:
    """A room as the caller stands to it."""

    row: Any
    joined: bool

    @property
    def id(self) -> str:
        return str(self.row.id)

    @property
    def kind(self) -> str:
        return str(self.row.kind)


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands to a room in one snapshot, and the room's version: what its stream's last entry was."""

    kind: str
    joined: bool
    version: tuple[int, int]
    """`head` of the room's stream and when that entry was written: a restored database counts anew."""

    @property
    def head(self) -> int:
        return self.version[0]


STANDINGS = """
SELECT asked.value ->> 0 AS room, asked.value ->> 1 AS person, rooms.kind,
    members.room IS NOT NULL AS joined, streams.head, streams.changed_at
FROM {pairs} AS asked(value)
JOIN rooms ON rooms.id = (asked.value ->> 0)
JOIN streams ON streams.id = rooms.id
LEFT JOIN members ON members.room = rooms.id AND members."user" = (asked.value ->> 1)
"""
STANDINGS_SQLITE = text(
    STANDINGS.format(pairs="(SELECT value FROM json_each(:pairs))").replace("asked(value)", "asked")
)
STANDINGS_POSTGRESQL = text(STANDINGS.format(pairs="json_array_elements(CAST(:pairs AS json))"))


def read_standings(
    connection: Connection, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Standing]:
    """How people stand to rooms, by (room, person), for the rooms that exist; with one statement."""
    sqlite = connection.dialect.name == "sqlite"
    rows = connection.execute(
        STANDINGS_SQLITE if sqlite else STANDINGS_POSTGRESQL,
        {"pairs": orjson.dumps(pairs).decode()},
    )
    return {
        (room, person): Standing(kind, bool(joined), (head, changed_at))
        for room, person, kind, joined, head, changed_at in rows
    }


def may_read(kind: str, joined: bool, caller: Caller) -> bool:
    """Members may read a room, and colleagues an open one."""
    return joined or (kind == "open" and caller.role in COLLEAGUES)


def check_readable(standing: Standing | None, caller: Caller) -> Standing:
    """The standing, if the caller may read the room. Raises NotFound."""
    if standing is None or not may_read(standing.kind, standing.joined, caller):
        raise NotFound(NO_ROOM)
    return standing


def access_stream(connection: Connection, caller: Caller, room: str) -> Standing:
    """How the caller, who may read the room, stands to it. Raises NotFound."""
    standings = read_standings(connection, [(room, caller.id)])
    return check_readable(standings.get((room, caller.id)), caller)


ROOM = (
    select(rooms, members.c.user.label("joined"))
    .select_from(
        rooms.outerjoin(
            members, and_(members.c.room == rooms.c.id, members.c.user == bindparam("caller"))
        )
    )
    .where(rooms.c.id == bindparam("room"))
)


def access_room(connection: Connection, caller: Caller, room: str, right: Right = "read") -> Room:
    """The room, if the caller has the right there.

    read: members, and colleagues where the room is open. post: members, unless it is archived. invite: members who
    are colleagues. manage: whoever made it, owners and admins, if they are in it.
    Raises NotFound for a room the caller may not know of, Forbidden or Conflict otherwise.
    """
    row = connection.execute(ROOM, {"room": room, "caller": caller.id}).one_or_none()
    if row is None or not may_read(row.kind, row.joined is not None, caller):
        raise NotFound(NO_ROOM)
    found = Room(row, row.joined is not None)
    if right == "read":
        return found
    if not found.joined:
        raise Forbidden("Join the room first.")
    if right == "post":
        if row.archived_at is not None:
            raise Conflict("This room is archived: nothing can be added to it.")
        return found
    if row.kind == "direct":
        raise Forbidden("A direct conversation belongs to the people in it and stays as it is.")
    if caller.role not in COLLEAGUES:
        raise Forbidden("Only members of the workspace may change a room.")
    if right == "manage" and not manages(caller, row):
        raise Forbidden("Only whoever made the room, an admin or the owner may do this.")
    return found


def manages(caller: Caller, row: Any) -> bool:
    """Whether the caller, being in the room (`row.joined`), may rename, archive and delete it."""
    if row.joined is None or row.kind == "direct" or caller.role not in COLLEAGUES:
        return False
    return caller.role != "member" or row.created_by == caller.id


MESSAGE = select(messages).where(messages.c.id == bindparam("message"))


def access_message(
    connection: Connection, caller: Caller, message: str, right: Right = "read"
) -> Any:
    """The message's row, if the caller has the right in its room. Raises like `access_room`."""
    row = connection.execute(MESSAGE, {"message": message}).one_or_none()
    if row is None:
        raise NotFound(NO_MESSAGE)
    try:
        access_room(connection, caller, row.room, right)
    except NotFound:
        raise NotFound(NO_MESSAGE) from None
    return row


def followable_rooms(
    connection: Connection, asked: Sequence[tuple[Caller, str]]
) -> set[tuple[Caller, str]]:
    """Those of the pairs where the caller may follow the room's stream."""
    standings = read_standings(connection, list({(room, caller.id) for caller, room in asked}))
    return {
        (caller, room)
        for caller, room in asked
        if (standing := standings.get((room, caller.id))) is not None
        and may_read(standing.kind, standing.joined, caller)
    }


def visible_people(connection: Connection, caller: Caller) -> set[str] | None:
    """Ids of the people the caller may know of; None means everybody."""
    if caller.role in COLLEAGUES:
        return None
    mine = select(members.c.room).where(members.c.user == caller.id)
    rows = connection.execute(select(members.c.user).where(members.c.room.in_(mine)).distinct())
    return set(rows.scalars()) | {caller.id}


def shared_rooms(connection: Connection, people: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs (room, person): the rooms they share with clients or guests, who do not see the workspace's stream."""
    others = members.alias("others")
    rows = connection.execute(
        select(members.c.room, members.c.user)
        .join(others, others.c.room == members.c.room)
        .join(users, users.c.id == others.c.user)
        .where(members.c.user.in_(people), users.c.role.in_(("client", "guest")))
        .distinct()
    )
    return [(room, person) for room, person in rows]
