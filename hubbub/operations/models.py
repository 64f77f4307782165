"""Figures kept for some time, and errors by their kind."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, String, Table, Text

from hubbub.kernel.database import Id, metadata

STREAM = "00000000-0000-7000-8000-6f7065726174"
"""The stream whose signals carry the figures; made with the schema. Its last digits read "operat"."""

samples = Table(
    "operations_samples",
    metadata,
    # Seconds from one to the next of its kind.
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("figures", Text, nullable=False),
)

error_reports = Table(
    "error_reports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("fingerprint", String(16), nullable=False, unique=True),
    Column("source", String(10), nullable=False),
    Column("message", Text, nullable=False),
    Column("stack", Text, nullable=False),
    Column("place", String(300), nullable=False),
    Column("release", String(100), nullable=False),
    Column("browser", String(60), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("node", String(200), nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    CheckConstraint("source IN ('browser', 'server')", name="source"),
    Index("ix_error_reports_last", "last_at", "id"),
)
