"""Limits: sign-in attempts, anonymous calls, and what the answers tell of them."""

import asyncio

import pytest

from hubbub.kernel.errors import Unavailable
from hubbub.people import passwords as passwords_module
from hubbub.people.passwords import Passwords
from tests.support.app import PASSWORD, Person

from .conftest import Starter, account, found, sign_in

pytestmark = pytest.mark.anyio

OWNER = "owner@example.com"
WRONG = {"email": OWNER, "password": "not the one"}


async def test_the_sixth_attempt_waits(start: Starter) -> None:
    async with start(rate_limits=True) as app:
        await found(app)
        for _ in range(5):
            await Person(app).call("POST", "/api/auth/login", WRONG, status=401)
        answer = await Person(app).send("POST", "/api/auth/login", WRONG)
        assert answer.status_code == 429
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["retry-after"]) <= 15 * 60
        # The right password waits as well; another account does not.
        right = {"email": OWNER, "password": PASSWORD}
        await Person(app).call("POST", "/api/auth/login", right, status=429)
        await Person(app).call(
            "POST", "/api/auth/login", WRONG | {"email": "other@example.com"}, status=401
        )


async def test_a_success_forgives(start: Starter) -> None:
    async with start(rate_limits=True) as app:
        await found(app)
        for _ in range(3):
            for _ in range(3):
                await Person(app).call("POST", "/api/auth/login", WRONG, status=401)
            await sign_in(app, OWNER)


async def test_guessing_a_present_password_is_limited(start: Starter) -> None:
    async with start(rate_limits=True) as app:
        owner = await found(app)
        body = {"current": "not the one", "new": "a wholly new phrase"}
        for _ in range(5):
            await owner.call("POST", "/api/auth/password", body, status=403)
        await owner.call("POST", "/api/auth/password", body, status=429)


async def test_anonymous_calls_are_limited_and_signed_in_ones_are_not(start: Starter) -> None:
    async with start(rate_limits=True, anonymous_calls=10) as app:
        owner = await found(app)
        for left in range(9, -1, -1):
            answer = await Person(app).send("GET", "/api/setup")
            assert answer.headers["ratelimit-limit"] == "10"
            assert answer.headers["ratelimit-remaining"] == str(left)
        assert (await Person(app).send("GET", "/api/setup")).status_code == 429
        assert (await Person(app).send("GET", "/api/auth/me")).status_code == 429
        answer = await owner.send("GET", "/api/auth/me")
        assert answer.status_code == 200
        assert int(answer.headers["ratelimit-limit"]) > 100


async def test_refused_tokens_count_as_anonymous(start: Starter) -> None:
    async with start(rate_limits=True, anonymous_calls=3) as app:
        forger = Person(app)
        forger.token = "a.b.c"
        for _ in range(3):
            await forger.call("GET", "/api/auth/me", status=401)
        await forger.call("GET", "/api/auth/me", status=429)


async def test_a_flood_of_passwords_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords_module, "WAITING", 3)
    pool = Passwords()
    results = await asyncio.gather(
        *(pool.verify(None, "whatever") for _ in range(6)), return_exceptions=True
    )
    assert [type(result) for result in results].count(Unavailable) == 3
    assert [result for result in results if result is False] == [False] * 3
    # Those who were turned away leave no trace in the count.
    assert await pool.verify(await pool.hash("a phrase"), "a phrase") is True


async def test_signing_up_counts_as_an_attempt(start: Starter) -> None:
    async with start(rate_limits=True) as app:
        await found(app)
        body = account("Eve Eager")
        for _ in range(5):
            await Person(app).call("POST", "/api/auth/signup", body, status=403)
        await Person(app).call("POST", "/api/auth/signup", body, status=429)
