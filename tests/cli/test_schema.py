"""The migrations make what the models say, on both databases."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from hubbub.kernel.database import Database
from hubbub.migrate import migrate, newest_version
from hubbub.schema import metadata


def test_migrated_schema_is_the_models(database_url: str) -> None:
    database = Database(database_url, readers=2)
    assert migrate(database) == (None, newest_version())
    assert migrate(database) == (newest_version(), newest_version())

    def ours(thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        del thing
        return not (name or "").startswith(("message_search", "ix_messages_search", "alembic")) or (
            kind not in ("table", "index")
        )

    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours})
        assert compare_metadata(context, metadata) == []
    database.close()
