"""Tasks made from messages, found by their room; and boards of the sample."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column(
        "boards", sa.Column("sample", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("tasks", sa.Column("message_room", ID, nullable=True))
    op.execute(
        "UPDATE tasks SET message_room = (SELECT room FROM messages WHERE messages.id = tasks.message) "
        "WHERE message IS NOT NULL"
    )
    op.create_index(
        "ix_tasks_message_room",
        "tasks",
        ["message_room", "id"],
        unique=False,
        sqlite_where=sa.text("message_room IS NOT NULL"),
        postgresql_where=sa.text("message_room IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_tasks_message_room", "tasks")
    op.drop_column("tasks", "message_room")
    op.drop_column("boards", "sample")
