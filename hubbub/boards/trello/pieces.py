"""What an import brings in, piece by piece; what is compared with what came before."""

import hashlib
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import orjson

Kind = Literal["board", "member", "label", "list", "task", "item", "comment"]

AS_MADE = {"compared": False}
"""Of a field that matters when the piece is made, and not afterwards."""


@dataclass(frozen=True, slots=True)
class Piece:
    external: str = field(metadata=AS_MADE)

    def digests(self) -> dict[str, str]:
        """A digest of each field that is compared, by its name."""
        return {
            one.name: digest(getattr(self, one.name))
            for one in fields(self)
            if one.metadata.get("compared", True)
        }


def digest(value: Any) -> str:
    return hashlib.blake2b(orjson.dumps(value), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class BoardPiece(Piece):
    name: str
    shown_to: str = field(metadata=AS_MADE)


@dataclass(frozen=True, slots=True)
class MemberPiece(Piece):
    user: str
    right: str


@dataclass(frozen=True, slots=True)
class LabelPiece(Piece):
    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class ListPiece(Piece):
    name: str
    archived: bool
    status: str | None = field(metadata=AS_MADE)


@dataclass(frozen=True, slots=True)
class ItemPiece(Piece):
    text: str
    done: bool


@dataclass(frozen=True, slots=True)
class TaskPiece(Piece):
    """`list` and `labels` are ids of Trello's, `assignees` of ours; `status` is its own; times in milliseconds."""

    list: str
    title: str
    description: str
    status: str | None
    due_at: int | None
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    archived: bool
    created_by: str | None = field(metadata=AS_MADE)
    created_at: int | None = field(metadata=AS_MADE)
    changed_at: int | None = field(metadata=AS_MADE)
    items: tuple[ItemPiece, ...] = field(metadata=AS_MADE)


@dataclass(frozen=True, slots=True)
class CommentPiece(Piece):
    """`task` is Trello's id of the card; `author` is None where nobody here is."""

    body: str
    author: str | None
    task: str = field(metadata=AS_MADE)
    created_at: int | None = field(metadata=AS_MADE)
    edited_at: int | None = field(metadata=AS_MADE)


@dataclass(frozen=True, slots=True)
class Plan:
    """A board as it is to be here. `notes` say what is not taken over, or otherwise than it was."""

    board: BoardPiece
    members: list[MemberPiece]
    labels: list[LabelPiece]
    lists: list[ListPiece]
    tasks: list[TaskPiece]
    comments: list[CommentPiece]
    notes: list[str]

    @property
    def origin(self) -> str:
        return self.board.external

    def stages(self) -> list[tuple[Kind, list[Any]]]:
        return [
            ("member", self.members),
            ("label", self.labels),
            ("list", self.lists),
            ("task", self.tasks),
            ("comment", self.comments),
        ]
