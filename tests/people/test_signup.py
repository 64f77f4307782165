"""Signing up: who comes first, who needs an invitation, what input is refused, what a retry gets."""

import asyncio
from pathlib import Path

import pytest

from hubbub.app import Application
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Problem
from hubbub.kernel.kernel import Kernel
from hubbub.people.service import accounts
from hubbub.settings import Settings
from tests.support.app import PASSWORD, Person, make_room

from .conftest import COOKIE, MINUTE, Starter, TestClock, account, audit_rows, found, invite, join

pytestmark = pytest.mark.anyio


async def test_the_first_person_founds_the_workspace(app: Application) -> None:
    anonymous = Person(app)
    setup = await anonymous.call("GET", "/api/setup")
    assert setup["first_run"] is True
    assert setup["workspace"] is None
    owner = await found(app)
    assert owner.user["role"] == "owner"
    assert owner.user["email"] == "owner@example.com"
    setup = await anonymous.call("GET", "/api/setup")
    assert (setup["first_run"], setup["workspace"], setup["signup_open"]) == (
        False,
        "Studio",
        False,
    )
    await anonymous.call("POST", "/api/auth/signup", account("Eve"), status=403)


async def test_of_many_first_people_one_becomes_owner(app: Application) -> None:
    answers = await asyncio.gather(
        *(Person(app).send("POST", "/api/auth/signup", account(f"P{n} Person")) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [403] * 7


async def test_two_processes_found_one_workspace(
    migrated_database_url: str, tmp_path: Path
) -> None:
    settings = Settings(database_url=migrated_database_url, data_dir=tmp_path, rate_limits=False)
    kernels = [Kernel(settings, ["s" * 40]) for _ in range(2)]
    try:
        results = await asyncio.gather(
            *(
                kernel.write(
                    accounts.sign_up,
                    Caller(""),
                    name="First",
                    email=f"first{place}@example.com",
                    proof="",
                    token_in_body=True,
                    invite=None,
                    workspace=None,
                    _open_to_all=False,
                    _lives_ms=1_000,
                    _password_hash="hash",
                    _user_agent="",
                )
                for place, kernel in enumerate(kernels)
            ),
            return_exceptions=True,
        )
        refused = [result for result in results if isinstance(result, Problem)]
        assert len(refused) == 1
        assert refused[0].status in (403, 409)
        page = await kernels[0].read(
            accounts.list_users, Caller("x", "owner"), limit=50, cursor=None
        )
        assert [person["role"] for person in page["items"]] == ["owner"]
    finally:
        for kernel in kernels:
            await kernel.close()


async def test_sign_up_may_be_open(start: Starter) -> None:
    async with start(signup_open=True) as app:
        await found(app)
        signed = await Person(app).call("POST", "/api/auth/signup", account("Open Door"))
        assert signed["user"]["role"] == "member"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "A"}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"name": "nul\0byte"}, "name"),
        ({"name": "evil\u202egnp.exe"}, "name"),
        ({"name": "  \t  "}, "name"),
        ({"email": "no address"}, "email"),
        ({"email": "nul\0@example.com"}, "email"),
        ({"password": "short7!"}, "password"),
        ({"password": "x1!" * 43}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "Iloveyou"}, "password"),
        ({"password": "aaaaaaaaaaaa"}, "password"),
        ({"password": "FIRST@example.com"}, "password"),
        ({"role": "owner"}, "role"),
    ],
)
async def test_bad_input_is_refused(tmp_path: Path, change: dict[str, str], field: str) -> None:
    from tests.support.app import running_app

    async with running_app(f"sqlite:///{tmp_path}/hubbub.db", tmp_path) as app:
        body = account("First Person") | change
        problem = await Person(app).call("POST", "/api/auth/signup", body, status=422)
        assert [error["loc"][-1] for error in problem["errors"]] == [field]
        assert (await Person(app).call("GET", "/api/setup"))["first_run"] is True


async def test_names_and_addresses_are_tidied(app: Application) -> None:
    body = account("  Owner Olga ", email="Olga@EXAMPLE.com")
    signed = await Person(app).call("POST", "/api/auth/signup", body)
    assert (signed["user"]["name"], signed["user"]["email"]) == ("Owner Olga", "olga@example.com")
    await Person(app).call(
        "POST", "/api/auth/login", {"email": "OLGA@example.com", "password": PASSWORD}
    )


async def test_an_address_has_one_account(owner: Person) -> None:
    code = await invite(owner, "member")
    body = account("Other", email="OWNER@example.com", invite=code)
    await Person(owner.application).call("POST", "/api/auth/signup", body, status=409)


async def test_a_repeated_sign_up_gets_the_first_answer(app: Application, clock: TestClock) -> None:
    body = account("Owner Olga")
    first = await Person(app).send("POST", "/api/auth/signup", body, key="k1")
    clock.advance(5 * MINUTE)
    again = await Person(app).send("POST", "/api/auth/signup", body, key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.cookies[COOKIE] == first.cookies[COOKIE]
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    for change in ({"password": "another good phrase"}, {"name": "Olga"}, {"token_in_body": True}):
        other = await Person(app).send("POST", "/api/auth/signup", body | change, key="k1")
        assert other.status_code == 409
        assert COOKIE not in other.cookies
    assert [row[3] for row in await audit_rows(app, "account.sign_up")] == ["done"]


async def test_a_repeated_guest_gets_the_first_answer(owner: Person) -> None:
    room = await make_room(owner, "Project")
    code = await invite(owner, "guest", room=room)
    body = {"invite": code, "name": "Gus Guest", "token_in_body": True}
    first = await Person(owner.application).send("POST", "/api/guests", body, key="k2")
    again = await Person(owner.application).send("POST", "/api/guests", body, key="k2")
    assert first.status_code == 201
    assert again.content == first.content
    other = body | {"name": "Somebody Else"}
    await Person(owner.application).call("POST", "/api/guests", other, key="k2", status=409)
    people = (await owner.call("GET", "/api/users"))["items"]
    assert [person["name"] for person in people if person["role"] == "guest"] == ["Gus Guest"]


async def test_kept_answers_do_not_show_their_secrets(app: Application) -> None:
    from sqlalchemy import Connection, select

    from hubbub.kernel.commands import replies

    body = account("Owner Olga", token_in_body=True)
    signed = await Person(app).call("POST", "/api/auth/signup", body, key="k3")

    def read(connection: Connection) -> list[bytes]:
        return list(connection.execute(select(replies.c.body)).scalars())

    kept = await app.kernel.read(read)
    assert len(kept) == 1
    assert signed["refresh_token"].encode() not in kept[0]
    assert b"owner" not in kept[0]


async def test_a_new_colleague_is_announced(owner: Person) -> None:
    screen = await owner.call("GET", "/api/sync")
    workspace = screen["workspace"]["id"]
    before = screen["heads"][workspace]
    mia = await join(owner, "Mia Member")
    page = await owner.call("GET", f"/api/streams/{workspace}/entries", after=before)
    shown = [entry["data"] for entry in page["items"] if entry["kind"] == "user.changed"]
    assert shown == [{k: v for k, v in mia.user.items() if k != "email"}]
    own = await mia.call("GET", f"/api/streams/{mia.id}/entries", after=0)
    changed = [entry["data"] for entry in own["items"] if entry["kind"] == "user.changed"]
    assert changed == [mia.user]
