"""Brings the database's schema to this version, under a lock: several processes may start at once."""

import logging
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from hubbub.kernel.database import Database

logger = logging.getLogger("hubbub.migrate")

LOCK = 4_816_200_726
"""PostgreSQL advisory lock, the same number in every process of every version."""


class SchemaError(Exception):
    """The schema cannot be used by this version; the message says why and what to do."""


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    config.attributes["connection"] = connection
    return config


def current_version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str | None:
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def migrate(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrates to `revision`; answers the versions before and after. Idempotent.

    SQLite's writing transaction and PostgreSQL's advisory lock make a second process wait for the first. Raises
    SchemaError when the database was made by a newer version of Hubbub.
    """
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        before = current_version(connection)
        scripts = ScriptDirectory.from_config(alembic_config())
        known = {script.revision for script in scripts.walk_revisions()}
        if before is not None and before not in known:
            raise SchemaError(
                f"The database has schema {before}, which this version does not know: "
                "it was used by a newer Hubbub. Start that version, or restore a backup."
            )
        run: Any = command.downgrade if is_older(scripts, revision, before) else command.upgrade
        run(alembic_config(connection), revision)
        after = current_version(connection)
    if before != after:
        logger.info("schema migrated", extra={"before": before, "after": after})
    return before, after


def is_older(scripts: ScriptDirectory, revision: str, current: str | None) -> bool:
    if revision == "base":
        return current is not None
    if revision == "head" or current is None or revision == current:
        return False
    ancestors = {script.revision for script in scripts.iterate_revisions(current, "base")}
    return revision in ancestors
