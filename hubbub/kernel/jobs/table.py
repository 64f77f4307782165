"""The table of jobs, and how a transaction writes to it.

Every time in it is the database's own, so that machines whose clocks differ agree about leases.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from hubbub.kernel.bulk import Statement
from hubbub.kernel.database import Id, metadata

UNFINISHED = text("state IN ('ready', 'running')")
READY = text("state = 'ready'")
RUNNING = text("state = 'running'")
FINISHED = text("state IN ('done', 'dead')")

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(60), nullable=False),
    Column("arguments", Text, nullable=False),
    # Of two unfinished jobs with the same key the second is not made.
    Column("key", String(128)),
    # A schedule's row becomes ready again instead of done: `every_ms` apart, or, where that is 0, at the times
    # `cron` tells. `turn` counts how often.
    Column("every_ms", BigInteger),
    Column("cron", String(200)),
    Column("turn", BigInteger, nullable=False, server_default="0"),
    Column("state", String(10), nullable=False, server_default="ready"),
    Column("run_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("most_attempts", Integer, nullable=False),
    # Whose turn it is: nobody without this token records a result.
    Column("lease", Id),
    Column("lease_until", BigInteger),
    Column("leased_by", String(200)),
    Column("last_error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    CheckConstraint("state IN ('ready', 'running', 'done', 'dead')", name="state"),
    CheckConstraint("(state = 'running') = (lease IS NOT NULL)", name="lease"),
)
Index("uq_jobs_key", jobs.c.key, unique=True, sqlite_where=UNFINISHED, postgresql_where=UNFINISHED)
Index("ix_jobs_ready", jobs.c.run_at, sqlite_where=READY, postgresql_where=READY)
Index("ix_jobs_running", jobs.c.lease_until, sqlite_where=RUNNING, postgresql_where=RUNNING)
Index(
    "ix_jobs_finished",
    jobs.c.state,
    jobs.c.finished_at,
    sqlite_where=FINISHED,
    postgresql_where=FINISHED,
)

# Stable within a statement, so that an index serves a comparison with it.
NOW_POSTGRESQL = "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"
NOW_SQLITE = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


class database_now(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """The database's time in milliseconds since the epoch."""

    type = BigInteger()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _now_postgresql(_element: Any, _compiler: Any, **_options: Any) -> str:
    return NOW_POSTGRESQL


@compiles(database_now, "sqlite")
def _now_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return NOW_SQLITE


class Enqueue(Statement):
    """Inserts jobs but those whose key waits already; a `run_at` of 0 is at once."""

    def __init__(self) -> None:
        # WHERE true: SQLite would take ON CONFLICT for a join's ON.
        super().__init__(
            "INSERT INTO jobs (id, kind, arguments, key, run_at, most_attempts, created_at) "
            "SELECT given.id, given.kind, given.arguments, given.key, "
            "CASE given.run_at WHEN 0 THEN NOW ELSE given.run_at END, given.most_attempts, NOW "
            "FROM {given} WHERE true "
            "ON CONFLICT (key) WHERE state IN ('ready', 'running') DO NOTHING",
            "id",
            "kind",
            "arguments",
            "key",
            "#run_at",
            "#most_attempts",
        )
        self.postgresql = self.postgresql.replace("NOW", NOW_POSTGRESQL)
        self.sqlite = self.sqlite.replace("NOW", NOW_SQLITE)


ENQUEUE = Enqueue()
