"""A workspace with an owner, two members, a client and a guest."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.app import Person, found_workspace, join, make_room, running_app


@dataclass
class Workspace:
    owner: Person
    mia: Person
    max: Person
    client: Person
    guest: Person
    room: str
    """A private room with everybody but Max in it."""
    closed: str
    """A private room with only Max in it."""
    hall: str
    """An open room with only the owner in it."""


@pytest.fixture
async def workspace(migrated_database_url: str, tmp_path: Path) -> AsyncIterator[Workspace]:
    async with running_app(migrated_database_url, tmp_path) as application:
        owner = await found_workspace(application)
        mia, max_ = await join(owner, "Mia Member"), await join(owner, "Max Member")
        room = await make_room(owner, "Project", "private", mia)
        closed = await make_room(max_, "Closed")
        hall = await make_room(owner, "Hall", "open")
        client = await join(owner, "Clara Client", "client", room)
        guest = await join(owner, "Gus Guest", "guest", room)
        yield Workspace(owner, mia, max_, client, guest, room, closed, hall)
