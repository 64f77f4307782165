"""A workspace with thousands of people in it, written straight into the tables.

Signing up costs a slow hash for each person, by design; here everybody has a session from the start.
"""

import hashlib
import random
import time
from dataclasses import dataclass, field

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


def found_workspace(url: str, people: int, room_size: int, moving: int, seed: int) -> Workspace:
    """Writes a workspace: everybody is in one stable room of `room_size`, and some also in a moving one.

    Raises psycopg.Error.
    """
    chance = random.Random(seed)
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
    for start in range(0, people, room_size):
        inside = everybody[start : start + room_size]
        workspace.rooms.append(Room(new_id(), STABLE, inside[0], tuple(inside)))
    for _ in range(moving):
        inside = chance.sample(everybody, min(20, people))
        workspace.rooms.append(Room(new_id(), MOVING, inside[0], tuple(inside)))
    workspace.rooms.append(Room(new_id(), SECRET_ROOM, everybody[0], (everybody[0],)))
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
