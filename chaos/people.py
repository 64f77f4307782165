"""A workspace with thousands of people in it, written straight into the tables.

Signing up costs a slow hash for each person, by design; here everybody has a session from the start.
"""

import hashlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from argon2 import PasswordHasher

from hubbub.kernel.ids import new_id
from hubbub.people.tokens import Tokens

SECRET = "secret of the fault suite on loopback only 4711"
PASSWORD = "correct horse battery"
DAY_MS = 86_400_000
STABLE = "stable"
MOVING = "moving"
SECRET_ROOM = "secret"
MOST_MOVERS = 20
"""Those who come and go in one room."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in."""

    id: str
    token: str
    email: str


@dataclass(frozen=True, slots=True)
class Room:
    """A private room: stable ones keep their members, in moving ones people come and go, a secret one has none."""

    id: str
    purpose: str
    manager: str
    members: tuple[str, ...]


@dataclass(slots=True)
class Workspace:
    """Who and what there is before the first entry."""

    people: list[Person] = field(default_factory=list)
    rooms: list[Room] = field(default_factory=list)

    @property
    def base(self) -> dict[str, set[str]]:
        return {room.id: set(room.members) for room in self.rooms}


def email(place: int) -> str:
    return f"person{place}@example.com"


def make_rooms(
    everybody: Sequence[str], room_size: int, moving: int, chance: random.Random
) -> list[Room]:
    """Everybody in one stable room of `room_size`, some also in one of the moving rooms, and a secret one.

    At most a third come and go, if a moving room of that size has two at least. Somebody is always in none: where that
    cannot be, there are fewer of them.
    """
    parts = [everybody[start : start + room_size] for start in range(0, len(everybody), room_size)]
    moving = min(moving, (len(everybody) - 1) // 2)
    size = max(2, min(MOST_MOVERS, len(everybody) // max(1, 3 * moving)))
    movers = chance.sample(everybody, moving * size)
    groups = [movers[start : start + size] for start in range(0, len(movers), size)]
    return [
        *(Room(new_id(), STABLE, inside[0], tuple(inside)) for inside in parts),
        *(Room(new_id(), MOVING, inside[0], tuple(inside)) for inside in groups),
        Room(new_id(), SECRET_ROOM, everybody[0], (everybody[0],)),
    ]


def plan_clients(workspace: Workspace, writers: int) -> list[dict[str, Any]]:
    """Who follows and does what: those of moving rooms come and go, and of the others so many write, or all of them."""
    stable = {user: r.id for r in workspace.rooms if r.purpose == STABLE for user in r.members}
    moving = {user: r for r in workspace.rooms if r.purpose == MOVING for user in r.members}
    (secret,) = (room.id for room in workspace.rooms if room.purpose == SECRET_ROOM)
    others = [person.id for person in workspace.people if person.id not in moving]
    writers = min(writers, len(others))
    writing = {others[number * len(others) // writers] for number in range(writers)}
    plans = []
    for place, person in enumerate(workspace.people):
        room = moving.get(person.id)
        plans.append(
            {
                "name": f"c{place}",
                "user": person.id,
                "token": person.token,
                "room": stable[person.id],
                "role": "mover" if room else "writer" if person.id in writing else "reader",
                "moving": [room.id] if room else [],
                "secret": secret if place else "",
                "people": list(room.members) if room else [],
            }
        )
    return plans


def found_workspace(url: str, people: int, room_size: int, moving: int, seed: int) -> Workspace:
    """Writes a workspace of so many people and the rooms of `make_rooms`. Raises psycopg.Error."""
    now = time.time_ns() // 1_000_000
    tokens = Tokens([SECRET])
    workspace = Workspace()
    hashed = PasswordHasher().hash(PASSWORD)
    streams: list[tuple[str, str]] = []
    users: list[tuple[str, str, str, int]] = []
    sessions: list[tuple[str, str, str, int]] = []
    for place in range(people):
        user, session = new_id(), new_id()
        role = "owner" if place == 0 else "member"
        streams.append((user, "person"))
        users.append((user, f"Person {place}", role, place))
        refresh = hashlib.sha256(user.encode()).hexdigest()
        sessions.append((session, user, refresh, now + DAY_MS))
        token = tokens.issue(user, session, role, now)
        workspace.people.append(Person(user, token, email(place)))
    everybody = [person.id for person in workspace.people]
    workspace.rooms = make_rooms(everybody, room_size, moving, random.Random(seed))
    streams += [(room.id, "room") for room in workspace.rooms]
    home = new_id()
    streams.append((home, "workspace"))
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY streams (id, kind, changed_at) FROM STDIN") as copy:
            for row in streams:
                copy.write_row((*row, now))
        cursor.execute(
            "INSERT INTO workspaces (id, name, created_at) VALUES (%s, 'Chaos', %s)", (home, now)
        )
        with cursor.copy(
            "COPY users (id, name, role, email, password_hash, created_at) FROM STDIN"
        ) as copy:
            for user, name, role, place in users:
                copy.write_row((user, name, role, email(place), hashed, now))
        with cursor.copy(
            'COPY sessions (id, "user", refresh_hash, created_at, last_used_at, expires_at) FROM STDIN'
        ) as copy:
            for session, user, refresh, expires in sessions:
                copy.write_row((session, user, refresh, now, now, expires))
        with cursor.copy("COPY rooms (id, kind, name, created_by, created_at) FROM STDIN") as copy:
            for place, room in enumerate(workspace.rooms):
                copy.write_row((room.id, "private", f"Room {place}", room.manager, now))
        with cursor.copy('COPY members (room, "user", joined_at) FROM STDIN') as copy:
            for room in workspace.rooms:
                for member in room.members:
                    copy.write_row((room.id, member, now))
    return workspace
