"""Brings the database's schema to this version, under a lock: several processes may start at once."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

from hubbub.kernel.database import Database

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

logger = logging.getLogger("hubbub.migrate")

LOCK = 4_816_200_726
"""PostgreSQL advisory lock, the same number in every process of every version."""


class SchemaError(Exception):
    """The schema cannot be used by this version; the message says why and what to do."""


SCRIPTS = Path(__file__).parent / "migrations"


def alembic_config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def current_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def newest_version() -> str:
    """The last version's number, from the names of its module: `v0001_first.py`."""
    return max(path.name[1:5] for path in (SCRIPTS / "versions").glob("v*.py"))


def migrate(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrates to `revision`; answers the versions before and after. Idempotent.

    SQLite's writing transaction and PostgreSQL's advisory lock make a second process wait for the first. Raises
    SchemaError when the database was made by a newer version of Hubbub.
    """
    if revision == "head":
        # The usual case at every start, without loading the machinery.
        with database.reading() as connection:
            current = current_version(connection)
        if current == newest_version():
            return current, current
    from alembic import command
    from alembic.script import ScriptDirectory

    with database.writing(unbounded=True) as connection:
        if connection.dialect.name == "postgresql":
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


def is_older(scripts: "ScriptDirectory", revision: str, current: str | None) -> bool:
    if revision == "base":
        return current is not None
    if revision == "head" or current is None or revision == current:
        return False
    ancestors = {script.revision for script in scripts.iterate_revisions(current, "base")}
    return revision in ancestors
