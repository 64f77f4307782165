"""Imports: what came from elsewhere, and what was made of it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("external", sa.String(length=80), nullable=False),
        sa.Column("board", ID, nullable=False),
        sa.Column("ours", ID, nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["board"], ["boards.id"], name="fk_imports_board", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source", "origin", "kind", "external", name="pk_imports"),
    )
    op.create_index("ix_imports_board", "imports", ["board"], unique=False)


def downgrade() -> None:
    op.drop_table("imports")
