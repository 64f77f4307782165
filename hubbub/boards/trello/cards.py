"""Makes tasks of Trello's cards: what a task has no field for goes into its description."""

from collections.abc import Mapping
from typing import Any

from hubbub.boards.models import LONGEST_COMMENT, LONGEST_DESCRIPTION, LONGEST_ITEM
from hubbub.boards.schemas import MOST_ASSIGNEES, MOST_ITEMS, MOST_TASK_LABELS
from hubbub.boards.trello.export import (
    MAKINGS,
    Card,
    CheckItem,
    Checklist,
    CustomValue,
    Export,
    made_at,
    to_milliseconds,
)
from hubbub.boards.trello.notes import Notes
from hubbub.boards.trello.people import Match
from hubbub.boards.trello.pieces import CommentPiece, ItemPiece, TaskPiece
from hubbub.boards.trello.texts import (
    adapt_title,
    bullets,
    join_blocks,
    link,
    moment_text,
    shorten,
    split_text,
    to_plain,
    to_text,
)

YEARS = range(2000, 9001)


class CardReader:
    """Reads the cards of one board; `statuses` are those of the lists that are taken over."""

    def __init__(
        self,
        export: Export,
        people: Mapping[str, Match],
        statuses: Mapping[str, str | None],
        notes: Notes,
    ) -> None:
        self.people = people
        self.statuses = statuses
        self.notes = notes
        places = {identifier: place for place, identifier in enumerate(statuses)}
        cards = {card.id: card for card in export.cards}
        for card in cards.values():
            if card.id_list not in places:
                notes.add("Cards of lists that are not in the file are left out", card.name)
        self.cards = sorted(
            (card for card in cards.values() if card.id_list in places),
            key=lambda card: (places[card.id_list], card.pos),
        )
        self.checklists: dict[str, list[Checklist]] = {}
        for one in sorted(export.checklists, key=lambda one: one.pos):
            self.checklists.setdefault(one.id_card, []).append(one)
        self.fields = {one.id: one for one in export.custom_fields}
        self.makers = {
            action.data.card.id: action.id_member_creator
            for action in export.actions
            if action.type in MAKINGS and action.data.card and action.id_member_creator
        }

    def read(self) -> tuple[list[TaskPiece], list[CommentPiece]]:
        """The tasks in their order, and as comments what their descriptions have no room for."""
        tasks, comments = [], []
        for card in self.cards:
            task, rests = self.read_card(card)
            tasks.append(task)
            comments += rests
        return tasks, comments

    def read_card(self, card: Card) -> tuple[TaskPiece, list[CommentPiece]]:
        title, whole = adapt_title(card.name)
        if whole:
            self.notes.add("Titles were adapted; the whole one is in the description", title)
        own = card.due_complete and self.statuses[card.id_list] is None
        status = "done" if own else None
        due_at, due_note = self.read_due(card)
        items, item_notes = self.read_items(card)
        assignees, assignee_note = self.read_assignees(card)
        labels = list(dict.fromkeys(card.id_labels or [one.id for one in card.labels]))
        names = {one.id: one.name or one.color for one in card.labels}
        if labels[MOST_TASK_LABELS:]:
            self.notes.add("Tasks have at most 20 labels; the others are in the description", title)
        blocks = [
            f"**Title in Trello:** {whole}" if whole else "",
            to_text(card.desc).strip(),
            bullets("Checklist", item_notes),
            bullets("Attachments in Trello", [link(to_plain(a.name), a.url) for a in card.attachments]),
            bullets("Fields in Trello", [self.read_field(one) for one in card.custom_field_items]),
            bullets("Labels in Trello", [names.get(one, one) for one in labels[MOST_TASK_LABELS:]]),
            f"**Assigned in Trello:** {assignee_note}" if assignee_note else "",
            f"**Starts:** {moment_text(to_milliseconds(card.start))}" if card.start else "",
            due_note,
        ]  # fmt: skip
        if card.attachments:
            self.notes.add("Attachments are links to Trello in the descriptions", title)
        description, *rest = split_text(
            join_blocks(blocks), LONGEST_COMMENT, LONGEST_DESCRIPTION
        ) or [""]
        if rest:
            self.notes.add("Descriptions longer than 20,000 characters go on in comments", title)
        made = made_at(card.id)
        maker = self.people.get(self.makers.get(card.id, ""))
        task = TaskPiece(
            card.id,
            card.id_list,
            title,
            description,
            status,
            due_at,
            tuple(sorted(labels[:MOST_TASK_LABELS])),
            assignees,
            card.closed,
            maker.user if maker else None,
            made,
            to_milliseconds(card.date_last_activity) if card.date_last_activity else made,
            items,
        )
        return task, [
            CommentPiece(f"{card.id}/{number}", part, None, card.id, made, None)
            for number, part in enumerate(rest, 2)
        ]

    def read_due(self, card: Card) -> tuple[int | None, str]:
        """The date, and what the description says of it.

        What was completed is done, but for where its list says otherwise: there it would become overdue.
        """
        refuted = bool(card.due_complete) and self.statuses[card.id_list] in ("open", "doing")
        if card.due is None:
            return None, "**Completed in Trello.**" if refuted else ""
        due = to_milliseconds(card.due)
        if refuted:
            self.notes.add("Due dates of completed cards are in the descriptions", "")
            return None, f"**Was due:** {moment_text(due)}, completed in Trello"
        if card.due.year not in YEARS:
            self.notes.add("Due dates that no calendar has are in the descriptions", "")
            return None, f"**Due:** {moment_text(due)}"
        return due, ""

    def read_items(self, card: Card) -> tuple[tuple[ItemPiece, ...], list[str]]:
        """The items of all checklists in one, and the lines of what it has no room for."""
        checklists = self.checklists.get(card.id, [])
        ordered: dict[str, tuple[str, CheckItem]] = {}
        for one in checklists:
            before = f"{to_plain(one.name)}: " if len(checklists) > 1 and one.name.strip() else ""
            for item in sorted(one.check_items, key=lambda item: item.pos):
                ordered[item.id] = (before + (to_plain(item.name) or "Untitled"), item)
        pieces: list[ItemPiece] = []
        lines: list[str] = []
        for text, item in ordered.values():
            done = item.state == "complete"
            room = len(pieces) < MOST_ITEMS
            if room:
                pieces.append(ItemPiece(item.id, shorten(text, LONGEST_ITEM), done))
            if not room or len(text) > LONGEST_ITEM:
                lines.append(f"{text} (done)" if done else text)
        if lines:
            self.notes.add(
                "A checklist has 100 items of 200 characters; the others are in the description",
                shorten(to_plain(card.name), 40),
            )
        return tuple(pieces), lines

    def read_assignees(self, card: Card) -> tuple[tuple[str, ...], str]:
        """Ids of the people here, and the names of those who cannot be given the task."""
        people = [self.people.get(member) for member in dict.fromkeys(card.id_members)]
        able = [one.user for one in people if one is not None and one.sees and one.user]
        users = list(dict.fromkeys(able))[:MOST_ASSIGNEES]
        others = [one.shown for one in people if one is not None and one.user not in users]
        strangers = ["somebody who left"] if None in people else []
        return tuple(sorted(users)), ", ".join([*others, *strangers])

    def read_field(self, given: CustomValue) -> str:
        """A custom field as `name: value`."""
        known = self.fields.get(given.id_custom_field)
        value: dict[str, Any] = given.value or {}
        if known is not None and given.id_value is not None:
            value = next((one.value or {} for one in known.options if one.id == given.id_value), {})
        shown = ", ".join(to_plain(str(part)) for part in value.values())
        return f"{to_plain(known.name) if known else 'Field'}: {shown}"
