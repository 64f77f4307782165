"""The application on a clock the test moves, and ways to look behind it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from hubbub.app import Application
from hubbub.kernel import log
from tests.support.app import PASSWORD, Person, running_app

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
COOKIE = "hubbub_refresh"

Starter = Callable[..., AbstractAsyncContextManager[Application]]


class TestClock:
    """Stands still until it is moved."""

    __test__ = False

    def __init__(self) -> None:
        self.now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def start(migrated_database_url: str, tmp_path: Path, clock: TestClock) -> Starter:
    """Starts the application with the given settings; it is stopped when its context ends."""

    def start_app(**settings: Any) -> AbstractAsyncContextManager[Application]:
        return running_app(migrated_database_url, tmp_path, clock, **settings)

    return start_app


@pytest.fixture
async def app(start: Starter) -> AsyncIterator[Application]:
    async with start() as application:
        yield application


@pytest.fixture
async def owner(app: Application) -> Person:
    return await found(app)


@pytest.fixture
async def mia(owner: Person) -> Person:
    return await join(owner, "Mia Member")


async def audit_rows(application: Application, action: str) -> list[tuple[str, str, str, str]]:
    """(actor, target, address, outcome) of every audit row of the action, oldest first."""

    def read(connection: Connection) -> list[tuple[str, str, str, str]]:
        columns = (log.audit.c.actor, log.audit.c.target, log.audit.c.address, log.audit.c.outcome)
        query = select(*columns).where(log.audit.c.action == action).order_by(log.audit.c.id)
        return [tuple(row) for row in connection.execute(query)]

    return await application.kernel.read(read)


async def entries_of(application: Application, stream: str, kind: str) -> list[log.Entry]:
    """The entries of one kind in a stream, oldest first."""

    def read(connection: Connection) -> list[log.Entry]:
        return [e for e in log.read_entries(connection, stream, 0, 2**53) if e.kind == kind]

    return await application.kernel.read(read)


async def enter(application: Application, path: str, body: dict[str, Any]) -> Person:
    """Somebody who signs in, up or as a guest, in a browser of their own: with its cookie."""
    person = Person(application)
    signed = await person.call("POST", path, body)
    person.token, person.user = signed["access_token"], signed["user"]
    return person


async def found(application: Application) -> Person:
    body = account("Owner Olga", workspace="Studio")
    return await enter(application, "/api/auth/signup", body)


async def sign_in(application: Application, email: str, **more: Any) -> Person:
    body = {"email": email, "password": PASSWORD} | more
    return await enter(application, "/api/auth/login", body)


async def join(owner: Person, name: str, role: str = "member", room: str | None = None) -> Person:
    """Somebody who comes by an invitation."""
    code = await invite(owner, role, room=room)
    if role == "guest":
        body = {"invite": code, "name": name}
        return await enter(owner.application, "/api/guests", body)
    return await enter(owner.application, "/api/auth/signup", account(name, invite=code))


async def refresh(application: Application, token: str, status: int = 200) -> Any:
    """Exchanges a refresh token as a client without cookies does."""
    return await Person(application).call(
        "POST", "/api/auth/refresh", {"refresh_token": token}, status=status
    )


async def invite(person: Person, role: str, status: int = 201, **more: Any) -> str:
    """The code of a new invitation, empty when it was refused."""
    made = await person.call("POST", "/api/invitations", {"role": role} | more, status=status)
    return str(made.get("code", ""))


def account(name: str, **more: Any) -> dict[str, Any]:
    email = f"{name.split()[0].lower()}@example.com"
    return {"name": name, "email": email, "password": PASSWORD} | more
