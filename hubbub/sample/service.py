"""Adds and removes the sample workspace."""

from typing import Any

from sqlalchemy import delete, insert, select, update

from hubbub.boards.service.boards import create_board, set_member
from hubbub.boards.service.checklists import add_item, change_item
from hubbub.boards.service.comments import add_comment
from hubbub.boards.service.leaving import forget_people, remove_sample_boards
from hubbub.boards.service.lists import create_label, create_list
from hubbub.boards.service.tasks import create_task
from hubbub.chat.models import members, rooms
from hubbub.chat.service.messages import add_reaction, post_one
from hubbub.chat.service.rooms import add_to_room, new_room, remove_room
from hubbub.kernel.caller import SYSTEM, Caller
from hubbub.kernel.clock import DAY
from hubbub.kernel.commands import command
from hubbub.kernel.errors import Conflict, Forbidden
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users, workspaces
from hubbub.people.shapes import workspace_shape
from hubbub.sample import board
from hubbub.sample.board import SampleTask
from hubbub.sample.content import PEOPLE, ROOMS, SampleRoom

HOUR = 3_600_000


def check_may(caller: Caller) -> None:
    if caller != SYSTEM and caller.role not in ("owner", "admin"):
        raise Forbidden("Only the owner and admins may add or remove the sample workspace.")


def announce(tx: Transaction, actor: str, *, sample: bool) -> None:
    tx.connection.execute(update(workspaces).values(sample=sample))
    row = tx.connection.execute(select(workspaces)).one()
    tx.append(row.id, "workspace.changed", actor, workspace_shape(row))


@command("sample.add")
def add_sample(tx: Transaction, caller: Caller) -> None:
    """Adds sample people, rooms, messages and a board, with everybody of the workspace in the rooms."""
    check_may(caller)
    workspace = tx.connection.execute(select(workspaces)).one_or_none()
    if workspace is None:
        raise Conflict("Create the workspace first.")
    if workspace.sample:
        raise Conflict("The sample workspace is there already.")
    people = {}
    for key, (name, title, role) in PEOPLE.items():
        people[key] = new_id()
        tx.create_stream(people[key], "person")
        tx.connection.execute(
            insert(users),
            {
                "id": people[key],
                "name": name,
                "title": title,
                "role": role,
                "active": True,
                "sample": True,
                "created_at": tx.now,
            },
        )
    colleagues = tx.connection.execute(
        select(users.c.id).where(
            users.c.role.in_(("owner", "admin", "member")),
            users.c.active,
            users.c.sample.is_(False),
        )
    )
    real = list(colleagues.scalars())
    talking = {key: Caller(person, PEOPLE[key][2]) for key, person in people.items()}
    filled = [fill_room(tx, room, talking, real) for room in ROOMS]
    you = caller.id if caller.id in real else min(real, default=None)
    fill_board(tx, talking, you, *filled[0])
    announce(tx, caller.id, sample=True)


def fill_room(
    tx: Transaction, room: SampleRoom, talking: dict[str, Caller], real: list[str]
) -> tuple[str, list[str]]:
    """Makes one room and lets the sample people talk in it; answers its id and those of the lines."""
    host = talking["chi"]
    identifier = new_room(tx, host, room.name, "private", topic=room.topic, sample=True)
    speakers = dict.fromkeys(line.author for line in room.lines)
    for person in [*(talking[key].id for key in speakers), *real]:
        add_to_room(tx, host.id, identifier, person)
    posted: list[str] = []
    for line in room.lines:
        answer = post_one(
            tx,
            talking[line.author],
            room=identifier,
            body=line.body,
            reply_to=None if line.answers is None else posted[line.answers],
        )
        posted.append(answer.data["id"])
        for emoji, reacting in line.reactions.items():
            for key in reacting:
                add_reaction.run(tx, talking[key], message=posted[-1], emoji=emoji)
    return identifier, posted


def fill_board(
    tx: Transaction, talking: dict[str, Caller], you: str | None, room: str, lines: list[str]
) -> None:
    """Makes the board of a room, whose lines some of its tasks were made from."""
    host = talking["chi"]
    made = create_board.run(tx, host, name=board.NAME, room=room, sample=True).data["id"]
    for key, right in board.MEMBERS.items():
        set_member.run(tx, host, board=made, user=talking[key].id, right=right)
    labels = {
        name: create_label.run(tx, host, board=made, name=name, colour=colour).data["id"]
        for name, colour in board.LABELS.items()
    }
    people = {key: caller.id for key, caller in talking.items()} | ({board.YOU: you} if you else {})
    for name, status, tasks in board.LISTS:
        place = create_list.run(tx, host, board=made, name=name, status=status).data["id"]
        for task in tasks:
            add_task(
                tx,
                talking,
                task,
                {
                    "board": made,
                    "list": place,
                    "assignees": [people[key] for key in task.people if key in people],
                    "labels": [labels[label] for label in task.labels],
                    "message": None if task.line is None else lines[task.line],
                },
            )


def add_task(
    tx: Transaction, talking: dict[str, Caller], task: SampleTask, given: dict[str, Any]
) -> None:
    """Makes a task with its checklist and what is said about it; `given` is what has ids."""
    author = talking[task.author]
    made = create_task.run(
        tx,
        author,
        **given,
        title=task.title,
        description=task.description,
        priority=task.priority,
        due_at=None if task.due is None else due_moment(tx.now, task),
        due_has_time=task.hour is not None,
        repeat=task.repeat,
    ).data["id"]
    for text, done in task.items:
        item = add_item.run(tx, author, task=made, text=text).data["checklist"][-1]["id"]
        if done:
            change_item.run(tx, author, task=made, item=item, changes={"done": True})
    for key, body in task.comments:
        add_comment.run(tx, talking[key], task=made, body=body)


def due_moment(now: int, task: SampleTask) -> int:
    """When a task is due that has a date, in milliseconds: so many days from the day of `now`."""
    return (now // DAY + (task.due or 0)) * DAY + (task.hour or 0) * HOUR


@command("sample.remove")
def remove_sample(tx: Transaction, caller: Caller) -> None:
    """Removes the sample's board, rooms, people, and direct conversations with them; nothing else."""
    check_may(caller)
    workspace = tx.connection.execute(select(workspaces)).one_or_none()
    if workspace is None or not workspace.sample:
        raise Conflict("There is no sample workspace.")
    people = list(tx.connection.execute(select(users.c.id).where(users.c.sample)).scalars())
    with_them = select(members.c.room).where(members.c.user.in_(people))
    gone = tx.connection.execute(
        select(rooms.c.id).where(
            rooms.c.sample | ((rooms.c.kind == "direct") & rooms.c.id.in_(with_them))
        )
    )
    remove_sample_boards(tx, caller)
    for room in sorted(gone.scalars()):
        remove_room(tx, caller.id, room)
    forget_people(tx, caller, people)
    tx.connection.execute(delete(members).where(members.c.user.in_(people)))
    tx.connection.execute(delete(users).where(users.c.id.in_(people)))
    announce(tx, caller.id, sample=False)
