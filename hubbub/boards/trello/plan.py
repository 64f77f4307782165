"""Makes of Trello's board what it is to be here."""

from collections.abc import Iterable, Mapping, Sequence

from hubbub.boards.models import LONGEST_COMMENT
from hubbub.boards.trello.cards import CardReader
from hubbub.boards.trello.export import COMMENTS, Action, Export, Label, to_milliseconds
from hubbub.boards.trello.notes import Notes
from hubbub.boards.trello.people import Match
from hubbub.boards.trello.pieces import (
    BoardPiece,
    CommentPiece,
    LabelPiece,
    ListPiece,
    MemberPiece,
    Plan,
)
from hubbub.boards.trello.texts import moment_text, shorten, split_text, to_plain, to_text

LONGEST_BOARD, LONGEST_LIST, LONGEST_LABEL = 80, 60, 40
COLOURS = {
    "green": "green",
    "yellow": "yellow",
    "orange": "orange",
    "red": "red",
    "purple": "purple",
    "blue": "blue",
    "sky": "teal",
    "lime": "green",
    "pink": "pink",
}
STATUSES = {
    "open": ("to do", "to-do", "todo", "backlog"),
    "doing": ("doing", "in progress"),
    "done": ("done", "completed", "finished"),
}
STATUS_OF = {name: status for status, names in STATUSES.items() for name in names}


def plan_board(export: Export, people: Mapping[str, Match], shown_to: str) -> Plan:
    """The board as it is to be here; `people` by their ids in Trello."""
    notes = Notes()
    if export.closed:
        notes.add("The board is closed in Trello and open here", "")
    if export.desc.strip():
        notes.add("A board has no description here", shorten(to_plain(export.desc), 200))
    lists = plan_lists(export, notes)
    statuses = {one.external: one.status for one in lists}
    reader = CardReader(export, people, statuses, notes)
    tasks, rests = reader.read()
    comments = [*rests, *plan_comments(export, people, {one.external for one in tasks}, notes)]
    board = BoardPiece(export.id, fit_name(export.name, LONGEST_BOARD, "Board", notes), shown_to)
    members = [
        MemberPiece(one.member, one.user, one.right)
        for one in people.values()
        if one.user is not None and one.right is not None
    ]
    for one in people.values():
        if one.user is None:
            notes.add("People without an account are named in the texts", f"{one.shown}, {one.how}")
    labels = plan_labels(export, notes)
    return Plan(board, members, labels, lists, tasks, comments, notes.lines())


def fit_name(given: str, longest: int, otherwise: str, notes: Notes) -> str:
    name = to_plain(given)
    if len(name) > longest:
        notes.add("Names that are too long are cut", name)
    return shorten(name, longest) or otherwise


def plan_lists(export: Export, notes: Notes) -> list[ListPiece]:
    ordered = sorted({one.id: one for one in export.lists}.values(), key=lambda one: one.pos)
    return [
        ListPiece(
            one.id,
            fit_name(one.name, LONGEST_LIST, "List", notes),
            one.closed,
            STATUS_OF.get(to_plain(one.name).casefold()),
        )
        for one in ordered
    ]


def plan_labels(export: Export, notes: Notes) -> list[LabelPiece]:
    """The labels that have a name or are on a card; those without a name are called by their colours."""
    used = {label for card in export.cards for label in card.id_labels}
    known: dict[str, Label] = {one.id: one for card in export.cards for one in card.labels}
    known |= {one.id: one for one in export.labels}
    pieces: list[LabelPiece] = []
    taken: set[str] = set()
    for label in known.values():
        shade = label.color.partition("_")[0]
        name = to_plain(label.name)
        if not name and label.id not in used:
            continue
        name = fit_name(name or shade.capitalize(), LONGEST_LABEL, "Label", notes)
        fresh = next(one for one in distinct_names(name, label.color) if one not in taken)
        if fresh != name:
            notes.add("Labels of the same name are told apart", fresh)
        taken.add(fresh)
        pieces.append(LabelPiece(label.id, fresh, COLOURS.get(shade, "grey")))
    return pieces


def distinct_names(name: str, colour: str) -> Iterable[str]:
    yield name
    endings = [f" ({colour.replace('_', ' ')})"] if colour else []
    for ending in [*endings, *(f" ({number})" for number in range(2, 10_000))]:
        yield shorten(name, LONGEST_LABEL - len(ending)) + ending


def plan_comments(
    export: Export, people: Mapping[str, Match], cards: set[str], notes: Notes
) -> Sequence[CommentPiece]:
    """What was said about these cards, the oldest first."""
    pieces: list[CommentPiece] = []
    found: dict[str, int] = {}
    said = {action.id: action for action in export.actions if action.type in COMMENTS}
    for action in sorted(said.values(), key=lambda one: (to_milliseconds(one.date), one.id)):
        card = action.data.card.id if action.data.card else ""
        if card not in cards:
            notes.add("Comments on cards that are not on the board are left out", "")
            continue
        found[card] = found.get(card, 0) + 1
        pieces += plan_comment(action, card, people, notes)
    for one in export.cards:
        missing = one.badges.comments - found.get(one.id, 0)
        if one.id in cards and missing > 0:
            notes.add(
                "Cards have comments that are not in the file, which holds the last 1,000 actions",
                f"{shorten(to_plain(one.name), 40)} ({missing})",
            )
    return pieces


def plan_comment(
    action: Action, card: str, people: Mapping[str, Match], notes: Notes
) -> list[CommentPiece]:
    """One comment, or several where it is too long for one; it says who wrote it where nobody here has."""
    written = to_milliseconds(action.date)
    identifier = action.id_member_creator
    if identifier is None and action.member_creator is not None:
        identifier = action.member_creator.id
    author = people.get(identifier or "")
    text = to_text(action.data.text)
    if not text.strip():
        return []
    if author is None or author.user is None:
        who = author.shown if author else "Somebody"
        text = f"{who} wrote on {moment_text(written)}:\n\n{text}"
    parts = split_text(text, LONGEST_COMMENT)
    if len(parts) > 1:
        notes.add("Comments longer than 5,000 characters became several", "")
    edited = action.data.date_last_edited
    return [
        CommentPiece(
            f"{action.id}/{number}" if number else action.id,
            part,
            author.user if author else None,
            card,
            written,
            to_milliseconds(edited) if edited else None,
        )
        for number, part in enumerate(parts)
    ]
