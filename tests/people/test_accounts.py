"""People: what one sees of others, who changes whom, the last owner, passwords and second factors."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pyotp
import pytest
from argon2 import PasswordHasher

from hubbub.kernel.errors import Conflict, Invalid, NotFound
from hubbub.people import passwords as passwords_module
from hubbub.people.service.accounts import add_account, reset_password
from tests.support.app import PASSWORD, Person, make_room

from .conftest import SECOND, TestClock, audit_rows, entries_of, join, sign_in

pytestmark = pytest.mark.anyio

OWNER = "owner@example.com"
NEW = "a wholly new phrase"


async def change(person: Person, other: Person, status: int = 200, **body: object) -> None:
    await person.call("PATCH", f"/api/users/{other.id}", body, status=status)


async def test_addresses_are_for_oneself_and_those_who_run_the_place(
    owner: Person, mia: Person
) -> None:
    room = await make_room(mia, "Project")
    client = await join(mia, "Clara Client", "client", room)
    for person, sees_all in ((owner, True), (mia, False), (client, False)):
        listed = (await person.call("GET", "/api/users"))["items"]
        shown = {p["id"] for p in listed if "email" in p}
        assert shown == ({p["id"] for p in listed} if sees_all else {person.id})
        one = await person.call("GET", f"/api/users/{mia.id}")
        assert ("email" in one) == (sees_all or person is mia)
    screen = await mia.call("GET", "/api/sync")
    assert {p["id"] for p in screen["people"] if "email" in p} <= {mia.id}
    workspace = screen["workspace"]["id"]
    told = await entries_of(owner.application, workspace, "user.changed")
    assert len(told) == 3
    assert not any(b"@" in entry.data for entry in told)


async def test_clients_know_only_the_people_of_their_rooms(owner: Person, mia: Person) -> None:
    room = await make_room(mia, "Project")
    client = await join(mia, "Clara Client", "client", room)
    await client.call("GET", f"/api/users/{mia.id}")
    await client.call("GET", f"/api/users/{owner.id}", status=404)
    names = {p["name"] for p in (await client.call("GET", "/api/users"))["items"]}
    assert names == {"Mia Member", "Clara Client"}


async def test_people_come_in_pages(owner: Person) -> None:
    for name in ("Anna", "Bela", "Carl", "Dora"):
        await join(owner, f"{name} Page")
    found: list[str] = []
    cursor = None
    for _ in range(5):
        query: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await owner.call("GET", "/api/users", **query)
        found += [person["name"] for person in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert cursor is None
    assert sorted(found) == ["Anna Page", "Bela Page", "Carl Page", "Dora Page", "Owner Olga"]
    for limit in (0, 201):
        await owner.call("GET", "/api/users", status=422, limit=limit)


async def test_changing_oneself_tells_everybody(owner: Person, mia: Person) -> None:
    room = await make_room(mia, "Project")
    client = await join(mia, "Clara Client", "client", room)
    body = {"name": " Mia Moss ", "title": "Design"}
    first = await mia.send("PATCH", "/api/users/me", body, key="u1")
    again = await mia.send("PATCH", "/api/users/me", body, key="u1")
    assert again.content == first.content
    me = first.json()
    assert (me["name"], me["title"], me["email"]) == ("Mia Moss", "Design", "mia@example.com")
    public = {k: v for k, v in me.items() if k != "email"}
    app = owner.application
    workspace = (await owner.call("GET", "/api/sync"))["workspace"]["id"]
    for stream, expected in ((mia.id, me), (workspace, public), (room, public)):
        entries = await entries_of(app, stream, "user.changed")
        assert orjson.loads(entries[-1].data) == expected
    assert (await client.call("GET", f"/api/users/{mia.id}"))["name"] == "Mia Moss"
    await mia.call("PATCH", "/api/users/me", {"role": "owner"}, status=422)


async def test_who_may_change_whom(owner: Person, mia: Person) -> None:
    admin = await join(owner, "Ada Admin", "admin")
    room = await make_room(mia, "Project")
    client = await join(mia, "Clara Client", "client", room)
    guest = await join(mia, "Gus Guest", "guest", room)
    for person in (mia, client, guest):
        await change(person, person, 403, role="owner")
        await change(person, owner, 403, active=False)
    for body in ({"role": "admin"}, {"role": "owner"}):
        await change(admin, mia, 403, **body)
    await change(admin, owner, 403, active=False)
    await change(admin, admin, 403, role="owner")
    await change(admin, admin, 403, role="member")
    await change(admin, client, 200, role="member")
    await change(admin, client, 200, role="client")
    await change(admin, mia, 200, active=False)
    await change(admin, mia, 200, active=True)
    await change(owner, guest, 409, role="member")
    await change(owner, mia, 409, role="guest")
    await change(owner, mia, 200, role="admin")
    rows = await audit_rows(owner.application, "user.change")
    assert [row[3] for row in rows].count("done") == 5
    assert (mia.id, owner.id, "127.0.0.1", "denied") in rows


async def test_a_new_role_is_in_force_at_once(owner: Person, mia: Person, clock: TestClock) -> None:
    await mia.call("POST", "/api/invitations", {"role": "member"}, status=403)
    await change(owner, mia, role="admin")
    clock.advance(SECOND)
    await mia.call("POST", "/api/invitations", {"role": "member"})
    await change(owner, mia, role="client")
    clock.advance(SECOND)
    await mia.call("POST", "/api/invitations", {"role": "member"}, status=403)
    workspace = (await owner.call("GET", "/api/sync"))["workspace"]["id"]
    await mia.call("GET", f"/api/streams/{workspace}/entries", status=404)


async def test_there_is_always_an_owner(owner: Person, mia: Person, clock: TestClock) -> None:
    for body in ({"role": "member"}, {"active": False}):
        await change(owner, owner, 409, **body)
    await change(owner, mia, role="owner")
    clock.advance(SECOND)
    answers = await asyncio.gather(
        owner.send("PATCH", f"/api/users/{mia.id}", {"role": "member"}),
        mia.send("PATCH", f"/api/users/{owner.id}", {"role": "member"}),
    )
    assert sorted(answer.status_code for answer in answers)[0] == 200
    count = "SELECT count(*) FROM users WHERE role = 'owner' AND active"
    owners = await owner.application.kernel.read(lambda c: c.exec_driver_sql(count).scalar_one())
    assert owners >= 1


async def test_deactivation_ends_every_session(
    owner: Person, mia: Person, clock: TestClock
) -> None:
    app = owner.application
    second = await sign_in(app, "mia@example.com")
    await second.call("GET", "/api/auth/me")
    await change(owner, mia, active=False)
    clock.advance(SECOND)
    for person in (mia, second):
        await person.call("GET", "/api/auth/me", status=401)
        await person.call("POST", "/api/auth/refresh", status=401)
    body = {"email": "mia@example.com", "password": PASSWORD}
    await Person(app).call("POST", "/api/auth/login", body, status=401)
    ended = await entries_of(app, mia.id, "session.ended")
    assert [orjson.loads(entry.data) for entry in ended] == [{"session": None}]
    assert (await owner.call("GET", f"/api/users/{mia.id}"))["active"] is False
    await change(owner, mia, active=True)
    await sign_in(app, "mia@example.com")


async def test_a_new_password_ends_the_other_sessions(mia: Person, clock: TestClock) -> None:
    app = mia.application
    second = await sign_in(app, "mia@example.com")
    await second.call("GET", "/api/auth/me")
    path = "/api/auth/password"
    await mia.call("POST", path, {"current": "wrong one", "new": NEW}, status=403)
    problem = await mia.call(
        "POST", path, {"current": PASSWORD, "new": "mia@example.com"}, status=422
    )
    assert problem["errors"][0]["loc"][-1] == "new"
    body = {"current": PASSWORD, "new": NEW}
    for _ in range(2):
        answer = await mia.send("POST", path, body, key="p1")
        assert answer.status_code == 204
    assert answer.headers["idempotent-replay"] == "true"
    other = body | {"new": "yet another phrase"}
    await mia.call("POST", path, other, key="p1", status=409)
    clock.advance(SECOND)
    await mia.call("GET", "/api/auth/me")
    await second.call("GET", "/api/auth/me", status=401)
    body = {"email": "mia@example.com", "password": PASSWORD}
    await Person(app).call("POST", "/api/auth/login", body, status=401)
    await Person(app).call("POST", "/api/auth/login", body | {"password": NEW})
    assert [r[3] for r in await audit_rows(app, "account.password")] == ["denied", "done"]


async def test_guests_have_no_password(owner: Person) -> None:
    room = await make_room(owner, "Project")
    guest = await join(owner, "Gus Guest", "guest", room)
    body = {"current": PASSWORD, "new": NEW}
    await guest.call("POST", "/api/auth/password", body, status=422)
    await guest.call("POST", "/api/auth/totp", status=409)


async def test_hashes_follow_the_parameters(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    app = owner.application
    stronger = PasswordHasher(time_cost=3, memory_cost=19_456, parallelism=1)
    monkeypatch.setattr(passwords_module, "hasher", stronger)

    async def stored() -> str:
        return str(
            await app.kernel.read(
                lambda c: c.exec_driver_sql("SELECT password_hash FROM users").scalar()
            )
        )

    assert ",t=2," in await stored()
    await sign_in(app, OWNER)
    first = await stored()
    assert ",t=3," in first
    await sign_in(app, OWNER)
    assert await stored() == first


async def test_a_second_factor_is_asked_for(owner: Person, clock: TestClock) -> None:
    app = owner.application
    started = await owner.call("POST", "/api/auth/totp", status=201)
    uri = urlsplit(started["uri"])
    assert parse_qs(uri.query)["secret"] == [started["secret"]]
    totp = pyotp.TOTP(started["secret"])

    def code(ago: int = 0) -> str:
        return totp.at(clock() // 1_000 - ago)

    # Not in force until it is confirmed.
    await sign_in(app, OWNER)
    await owner.call("POST", "/api/auth/totp/confirm", {"code": code(600)}, status=422)
    await owner.call("POST", "/api/auth/totp/confirm", {"code": code()}, status=204)
    login = {"email": OWNER, "password": PASSWORD}
    problem = await Person(app).call("POST", "/api/auth/login", login, status=401)
    assert problem["title"] == "Second factor needed"
    assert problem["detail"] == "Enter the code from your authenticator app."
    # The code that confirmed it is spent.
    await Person(app).call("POST", "/api/auth/login", login | {"totp": code()}, status=401)
    clock.advance(30 * SECOND)
    wrong = login | {"password": "wrong", "totp": code()}
    problem = await Person(app).call("POST", "/api/auth/login", wrong, status=401)
    assert problem["title"] == "Sign in first"
    used = code()
    await Person(app).call("POST", "/api/auth/login", login | {"totp": used})
    await Person(app).call("POST", "/api/auth/login", login | {"totp": used}, status=401)
    clock.advance(30 * SECOND)
    await Person(app).call("POST", "/api/auth/login", login | {"totp": used}, status=401)
    clock.advance(60 * SECOND)
    await Person(app).call("POST", "/api/auth/login", login | {"totp": code(30)})
    await owner.call("POST", "/api/auth/totp", status=409)
    path = "/api/auth/totp"
    await owner.call("DELETE", path, {"password": "wrong"}, status=403)
    await owner.call("DELETE", path, {"password": PASSWORD}, status=204)
    await sign_in(app, OWNER)


async def test_accounts_from_the_command_line(owner: Person) -> None:
    kernel = owner.application.kernel
    person = await add_account(
        kernel, name=" Mia Member ", email="Mia@Example.com", password=PASSWORD, role="admin"
    )
    assert (person["name"], person["email"], person["role"]) == (
        "Mia Member",
        "mia@example.com",
        "admin",
    )
    mia = await sign_in(owner.application, "mia@example.com")
    with pytest.raises(Conflict, match="account with this address"):
        await add_account(
            kernel, name="Mia", email="mia@example.com", password=PASSWORD, role="member"
        )
    with pytest.raises(Invalid, match="email"):
        await add_account(kernel, name="Mia", email="mia", password=PASSWORD, role="member")
    with pytest.raises(Invalid, match="tried"):
        await add_account(
            kernel, name="Mia", email="m@example.com", password="password1", role="member"
        )
    await reset_password(kernel, email=" MIA@example.com", password=NEW)
    kernel.extensions.clear()
    await mia.call("GET", "/api/auth/me", status=401)
    body = {"email": "mia@example.com", "password": NEW}
    await Person(owner.application).call("POST", "/api/auth/login", body)
    with pytest.raises(NotFound, match="no account"):
        await reset_password(kernel, email="nobody@example.com", password=NEW)


async def test_signing_in_keeps_silent_about_accounts(owner: Person) -> None:
    app = owner.application
    known = {"email": OWNER, "password": "not the one"}
    unknown = {"email": "nobody@example.com", "password": "not the one"}
    problems = [
        await Person(app).call("POST", "/api/auth/login", body, status=401)
        for body in (known, unknown)
    ]
    for problem in problems:
        del problem["request_id"]
    assert problems[0] == problems[1]
    rows = await audit_rows(app, "session.begin")
    assert rows == [
        ("", OWNER, "127.0.0.1", "denied"),
        ("", "nobody@example.com", "127.0.0.1", "denied"),
    ]
    await sign_in(app, OWNER)
    assert (await audit_rows(app, "session.begin"))[-1][0::3] == (owner.id, "done")
