"""The verbs of the publisher's tables, each a plain function over a connection.

The fence: whoever publishes has a generation. Every write of a cursor first finds its own generation in the
target's row and keeps that row locked until it commits; a holder that was replaced finds none and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from hubbub.kernel.jobs.table import database_now
from hubbub.kernel.log import Entry, entries, read_entries, read_states, streams
from hubbub.kernel.publisher.tables import relay_cursors, relay_targets

ERROR_LENGTH = 300
END = 2**62


class LeaseLost(Exception):  # noqa: N818 - says what happened
    """Another process publishes now, or cursors were moved: what this one knew is worth nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish: its generation, and how often the target was replayed."""

    target: str
    generation: int
    replays: int


@dataclass(frozen=True, slots=True)
class Behind:
    """A stream with entries after `seq` that were not published."""

    stream: str
    seq: int


@dataclass(frozen=True, slots=True)
class Page:
    """What comes next in a stream: first perhaps a gap up to `trimmed`, then entries without holes."""

    trimmed: int
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """What the database knows of a target. `held` is whether a process publishes to it now."""

    target: str
    holder: str
    held: bool
    replays: int
    error: str
    streams: int
    entries: int


def acquire(connection: Connection, target: str, holder: str, lease_ms: int) -> Lease | None:
    """Takes the lease if nobody else holds it.

    A target met for the first time begins at each stream's oldest entry.
    """
    insert = insert_sqlite if connection.dialect.name == "sqlite" else insert_postgresql
    made = connection.execute(
        insert(relay_targets)
        .values(target=target)
        .on_conflict_do_nothing()
        .returning(relay_targets.c.target)
    ).scalar()
    if made is not None:
        # What was trimmed before anybody wanted it is no gap.
        begun = select(literal(target), streams.c.id, streams.c.floor).where(streams.c.floor > 0)
        connection.execute(
            insert(relay_cursors)
            .from_select(["target", "stream", "seq"], begun)
            .on_conflict_do_nothing()
        )
    row = connection.execute(
        update(relay_targets)
        .where(relay_targets.c.target == target)
        .where(or_(relay_targets.c.held_until <= database_now(), relay_targets.c.holder == holder))
        .values(
            holder=holder,
            generation=relay_targets.c.generation + 1,
            held_until=database_now() + lease_ms,
        )
        .returning(relay_targets.c.generation, relay_targets.c.replays)
    ).first()
    return None if row is None else Lease(target, row.generation, row.replays)


def renew(connection: Connection, lease: Lease, lease_ms: int) -> None:
    """Holds on to the lease, and locks the target's row until the transaction ends. Raises LeaseLost."""
    held = connection.execute(
        update(relay_targets)
        .where(relay_targets.c.target == lease.target)
        .where(relay_targets.c.generation == lease.generation)
        .values(held_until=database_now() + lease_ms)
    )
    if held.rowcount == 0:
        raise LeaseLost


def save(connection: Connection, lease: Lease, moved: Mapping[str, int], lease_ms: int) -> None:
    """Notes what the broker has confirmed, and renews the lease. Raises LeaseLost, and nothing is noted."""
    renew(connection, lease, lease_ms)
    if not moved:
        return
    insert = insert_sqlite if connection.dialect.name == "sqlite" else insert_postgresql
    adding = insert(relay_cursors)
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=[relay_cursors.c.target, relay_cursors.c.stream],
            set_={"seq": adding.excluded.seq},
            where=relay_cursors.c.seq < adding.excluded.seq,
        ),
        [
            {"target": lease.target, "stream": stream, "seq": seq}
            for stream, seq in sorted(moved.items())
        ],
    )


def note(connection: Connection, lease: Lease, error: str, *, release: bool) -> None:
    """Notes why publishing failed, or that it works again (an empty error); may let go of the lease."""
    values: dict[str, object] = {"error": error[:ERROR_LENGTH]}
    if release:
        values |= {"held_until": 0, "holder": ""}
    connection.execute(
        update(relay_targets)
        .where(relay_targets.c.target == lease.target)
        .where(relay_targets.c.generation == lease.generation)
        .values(values)
    )


def positions(target: str) -> tuple[FromClause, ColumnElement[int]]:
    """The streams joined with the target's cursors, and the cursor, which is 0 where there is none."""
    joined = streams.outerjoin(
        relay_cursors,
        and_(relay_cursors.c.stream == streams.c.id, relay_cursors.c.target == target),
    )
    return joined, func.coalesce(relay_cursors.c.seq, 0)


def read_behind(
    connection: Connection, target: str, kinds: Sequence[str], since: int, after: str, limit: int
) -> list[Behind]:
    """Streams of these kinds that changed at `since` or later and are not published to their head.

    In id order, the first `limit` after the id `after`.
    """
    joined, cursor = positions(target)
    rows = connection.execute(
        select(streams.c.id, cursor.label("seq"))
        .select_from(joined)
        .where(streams.c.id > after, streams.c.head > cursor, streams.c.kind.in_(kinds))
        .where(streams.c.changed_at >= since)
        .order_by(streams.c.id)
        .limit(limit)
    )
    return [Behind(row.id, row.seq) for row in rows]


def read_page(connection: Connection, stream: str, after: int, limit: int) -> Page:
    """The next entries after `after`; where some of them were trimmed, up to where."""
    page = read_entries(connection, stream, after, END, limit)
    if page and page[0].seq == after + 1:
        return Page(0, page)
    state = read_states(connection, [stream]).get(stream)
    floor = 0 if state is None else state.floor
    return Page(floor if floor > after else 0, page)


def read_lag(connection: Connection, target: str, kinds: Sequence[str]) -> tuple[int, int]:
    """How many streams are not published to their head, and how many entries that is."""
    joined, cursor = positions(target)
    row = connection.execute(
        select(func.count(), func.coalesce(func.sum(streams.c.head - cursor), 0))
        .select_from(joined)
        .where(streams.c.head > cursor, streams.c.kind.in_(kinds))
    ).one()
    return int(row[0]), int(row[1])


def read_targets(connection: Connection, kinds: Sequence[str]) -> list[TargetStatus]:
    """Every target that was ever published to."""
    rows = connection.execute(
        select(relay_targets, (relay_targets.c.held_until > database_now()).label("held")).order_by(
            relay_targets.c.target
        )
    ).all()
    return [
        TargetStatus(
            row.target,
            row.holder,
            bool(row.held),
            row.replays,
            row.error,
            *read_lag(connection, row.target, kinds),
        )
        for row in rows
    ]


def replay(
    connection: Connection, target: str, *, stream: str | None, start: int, since: int | None
) -> int:
    """Moves cursors back, so that entries from `start` on, or written at `since` or later, come again.

    Answers how many streams that concerns; a cursor never moves forward, nor before what was trimmed. The
    process that publishes loses its lease in the same transaction, takes it again and goes on from there.
    Raises LookupError when there is no such target.
    """
    # Who holds keeps `held_until`: nobody else begins while its last publishes are under way.
    found = connection.execute(
        update(relay_targets)
        .where(relay_targets.c.target == target)
        .values(generation=relay_targets.c.generation + 1, replays=relay_targets.c.replays + 1)
    )
    if found.rowcount == 0:
        raise LookupError(f"nothing was ever published to {target}")
    wanted: ColumnElement[int] = literal(start - 1)
    if since is not None:
        wanted = func.coalesce(
            select(func.min(entries.c.seq) - 1)
            .where(entries.c.stream == streams.c.id, entries.c.at >= since)
            .scalar_subquery(),
            streams.c.head,
        )
    back = case((streams.c.floor > wanted, streams.c.floor), else_=wanted)
    place = select(back).where(streams.c.id == relay_cursors.c.stream).scalar_subquery()
    moved = (
        update(relay_cursors)
        .where(relay_cursors.c.target == target, relay_cursors.c.seq > place)
        .values(seq=place)
    )
    if stream is not None:
        moved = moved.where(relay_cursors.c.stream == stream)
    return connection.execute(moved).rowcount


def unpublished(target: str, kinds: Sequence[str]) -> Select[tuple[str, int]]:
    """The streams that are published, each with how far it was, for who trims the log."""
    joined, cursor = positions(target)
    chosen = streams.c.kind.in_(kinds) if kinds else false()
    return (
        select(streams.c.id.label("stream"), cursor.label("seq")).select_from(joined).where(chosen)
    )
