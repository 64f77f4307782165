"""The socket side of boards: the commands they accept and what their entries mean for followers."""

from collections.abc import Callable
from typing import Any

import orjson

from hubbub.boards import schemas
from hubbub.boards.access import followable_boards, followable_outsides
from hubbub.boards.service import changing, checklists, comments, moves, tasks
from hubbub.gateway import Namespace, Socket
from hubbub.kernel.bus import Signal
from hubbub.kernel.commands import Command
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Entry
from hubbub.kernel.sockets import (
    count_command,
    parse_input,
    register_command,
    require_connection,
)


def removed_person(entry: Entry) -> str:
    """Whose right to follow a board ends with `board.member_removed`."""
    data = orjson.loads(entry.data)
    user: str = data["user"]
    # On the person's own stream the same kind tells the person, and what is left of a right is enough to follow.
    return "" if entry.stream == user or data["right"] is not None else user


def divided_person(entry: Entry) -> str | None:
    """Who is to follow the board's other stream from `board.divided` on; None: everybody who follows this one."""
    user: str | None = orjson.loads(entry.data)["user"]
    return user


def as_given(given: Any) -> dict[str, Any]:
    fields: dict[str, Any] = given.given()
    return fields


def as_changes(*named: str) -> Callable[[Any], dict[str, Any]]:
    """What was given, but for what is `named`, as the changes to make."""

    def fields(given: Any) -> dict[str, Any]:
        return {name: getattr(given, name) for name in named} | {"changes": given.given(*named)}

    return fields


Accepted = tuple[str, type[schemas.SocketInput], Command, str | None, Callable[[Any], Any]]

ACCEPTED: tuple[Accepted, ...] = (
    ("task.create", schemas.CreateTaskCommand, tasks.create_task, "task", as_given),
    ("task.change", schemas.ChangeTaskCommand, changing.change_task, "task", as_changes("task")),
    ("task.move", schemas.MoveTaskCommand, moves.move_task, "move", as_given),
    ("task.archive", schemas.TaskCommand, tasks.archive_task, "task", as_given),
    ("task.restore", schemas.TaskCommand, tasks.restore_task, "task", as_given),
    ("tasks.move", schemas.TasksMoveCommand, moves.move_tasks, "tasks", as_given),
    ("tasks.archive", schemas.TasksArchiveCommand, moves.archive_tasks, "tasks", as_given),
    ("checklist.add", schemas.AddItemCommand, checklists.add_item, "checklist", as_given),
    (
        "checklist.change",
        schemas.ChangeItemCommand,
        checklists.change_item,
        "checklist",
        as_changes("task", "item"),
    ),
    ("checklist.remove", schemas.ItemCommand, checklists.remove_item, "checklist", as_given),
    ("comment.add", schemas.AddCommentCommand, comments.add_comment, "comment", as_given),
    ("comment.edit", schemas.EditCommentCommand, comments.edit_comment, "comment", as_given),
    ("comment.delete", schemas.CommentCommand, comments.delete_comment, None, as_given),
)
"""Event, input, command, the name of the command's body in the ack, and the command's arguments."""


def register_events(kernel: Kernel, namespace: Namespace, delivery: Delivery) -> None:
    """Registers the socket commands of boards, their kinds of stream, and the entries that end a right."""
    kernel.stream_access["board"] = followable_boards
    kernel.stream_access["outside"] = followable_outsides
    delivery.withdraws["board.member_removed"] = removed_person
    delivery.withdraws["board.divided"] = divided_person
    delivery.withdraws["board.deleted"] = lambda _entry: None
    for event, model, command, shows, fields in ACCEPTED:
        register_command(kernel, namespace, event, model, command, shows=shows, fields=fields)

    @namespace.on("look")
    def look(socket: Socket, *arguments: object) -> None:
        connection = require_connection(socket)
        count_command(connection, enabled=kernel.settings.rate_limits)
        given: schemas.LookSignal = parse_input(schemas.LookSignal, arguments)
        if given.board in connection.following:
            data = {"task": given.task, "on": given.on}
            kernel.bus.signal(Signal(given.board, "looking", connection.caller.id, data))
