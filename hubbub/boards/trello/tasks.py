"""Brings tasks in, with their checklists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from hubbub.boards.access import TASK, board_people
from hubbub.boards.models import (
    board_labels,
    board_lists,
    checklist_items,
    task_assignees,
    task_labels,
    tasks,
)
from hubbub.boards.ranks import spread_ranks
from hubbub.boards.schemas import END, MOST_ITEMS
from hubbub.boards.service.changing import change_task
from hubbub.boards.service.checklists import tell_checklist
from hubbub.boards.service.moves import write_move
from hubbub.boards.service.places import ITEMS
from hubbub.boards.service.tasks import (
    archive_task,
    check_count,
    find_task_ranks,
    touch_task,
)
from hubbub.boards.service.telling import append_many, tell, tell_many
from hubbub.boards.shapes import item_shape, read_task, task_cards
from hubbub.boards.trello.ledger import Changed, Known
from hubbub.boards.trello.pieces import ItemPiece, TaskPiece
from hubbub.boards.trello.work import Work
from hubbub.kernel.errors import Conflict
from hubbub.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class People:
    """Who sees the tasks of which list."""

    everybody: frozenset[str]
    colleagues: frozenset[str]
    hidden: frozenset[str]
    """Lists that clients and guests do not see."""

    def of(self, place: str) -> frozenset[str]:
        return self.colleagues if place in self.hidden else self.everybody


def read_people(work: Work) -> People:
    connection, board = work.tx.connection, work.board
    everybody, colleagues = (
        frozenset(person for person, _ in board_people(connection, board.row, outsiders=outsiders))
        for outsiders in (True, False)
    )
    query = select(board_lists.c.id).where(
        board_lists.c.board == board.id, ~board_lists.c.shown_outside
    )
    return People(everybody, colleagues, frozenset(work.tx.execute(query).scalars()))


def write_tasks(work: Work, pieces: Sequence[TaskPiece]) -> None:
    """Makes tasks at the ends of their lists; of those that are there, changes what has changed in Trello."""
    found = work.ledger.sort("task", pieces)
    places = work.ledger.find("list", [piece.list for piece in pieces])
    names = work.ledger.find("label", [label for piece in pieces for label in piece.labels])
    # Labels may have been removed here for good.
    present = select(board_labels.c.id).where(board_labels.c.board == work.board.id)
    there = {*work.tx.execute(present).scalars()}
    labels = {external: known.ours for external, known in names.items() if known.ours in there}
    people = read_people(work)
    if found.fresh:
        make_tasks(work, found.fresh, places, labels, people)
    for changed in found.changed:
        with work.refusing(f"“{changed.piece.title}”"):
            alter_task(work, changed, places, labels, people)
            work.note("task", changed)
    made = {piece.external for piece in found.fresh}
    alter_checklists(work, [piece for piece in pieces if piece.external not in made])


def make_tasks(
    work: Work,
    pieces: Sequence[TaskPiece],
    places: dict[str, Known],
    labels: dict[str, str],
    people: People,
) -> None:
    tx, board = work.tx, work.board.id
    check_count(tx, board, sum(not piece.archived for piece in pieces))
    made = [(piece, new_id()) for piece in pieces]
    ranks: dict[str, list[str]] = {}
    for place in sorted({piece.list for piece in pieces}):
        count = sum(piece.list == place for piece in pieces)
        ours = places[place].ours
        shown = ours not in people.hidden
        found = find_task_ranks(tx, work.caller, work.board.streams, ours, END, count, shown=shown)
        ranks[place] = [*found][::-1]
    tx.execute(
        insert(tasks),
        [
            {
                "id": identifier,
                "board": board,
                "list": places[piece.list].ours,
                "rank": ranks[piece.list].pop(),
                "title": piece.title,
                "description": piece.description,
                "status": piece.status,
                "due_at": piece.due_at,
                "due_has_time": piece.due_at is not None,
                "created_by": piece.created_by or work.caller.id,
                "created_at": tx.now if piece.created_at is None else piece.created_at,
                "changed_at": tx.now if piece.changed_at is None else piece.changed_at,
            }
            for piece, identifier in made
        ],
    )
    assigned = [
        {"task": identifier, "user": user}
        for piece, identifier in made
        for user in piece.assignees
        if user in people.of(places[piece.list].ours)
    ]
    labelled = [
        {"task": identifier, "label": label}
        for piece, identifier in made
        for label in sorted({labels[one] for one in piece.labels if one in labels})
    ]
    if assigned:
        tx.execute(insert(task_assignees), assigned)
    if labelled:
        tx.execute(insert(task_labels), labelled)
    make_items(work, made)
    work.keep("task", made)
    tell_tasks(work, made, people.hidden)


def make_items(work: Work, made: Iterable[tuple[TaskPiece, str]]) -> None:
    items = []
    rows = []
    for piece, task in made:
        for item, rank in zip(piece.items, spread_ranks(None, None, len(piece.items)), strict=True):
            items.append((item, new_id()))
            rows.append(item_row(task, items[-1][1], item, rank))
    if rows:
        work.tx.execute(insert(checklist_items), rows)
    work.keep("item", items)


def item_row(task: str, identifier: str, item: ItemPiece, rank: str) -> dict[str, Any]:
    return {"task": task, "id": identifier, "text": item.text, "done": item.done, "rank": rank}


def tell_tasks(work: Work, made: Sequence[tuple[TaskPiece, str]], hidden: frozenset[str]) -> None:
    """Tells the board of new tasks, then archives those that are; tells people of the others that are theirs."""
    tx, board = work.tx, work.board.id
    ids = [identifier for _, identifier in made]
    rows = {row.id: row for row in tx.execute(select(tasks).where(tasks.c.id.in_(ids)))}
    checklists: dict[str, list[dict[str, Any]]] = {}
    ordered = select(checklist_items).where(checklist_items.c.task.in_(ids))
    for row in tx.execute(ordered.order_by(checklist_items.c.rank)):
        checklists.setdefault(row.task, []).append(item_shape(row))
    told: list[tuple[str, Any, bool]] = []
    theirs: dict[str, list[tuple[str, Any]]] = {}
    cards = task_cards(tx.connection, [rows[identifier] for identifier in ids])
    for (piece, identifier), card in zip(made, cards, strict=True):
        more = {
            "description": piece.description,
            "checklist": checklists.get(identifier, []),
        }
        shown = card["list"] not in hidden
        told.append(("task.created", card | more, shown))
        if piece.archived:
            data = {"task": identifier, "list": card["list"], "version": 2}
            told.append(("task.archived", data, shown))
            continue
        about = {"board": board, "task": identifier, "title": piece.title}
        for person in card["assignees"]:
            if person != work.caller.id:
                theirs.setdefault(person, []).append(("task.assigned", about | {"user": person}))
    archived = [identifier for piece, identifier in made if piece.archived]
    if archived:
        put_away = update(tasks).where(tasks.c.id.in_(archived))
        tx.execute(put_away.values(version=2, archived_at=tx.now))
    tell_many(tx, work.caller, work.board.streams, told)
    for person in sorted(theirs):
        append_many(tx, work.caller, person, theirs[person])


def alter_task(
    work: Work,
    changed: Changed[TaskPiece],
    places: dict[str, Known],
    labels: dict[str, str],
    people: People,
) -> None:
    """Changes what has changed in Trello. Raises Conflict for a task that was archived here."""
    tx, caller, piece, names = work.tx, work.caller, changed.piece, changed.fields
    streams = work.board.streams
    row = tx.execute(TASK, {"task": changed.ours}).one()
    ours = places[piece.list].ours if "list" in names else row.list
    place = tx.execute(select(board_lists).where(board_lists.c.id == ours)).one()
    if "list" in names:
        # Also to and from archived lists: the same happened there.
        moving, shown = [changed.ours], bool(place.shown_outside)
        rank = find_task_ranks(tx, caller, streams, ours, END, 1, moving, shown=shown)[0]
        write_move(tx, caller, streams, row, place, rank)
    if "archived" in names and not piece.archived:
        restore(work, changed.ours)
    changes: dict[str, Any] = {
        name: getattr(piece, name) for name in ("title", "description", "due_at") if name in names
    }
    if "due_at" in names:
        changes["due_has_time"] = piece.due_at is not None
    if "status" in names and place.status is None:
        changes["status"] = piece.status
    if "labels" in names:
        changes["labels"] = sorted({labels[one] for one in piece.labels if one in labels})
    if "assignees" in names:
        able = people.of(place.id)
        changes["assignees"] = [user for user in piece.assignees if user in able]
    if changes:
        change_task(tx, caller, task=changed.ours, changes=changes)
    if "archived" in names and piece.archived:
        archive_task(tx, caller, task=changed.ours)


def restore(work: Work, task: str) -> None:
    """Brings an archived task back, also in an archived list. Raises Conflict when the board is full."""
    row = work.tx.execute(TASK, {"task": task}).one()
    if row.archived_at is not None:
        check_count(work.tx, work.board.id, 1)
        touch_task(work.tx, row, archived_at=None)
        shape = read_task(work.tx.connection, task)
        streams, shown = work.board.streams, row.shown_outside
        tell(work.tx, work.caller, streams, "task.restored", shape, shown=shown)


def alter_checklists(work: Work, pieces: Sequence[TaskPiece]) -> None:
    """Adds and changes items of tasks that were there; an item that was removed here stays so."""
    ours = work.ledger.find("task", [piece.external for piece in pieces])
    every = work.ledger.sort("item", [item for piece in pieces for item in piece.items])
    fresh = {item.external for item in every.fresh}
    changes = {changed.piece.external: changed for changed in every.changed}
    for piece in pieces:
        added = [item for item in piece.items if item.external in fresh]
        changed = [changes[item.external] for item in piece.items if item.external in changes]
        if added or changed:
            with work.refusing(f"The checklist of “{piece.title}”"):
                alter_checklist(work, ours[piece.external].ours, added, changed)


def alter_checklist(
    work: Work, task: str, added: Sequence[ItemPiece], changed: Sequence[Changed[ItemPiece]]
) -> None:
    """Raises Conflict when the checklist has no room."""
    tx, mine = work.tx, checklist_items.c.task == task
    count = tx.execute(select(func.count()).where(mine)).scalar_one()
    if count + len(added) > MOST_ITEMS:
        raise Conflict(f"A checklist has at most {MOST_ITEMS} items.")
    for one in changed:
        values = {name: getattr(one.piece, name) for name in one.fields}
        tx.execute(
            update(checklist_items).where(mine, checklist_items.c.id == one.ours).values(**values)
        )
        work.note("item", one)
    if added:
        ranks, _ = ITEMS.find_ranks(tx.connection, task, END, len(added))
        made = [(item, new_id()) for item in added]
        rows = [
            item_row(task, identifier, item, rank)
            for (item, identifier), rank in zip(made, ranks, strict=True)
        ]
        tx.execute(insert(checklist_items), rows)
        work.keep("item", made)
    row = tx.execute(TASK, {"task": task}).one()
    tell_checklist(tx, work.caller, work.board.streams, row)
