"""Background jobs and schedules."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=True),
        sa.Column("every_ms", sa.BigInteger(), nullable=True),
        sa.Column("turn", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=10), server_default="ready", nullable=False),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("most_attempts", sa.Integer(), nullable=False),
        sa.Column("lease", ID, nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("leased_by", sa.String(length=200), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('ready', 'running', 'done', 'dead')", name="ck_jobs_state"),
        sa.CheckConstraint("(state = 'running') = (lease IS NOT NULL)", name="ck_jobs_lease"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    for name, columns, where in (
        ("uq_jobs_key", ["key"], "state IN ('ready', 'running')"),
        ("ix_jobs_ready", ["run_at"], "state = 'ready'"),
        ("ix_jobs_running", ["lease_until"], "state = 'running'"),
        ("ix_jobs_finished", ["state", "finished_at"], "state IN ('done', 'dead')"),
    ):
        op.create_index(
            name,
            "jobs",
            columns,
            unique=name == "uq_jobs_key",
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def downgrade() -> None:
    op.drop_table("jobs")
