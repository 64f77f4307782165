"""How far the log was published to a broker, and by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "relay_targets",
        sa.Column("target", sa.String(length=300), nullable=False),
        sa.Column("holder", sa.String(length=200), server_default="", nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("replays", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error", sa.String(length=300), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("target", name="pk_relay_targets"),
    )
    op.create_table(
        "relay_cursors",
        sa.Column("target", sa.String(length=300), nullable=False),
        sa.Column("stream", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("seq >= 0", name="ck_relay_cursors_seq"),
        sa.PrimaryKeyConstraint("target", "stream", name="pk_relay_cursors"),
    )


def downgrade() -> None:
    op.drop_table("relay_cursors")
    op.drop_table("relay_targets")
