"""The whole application in this process, and people who call it over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
from argon2 import PasswordHasher

from hubbub import web
from hubbub.app import Application, create_app
from hubbub.kernel.clock import Clock, system_clock
from hubbub.kernel.database import Database
from hubbub.migrate import migrate
from hubbub.people import passwords
from hubbub.settings import Settings

PASSWORD = "correct horse battery"

# The application starts hundreds of times in a process of the tests, and more people than that sign up there. So the
# client's files are compressed once, hashes are cheap, and a new SQLite is a copy of one that was migrated.
_load_files = cache(web.load_files)
web.load_files = lambda root: dict(_load_files(root))
passwords.hasher = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)


@cache
def migrated_sqlite() -> bytes:
    """The file of a SQLite database with the newest schema and nothing else."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "hubbub.db"
        database = Database(f"sqlite:///{path}", readers=1)
        migrate(database)
        database.close()
        return path.read_bytes()


def bring_up_to_date(database_url: str) -> None:
    path = Path(database_url.removeprefix("sqlite:///"))
    if database_url.startswith("sqlite:///") and not path.exists():
        path.write_bytes(migrated_sqlite())
        return
    database = Database(database_url, readers=2)
    migrate(database)
    database.close()


@asynccontextmanager
async def running_app(
    database_url: str, tmp_path: Path, clock: Clock = system_clock, **settings: Any
) -> AsyncIterator[Application]:
    """The application on a migrated database, started and stopped."""
    bring_up_to_date(database_url)
    options: dict[str, Any] = {
        "database_url": database_url,
        "data_dir": tmp_path / "data",
        "rate_limits": False,
    }
    application = create_app(Settings(**(options | settings)), clock=clock)
    async with application.api.router.lifespan_context(application.api):
        yield application


class Person:
    """Somebody with an access token."""

    def __init__(self, application: Application, signed_in: dict[str, Any] | None = None) -> None:
        self.application = application
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=application, raise_app_exceptions=False),
            base_url="http://hubbub.test",
        )
        self.token = signed_in["access_token"] if signed_in else ""
        self.user: dict[str, Any] = signed_in["user"] if signed_in else {}

    @property
    def id(self) -> str:
        return str(self.user["id"])

    async def send(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any
    ) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.http.request(
            method, path, json=body, params=query or None, headers=headers
        )

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int | None = None,
        key: str | None = None,
        **query: Any,
    ) -> Any:
        """The JSON of the answer; asserts the status, or that it is a success."""
        response = await self.send(method, path, body, key=key, **query)
        expected = response.is_success if status is None else response.status_code == status
        assert expected, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None


async def found_workspace(application: Application, name: str = "Olga Owner") -> Person:
    """The first person, who owns the workspace."""
    signed = await Person(application).call(
        "POST",
        "/api/auth/signup",
        {"name": name, "email": "owner@example.com", "password": PASSWORD, "workspace": "Studio"},
    )
    return Person(application, signed)


async def join(owner: Person, name: str, role: str = "member", room: str | None = None) -> Person:
    """Somebody who comes by an invitation; a guest by its link."""
    body = {"role": role} | ({"room": room} if room else {})
    code = (await owner.call("POST", "/api/invitations", body))["code"]
    anonymous = Person(owner.application)
    if role == "guest":
        signed = await anonymous.call("POST", "/api/guests", {"invite": code, "name": name})
    else:
        email = f"{name.split()[0].lower()}@example.com"
        signed = await anonymous.call(
            "POST",
            "/api/auth/signup",
            {"name": name, "email": email, "password": PASSWORD, "invite": code},
        )
    return Person(owner.application, signed)


async def make_room(person: Person, name: str, kind: str = "private", *others: Person) -> str:
    room = await person.call(
        "POST",
        "/api/rooms",
        {"name": name, "kind": kind, "members": [other.id for other in others]},
    )
    return str(room["id"])


async def say(person: Person, room: str, body: str, **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = await person.call(
        "POST", f"/api/rooms/{room}/messages", {"body": body} | more
    )
    return message
