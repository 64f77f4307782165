"""Tasks that remind and repeat, and the links of calendars."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("tasks", sa.Column("repeat", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("reminded_for", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_tasks_remind",
        "tasks",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("archived_at IS NULL AND reminded_for IS NOT due_at"),
        postgresql_where=sa.text("archived_at IS NULL AND reminded_for IS DISTINCT FROM due_at"),
    )
    op.create_table(
        "calendars",
        sa.Column("user", ID, nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["users.id"], name="fk_calendars_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user", name="pk_calendars"),
        sa.UniqueConstraint("secret_hash", name="uq_calendars_secret_hash"),
    )


def downgrade() -> None:
    op.drop_table("calendars")
    op.drop_index("ix_tasks_remind", "tasks")
    op.drop_column("tasks", "reminded_for")
    op.drop_column("tasks", "repeat")
