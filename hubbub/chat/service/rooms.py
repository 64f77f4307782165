"""Making, changing and leaving rooms."""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hubbub.chat.access import NO_ROOM, access_room, visible_people
from hubbub.chat.models import members, messages, read_marks, rooms
from hubbub.chat.service.queries import read_room_view
from hubbub.chat.service.search import forget_message
from hubbub.chat.shapes import room_shape
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command, replies
from hubbub.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users, workspaces
from hubbub.people.roles import COLLEAGUES

MOST_MEMBERS = 1_000
MOST_DIRECT = 9


@command("room.create", target="name")
def create_room(
    tx: Transaction,
    caller: Caller,
    *,
    name: str = "",
    kind: str,
    topic: str = "",
    members: Sequence[str] = (),
) -> Answer:
    """Makes a room with the caller in it. A direct room of the same people is found, not made again."""
    if caller.role == "guest" or (kind != "direct" and caller.role not in COLLEAGUES):
        raise Forbidden("Only members of the workspace may make rooms.")
    people = sorted({*members, caller.id})
    check_people(tx.connection, caller, people)
    direct_key = None
    if kind == "direct":
        if not 2 <= len(people) <= MOST_DIRECT:
            raise Invalid.field("members", f"A direct conversation has 2 to {MOST_DIRECT} people.")
        direct_key = hashlib.sha256(" ".join(people).encode()).hexdigest()
        found = tx.connection.execute(
            select(rooms.c.id).where(rooms.c.direct_key == direct_key)
        ).scalar()
        if found is not None:
            return Answer(read_room_view(tx.connection, caller, found), status=200)
    room = new_room(
        tx, caller, "" if kind == "direct" else name, kind, topic=topic, direct_key=direct_key
    )
    for person in people:
        add_to_room(tx, caller.id, room, person)
    return Answer(read_room_view(tx.connection, caller, room), status=201)


def new_room(
    tx: Transaction,
    caller: Caller,
    name: str,
    kind: str,
    *,
    topic: str = "",
    direct_key: str | None = None,
    welcome: bool = False,
    sample: bool = False,
) -> str:
    """Makes the room, its stream and its first entry; answers its id. Nobody is in it yet."""
    room = new_id()
    tx.create_stream(room, "room")
    tx.connection.execute(
        insert(rooms),
        {
            "id": room,
            "kind": kind,
            "name": name,
            "topic": topic,
            "created_by": caller.id,
            "created_at": tx.now,
            "direct_key": direct_key,
            "welcome": welcome,
            "sample": sample,
        },
    )
    announce_room(tx, caller.id, "room.created", room)
    return room


def check_people(connection: Connection, caller: Caller, people: Sequence[str]) -> None:
    """Raises Invalid unless everybody exists, is active and may be known by the caller."""
    if len(people) > MOST_MEMBERS:
        raise Invalid.field("members", f"A room is made with at most {MOST_MEMBERS} people.")
    rows = connection.execute(select(users.c.id).where(users.c.id.in_(people), users.c.active))
    visible = visible_people(connection, caller)
    known = set(rows.scalars())
    if any(
        person not in known or (visible is not None and person not in visible) for person in people
    ):
        raise Invalid.field("members", "One of these people does not exist or is not active.")


def announce_room(tx: Transaction, actor: str, kind: str, room: str) -> None:
    """Appends the room as it is now to its own stream, and to the workspace's if it is open."""
    row = tx.connection.execute(select(rooms).where(rooms.c.id == room)).one()
    shape = room_shape(row)
    tx.append(room, kind, actor, shape)
    if row.kind == "open":
        workspace = tx.connection.execute(select(workspaces.c.id)).scalar()
        if workspace is not None:
            tx.append(workspace, kind, actor, shape)


def add_to_room(tx: Transaction, actor: str, room: str, user: str) -> None:
    """Makes somebody a member; the room and the person are both told."""
    tx.connection.execute(insert(members), {"room": room, "user": user, "joined_at": tx.now})
    # What was said before one came is not unread.
    head = log.read_states(tx.connection, [room])[room].head
    tx.connection.execute(
        delete(read_marks).where(read_marks.c.user == user, read_marks.c.room == room)
    )
    tx.connection.execute(insert(read_marks), {"user": user, "room": room, "seq": head})
    data = {"room": room, "user": user}
    tx.append(room, "member.joined", actor, data)
    tx.append(user, "member.joined", actor, data)


@command("room.change", target="room", stream="room")
def change_room(
    tx: Transaction,
    caller: Caller,
    *,
    room: str,
    name: str | None = None,
    topic: str | None = None,
    archived: bool | None = None,
) -> Answer:
    """Changes name, topic or archive of a room; what is None stays."""
    row = access_room(tx.connection, caller, room, "invite").row
    values: dict[str, Any] = {}
    if name is not None and name != row.name:
        values["name"] = name
    if topic is not None and topic != row.topic:
        values["topic"] = topic
    if archived is not None and archived != (row.archived_at is not None):
        values["archived_at"] = tx.now if archived else None
    if values.keys() - {"topic"}:
        access_room(tx.connection, caller, room, "manage")
    if values:
        tx.connection.execute(update(rooms).where(rooms.c.id == room).values(**values))
        announce_room(tx, caller.id, "room.changed", room)
    return Answer(read_room_view(tx.connection, caller, room))


@command("room.delete", target="room", stream="room")
def delete_room(tx: Transaction, caller: Caller, *, room: str) -> None:
    """Deletes a room with everything said in it. Its stream keeps one entry, telling so."""
    access_room(tx.connection, caller, room, "manage")
    remove_room(tx, caller.id, room)


def remove_room(tx: Transaction, actor: str, room: str) -> None:
    people = list(
        tx.connection.execute(select(members.c.user).where(members.c.room == room)).scalars()
    )
    announce_room(tx, actor, "room.deleted", room)
    for person in sorted(people):
        tx.append(person, "member.left", actor, {"room": room, "user": person})
    said = tx.connection.execute(
        select(messages.c.number, messages.c.id).where(messages.c.room == room)
    ).all()
    for row in said:
        forget_message(tx.connection, row.number)
    for start in range(0, len(said), 500):
        ids = [row.id for row in said[start : start + 500]]
        tx.connection.execute(delete(replies).where(replies.c.subject.in_(ids)))
    tx.connection.execute(delete(rooms).where(rooms.c.id == room))
    log.erase_before_head(tx.connection, room)


@command("member.add", target="room", stream="room")
def add_member(tx: Transaction, caller: Caller, *, room: str, user: str | None = None) -> Answer:
    """Adds somebody, or without `user` oneself to an open room. Somebody already in it changes nothing."""
    person = user or caller.id
    if person == caller.id:
        found = access_room(tx.connection, caller, room)
        if found.kind != "open" and not found.joined:
            raise NotFound(NO_ROOM)
    else:
        access_room(tx.connection, caller, room, "invite")
        check_people(tx.connection, caller, [person])
    present = tx.connection.execute(
        select(members.c.user).where(members.c.room == room, members.c.user == person)
    ).scalar()
    if present is None:
        add_to_room(tx, caller.id, room, person)
    return Answer(read_room_view(tx.connection, caller, room))


@command("member.remove", target="room", stream="room")
def remove_member(tx: Transaction, caller: Caller, *, room: str, user: str) -> None:
    """Leaves a room, or takes somebody out of it; their delivery stops with this very entry."""
    if user == caller.id:
        found = access_room(tx.connection, caller, room)
        if found.kind == "direct":
            raise Conflict("A direct conversation cannot be left.")
        if caller.role == "guest":
            raise Forbidden("A guest ends the visit by signing out.")
    else:
        access_room(tx.connection, caller, room, "manage")
    gone = tx.connection.execute(
        delete(members).where(members.c.room == room, members.c.user == user)
    ).rowcount
    if not gone:
        raise NotFound("This person is not in the room.")
    tx.connection.execute(
        delete(read_marks).where(read_marks.c.user == user, read_marks.c.room == room)
    )
    data = {"room": room, "user": user}
    tx.append(room, "member.left", caller.id, data)
    tx.append(user, "member.left", caller.id, data)


def welcome_person(tx: Transaction, caller: Caller, user: str, role: str, room: str | None) -> None:
    """Puts somebody new where they belong: the invitation's room, and for colleagues the welcome rooms.

    The first person of all gets the first room.
    """
    wanted = {room} if room else set()
    if role in COLLEAGUES:
        found = tx.connection.execute(
            select(rooms.c.id).where(rooms.c.welcome, rooms.c.archived_at.is_(None))
        )
        wanted |= set(found.scalars())
        if not wanted and role == "owner":
            actor = Caller(user, role, address=caller.address)
            wanted.add(
                new_room(tx, actor, "General", "open", topic="Everybody is here.", welcome=True)
            )
    for place in sorted(wanted):
        exists = tx.connection.execute(select(rooms.c.id).where(rooms.c.id == place)).scalar()
        if exists is not None:
            add_to_room(tx, user, place, user)


def check_invitation_room(connection: Connection, caller: Caller, room: str) -> str:
    """The name of a room one may invite people to. Raises like `access_room`."""
    return str(access_room(connection, caller, room, "invite").row.name)


def read_room_name(connection: Connection, room: str) -> str | None:
    return connection.execute(select(rooms.c.name).where(rooms.c.id == room)).scalar()
