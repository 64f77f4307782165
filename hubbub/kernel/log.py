"""The log: streams of entries, `seq` 1, 2, 3 … without holes (docs/log.md).

An entry is appended in the transaction that makes the change it tells of. `seq` is taken under the stream's own
row lock, which the transaction holds until it commits, so a lower `seq` never appears after a higher one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Integer,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    null,
    or_,
    select,
    text,
    update,
)

from hubbub.kernel.bulk import Insert, Statement, look_up
from hubbub.kernel.clock import format_time, parse_time
from hubbub.kernel.database import Id, metadata

PAGE = 200

streams = Table(
    "streams",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("head", BigInteger, nullable=False, server_default="0"),
    # Entries up to and including this seq have been trimmed.
    Column("floor", BigInteger, nullable=False, server_default="0"),
    Column("changed_at", BigInteger, nullable=False, index=True),
    CheckConstraint("head >= floor AND floor >= 0", name="order"),
)

entries = Table(
    "entries",
    metadata,
    Column("stream", Id, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("actor", Id, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("key", String(128)),
    Column("data", Text, nullable=False),
    CheckConstraint("seq > 0", name="seq"),
    Index(
        "uq_entries_key",
        "stream",
        "actor",
        "key",
        unique=True,
        sqlite_where=text("key IS NOT NULL"),
        postgresql_where=text("key IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor", Id, nullable=False),
    Column("action", String(60), nullable=False),
    Column("target", String(200), nullable=False),
    Column("address", String(60), nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    CheckConstraint("outcome IN ('done', 'denied')", name="outcome"),
)


class Entry(NamedTuple):
    """One change. `at` in milliseconds since the epoch; `data` is JSON as stored."""

    stream: str
    seq: int
    kind: str
    actor: str
    at: int
    key: str | None
    data: bytes

    def encode(self) -> bytes:
        """The entry as clients receive it (docs/api.md, `entries`), as JSON."""
        document: dict[str, Any] = {
            "stream": self.stream,
            "seq": self.seq,
            "kind": self.kind,
            "actor": self.actor,
            "at": format_time(self.at),
        }
        if self.key is not None:
            document["key"] = self.key
        document["data"] = orjson.Fragment(self.data)
        return orjson.dumps(document)


class Encoded:
    """An entry as its followers receive it, encoded at most once wherever it goes.

    What another node sent has only the bytes; `entry` decodes them, for the few kinds that somebody here acts on.
    """

    __slots__ = ("_entry", "_json", "kind", "seq", "stream")

    def __init__(
        self,
        stream: str,
        seq: int,
        kind: str,
        json: bytes | None = None,
        entry: Entry | None = None,
    ) -> None:
        self.stream = stream
        self.seq = seq
        self.kind = kind
        self._json = json
        self._entry = entry

    @classmethod
    def of(cls, entry: Entry) -> "Encoded":
        return cls(entry.stream, entry.seq, entry.kind, None, entry)

    @property
    def json(self) -> bytes:
        if self._json is None:
            self._json = self.entry.encode()
        return self._json

    @property
    def entry(self) -> Entry:
        """Raises ValueError when the bytes are no entry."""
        if self._entry is None:
            self._entry = decode_entry(self._json or b"")
        return self._entry


def decode_entry(json: bytes) -> Entry:
    """The entry that `Entry.encode` made these bytes of. Raises ValueError."""
    document = orjson.loads(json)
    try:
        return Entry(
            document["stream"],
            document["seq"],
            document["kind"],
            document["actor"],
            parse_time(document["at"]),
            document.get("key"),
            orjson.dumps(document["data"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no entry: {error!r}") from None


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where a stream stands: entries `floor + 1 … head` can be read."""

    id: str
    kind: str
    head: int
    floor: int


def create_stream(connection: Connection, stream: str, kind: str, now: int) -> None:
    connection.execute(
        streams.insert(), {"id": stream, "kind": kind, "head": 0, "floor": 0, "changed_at": now}
    )


RESERVE = (
    update(streams)
    .where(streams.c.id == bindparam("stream"))
    .values(head=streams.c.head + bindparam("count"), changed_at=bindparam("now"))
    .returning(streams.c.head)
)
# In id order, so that two transactions never wait for each other.
LOCK = Statement(
    "SELECT id, head FROM streams WHERE id IN (SELECT given.stream FROM {given}) "
    "ORDER BY id {for_update}",
    "stream",
)
ADVANCE = Statement(
    "UPDATE streams SET head = given.head, changed_at = given.now FROM {given} "
    "WHERE streams.id = given.stream",
    "stream",
    "#head",
    "#now",
)
INSERT = Insert(entries, "stream", "seq", "kind", "actor", "at", "key", "data")
AUDIT = Insert(audit, "at", "actor", "action", "target", "address", "outcome", "detail")


def lock_streams(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """Locks the streams until the end of the transaction; answers the heads of those that exist."""
    return dict(look_up(connection, [(LOCK, lock_rows(ids))])[0])


def lock_rows(ids: Iterable[str]) -> list[tuple[str]]:
    return [(stream,) for stream in sorted(set(ids))]


def reserve(connection: Connection, stream: str, count: int, now: int) -> int:
    """Takes the next `count` places of the stream and answers the first. Raises LookupError."""
    head = connection.execute(RESERVE, {"stream": stream, "count": count, "now": now}).scalar()
    if head is None:
        raise LookupError(f"there is no stream {stream}")
    return int(head) - count + 1


def entry_rows(batch: Sequence[Entry]) -> list[tuple[Any, ...]]:
    return [(e.stream, e.seq, e.kind, e.actor, e.at, e.key, e.data.decode()) for e in batch]


def to_entry(row: Sequence[Any]) -> Entry:
    """The entry of a row that has all columns, in their order."""
    stream, seq, kind, actor, at, key, data = row
    return Entry(stream, seq, kind, actor, at, key, data.encode())


RANGE = (
    select(entries)
    .where(entries.c.stream == bindparam("stream"))
    .where(entries.c.seq > bindparam("after"), entries.c.seq <= bindparam("until"))
    .order_by(entries.c.seq)
    .limit(bindparam("limit"))
)


def read_entries(
    connection: Connection, stream: str, after: int, until: int, limit: int = PAGE
) -> list[Entry]:
    """Entries with `after < seq <= until`, oldest first, at most `limit`."""
    rows = connection.execute(
        RANGE, {"stream": stream, "after": after, "until": until, "limit": limit}
    )
    return [to_entry(row) for row in rows]


STATES = select(streams.c.id, streams.c.kind, streams.c.head, streams.c.floor)
STATES_OF = Statement(
    "SELECT id, kind, head, floor FROM streams WHERE id IN (SELECT given.stream FROM {given})",
    "stream",
)
CHANGED = select(streams.c.id, streams.c.head).where(streams.c.changed_at >= bindparam("since"))
AHEAD = Statement(
    "SELECT streams.id, streams.head FROM {given} CROSS JOIN streams "
    "WHERE streams.id = given.stream AND streams.head > given.last",
    "stream",
    "#last",
)


def read_states(connection: Connection, ids: Iterable[str]) -> dict[str, StreamState]:
    """The state of those of the streams that exist."""
    given = [(stream,) for stream in ids]
    rows = look_up(connection, [(STATES_OF, given)])[0] if given else ()
    return {row[0]: StreamState(*row) for row in rows}


def read_changed(connection: Connection, since: int) -> list[tuple[str, int]]:
    """Streams whose last entry was written at `since` (milliseconds) or later, and their heads."""
    return [(row[0], row[1]) for row in connection.execute(CHANGED, {"since": since})]


def read_ahead(connection: Connection, known: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those of the streams whose head is beyond the `seq` given with it, and their heads."""
    return list(look_up(connection, [(AHEAD, known)])[0]) if known else []


OTHERWISE = Statement(
    "SELECT given.stream, max(coalesce(streams.head, 0)) FROM {given} "
    "LEFT JOIN streams ON streams.id = given.stream "
    "LEFT JOIN entries ON entries.stream = given.stream AND entries.seq = given.seq "
    "WHERE streams.id IS NULL OR given.seq > streams.head OR (given.written >= 0 "
    "AND given.seq > streams.floor AND (entries.at IS NULL OR entries.at <> given.written)) "
    "GROUP BY given.stream",
    "stream",
    "#seq",
    "#written",
)


def read_otherwise(
    connection: Connection, known: Sequence[tuple[str, int, int]]
) -> list[tuple[str, int]]:
    """Streams that no longer have an entry as it was known (stream, seq, at), and their heads.

    An `at` below zero only asks whether the stream reaches that far.
    """
    return list(look_up(connection, [(OTHERWISE, known)])[0]) if known else []


def scrub_entry(connection: Connection, stream: str, seq: int, data: bytes) -> None:
    """Replaces what an entry tells, so that erased words are gone from the log too."""
    connection.execute(
        update(entries)
        .where(entries.c.stream == stream, entries.c.seq == seq)
        .values(data=data.decode())
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """A durable reader of the log: `positions` selects, per `stream`, the `seq` it has come to.

    What it has not read is trimmed only when it is older than `before` (milliseconds).
    """

    positions: Select[tuple[str, int]]
    before: int


def trim(
    connection: Connection, before: int, *, batch: int = 5_000, reader: Reader | None = None
) -> int:
    """Removes entries older than `before` (milliseconds), at most `batch`; answers how many went.

    Each stream loses a prefix, so what is left has no hole; `floor` tells how far the prefix went.
    """
    oldest = entries.join(streams, streams.c.id == entries.c.stream)
    chosen = select(entries.c.stream, entries.c.seq)
    if reader is None:
        rows = chosen.add_columns(null()).select_from(oldest)
    else:
        read = reader.positions.subquery()
        rows = chosen.add_columns(read.c.seq).select_from(
            oldest.outerjoin(read, read.c.stream == streams.c.id)
        )
        done = or_(read.c.seq.is_(None), entries.c.seq <= read.c.seq, entries.c.at < reader.before)
        rows = rows.where(done)
    rows = rows.where(entries.c.seq == streams.c.floor + 1, entries.c.at < before).limit(batch)
    removed = 0
    for stream, first, position in connection.execute(rows).all():
        if removed >= batch:
            break
        keep = entries.c.at >= before
        if reader is not None and position is not None:
            keep |= and_(entries.c.seq > position, entries.c.at >= reader.before)
        kept = connection.execute(
            select(entries.c.seq)
            .where(entries.c.stream == stream, entries.c.seq >= first, keep)
            .order_by(entries.c.seq)
            .limit(1)
        ).scalar()
        last = connection.execute(
            select(streams.c.head).where(streams.c.id == stream).with_for_update()
        ).scalar_one()
        until = min(last if kept is None else kept - 1, first + batch - removed - 1)
        connection.execute(
            delete(entries).where(entries.c.stream == stream, entries.c.seq <= until)
        )
        connection.execute(update(streams).where(streams.c.id == stream).values(floor=until))
        removed += until - first + 1
    return removed


def erase_before_head(connection: Connection, stream: str) -> None:
    """Removes every entry but the last: what was said there is gone, and the last entry tells so."""
    state = read_states(connection, [stream])[stream]
    connection.execute(
        delete(entries).where(entries.c.stream == stream, entries.c.seq < state.head)
    )
    connection.execute(update(streams).where(streams.c.id == stream).values(floor=state.head - 1))
