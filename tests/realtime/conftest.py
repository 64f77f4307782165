"""A real server, and people with clients on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hubbub.client import Client
from tests.support.server import ServerProcess

PASSWORD = "a long enough passphrase"


@pytest.fixture
def server(migrated_database_url: str, tmp_path: Path) -> Iterator[ServerProcess]:
    url = "" if "sqlite" in migrated_database_url else migrated_database_url
    process = ServerProcess(tmp_path / "data", url)
    process.start()
    yield process
    process.close()


class Team:
    """Makes people and closes their clients in the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clients: list[Client] = []

    def client(self) -> Client:
        made = Client(self.url)
        self.clients.append(made)
        return made

    async def found(self) -> Client:
        owner = self.client()
        await owner.sign_up("Olga Owner", "owner@example.com", PASSWORD)
        return owner

    async def member(self, owner: Client, name: str, role: str = "member") -> Client:
        code = (await owner.request("POST", "/api/invitations", {"role": role}))["code"]
        joined = self.client()
        await joined.sign_up(name, f"{name.split()[0].lower()}@example.com", PASSWORD, invite=code)
        return joined

    async def guest(self, owner: Client, room: str, name: str = "Gus Guest") -> Client:
        body = {"role": "guest", "room": room}
        code = (await owner.request("POST", "/api/invitations", body))["code"]
        joined = self.client()
        await joined.join_as_guest(code, name)
        return joined


@pytest.fixture
async def team(server: ServerProcess) -> AsyncIterator[Team]:
    made = Team(server.url)
    yield made
    for client in made.clients:
        await client.close()


async def private_room(owner: Client, *others: Client, name: str = "Project") -> str:
    room = await owner.request(
        "POST",
        "/api/rooms",
        {"name": name, "kind": "private", "members": [other.me["id"] for other in others]},
    )
    identifier: str = room["id"]
    return identifier
