"""Schedules by cron expression."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("cron", sa.String(length=200), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM jobs WHERE cron IS NOT NULL")
    op.drop_column("jobs", "cron")
