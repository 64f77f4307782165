"""The tables of people, with the constraints that keep bad rows out."""

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
    false,
    text,
    true,
)

from hubbub.kernel.database import Id, metadata

ROLES = "('owner', 'admin', 'member', 'client', 'guest')"

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Id, ForeignKey("streams.id"), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("sample", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    # Two first people at the same moment: the second one's row is refused.
    Column("singleton", Integer, nullable=False, unique=True, server_default="1"),
    CheckConstraint("singleton = 1", name="singleton"),
)

users = Table(
    "users",
    metadata,
    Column("id", Id, ForeignKey("streams.id"), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("email", String(254), unique=True),
    Column("password_hash", String(200)),
    Column("role", String(10), nullable=False),
    Column("title", String(80), nullable=False, server_default=""),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("totp_secret", String(64)),
    Column("totp_confirmed", Boolean, nullable=False, server_default=false()),
    # The last time step a code was used for: a code works once.
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
    Column("sample", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    CheckConstraint(f"role IN {ROLES}", name="role"),
    CheckConstraint("length(name) >= 2", name="name"),
    CheckConstraint("email = lower(email)", name="email"),
    CheckConstraint("(email IS NULL) = (password_hash IS NULL)", name="credentials"),
    CheckConstraint("role <> 'guest' OR email IS NULL", name="guest"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user", Id, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("refresh_hash", String(64), nullable=False, unique=True),
    Column("user_agent", String(200), nullable=False, server_default=""),
    Column("address", String(60), nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
)

spent_tokens = Table(
    "spent_tokens",
    metadata,
    # Refresh tokens rotated away: one that comes back late was stolen, or its owner was stolen from.
    Column("hash", String(64), primary_key=True),
    Column(
        "session", Id, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("spent_at", BigInteger, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("code", String(40), primary_key=True),
    Column("role", String(10), nullable=False),
    Column("room", Id),
    Column("email", String(254)),
    Column("uses_left", Integer),
    Column("inviter", Id, ForeignKey("users.id"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    CheckConstraint("role IN ('admin', 'member', 'client', 'guest')", name="role"),
    CheckConstraint("role <> 'guest' OR room IS NOT NULL", name="guest"),
    CheckConstraint("uses_left IS NULL OR uses_left >= 0", name="uses"),
    Index("ix_invitations_inviter", "inviter", sqlite_where=text("withdrawn_at IS NULL")),
)
