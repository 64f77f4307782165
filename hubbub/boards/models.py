"""The tables of boards, with the constraints that keep bad rows out."""

from sqlalchemy import (
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
    false,
    text,
    true,
)

from hubbub.boards.ranks import LONGEST_RANK
from hubbub.kernel.database import Id, metadata

LONGEST_DESCRIPTION = 20_000
LONGEST_COMMENT = 5_000
LONGEST_ITEM = 200

Rank = String(LONGEST_RANK).with_variant(String(LONGEST_RANK, collation="C"), "postgresql")
"""The column type of a rank: compared byte by byte on both databases."""

boards = Table(
    "boards",
    metadata,
    Column("id", Id, ForeignKey("streams.id"), primary_key=True),
    Column("name", String(80), nullable=False),
    # The room it belongs to, as a link: being in the room gives no right on the board.
    Column("room", Id, index=True),
    Column("shown_to", String(10), nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    Column("sample", Boolean, nullable=False, server_default=false()),
    # The stream of clients and guests, once they do not see every list.
    Column("outside", Id),
    Index("ix_boards_outside", "outside", unique=True),
    CheckConstraint("length(name) >= 1", name="name"),
    CheckConstraint("shown_to IN ('colleagues', 'members')", name="shown_to"),
)

board_members = Table(
    "board_members",
    metadata,
    Column("board", Id, ForeignKey("boards.id", ondelete="CASCADE"), primary_key=True),
    Column("user", Id, ForeignKey("users.id"), primary_key=True),
    Column("right", String(10), nullable=False),
    CheckConstraint("\"right\" IN ('manage', 'edit', 'comment', 'view')", name="right"),
    Index("ix_board_members_user", "user", "board"),
)

board_lists = Table(
    "board_lists",
    metadata,
    Column("id", Id, primary_key=True),
    Column("board", Id, ForeignKey("boards.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(60), nullable=False),
    Column("rank", Rank, nullable=False),
    Column("status", String(10)),
    Column("archived_at", BigInteger),
    # Whether clients and guests see it.
    Column("shown_outside", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("board", "rank"),
    CheckConstraint("length(name) >= 1", name="name"),
    CheckConstraint("status IN ('open', 'doing', 'done')", name="status"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("board", Id, ForeignKey("boards.id", ondelete="CASCADE"), nullable=False),
    Column("list", Id, ForeignKey("board_lists.id", ondelete="CASCADE"), nullable=False),
    Column("rank", Rank, nullable=False),
    Column("title", String(100), nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("priority", String(10)),
    Column("due_at", BigInteger),
    # Whether a time of day was meant, or the day alone.
    Column("due_has_time", Boolean, nullable=False, server_default=false()),
    Column("created_by", Id, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    # The message it was made from.
    Column("message", Id, index=True),
    # Grows by one with each change.
    Column("version", Integer, nullable=False, server_default="1"),
    # How it repeats, as JSON (repeats.py).
    Column("repeat", Text),
    # The due date its people were reminded of.
    Column("reminded_for", BigInteger),
    # The room of that message, which is found by it.
    Column("message_room", Id),
    # Its own, which counts where its list has none (status.py).
    Column("status", String(10)),
    # Archived tasks keep their place, so that restoring one is a complete undo.
    UniqueConstraint("list", "rank"),
    CheckConstraint("length(title) >= 3", name="title"),
    CheckConstraint(f"length(description) <= {LONGEST_DESCRIPTION}", name="description"),
    CheckConstraint("priority IN ('low', 'medium', 'high')", name="priority"),
    CheckConstraint("status IN ('open', 'doing', 'done')", name="status"),
    CheckConstraint("version >= 1", name="version"),
    Index(
        "ix_tasks_live",
        "board",
        "list",
        "rank",
        sqlite_where=text("archived_at IS NULL"),
        postgresql_where=text("archived_at IS NULL"),
    ),
    Index("ix_tasks_changed", "board", "changed_at", "id"),
    Index(
        "ix_tasks_due",
        "board",
        "due_at",
        "id",
        sqlite_where=text("due_at IS NOT NULL AND archived_at IS NULL"),
        postgresql_where=text("due_at IS NOT NULL AND archived_at IS NULL"),
    ),
    Index(
        "ix_tasks_message_room",
        "message_room",
        "id",
        sqlite_where=text("message_room IS NOT NULL"),
        postgresql_where=text("message_room IS NOT NULL"),
    ),
    # Those whose people have still to be reminded.
    Index(
        "ix_tasks_remind",
        "due_at",
        "id",
        sqlite_where=text("archived_at IS NULL AND reminded_for IS NOT due_at"),
        postgresql_where=text("archived_at IS NULL AND reminded_for IS DISTINCT FROM due_at"),
    ),
)

task_assignees = Table(
    "task_assignees",
    metadata,
    Column("task", Id, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("user", Id, ForeignKey("users.id"), primary_key=True),
    Index("ix_task_assignees_user", "user", "task"),
)

board_labels = Table(
    "board_labels",
    metadata,
    Column("id", Id, primary_key=True),
    Column("board", Id, ForeignKey("boards.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("colour", String(10), nullable=False),
    UniqueConstraint("board", "name"),
    CheckConstraint("length(name) >= 1", name="name"),
)

task_labels = Table(
    "task_labels",
    metadata,
    Column("task", Id, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("label", Id, ForeignKey("board_labels.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_task_labels_label", "label", "task"),
)

checklist_items = Table(
    "checklist_items",
    metadata,
    Column("task", Id, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Id, primary_key=True),
    Column("text", String(LONGEST_ITEM), nullable=False),
    Column("done", Boolean, nullable=False, server_default=false()),
    Column("rank", Rank, nullable=False),
    UniqueConstraint("task", "rank"),
    CheckConstraint("length(text) >= 1", name="text"),
)

task_comments = Table(
    "task_comments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("task", Id, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("author", Id, ForeignKey("users.id"), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("edited_at", BigInteger),
    Column("deleted_at", BigInteger),
    CheckConstraint(f"length(body) <= {LONGEST_COMMENT}", name="body"),
    CheckConstraint("deleted_at IS NOT NULL OR length(body) >= 1", name="said"),
    CheckConstraint("deleted_at IS NULL OR body = ''", name="erased"),
    Index("ix_task_comments_task", "task", "id"),
)

calendars = Table(
    "calendars",
    metadata,
    # The link by which somebody's calendar reads what they have to do; one a person.
    Column("user", Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("secret_hash", String(64), nullable=False, unique=True),
    # The secret itself, encrypted, so that its owner can look it up.
    Column("sealed", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

comment_wordings = Table(
    "comment_wordings",
    metadata,
    # Where in the log the wordings of a comment stand, to be scrubbed when it is deleted.
    Column("comment", Id, ForeignKey("task_comments.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # And where in the stream of the board's clients and guests.
    Column("outside", BigInteger),
)
