"""A task's own status."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As SQL: SQLite takes a constraint only together with its column.
    op.execute(
        "ALTER TABLE tasks ADD COLUMN status VARCHAR(10) "
        "CONSTRAINT ck_tasks_status CHECK (status IN ('open', 'doing', 'done'))"
    )


def downgrade() -> None:
    op.drop_column("tasks", "status")
