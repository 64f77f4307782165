"""The first schema: streams, entries, people, rooms, messages, search."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", ID, nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("outcome IN ('done', 'denied')", name="ck_audit_outcome"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_table(
        "entries",
        sa.Column("stream", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("actor", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.CheckConstraint("seq > 0", name="ck_entries_seq"),
        sa.PrimaryKeyConstraint("stream", "seq", name="pk_entries"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_entries_key",
        "entries",
        ["stream", "actor", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_table(
        "replies",
        sa.Column("actor", ID, nullable=False),
        sa.Column("operation", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("subject", ID, nullable=True),
        sa.PrimaryKeyConstraint("actor", "operation", "key", name="pk_replies"),
    )
    op.create_index("ix_replies_at", "replies", ["at"], unique=False)
    op.create_index("ix_replies_subject", "replies", ["subject"], unique=False)
    op.create_table(
        "streams",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("head", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("head >= floor AND floor >= 0", name="ck_streams_order"),
        sa.PrimaryKeyConstraint("id", name="pk_streams"),
    )
    op.create_index("ix_streams_changed_at", "streams", ["changed_at"], unique=False)
    op.create_table(
        "rooms",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("topic", sa.String(length=250), server_default="", nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("direct_key", sa.String(length=64), nullable=True),
        sa.Column("welcome", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("sample", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("(kind = 'direct') = (direct_key IS NOT NULL)", name="ck_rooms_direct"),
        sa.CheckConstraint("kind = 'direct' OR length(name) >= 2", name="ck_rooms_name"),
        sa.CheckConstraint("kind IN ('open', 'private', 'direct')", name="ck_rooms_kind"),
        sa.ForeignKeyConstraint(["id"], ["streams.id"], name="fk_rooms_id"),
        sa.PrimaryKeyConstraint("id", name="pk_rooms"),
        sa.UniqueConstraint("direct_key", name="uq_rooms_direct_key"),
    )
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("title", sa.String(length=80), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("totp_secret", sa.String(length=64), nullable=True),
        sa.Column("totp_confirmed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sample", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role <> 'guest' OR email IS NULL", name="ck_users_guest"),
        sa.CheckConstraint(
            "role IN ('owner', 'admin', 'member', 'client', 'guest')", name="ck_users_role"
        ),
        sa.CheckConstraint(
            "(email IS NULL) = (password_hash IS NULL)", name="ck_users_credentials"
        ),
        sa.CheckConstraint("email = lower(email)", name="ck_users_email"),
        sa.CheckConstraint("length(name) >= 2", name="ck_users_name"),
        sa.ForeignKeyConstraint(["id"], ["streams.id"], name="fk_users_id"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("sample", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("singleton", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("singleton = 1", name="ck_workspaces_singleton"),
        sa.ForeignKeyConstraint(["id"], ["streams.id"], name="fk_workspaces_id"),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("singleton", name="uq_workspaces_singleton"),
    )
    op.create_table(
        "invitations",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("room", ID, nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("inviter", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role <> 'guest' OR room IS NOT NULL", name="ck_invitations_guest"),
        sa.CheckConstraint(
            "role IN ('admin', 'member', 'client', 'guest')", name="ck_invitations_role"
        ),
        sa.CheckConstraint("uses_left IS NULL OR uses_left >= 0", name="ck_invitations_uses"),
        sa.ForeignKeyConstraint(["inviter"], ["users.id"], name="fk_invitations_inviter"),
        sa.PrimaryKeyConstraint("code", name="pk_invitations"),
    )
    op.create_index(
        "ix_invitations_inviter",
        "invitations",
        ["inviter"],
        unique=False,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "members",
        sa.Column("room", ID, nullable=False),
        sa.Column("user", ID, nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["room"], ["rooms.id"], name="fk_members_room", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_members_user"),
        sa.PrimaryKeyConstraint("room", "user", name="pk_members"),
    )
    op.create_index("ix_members_user", "members", ["user", "room"], unique=False)
    op.create_table(
        "mentions",
        sa.Column("user", ID, nullable=False),
        sa.Column("room", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["room"], ["rooms.id"], name="fk_mentions_room", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_mentions_user"),
        sa.PrimaryKeyConstraint("user", "room", "seq", name="pk_mentions"),
    )
    op.create_table(
        "messages",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", ID, nullable=False),
        sa.Column("room", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("author", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reply_to", ID, nullable=True),
        sa.Column("replies", sa.Integer(), server_default="0", nullable=False),
        sa.Column("mentions", sa.Text(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("deleted_at IS NULL OR body = ''", name="ck_messages_erased"),
        sa.CheckConstraint("deleted_at IS NOT NULL OR length(body) >= 1", name="ck_messages_said"),
        sa.CheckConstraint("length(body) <= 8000", name="ck_messages_body"),
        sa.CheckConstraint("replies >= 0", name="ck_messages_replies"),
        sa.ForeignKeyConstraint(["author"], ["users.id"], name="fk_messages_author"),
        sa.ForeignKeyConstraint(
            ["room"], ["rooms.id"], name="fk_messages_room", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        sa.UniqueConstraint("room", "seq", name="uq_messages_room_seq"),
    )
    op.create_index(
        "ix_messages_reply_to",
        "messages",
        ["reply_to"],
        unique=False,
        sqlite_where=sa.text("reply_to IS NOT NULL"),
    )
    op.create_table(
        "read_marks",
        sa.Column("user", ID, nullable=False),
        sa.Column("room", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("seq >= 0", name="ck_read_marks_seq"),
        sa.ForeignKeyConstraint(
            ["room"], ["rooms.id"], name="fk_read_marks_room", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_read_marks_user"),
        sa.PrimaryKeyConstraint("user", "room", name="pk_read_marks"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("user", ID, nullable=False),
        sa.Column("refresh_hash", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=200), server_default="", nullable=False),
        sa.Column("address", sa.String(length=60), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user"], ["users.id"], name="fk_sessions_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("refresh_hash", name="uq_sessions_refresh_hash"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_user", "sessions", ["user"], unique=False)
    op.create_table(
        "message_edits",
        sa.Column("message", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["message"], ["messages.id"], name="fk_message_edits_message", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message", "seq", name="pk_message_edits"),
    )
    op.create_table(
        "reactions",
        sa.Column("message", ID, nullable=False),
        sa.Column("emoji", sa.String(length=32), nullable=False),
        sa.Column("user", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(emoji) >= 1", name="ck_reactions_emoji"),
        sa.ForeignKeyConstraint(
            ["message"], ["messages.id"], name="fk_reactions_message", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_reactions_user"),
        sa.PrimaryKeyConstraint("message", "emoji", "user", name="pk_reactions"),
    )
    op.create_table(
        "spent_tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("session", ID, nullable=False),
        sa.Column("spent_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["sessions.id"], name="fk_spent_tokens_session", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_spent_tokens"),
    )
    op.create_index("ix_spent_tokens_session", "spent_tokens", ["session"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE message_search USING fts5(body, tokenize='trigram')")
    else:
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute("CREATE INDEX ix_messages_search ON messages USING gin (body gin_trgm_ops)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE message_search")
    op.drop_index("ix_spent_tokens_session", table_name="spent_tokens")
    op.drop_table("spent_tokens")
    op.drop_table("reactions")
    op.drop_table("message_edits")
    op.drop_index("ix_sessions_user", table_name="sessions")
    op.drop_index("ix_sessions_expires_at", table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("read_marks")
    op.drop_index(
        "ix_messages_reply_to", table_name="messages", sqlite_where=sa.text("reply_to IS NOT NULL")
    )
    op.drop_table("messages")
    op.drop_table("mentions")
    op.drop_index("ix_members_user", table_name="members")
    op.drop_table("members")
    op.drop_index(
        "ix_invitations_inviter",
        table_name="invitations",
        sqlite_where=sa.text("withdrawn_at IS NULL"),
    )
    op.drop_table("invitations")
    op.drop_table("workspaces")
    op.drop_table("users")
    op.drop_table("rooms")
    op.drop_index("ix_streams_changed_at", table_name="streams")
    op.drop_table("streams")
    op.drop_index("ix_replies_subject", table_name="replies")
    op.drop_index("ix_replies_at", table_name="replies")
    op.drop_table("replies")
    op.drop_index(
        "uq_entries_key",
        table_name="entries",
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.drop_table("entries")
    op.drop_index("ix_audit_at", table_name="audit")
    op.drop_table("audit")
