"""Search by partial words: FTS5 with trigrams on SQLite, pg_trgm on PostgreSQL.

On SQLite the index is a reader of its own: it takes in new messages in the background and before each search, so
that posting does not wait for it. PostgreSQL keeps its index itself.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, text

from hubbub.chat.models import members, messages, rooms
from hubbub.chat.shapes import message_shapes
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Invalid
from hubbub.kernel.kernel import Kernel
from hubbub.people.roles import COLLEAGUES

TRIGRAM = 3
WORDS = 10
INDEX_BATCH = 2_000
# Words shorter than a trigram have no index: they are looked for in the newest messages only.
SCANNED = 20_000

INDEX_MORE = text(
    "INSERT INTO message_search (rowid, body) SELECT number, body FROM messages "
    "WHERE number > coalesce((SELECT rowid FROM message_search ORDER BY rowid DESC LIMIT 1), 0) "
    "AND deleted_at IS NULL ORDER BY number LIMIT :limit"
)
REINDEX = text("UPDATE message_search SET body = :body WHERE rowid = :number")
FORGET = text("DELETE FROM message_search WHERE rowid = :number")


def index_messages(connection: Connection) -> int:
    """Takes the next messages into the index; answers how many (0: it is complete)."""
    if connection.dialect.name != "sqlite":
        return 0
    return connection.execute(INDEX_MORE, {"limit": INDEX_BATCH}).rowcount


def reindex_message(connection: Connection, number: int, body: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(REINDEX, {"number": number, "body": body})


def forget_message(connection: Connection, number: int) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(FORGET, {"number": number})


def escape_like(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def search_messages(
    connection: Connection,
    caller: Caller,
    *,
    words: str,
    room: str | None = None,
    author: str | None = None,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
    cursor: int | None = None,
) -> dict[str, Any]:
    """Messages that contain every word, newest first, only from rooms the caller may read.

    `before` and `after` in milliseconds since the epoch. Raises Invalid without a word to look for.
    """
    wanted = words.replace("\0", " ").split()[:WORDS]
    if not wanted:
        raise Invalid(
            "Say what to search for.", errors=[{"loc": ["query", "q"], "msg": "is empty"}]
        )
    visible: ColumnElement[bool] = members.c.user.is_not(None)
    if caller.role in COLLEAGUES:
        visible = or_(visible, rooms.c.kind == "open")
    query = (
        select(messages, rooms.c.name.label("room_name"))
        .join(rooms, rooms.c.id == messages.c.room)
        .outerjoin(members, and_(members.c.room == rooms.c.id, members.c.user == caller.id))
        .where(visible, messages.c.deleted_at.is_(None))
        .order_by(messages.c.number.desc())
        .limit(limit + 1)
    )
    parameters: dict[str, Any] = {}
    indexed = [word for word in wanted if len(word) >= TRIGRAM]
    short = [word for word in wanted if len(word) < TRIGRAM]
    if connection.dialect.name == "sqlite":
        if indexed:
            query = query.where(
                text("messages.number IN (SELECT rowid FROM message_search WHERE body MATCH :fts)")
            )
            parameters["fts"] = " AND ".join(
                '"' + word.replace('"', '""') + '"' for word in indexed
            )
    else:
        for word in indexed:
            query = query.where(messages.c.body.ilike(f"%{escape_like(word)}%", escape="\\"))
    for word in short:
        query = query.where(messages.c.body.ilike(f"%{escape_like(word)}%", escape="\\"))
    if not indexed:
        newest = select(func.max(messages.c.number)).scalar_subquery()
        query = query.where(messages.c.number > newest - SCANNED)
    if room is not None:
        query = query.where(messages.c.room == room)
    if author is not None:
        query = query.where(messages.c.author == author)
    if before is not None:
        query = query.where(messages.c.created_at < before)
    if after is not None:
        query = query.where(messages.c.created_at >= after)
    if cursor is not None:
        query = query.where(messages.c.number < cursor)
    rows = connection.execute(query, parameters).all()
    shown = rows[:limit]
    items = [
        {"message": shape, "room_name": row.room_name}
        for row, shape in zip(shown, message_shapes(connection, shown), strict=True)
    ]
    return {"items": items, "next": str(shown[-1].number) if len(rows) > limit else None}


async def index_new_messages(kernel: Kernel) -> int:
    """Brings the index up to date; answers how many messages it took in."""
    if not kernel.database.sqlite:
        return 0

    def work() -> int:
        with kernel.database.writing() as connection:
            return index_messages(connection)

    total = 0
    while taken := await kernel.database.run_writer(work):
        total += taken
    return total


async def search(kernel: Kernel, caller: Caller, **arguments: Any) -> dict[str, Any]:
    """Searches after everything posted so far is in the index; arguments as `search_messages`."""
    await index_new_messages(kernel)
    return await kernel.read_history(search_messages, caller, **arguments)
