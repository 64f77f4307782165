"""How far a task is: what its list says, and where that says nothing, what the task itself says (docs/boards.md)."""

from sqlalchemy import func, or_

from hubbub.boards.models import board_lists, tasks

task_status = func.coalesce(board_lists.c.status, tasks.c.status)
"""The status that counts, of a task joined with its list."""
UNDONE = or_(task_status.is_(None), task_status != "done")
