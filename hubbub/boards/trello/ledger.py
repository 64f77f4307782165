"""What came in before, and what has changed in Trello since."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import orjson
from sqlalchemy import Connection, select, update

from hubbub.boards.trello.models import imports
from hubbub.boards.trello.pieces import Kind, Piece
from hubbub.kernel.bulk import Insert, Statement, look_up, write

SOURCE = "trello"
AT_ONCE = 5_000
# Row by row: a list of ids would be a filter over everything of the kind where PostgreSQL knows nothing of the table.
FIND = Statement(
    "SELECT imports.external, imports.ours, imports.digests FROM {given} CROSS JOIN imports "
    "WHERE imports.source = given.source AND imports.origin = given.origin "
    "AND imports.kind = given.kind AND imports.external = given.external",
    "source",
    "origin",
    "kind",
    "external",
)

KEEP = Insert(imports, "source", "origin", "kind", "external", "board", "ours", "digests")

P = TypeVar("P", bound=Piece)


@dataclass(frozen=True, slots=True)
class Known:
    """What something of Trello's has become here, and the digests of its fields as they came last."""

    ours: str
    digests: dict[str, str]


@dataclass(frozen=True, slots=True)
class Changed(Generic[P]):
    """A piece that came before, and the names of the fields that have changed since."""

    piece: P
    known: Known
    fields: frozenset[str]

    @property
    def ours(self) -> str:
        return self.known.ours


@dataclass(slots=True)
class Sorted(Generic[P]):
    """Pieces by what is to be done: make them, change what was made of them, or nothing."""

    fresh: list[P] = field(default_factory=list)
    changed: list[Changed[P]] = field(default_factory=list)
    same: int = 0

    def due(self) -> set[str]:
        """Trello's ids of what is new or has changed."""
        return {one.external for one in self.fresh} | {one.piece.external for one in self.changed}


def pack(piece: Piece) -> str:
    return orjson.dumps(piece.digests()).decode()


def find_imported_board(connection: Connection, origin: str) -> str | None:
    """The board that this board of Trello's has become."""
    return connection.execute(
        select(imports.c.ours).where(
            imports.c.source == SOURCE, imports.c.origin == origin, imports.c.kind == "board"
        )
    ).scalar()


class Ledger:
    """The rows of one imported board, read and written on one connection."""

    def __init__(self, connection: Connection, origin: str, board: str) -> None:
        self.connection = connection
        self.origin = origin
        self.board = board

    def find(self, kind: Kind, externals: Iterable[str]) -> dict[str, Known]:
        """Those of Trello's ids that came in before."""
        found = {}
        wanted = [(SOURCE, self.origin, kind, external) for external in sorted(set(externals))]
        for start in range(0, len(wanted), AT_ONCE):
            rows = look_up(self.connection, [(FIND, wanted[start : start + AT_ONCE])])[0]
            for external, ours, digests in rows:
                found[external] = Known(ours, orjson.loads(digests))
        return found

    def sort(self, kind: Kind, pieces: Sequence[P]) -> Sorted[P]:
        known = self.find(kind, [piece.external for piece in pieces])
        result: Sorted[P] = Sorted()
        for piece in pieces:
            before = known.get(piece.external)
            if before is None:
                result.fresh.append(piece)
                continue
            now = piece.digests()
            differing = frozenset(name for name in now if before.digests.get(name) != now[name])
            if differing:
                result.changed.append(Changed(piece, before, differing))
            else:
                result.same += 1
        return result

    def keep(self, kind: Kind, made: Sequence[tuple[Piece, str]]) -> None:
        """Notes what was made of new pieces."""
        rows = [
            (SOURCE, self.origin, kind, piece.external, self.board, ours, pack(piece))
            for piece, ours in made
        ]
        if rows:
            write(self.connection, [(KEEP, rows)])

    def note(self, kind: Kind, changed: Changed[P], ours: str | None = None) -> None:
        """Notes that the changes of a piece were brought in, and what it is now."""
        self.connection.execute(
            update(imports)
            .where(
                imports.c.source == SOURCE,
                imports.c.origin == self.origin,
                imports.c.kind == kind,
                imports.c.external == changed.piece.external,
            )
            .values(digests=pack(changed.piece), ours=ours or changed.ours)
        )
