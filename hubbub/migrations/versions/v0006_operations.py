"""Figures over time and errors, for the operations page, and the stream its live figures go through."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")
STREAM = "00000000-0000-7000-8000-6f7065726174"


def upgrade() -> None:
    op.create_table(
        "operations_samples",
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("step", "at", name="pk_operations_samples"),
    )
    op.create_table(
        "error_reports",
        sa.Column("id", ID, nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("stack", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=300), nullable=False),
        sa.Column("release", sa.String(length=100), nullable=False),
        sa.Column("browser", sa.String(length=60), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("source IN ('browser', 'server')", name="ck_error_reports_source"),
        sa.PrimaryKeyConstraint("id", name="pk_error_reports"),
        sa.UniqueConstraint("fingerprint", name="uq_error_reports_fingerprint"),
    )
    op.create_index("ix_error_reports_last", "error_reports", ["last_at", "id"])
    op.execute(
        sa.text(
            "INSERT INTO streams (id, kind, head, floor, changed_at)"
            " VALUES (:id, 'operations', 0, 0, 0)"
        ).bindparams(id=STREAM)
    )


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM streams WHERE id = :id").bindparams(id=STREAM))
    op.drop_table("error_reports")
    op.drop_table("operations_samples")
