"""Adds and removes the sample workspace."""

from sqlalchemy import delete, insert, select, update

from hubbub.boards.service.leaving import forget_people
from hubbub.chat.models import members, rooms
from hubbub.chat.service.messages import add_reaction, post_one
from hubbub.chat.service.rooms import add_to_room, new_room, remove_room
from hubbub.kernel.caller import SYSTEM, Caller
from hubbub.kernel.commands import command
from hubbub.kernel.errors import Conflict, Forbidden
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users, workspaces
from hubbub.people.shapes import workspace_shape
from hubbub.sample.content import PEOPLE, ROOMS, SampleRoom


def check_may(caller: Caller) -> None:
    if caller != SYSTEM and caller.role not in ("owner", "admin"):
        raise Forbidden("Only the owner and admins may add or remove the sample workspace.")


def announce(tx: Transaction, actor: str, *, sample: bool) -> None:
    tx.connection.execute(update(workspaces).values(sample=sample))
    row = tx.connection.execute(select(workspaces)).one()
    tx.append(row.id, "workspace.changed", actor, workspace_shape(row))


@command("sample.add")
def add_sample(tx: Transaction, caller: Caller) -> None:
    """Adds sample people, rooms and messages, with everybody of the workspace in the rooms."""
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
    for room in ROOMS:
        fill_room(tx, room, people, real)
    announce(tx, caller.id, sample=True)


def fill_room(tx: Transaction, room: SampleRoom, people: dict[str, str], real: list[str]) -> None:
    """Makes one room and lets the sample people talk in it."""
    talking = {key: Caller(person, PEOPLE[key][2]) for key, person in people.items()}
    host = talking["chi"]
    identifier = new_room(tx, host, room.name, "private", topic=room.topic, sample=True)
    speakers = dict.fromkeys(line.author for line in room.lines)
    for person in [*(people[key] for key in speakers), *real]:
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


@command("sample.remove")
def remove_sample(tx: Transaction, caller: Caller) -> None:
    """Removes the sample's rooms, people, and direct conversations with them; nothing else."""
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
    for room in sorted(gone.scalars()):
        remove_room(tx, caller.id, room)
    forget_people(tx, caller, people)
    tx.connection.execute(delete(members).where(members.c.user.in_(people)))
    tx.connection.execute(delete(users).where(users.c.id.in_(people)))
    announce(tx, caller.id, sample=False)
