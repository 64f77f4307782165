"""Posting, editing, deleting, reacting, marking as read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from hubbub.chat.access import access_message, access_room
from hubbub.chat.models import (
    edits,
    mentions,
    messages,
    reactions,
    read_marks,
)
from hubbub.chat.service.mentions import find_mentions
from hubbub.chat.service.search import forget_message, reindex_message
from hubbub.chat.shapes import message_shapes, new_message_shape
from hubbub.kernel import log
from hubbub.kernel.bulk import Insert, Rows, Statement
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, Command, Outcome, Request, command, replies
from hubbub.kernel.errors import Conflict, Forbidden, Invalid, Problem
from hubbub.kernel.ids import new_id
from hubbub.kernel.log import Entry
from hubbub.kernel.transaction import Transaction

EMOJI_PER_MESSAGE = 40

CREATED = 201

MAY_POST = Statement(
    "SELECT given.room, given.author FROM {given} CROSS JOIN members CROSS JOIN rooms CROSS JOIN users "
    'WHERE members.room = given.room AND members."user" = given.author '
    "AND rooms.id = given.room AND rooms.archived_at IS NULL "
    "AND users.id = given.author AND users.active",
    "room",
    "author",
)
SAID_BEFORE = Statement(
    "SELECT e.stream, e.seq, e.kind, e.actor, e.at, e.key, e.data FROM {given} CROSS JOIN entries AS e "
    "WHERE e.stream = given.room AND e.actor = given.author AND e.key = given.key",
    "room",
    "author",
    "key",
    replan=True,
)
ROOTS = Statement(
    "SELECT messages.id, messages.room, messages.reply_to FROM {given} CROSS JOIN messages "
    "WHERE messages.id = given.root",
    "root",
)
ADD_REPLIES = Statement(
    "UPDATE messages SET replies = messages.replies + given.more FROM {given} "
    "WHERE messages.id = given.root",
    "root",
    "#more",
)
ADD_MESSAGES = Insert(
    messages, "id", "room", "seq", "author", "body", "reply_to", "mentions", "created_at"
)
ADD_MENTIONS = Insert(mentions, "user", "room", "seq")

Roots = dict[str, tuple[str, str | None]]
"""Messages that are answered: their room, and the message they answer themselves."""


def post_messages(tx: Transaction, requests: Sequence[Request]) -> list[Outcome | Exception]:
    """Posts many messages with a handful of statements; answers each request's outcome in order.

    A request whose key was used before gets the first message again.
    """
    results: list[Outcome | Exception | None] = [None] * len(requests)
    allowed, said, roots = look_around(tx, requests)
    fresh: dict[str, list[int]] = {}
    repeated: list[tuple[int, int]] = []
    keys: dict[tuple[str, str, str], int] = {}
    for place, request in enumerate(requests):
        room, author = request.arguments["room"], request.caller.id
        try:
            if (room, author) not in allowed:
                access_room(tx.connection, request.caller, room, "post")
                raise Forbidden("This account is no longer active.")
            check_root(request, roots)
            if request.key is not None:
                scope = (room, author, request.key)
                if scope in said:
                    results[place] = repeat_post(request, said[scope])
                    continue
                if scope in keys:
                    repeated.append((place, keys[scope]))
                    continue
                keys[scope] = place
            fresh.setdefault(room, []).append(place)
        except Problem as problem:
            results[place] = problem
    written = Written()
    for room in sorted(fresh):
        post_to_room(tx, room, fresh[room], requests, roots, written)
    tx.put(ADD_MESSAGES, written.messages)
    tx.put(ADD_MENTIONS, written.mentions)
    tx.put(ADD_REPLIES, sorted(written.answered.items()))
    tx.append_entries(written.entries)
    for place, entry in zip(written.places, written.entries, strict=True):
        results[place] = Outcome(entry.data, CREATED, entry.seq)
    for place, first in repeated:
        results[place] = repeat_in_batch(requests[place], requests[first], results[first])
    return [result if result is not None else Problem() for result in results]


def look_around(
    tx: Transaction, requests: Sequence[Request]
) -> tuple[set[tuple[str, str]], dict[tuple[str, str, str], Entry], Roots]:
    """Who may post where, what was said before with the same key, and the messages that are answered."""
    places = {(r.arguments["room"], r.caller.id) for r in requests}
    # A key comes twice when an answer was lost. That is rare, and the entries refuse it: then we look.
    keys = {(r.arguments["room"], r.caller.id, r.key) for r in requests if tx.careful and r.key}
    roots = {(r.arguments["reply_to"],) for r in requests if r.arguments.get("reply_to")}
    lookups: list[tuple[Statement, Rows]] = [
        (MAY_POST, list(places)),
        (SAID_BEFORE, list(keys)),
        (ROOTS, list(roots)),
    ]
    asked = [lookup for lookup in lookups if lookup[1]]
    found = dict(zip([statement for statement, _ in asked], tx.look_up(*asked), strict=True))
    said = [log.to_entry(row) for row in found.get(SAID_BEFORE, ())]
    return (
        set(found[MAY_POST]),
        {(entry.stream, entry.actor, str(entry.key)): entry for entry in said},
        {row[0]: (row[1], row[2]) for row in found.get(ROOTS, ())},
    )


def check_root(request: Request, roots: Roots) -> None:
    wanted = request.arguments.get("reply_to")
    if wanted and (wanted not in roots or roots[wanted][0] != request.arguments["room"]):
        raise Invalid.field("reply_to", "The message to answer is not in this room.")


def repeat_post(request: Request, entry: Entry) -> Outcome:
    """The first answer to a key. Raises Conflict when the key came with something else then."""
    message = orjson.loads(entry.data)
    same = entry.kind == "message.posted" and (
        message["deleted"] or message["body"] == request.arguments["body"]
    )
    if not same:
        raise Conflict("This key was used before with other input.")
    return Outcome(entry.data, CREATED, entry.seq, replayed=True)


def repeat_in_batch(
    request: Request, first: Request, result: Outcome | Exception | None
) -> Outcome | Exception:
    if first.arguments != request.arguments:
        return Conflict("This key was used before with other input.")
    if isinstance(result, Outcome):
        return Outcome(result.body, result.status, result.seq, replayed=True)
    return result or Problem()


@dataclass(slots=True)
class Written:
    """What a batch of posts writes: rows of three tables, entries, and the places of their requests."""

    messages: list[tuple[Any, ...]] = field(default_factory=list)
    mentions: list[tuple[str, str, int]] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    entries: list[Entry] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def post_to_room(
    tx: Transaction,
    room: str,
    places: Sequence[int],
    requests: Sequence[Request],
    roots: Roots,
    written: Written,
) -> None:
    """Adds the posts of one room to what is written."""
    bodies = [requests[place].arguments["body"] for place in places]
    mentioned = find_mentions(tx.connection, room, bodies)
    first = tx.take(room, len(places))
    for seq, place, body, people in zip(count(first), places, bodies, mentioned, strict=False):
        request = requests[place]
        author = request.caller.id
        people = [person for person in people if person != author]
        reply_to = request.arguments.get("reply_to") or None
        if reply_to:
            # Answers to an answer belong to the same thread.
            reply_to = roots[reply_to][1] or reply_to
            written.answered[reply_to] += 1
        shape = new_message_shape(new_id(), room, seq, author, body, reply_to, people, tx.now)
        data = orjson.dumps(shape)
        told = orjson.dumps(people).decode() if people else "[]"
        written.messages.append((shape["id"], room, seq, author, body, reply_to, told, tx.now))
        written.mentions += [(person, room, seq) for person in people]
        written.entries.append(
            Entry(room, seq, "message.posted", author, tx.now, request.key, data)
        )
        written.places.append(place)


def post_one(tx: Transaction, caller: Caller, **arguments: Any) -> Answer:
    """Posts one message inside another command (the sample workspace, bots of our own)."""
    request = Request(post_message, caller, arguments)
    result = post_messages(tx, [request])[0]
    if isinstance(result, Exception):
        raise result
    tx.flush()
    return Answer(orjson.loads(result.body), CREATED, result.seq)


post_message = Command("message.post", post_one, target="room", stream="room", many=post_messages)


@command("message.edit", target="message")
def edit_message(tx: Transaction, caller: Caller, *, message: str, body: str) -> Answer:
    """Changes the words of one's own message."""
    row = access_message(tx.connection, caller, message, "post")
    check_own(row, caller, "edit")
    tx.subject = row.id
    people = [p for p in find_mentions(tx.connection, row.room, [body])[0] if p != caller.id]
    seq = tx.reserve(row.room)
    tx.connection.execute(
        update(messages)
        .where(messages.c.id == row.id)
        .values(body=body, edited_at=tx.now, mentions=orjson.dumps(people).decode())
    )
    tx.connection.execute(
        delete(mentions).where(mentions.c.room == row.room, mentions.c.seq == row.seq)
    )
    if people:
        tx.connection.execute(
            insert(mentions), [{"user": p, "room": row.room, "seq": row.seq} for p in people]
        )
    tx.connection.execute(insert(edits), {"message": row.id, "seq": seq})
    reindex_message(tx.connection, row.number, body)
    shape = read_message(tx.connection, row.id)
    tx.append(row.room, "message.edited", caller.id, shape, seq=seq)
    return Answer(shape, seq=seq)


def check_own(row: Any, caller: Caller, verb: str) -> None:
    if row.deleted_at is not None:
        raise Conflict("This message was deleted.")
    if row.author != caller.id:
        raise Forbidden(f"Only its author may {verb} a message.")


@command("message.delete", target="message")
def delete_message(tx: Transaction, caller: Caller, *, message: str) -> Answer:
    """Erases a message's words everywhere: the row stays as a tombstone, the log is scrubbed."""
    row = access_message(tx.connection, caller, message, "post")
    if caller.role not in ("owner", "admin"):
        check_own(row, caller, "delete")
    if row.deleted_at is not None:
        return Answer(None)
    wordings = tx.connection.execute(select(edits.c.seq).where(edits.c.message == row.id))
    erased = {
        **message_shapes(tx.connection, [row])[0],
        "body": "",
        "reactions": [],
        "mentions": [],
        "deleted": True,
    }
    for seq in [row.seq, *wordings.scalars()]:
        log.scrub_entry(tx.connection, row.room, seq, orjson.dumps(erased))
    erase(tx.connection, row, tx.now)
    if row.reply_to:
        tx.put(ADD_REPLIES, [(row.reply_to, -1)])
    data = {"id": row.id, "room": row.room, "seq": row.seq, "reply_to": row.reply_to}
    entry = tx.append(row.room, "message.deleted", caller.id, data)
    return Answer(None, seq=entry.seq)


def erase(connection: Connection, row: Any, now: int) -> None:
    connection.execute(
        update(messages)
        .where(messages.c.id == row.id)
        .values(body="", mentions="[]", deleted_at=now)
    )
    connection.execute(delete(reactions).where(reactions.c.message == row.id))
    connection.execute(
        delete(mentions).where(mentions.c.room == row.room, mentions.c.seq == row.seq)
    )
    connection.execute(delete(edits).where(edits.c.message == row.id))
    connection.execute(delete(replies).where(replies.c.subject == row.id))
    forget_message(connection, row.number)


@command("message.react", target="message")
def add_reaction(tx: Transaction, caller: Caller, *, message: str, emoji: str) -> Answer:
    """Adds one's reaction; adding it again changes nothing."""
    row = access_message(tx.connection, caller, message, "post")
    tx.subject = row.id
    if row.deleted_at is not None:
        raise Conflict("This message was deleted.")
    kinds = set(
        tx.connection.execute(
            select(reactions.c.emoji).where(reactions.c.message == row.id).distinct()
        ).scalars()
    )
    if emoji not in kinds and len(kinds) >= EMOJI_PER_MESSAGE:
        raise Conflict(f"A message carries at most {EMOJI_PER_MESSAGE} different reactions.")
    if has_reaction(tx.connection, row.id, emoji, caller.id):
        return Answer(read_message(tx.connection, row.id), seq=head(tx, row.room))
    tx.connection.execute(
        insert(reactions), {"message": row.id, "emoji": emoji, "user": caller.id, "at": tx.now}
    )
    data = {"message": row.id, "emoji": emoji, "user": caller.id}
    entry = tx.append(row.room, "reaction.added", caller.id, data)
    return Answer(read_message(tx.connection, row.id), seq=entry.seq)


@command("message.unreact", target="message")
def remove_reaction(tx: Transaction, caller: Caller, *, message: str, emoji: str) -> Answer:
    """Takes one's reaction back; taking it back again changes nothing."""
    row = access_message(tx.connection, caller, message, "post")
    tx.subject = row.id
    if not has_reaction(tx.connection, row.id, emoji, caller.id):
        return Answer(read_message(tx.connection, row.id), seq=head(tx, row.room))
    tx.connection.execute(
        delete(reactions).where(
            reactions.c.message == row.id,
            reactions.c.emoji == emoji,
            reactions.c.user == caller.id,
        )
    )
    data = {"message": row.id, "emoji": emoji, "user": caller.id}
    entry = tx.append(row.room, "reaction.removed", caller.id, data)
    return Answer(read_message(tx.connection, row.id), seq=entry.seq)


def has_reaction(connection: Connection, message: str, emoji: str, user: str) -> bool:
    found = connection.execute(
        select(reactions.c.at).where(
            reactions.c.message == message, reactions.c.emoji == emoji, reactions.c.user == user
        )
    )
    return found.one_or_none() is not None


def head(tx: Transaction, stream: str) -> int:
    return log.read_states(tx.connection, [stream])[stream].head


def read_message(connection: Connection, message: str) -> dict[str, Any]:
    row = connection.execute(select(messages).where(messages.c.id == message)).one()
    return message_shapes(connection, [row])[0]


@command("room.read", target="room")
def move_read_mark(tx: Transaction, caller: Caller, *, room: str, seq: int) -> Answer:
    """Marks a room as read up to `seq`, or up to its head if that is lower; never moves back."""
    access_room(tx.connection, caller, room)
    # Two devices of one person: the second waits here and then sees what the first wrote.
    log.lock_streams(tx.connection, [caller.id])
    wanted = min(seq, head(tx, room))
    current = tx.connection.execute(
        select(read_marks.c.seq).where(read_marks.c.user == caller.id, read_marks.c.room == room)
    ).scalar()
    if current is not None and current >= wanted:
        return Answer({"room": room, "seq": current}, seq=current)
    if current is None:
        tx.connection.execute(insert(read_marks), {"user": caller.id, "room": room, "seq": wanted})
    else:
        tx.connection.execute(
            update(read_marks)
            .where(read_marks.c.user == caller.id, read_marks.c.room == room)
            .values(seq=wanted)
        )
    data = {"room": room, "seq": wanted}
    tx.append(caller.id, "read.moved", caller.id, data)
    return Answer(data, seq=wanted)
