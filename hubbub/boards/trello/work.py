"""What the writers of an import share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hubbub.boards.access import Board
from hubbub.boards.trello.ledger import Changed, Ledger, P
from hubbub.boards.trello.pieces import Kind, Piece
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from hubbub.kernel.transaction import Transaction


@dataclass(slots=True)
class Work:
    """One batch of an import: its transaction, whose board it is, and what has been done."""

    tx: Transaction
    caller: Caller
    board: Board
    ledger: Ledger
    # How many pieces of each kind were made and changed.
    counts: dict[Kind, list[int]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def keep(self, kind: Kind, made: Sequence[tuple[Piece, str]]) -> None:
        """Notes and counts what was made of new pieces."""
        self.ledger.keep(kind, made)
        self.counts.setdefault(kind, [0, 0])[0] += len(made)

    def note(self, kind: Kind, changed: Changed[P], ours: str | None = None) -> None:
        """Notes and counts a change that was brought in."""
        self.ledger.note(kind, changed, ours)
        self.counts.setdefault(kind, [0, 0])[1] += 1

    @contextmanager
    def refusing(self, what: str) -> Iterator[None]:
        """Notes what is refused because the board was changed here meanwhile."""
        try:
            yield
        except (Conflict, Forbidden, Invalid, NotFound) as problem:
            self.refused.append(f"{what}: {problem.detail}")
