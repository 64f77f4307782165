"""The tables of chat, with the constraints that keep bad rows out."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)

from hubbub.kernel.database import Id, metadata

LONGEST_BODY = 8_000

rooms = Table(
    "rooms",
    metadata,
    Column("id", Id, ForeignKey("streams.id"), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("name", String(80), nullable=False),
    Column("topic", String(250), nullable=False, server_default=""),
    Column("created_by", Id, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    # The sorted members of a direct room, hashed: one room for each set of people.
    Column("direct_key", String(64), unique=True),
    # New members of the workspace join these by themselves.
    Column("welcome", Boolean, nullable=False, server_default=false()),
    Column("sample", Boolean, nullable=False, server_default=false()),
    CheckConstraint("kind IN ('open', 'private', 'direct')", name="kind"),
    CheckConstraint("(kind = 'direct') = (direct_key IS NOT NULL)", name="direct"),
    CheckConstraint("kind = 'direct' OR length(name) >= 2", name="name"),
)

members = Table(
    "members",
    metadata,
    Column("room", Id, ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True),
    Column("user", Id, ForeignKey("users.id"), primary_key=True),
    Column("joined_at", BigInteger, nullable=False),
    Index("ix_members_user", "user", "room"),
)

messages = Table(
    "messages",
    metadata,
    # Grows with every message of the workspace: the search index and its pages go by it.
    Column(
        "number",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("id", Id, nullable=False, unique=True),
    Column("room", Id, ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("author", Id, ForeignKey("users.id"), nullable=False),
    Column("body", Text, nullable=False),
    Column("reply_to", Id),
    Column("replies", Integer, nullable=False, server_default="0"),
    # JSON list of the people mentioned, as the message object shows them.
    Column("mentions", Text, nullable=False, server_default="[]"),
    Column("created_at", BigInteger, nullable=False),
    Column("edited_at", BigInteger),
    Column("deleted_at", BigInteger),
    UniqueConstraint("room", "seq"),
    CheckConstraint(f"length(body) <= {LONGEST_BODY}", name="body"),
    CheckConstraint("deleted_at IS NOT NULL OR length(body) >= 1", name="said"),
    CheckConstraint("deleted_at IS NULL OR body = ''", name="erased"),
    CheckConstraint("replies >= 0", name="replies"),
    Index("ix_messages_reply_to", "reply_to", sqlite_where=text("reply_to IS NOT NULL")),
)

edits = Table(
    "message_edits",
    metadata,
    # Where in the log earlier wordings of a message stand, to be scrubbed when it is deleted.
    Column("message", Id, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)

reactions = Table(
    "reactions",
    metadata,
    Column("message", Id, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("emoji", String(32), primary_key=True),
    Column("user", Id, ForeignKey("users.id"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("length(emoji) >= 1", name="emoji"),
)

mentions = Table(
    "mentions",
    metadata,
    Column("user", Id, ForeignKey("users.id"), primary_key=True),
    Column("room", Id, ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)

read_marks = Table(
    "read_marks",
    metadata,
    Column("user", Id, ForeignKey("users.id"), primary_key=True),
    Column("room", Id, ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("seq >= 0", name="seq"),
)

SEARCH_SQLITE = "CREATE VIRTUAL TABLE message_search USING fts5(body, tokenize='trigram')"
SEARCH_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX ix_messages_search ON messages USING gin (body gin_trgm_ops)",
)

event.listen(messages, "after_create", DDL(SEARCH_SQLITE).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]
for statement in SEARCH_POSTGRESQL:
    event.listen(messages, "after_create", DDL(statement).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]
