"""Finding a place in an order, and making room where it has become too tight (docs/boards.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, literal, select, update

from hubbub.boards.models import board_lists, checklist_items, tasks
from hubbub.boards.ranks import LONGEST_RANK, spread_ranks
from hubbub.boards.schemas import END

WINDOW = 64
"""So many neighbours on each side are moved when room is made; four times as many if that is too few."""
LONGEST = LONGEST_RANK
"""Where a rank would become longer, room is made."""
SHORT = LONGEST_RANK // 2
"""Ranks are at most so long after room was made."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is in order by its `rank` within one `scope` (a column's name)."""

    table: Table
    scope: str

    def ranked(self, scope: str, moving: Sequence[str]) -> Select[Any]:
        """Id and rank of everything there, archived or not, but for what is being moved."""
        columns = self.table.c
        found = select(columns.id, columns.rank).where(columns[self.scope] == scope)
        return found.where(columns.id.not_in(moving)) if moving else found

    def find_gap(
        self, connection: Connection, scope: str, after: str | None, moving: Sequence[str] = ()
    ) -> tuple[str | None, str | None]:
        """The ranks behind `after` (None: the front) between which something goes.

        That is the end when `after` is END, or is not there any more.
        """
        rank = self.table.c.rank
        ranked = self.ranked(scope, moving)
        if after is None:
            return None, first_rank(connection, ranked.order_by(rank))
        if after != END:
            there = ranked.where(self.table.c.id == after)
            if "archived_at" in self.table.c:
                there = there.where(self.table.c.archived_at.is_(None))
            before = first_rank(connection, there)
            if before is not None:
                return before, first_rank(connection, ranked.where(rank > before).order_by(rank))
        return first_rank(connection, ranked.order_by(rank.desc())), None

    def find_ranks(
        self,
        connection: Connection,
        scope: str,
        after: str | None,
        count: int = 1,
        moving: Sequence[str] = (),
    ) -> tuple[list[str], dict[str, str]]:
        """Ranks for so many that go behind `after`, and the new ranks, already written, of those that made room.

        What is moved keeps its rank if nothing had to make room; otherwise it waits to be given one.
        """
        before, behind = self.find_gap(connection, scope, after, moving)
        ranks = spread_ranks(before, behind, count)
        if max(map(len, ranks)) <= LONGEST:
            return ranks, {}
        return self.make_room(connection, scope, (before, behind), count, moving)

    def make_room(
        self,
        connection: Connection,
        scope: str,
        gap: tuple[str | None, str | None],
        count: int,
        moving: Sequence[str],
    ) -> tuple[list[str], dict[str, str]]:
        """Spreads the neighbours of a gap out, with so many new ranks between them; answers as `find_ranks`."""
        rank, ranked = self.table.c.rank, self.ranked(scope, moving)
        before, behind = gap
        window = WINDOW
        while True:
            left = right = []
            if before is not None:
                near = ranked.where(rank <= before).order_by(rank.desc())
                left = ranked_rows(connection, near.limit(window + 1))
            if behind is not None:
                near = ranked.where(rank >= behind).order_by(rank)
                right = ranked_rows(connection, near.limit(window + 1))
            low = left[window][1] if len(left) > window else None
            high = right[window][1] if len(right) > window else None
            inner = [*reversed(left[:window]), *right[:window]]
            ranks = spread_ranks(low, high, len(inner) + count)
            if max(map(len, ranks)) <= SHORT or (low is None and high is None):
                break
            window *= 4
        place = min(len(left), window)
        fresh = ranks[place : place + count]
        others = ranks[:place] + ranks[place + count :]
        moved = {identifier: new for (identifier, _), new in zip(inner, others, strict=True)}
        self.park(connection, [*moving, *moved])
        self.write_ranks(connection, moved)
        return fresh, moved

    def park(self, connection: Connection, ids: Sequence[str]) -> None:
        """Gives ranks that are nobody else's, so that any order of new ones can be written one by one."""
        columns = self.table.c
        for start in range(0, len(ids), 500):
            connection.execute(
                update(self.table)
                .where(columns.id.in_(ids[start : start + 500]))
                .values(rank=literal("!") + columns.id)
            )

    def write_ranks(self, connection: Connection, ranks: dict[str, str]) -> None:
        columns = self.table.c
        rows = [{"identifier": identifier, "fresh": rank} for identifier, rank in ranks.items()]
        if rows:
            connection.execute(
                update(self.table)
                .where(columns.id == bindparam("identifier"))
                .values(rank=bindparam("fresh")),
                rows,
            )


def ranked_rows(connection: Connection, ranked: Select[Any]) -> list[tuple[str, str]]:
    return [(identifier, rank) for identifier, rank in connection.execute(ranked)]


def first_rank(connection: Connection, ranked: Select[Any]) -> str | None:
    row = connection.execute(ranked.limit(1)).first()
    return None if row is None else row[1]


TASKS = Order(tasks, "list")
LISTS = Order(board_lists, "board")
ITEMS = Order(checklist_items, "task")
