"""What an import would do, and whether it may: read before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from hubbub.boards.access import access_board
from hubbub.boards.models import board_labels, board_lists, tasks
from hubbub.boards.service.lists import MOST_LABELS, MOST_LISTS, MOST_LISTS_EVER
from hubbub.boards.service.tasks import MOST_TASKS
from hubbub.boards.trello.export import Export
from hubbub.boards.trello.ledger import Ledger, Sorted, find_imported_board
from hubbub.boards.trello.people import Match, find_caller, match_people
from hubbub.boards.trello.pieces import Kind, Plan
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Conflict

Counts = dict[Kind, list[int]]
"""By kind, how many pieces are new, have changed, and are as before."""


def read_people(
    connection: Connection, export: Export, email: str | None, given: Mapping[str, str]
) -> tuple[Caller, str, dict[str, Match]]:
    """Who imports, whom the board is shown to, and who is who there.

    Raises as `find_caller` and `match_people`, and as `access_board` for a board that came in before.
    """
    caller = find_caller(connection, email)
    board = find_imported_board(connection, export.id)
    if board is not None:
        shown_to = str(access_board(connection, caller, board, "manage").row.shown_to)
    else:
        shown_to = "members" if export.prefs.permission_level == "private" else "colleagues"
    return caller, shown_to, match_people(connection, export, given, shown_to)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a plan would change, and the pieces to bring in, by kind, in the order in which they are made."""

    counts: Counts
    stages: list[tuple[Kind, list[Any]]]
    # Whether the board itself is new or has another name.
    board: bool

    @property
    def due(self) -> bool:
        return self.board or self.pieces > 0

    @property
    def pieces(self) -> int:
        return sum(len(pieces) for _, pieces in self.stages)


def compare(connection: Connection, plan: Plan) -> Comparison:
    """Raises Conflict when the board would have more of something than a board may."""
    board = find_imported_board(connection, plan.origin)
    ledger = Ledger(connection, plan.origin, board or "")
    items = [item for task in plan.tasks for item in task.items]
    stages: list[tuple[Kind, list[Any]]] = [*plan.stages(), ("item", items)]
    found = {kind: ledger.sort(kind, pieces) for kind, pieces in stages}
    check_limits(connection, board, found)
    counts = {kind: [len(one.fresh), len(one.changed), one.same] for kind, one in found.items()}
    due = {kind: one.due() for kind, one in found.items()}

    def is_due(kind: Kind, piece: Any) -> bool:
        if kind == "task" and not due["item"].isdisjoint(one.external for one in piece.items):
            return True
        return piece.external in due[kind]

    stages = [(kind, [one for one in every if is_due(kind, one)]) for kind, every in plan.stages()]
    return Comparison(counts, stages, bool(ledger.sort("board", [plan.board]).due()))


def check_limits(
    connection: Connection, board: str | None, found: Mapping[Kind, Sorted[Any]]
) -> None:
    def check(what: str, table: Any, most: int, fresh: int, *conditions: Any) -> None:
        counted = select(func.count()).where(table.c.board == board, *conditions)
        total = fresh + int(connection.execute(counted).scalar_one())
        if fresh and total > most:
            raise Conflict(
                f"The board would have {total:,} {what}, and may have {most:,}. Nothing was written."
            )

    lists, cards = found["list"].fresh, found["task"].fresh
    live = board_lists.c.archived_at.is_(None)
    check("lists", board_lists, MOST_LISTS, sum(not one.archived for one in lists), live)
    check("lists, archived ones counted", board_lists, MOST_LISTS_EVER, len(lists))
    check("labels", board_labels, MOST_LABELS, len(found["label"].fresh))
    live = tasks.c.archived_at.is_(None)
    check("tasks", tasks, MOST_TASKS, sum(not one.archived for one in cards), live)
