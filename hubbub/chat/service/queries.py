"""What chat shows: rooms, pages of messages, the first screen."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from hubbub.chat.access import (
    NO_ROOM,
    Standing,
    access_message,
    access_room,
    access_stream,
    manages,
    visible_people,
)
from hubbub.chat.models import members, mentions, messages, read_marks, rooms
from hubbub.chat.shapes import message_shapes, room_shape
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import format_optional_time
from hubbub.kernel.errors import Malformed, NotFound
from hubbub.kernel.log import streams
from hubbub.people.models import users, workspaces
from hubbub.people.roles import COLLEAGUES
from hubbub.people.shapes import user_shape, workspace_shape

MOST_UNREAD = 100
THREAD = 200
ROOMS = 1_000
AFTER_ALL = 2**62
"""A place no message reaches."""


def rooms_query(*, colleague: bool) -> Select[Any]:
    """Rooms somebody may see, with head, read mark and bounded unread counts: one statement.

    Its parameter is `caller`, the person's id.
    """
    person: BindParameter[str] = bindparam("caller")
    mine = members.alias("mine")
    mark = read_marks.alias("mark")
    read = func.coalesce(mark.c.seq, 0)
    unread = (
        select(literal_column("1"))
        .where(
            messages.c.room == rooms.c.id,
            messages.c.seq > read,
            messages.c.author != person,
            messages.c.deleted_at.is_(None),
        )
        .correlate(rooms, mark)
        .limit(MOST_UNREAD)
        .subquery()
    )
    mentioned = (
        select(literal_column("1"))
        .where(
            mentions.c.user == person,
            mentions.c.room == rooms.c.id,
            mentions.c.seq > read,
        )
        .correlate(rooms, mark)
        .limit(MOST_UNREAD)
        .subquery()
    )
    newest = (
        select(messages.c.created_at)
        .where(messages.c.room == rooms.c.id)
        .order_by(messages.c.seq.desc())
        .limit(1)
        .correlate(rooms)
        .scalar_subquery()
    )
    visible: ColumnElement[bool] = mine.c.user.is_not(None)
    if colleague:
        visible = or_(visible, rooms.c.kind == "open")
    return (
        select(
            rooms,
            streams.c.head,
            mine.c.user.label("joined"),
            read.label("read"),
            select(func.count()).select_from(unread).scalar_subquery().label("unread"),
            select(func.count()).select_from(mentioned).scalar_subquery().label("mentioned"),
            newest.label("newest"),
        )
        .select_from(
            rooms.join(streams, streams.c.id == rooms.c.id)
            .outerjoin(mine, and_(mine.c.room == rooms.c.id, mine.c.user == person))
            .outerjoin(mark, and_(mark.c.room == rooms.c.id, mark.c.user == person))
        )
        .where(visible)
    )


ROOMS_FOR = {colleague: rooms_query(colleague=colleague) for colleague in (True, False)}
PAGE_FOR = {
    colleague: query.where(rooms.c.id > bindparam("cursor"))
    .order_by(rooms.c.id)
    .limit(bindparam("limit"))
    for colleague, query in ROOMS_FOR.items()
}
ROOM_FOR = {
    colleague: query.where(rooms.c.id == bindparam("room"))
    for colleague, query in ROOMS_FOR.items()
}
MEMBERS_OF = (
    select(members.c.room, members.c.user)
    .where(members.c.room.in_(bindparam("rooms", expanding=True)))
    .order_by(members.c.joined_at, members.c.user)
)


def page_of_rooms(connection: Connection, caller: Caller, cursor: str, limit: int) -> Sequence[Any]:
    return connection.execute(
        PAGE_FOR[caller.role in COLLEAGUES],
        {"caller": caller.id, "cursor": cursor, "limit": limit},
    ).all()


def room_views(connection: Connection, caller: Caller, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """RoomViews; the members of all rooms with one query."""
    people: dict[str, list[str]] = {row.id: [] for row in rows}
    for room, user in connection.execute(MEMBERS_OF, {"rooms": list(people)}):
        people[room].append(user)
    return [
        {
            **room_shape(row),
            "head": row.head,
            "joined": row.joined is not None,
            "manages": manages(caller, row),
            "members": people[row.id],
            "read": row.read,
            "unread": row.unread if row.joined is not None else 0,
            "mentions": row.mentioned if row.joined is not None else 0,
            "last_message_at": format_optional_time(row.newest),
        }
        for row in rows
    ]


def read_room_view(connection: Connection, caller: Caller, room: str) -> dict[str, Any]:
    """One room as the caller sees it. Raises NotFound."""
    row = connection.execute(
        ROOM_FOR[caller.role in COLLEAGUES], {"caller": caller.id, "room": room}
    ).one_or_none()
    if row is None:
        raise NotFound(NO_ROOM)
    return room_views(connection, caller, [row])[0]


def list_rooms(
    connection: Connection, caller: Caller, *, limit: int, cursor: str | None
) -> dict[str, Any]:
    """Rooms in order of their ids: {items, next}."""
    rows = page_of_rooms(connection, caller, cursor or "", limit + 1)
    items = room_views(connection, caller, rows[:limit])
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}


def list_members(connection: Connection, caller: Caller, *, room: str) -> dict[str, Any]:
    access_room(connection, caller, room)
    rows = connection.execute(
        select(users)
        .join(members, members.c.user == users.c.id)
        .where(members.c.room == room)
        .order_by(members.c.joined_at, users.c.id)
    )
    return {"items": [user_shape(row) for row in rows]}


def list_messages(
    connection: Connection,
    caller: Caller,
    *,
    room: str,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of messages by `seq`, oldest first: the newest, or those before, after or around a place.

    Raises Malformed when more than one place is given.
    """
    if sum(place is not None for place in (before, after, around)) > 1:
        raise Malformed("Give one of before, after and around.")
    standing = access_stream(connection, caller, room)
    if after is not None:
        rows = read_after(connection, room, after, limit + 1)
        shown, has_after = rows[:limit], len(rows) > limit
        has_before = bool(read_before(connection, room, after + 1, 1))
    elif around is not None:
        half = max(1, limit // 2)
        older = read_before(connection, room, around + 1, half + 1)
        newer = read_after(connection, room, around, half + 1)
        shown = [*older[:half][::-1], *newer[:half]]
        has_before, has_after = len(older) > half, len(newer) > half
    elif before is not None:
        rows = read_before(connection, room, before, limit + 1)
        shown, has_before = rows[:limit][::-1], len(rows) > limit
        has_after = bool(read_after(connection, room, before - 1, 1))
    else:
        return read_newest(connection, room, limit, standing)
    return {
        "items": message_shapes(connection, shown),
        "has_before": has_before,
        "has_after": has_after,
        "head": standing.head,
    }


def read_newest(
    connection: Connection, room: str, limit: int, standing: Standing
) -> dict[str, Any]:
    """The newest page of a room the caller may read."""
    rows = read_before(connection, room, AFTER_ALL, limit + 1)
    return {
        "items": message_shapes(connection, rows[:limit][::-1]),
        "has_before": len(rows) > limit,
        "has_after": False,
        "head": standing.head,
    }


HERE = select(messages).where(messages.c.room == bindparam("room")).limit(bindparam("limit"))
BEFORE = HERE.where(messages.c.seq < bindparam("place")).order_by(messages.c.seq.desc())
AFTER = HERE.where(messages.c.seq > bindparam("place")).order_by(messages.c.seq)


def read_before(connection: Connection, room: str, place: int, limit: int) -> Sequence[Any]:
    """Messages with `seq < place`, newest first."""
    return connection.execute(BEFORE, {"room": room, "place": place, "limit": limit}).all()


def read_after(connection: Connection, room: str, place: int, limit: int) -> Sequence[Any]:
    """Messages with `seq > place`, oldest first."""
    return connection.execute(AFTER, {"room": room, "place": place, "limit": limit}).all()


def get_message(connection: Connection, caller: Caller, *, message: str) -> dict[str, Any]:
    row = access_message(connection, caller, message)
    return message_shapes(connection, [row])[0]


def list_thread(connection: Connection, caller: Caller, *, message: str) -> dict[str, Any]:
    """The root of the message's thread and its newest answers, oldest first, at most THREAD."""
    row = access_message(connection, caller, message)
    root = row if row.reply_to is None else access_message(connection, caller, row.reply_to)
    answers = connection.execute(
        select(messages)
        .where(messages.c.reply_to == root.id)
        .order_by(messages.c.seq.desc())
        .limit(THREAD - 1)
    ).all()
    return {"items": message_shapes(connection, [root, *answers[::-1]])}


def read_first_screen(connection: Connection, caller: Caller) -> dict[str, Any]:
    """What a client needs to draw its first screen (wire.ts, Sync), without presence and version."""
    me = connection.execute(select(users).where(users.c.id == caller.id)).one()
    workspace = connection.execute(select(workspaces)).one()
    rows = page_of_rooms(connection, caller, "", ROOMS)
    views = room_views(connection, caller, rows)
    visible = visible_people(connection, caller)
    people = select(users).order_by(users.c.id)
    if visible is not None:
        people = people.where(users.c.id.in_(visible))
    own = [caller.id]
    if caller.role in COLLEAGUES:
        own.append(workspace.id)
    heads = {stream: state.head for stream, state in log.read_states(connection, own).items()}
    heads |= {view["id"]: view["head"] for view in views if view["joined"]}
    shows_mail = caller.role in ("owner", "admin")
    return {
        "me": user_shape(me, email=True),
        "workspace": workspace_shape(workspace),
        "heads": heads,
        "rooms": views,
        "people": [user_shape(row, email=shows_mail) for row in connection.execute(people)],
    }
