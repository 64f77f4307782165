"""What the database holds once everything is quiet."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import orjson
import psycopg


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry of the log."""

    seq: int
    kind: str
    actor: str
    key: str | None
    data: Any

    @property
    def crc(self) -> int:
        return crc32(orjson.dumps(self.data))


@dataclass(frozen=True, slots=True)
class Message:
    """A message's row."""

    id: str
    room: str
    seq: int
    author: str
    body: str
    reply_to: str | None
    replies: int
    deleted: bool


@dataclass(slots=True)
class Truth:
    """The tables the checker compares with. `base` are the members a room had before its log began."""

    log: dict[str, list[Logged]] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    reactions: set[tuple[str, str, str]] = field(default_factory=set)
    members: dict[str, set[str]] = field(default_factory=dict)
    read_marks: dict[tuple[str, str], int] = field(default_factory=dict)
    replies: set[tuple[str, str]] = field(default_factory=set)
    ended_sessions: set[str] = field(default_factory=set)
    base: dict[str, set[str]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)


def read_truth(url: str, base: dict[str, set[str]], private: Iterable[str]) -> Truth:
    """Everything, in one snapshot. Raises psycopg.Error."""
    truth = Truth(base=base, private=set(private))
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for stream, head in connection.execute("SELECT id, head FROM streams"):
            truth.heads[stream] = head
            truth.log[stream] = []
        for stream, seq, kind, actor, key, data in connection.execute(
            "SELECT stream, seq, kind, actor, key, data FROM entries ORDER BY stream, seq"
        ):
            truth.log[stream].append(Logged(seq, kind, actor, key, orjson.loads(data)))
        for row in connection.execute(
            "SELECT id, room, seq, author, body, reply_to, replies, deleted_at IS NOT NULL FROM messages"
        ):
            truth.messages[row[0]] = Message(*row)
        truth.reactions.update(
            connection.execute('SELECT message, emoji, "user" FROM reactions').fetchall()
        )
        for room, user in connection.execute('SELECT room, "user" FROM members'):
            truth.members.setdefault(room, set()).add(user)
        for user, room, seq in connection.execute('SELECT "user", room, seq FROM read_marks'):
            truth.read_marks[user, room] = seq
        truth.replies.update(connection.execute("SELECT actor, key FROM replies").fetchall())
        truth.ended_sessions.update(
            row[0]
            for row in connection.execute('SELECT "user" FROM sessions WHERE ended_at IS NOT NULL')
        )
    return truth


def read_heads(url: str) -> dict[str, int]:
    """The head of every stream."""
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT id, head FROM streams").fetchall())
