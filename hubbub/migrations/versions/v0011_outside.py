"""Lists that clients and guests do not see, and the stream of those who see only a part of a board."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("boards", sa.Column("outside", ID, nullable=True))
    op.create_index("ix_boards_outside", "boards", ["outside"], unique=True)
    op.add_column(
        "board_lists",
        sa.Column("shown_outside", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.add_column("comment_wordings", sa.Column("outside", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("comment_wordings", "outside")
    op.drop_column("board_lists", "shown_outside")
    op.drop_index("ix_boards_outside", "boards")
    op.drop_column("boards", "outside")
