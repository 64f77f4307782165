"""Who may do what in which room. The only way to fetch a room or a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, bindparam, or_, select

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
    if row is None or (
        row.joined is None and not (row.kind == "open" and caller.role in COLLEAGUES)
    ):
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


def access_message(
    connection: Connection, caller: Caller, message: str, right: Right = "read"
) -> Any:
    """The message's row, if the caller has the right in its room. Raises like `access_room`."""
    row = connection.execute(select(messages).where(messages.c.id == message)).one_or_none()
    if row is None:
        raise NotFound(NO_MESSAGE)
    try:
        access_room(connection, caller, row.room, right)
    except NotFound:
        raise NotFound(NO_MESSAGE) from None
    return row


def followable_rooms(connection: Connection, caller: Caller, ids: Sequence[str]) -> set[str]:
    """Which of the rooms' streams the caller may follow."""
    visible = members.c.user == caller.id
    if caller.role in COLLEAGUES:
        visible = or_(visible, rooms.c.kind == "open")
    rows = connection.execute(
        select(rooms.c.id)
        .select_from(
            rooms.outerjoin(
                members, and_(members.c.room == rooms.c.id, members.c.user == caller.id)
            )
        )
        .where(rooms.c.id.in_(ids), visible)
    )
    return set(rows.scalars())


def visible_people(connection: Connection, caller: Caller) -> set[str] | None:
    """Ids of the people the caller may know of; None means everybody."""
    if caller.role in COLLEAGUES:
        return None
    mine = select(members.c.room).where(members.c.user == caller.id)
    rows = connection.execute(select(members.c.user).where(members.c.room.in_(mine)).distinct())
    return set(rows.scalars()) | {caller.id}


def shared_rooms(connection: Connection, user: str) -> list[str]:
    """Rooms the person shares with clients or guests, who do not follow the workspace's stream."""
    others = members.alias("others")
    rows = connection.execute(
        select(members.c.room)
        .join(others, others.c.room == members.c.room)
        .join(users, users.c.id == others.c.user)
        .where(members.c.user == user, users.c.role.in_(("client", "guest")))
        .distinct()
    )
    return list(rows.scalars())
