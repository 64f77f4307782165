"""A follower's board, made from the entries of its stream alone, and the same board as the database has it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, select

from hubbub.boards.models import board_labels, board_lists, boards, task_comments, tasks
from hubbub.boards.shapes import (
    board_shape,
    comment_shape,
    label_shape,
    list_shape,
    read_task,
)
from hubbub.kernel import log
from hubbub.kernel.log import Entry

# They follow from what else is told, or are nobody's to show.
DERIVED = ("described", "items", "items_done", "comments", "changed_at")


@dataclass
class Shown:
    """Everything on a board by id: archived things too, as a client keeps them for an undo."""

    board: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: dict[str, dict[str, Any]] = field(default_factory=dict)

    def columns(self) -> dict[str, list[str]]:
        """The live tasks of each list, in order."""
        live = sorted(
            (task for task in self.tasks.values() if not task["archived"]),
            key=lambda task: task["rank"].encode(),
        )
        return {
            place: [task["id"] for task in live if task["list"] == place] for place in self.lists
        }


def replay(entries: Sequence[Entry]) -> Shown:
    """What a client shows that has applied these entries in order. Raises KeyError when one lacks something."""
    shown = Shown()
    for entry in entries:
        apply(shown, entry.kind, orjson.loads(entry.data))
    return shown


def apply(shown: Shown, kind: str, data: dict[str, Any]) -> None:
    family = kind.partition(".")[0]
    if kind == "board.rebalanced":
        for place, rank in data["ranks"].items():
            shown.lists[place]["rank"] = rank
    elif kind == "list.rebalanced":
        for task, rank in data["ranks"].items():
            assert shown.tasks[task]["list"] == data["list"]
            shown.tasks[task]["rank"] = rank
    elif kind in ("board.member_set", "board.member_removed"):
        return
    elif family == "board":
        shown.board = data
    elif family == "list":
        shown.lists[data["id"]] = data
    elif kind == "label.removed":
        del shown.labels[data["id"]]
        for task in shown.tasks.values():
            task["labels"] = [label for label in task["labels"] if label != data["id"]]
    elif family == "label":
        shown.labels[data["id"]] = data
    elif kind in ("task.created", "task.restored"):
        shown.tasks[data["id"]] = without_derived(data)
    elif kind == "comment.deleted":
        shown.comments[data["id"]] |= {"body": "", "deleted": True}
    elif family == "comment":
        shown.comments[data["id"]] = {k: v for k, v in data.items() if k != "mentions"}
    else:
        apply_to_task(shown.tasks[data["task"]], kind, data)


def apply_to_task(task: dict[str, Any], kind: str, data: dict[str, Any]) -> None:
    assert data["version"] == task["version"] + 1
    task["version"] = data["version"]
    if kind == "task.changed":
        task |= data["changed"]
    elif kind == "task.moved":
        # A status of its own may end there.
        task |= {name: data[name] for name in ("list", "rank", "status") if name in data}
    elif kind == "task.archived":
        task["archived"] = True
    elif kind in ("task.assigned", "task.unassigned"):
        task["assignees"] = data["assignees"]
    else:
        assert kind == "checklist.changed"
        task["checklist"] = data["checklist"]


def without_derived(task: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in task.items() if name not in DERIVED}


def read_shown(connection: Connection, board: str) -> Shown:
    """The board as the database has it."""
    row = connection.execute(select(boards).where(boards.c.id == board)).one()
    shown = Shown(board_shape(row))
    for row in connection.execute(select(board_lists).where(board_lists.c.board == board)):
        shown.lists[row.id] = list_shape(row)
    for row in connection.execute(select(board_labels).where(board_labels.c.board == board)):
        shown.labels[row.id] = label_shape(row)
    for task in connection.execute(select(tasks.c.id).where(tasks.c.board == board)).scalars():
        shown.tasks[task] = without_derived(read_task(connection, task))
    said = select(task_comments).join(tasks, tasks.c.id == task_comments.c.task)
    for row in connection.execute(said.where(tasks.c.board == board)):
        shown.comments[row.id] = comment_shape(row)
    return shown


def check_replay(connection: Connection, board: str) -> Shown:
    """Asserts that the entries alone make the board of the database; answers it."""
    head = log.read_states(connection, [board])[board].head
    entries = log.read_entries(connection, board, 0, head, head)
    assert [entry.seq for entry in entries] == list(range(1, head + 1))
    shown, kept = replay(entries), read_shown(connection, board)
    assert shown == kept
    places = [task for column in shown.columns().values() for task in column]
    assert sorted(places) == sorted(t["id"] for t in kept.tasks.values() if not t["archived"])
    assert len(places) == len(set(places))
    return kept
