"""Boards: lists, tasks, who works on them, and what is said about them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.String(length=36).with_variant(sa.String(length=36, collation="C"), "postgresql")
RANK = sa.String(length=40).with_variant(sa.String(length=40, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "boards",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("room", ID, nullable=True),
        sa.Column("shown_to", sa.String(length=10), nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("shown_to IN ('colleagues', 'members')", name="ck_boards_shown_to"),
        sa.CheckConstraint("length(name) >= 1", name="ck_boards_name"),
        sa.ForeignKeyConstraint(["id"], ["streams.id"], name="fk_boards_id"),
        sa.PrimaryKeyConstraint("id", name="pk_boards"),
    )
    op.create_index("ix_boards_room", "boards", ["room"], unique=False)
    op.create_table(
        "board_labels",
        sa.Column("id", ID, nullable=False),
        sa.Column("board", ID, nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("colour", sa.String(length=10), nullable=False),
        sa.CheckConstraint("length(name) >= 1", name="ck_board_labels_name"),
        sa.ForeignKeyConstraint(
            ["board"], ["boards.id"], name="fk_board_labels_board", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_board_labels"),
        sa.UniqueConstraint("board", "name", name="uq_board_labels_board_name"),
    )
    op.create_table(
        "board_lists",
        sa.Column("id", ID, nullable=False),
        sa.Column("board", ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("rank", RANK, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=True),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'doing', 'done')", name="ck_board_lists_status"),
        sa.CheckConstraint("length(name) >= 1", name="ck_board_lists_name"),
        sa.ForeignKeyConstraint(
            ["board"], ["boards.id"], name="fk_board_lists_board", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_board_lists"),
        sa.UniqueConstraint("board", "rank", name="uq_board_lists_board_rank"),
    )
    op.create_table(
        "board_members",
        sa.Column("board", ID, nullable=False),
        sa.Column("user", ID, nullable=False),
        sa.Column("right", sa.String(length=10), nullable=False),
        sa.CheckConstraint(
            "\"right\" IN ('manage', 'edit', 'comment', 'view')", name="ck_board_members_right"
        ),
        sa.ForeignKeyConstraint(
            ["board"], ["boards.id"], name="fk_board_members_board", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_board_members_user"),
        sa.PrimaryKeyConstraint("board", "user", name="pk_board_members"),
    )
    op.create_index("ix_board_members_user", "board_members", ["user", "board"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", ID, nullable=False),
        sa.Column("board", ID, nullable=False),
        sa.Column("list", ID, nullable=False),
        sa.Column("rank", RANK, nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("due_has_time", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_by", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("message", ID, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("priority IN ('low', 'medium', 'high')", name="ck_tasks_priority"),
        sa.CheckConstraint("length(description) <= 20000", name="ck_tasks_description"),
        sa.CheckConstraint("length(title) >= 3", name="ck_tasks_title"),
        sa.CheckConstraint("version >= 1", name="ck_tasks_version"),
        sa.ForeignKeyConstraint(
            ["board"], ["boards.id"], name="fk_tasks_board", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["list"], ["board_lists.id"], name="fk_tasks_list", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.UniqueConstraint("list", "rank", name="uq_tasks_list_rank"),
    )
    op.create_index("ix_tasks_changed", "tasks", ["board", "changed_at", "id"], unique=False)
    op.create_index(
        "ix_tasks_due",
        "tasks",
        ["board", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL AND archived_at IS NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL AND archived_at IS NULL"),
    )
    op.create_index(
        "ix_tasks_live",
        "tasks",
        ["board", "list", "rank"],
        unique=False,
        sqlite_where=sa.text("archived_at IS NULL"),
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_index("ix_tasks_message", "tasks", ["message"], unique=False)
    op.create_table(
        "checklist_items",
        sa.Column("task", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("done", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rank", RANK, nullable=False),
        sa.CheckConstraint("length(text) >= 1", name="ck_checklist_items_text"),
        sa.ForeignKeyConstraint(
            ["task"], ["tasks.id"], name="fk_checklist_items_task", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task", "id", name="pk_checklist_items"),
        sa.UniqueConstraint("task", "rank", name="uq_checklist_items_task_rank"),
    )
    op.create_table(
        "task_assignees",
        sa.Column("task", ID, nullable=False),
        sa.Column("user", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["task"], ["tasks.id"], name="fk_task_assignees_task", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_task_assignees_user"),
        sa.PrimaryKeyConstraint("task", "user", name="pk_task_assignees"),
    )
    op.create_index("ix_task_assignees_user", "task_assignees", ["user", "task"], unique=False)
    op.create_table(
        "task_comments",
        sa.Column("id", ID, nullable=False),
        sa.Column("task", ID, nullable=False),
        sa.Column("author", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("deleted_at IS NULL OR body = ''", name="ck_task_comments_erased"),
        sa.CheckConstraint(
            "deleted_at IS NOT NULL OR length(body) >= 1", name="ck_task_comments_said"
        ),
        sa.CheckConstraint("length(body) <= 5000", name="ck_task_comments_body"),
        sa.ForeignKeyConstraint(["author"], ["users.id"], name="fk_task_comments_author"),
        sa.ForeignKeyConstraint(
            ["task"], ["tasks.id"], name="fk_task_comments_task", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_task_comments"),
    )
    op.create_index("ix_task_comments_task", "task_comments", ["task", "id"], unique=False)
    op.create_table(
        "task_labels",
        sa.Column("task", ID, nullable=False),
        sa.Column("label", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["label"], ["board_labels.id"], name="fk_task_labels_label", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["task"], ["tasks.id"], name="fk_task_labels_task", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task", "label", name="pk_task_labels"),
    )
    op.create_index("ix_task_labels_label", "task_labels", ["label", "task"], unique=False)
    op.create_table(
        "comment_wordings",
        sa.Column("comment", ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["comment"],
            ["task_comments.id"],
            name="fk_comment_wordings_comment",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("comment", "seq", name="pk_comment_wordings"),
    )


def downgrade() -> None:
    op.drop_table("comment_wordings")
    op.drop_table("task_labels")
    op.drop_table("task_comments")
    op.drop_table("task_assignees")
    op.drop_table("checklist_items")
    op.drop_table("tasks")
    op.drop_table("board_members")
    op.drop_table("board_lists")
    op.drop_table("board_labels")
    op.drop_table("boards")
