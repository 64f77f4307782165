"""Sessions: refresh tokens that rotate, tokens that expire, sessions that end everywhere."""

import asyncio

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from hubbub.kernel.caller import SYSTEM
from hubbub.people.access import get_authenticator
from hubbub.people.service.sessions import drop_sessions, sweep_sessions
from hubbub.people.tokens import ACCESS_SECONDS, Tokens
from tests.support.app import PASSWORD, Person, make_room, say

from .conftest import (
    COOKIE,
    HOUR,
    MINUTE,
    SECOND,
    Starter,
    TestClock,
    account,
    audit_rows,
    entries_of,
    found,
    invite,
    join,
    refresh,
    sign_in,
)

pytestmark = pytest.mark.anyio

OWNER = "owner@example.com"
LOGIN = {"email": OWNER, "password": PASSWORD}
IN_BODY = LOGIN | {"token_in_body": True}


@pytest.mark.parametrize("secure", [False, True])
async def test_the_refresh_token_travels_in_a_careful_cookie(start: Starter, secure: bool) -> None:
    url = "https://chat.example.com" if secure else ""
    async with start(public_url=url) as app:
        answer = await Person(app).send("POST", "/api/auth/signup", account("Owner Olga"))
        parts = answer.headers["set-cookie"].split("; ")
        assert parts[0].startswith(f"{COOKIE}=")
        assert {part.lower() for part in parts[1:]} == {
            "httponly",
            "samesite=lax",
            "path=/api/auth",
            "max-age=86400",
        } | ({"secure"} if secure else set())
        assert "refresh_token" not in answer.json()
        assert answer.headers["cache-control"] == "no-store"


async def test_clients_without_cookies_get_the_token_in_the_body(owner: Person) -> None:
    answer = await Person(owner.application).send("POST", "/api/auth/login", IN_BODY)
    assert answer.json()["refresh_token"]
    assert "set-cookie" not in answer.headers


async def test_every_refresh_gives_another_token(owner: Person) -> None:
    app = owner.application
    token = (await Person(app).call("POST", "/api/auth/login", IN_BODY))["refresh_token"]
    seen = {token}
    for _ in range(5):
        token = (await refresh(app, token))["refresh_token"]
        assert token not in seen
        seen.add(token)


async def test_a_browser_refreshes_with_its_cookie(owner: Person) -> None:
    before = owner.http.cookies[COOKIE]
    signed = await owner.call("POST", "/api/auth/refresh")
    assert signed["user"] == owner.user
    assert signed["expires_in"] == ACCESS_SECONDS
    assert owner.http.cookies[COOKIE] != before
    owner.token = signed["access_token"]
    await owner.call("GET", "/api/auth/me")


async def test_a_lost_answer_does_not_sign_out(owner: Person, clock: TestClock) -> None:
    app = owner.application
    first = (await Person(app).call("POST", "/api/auth/login", IN_BODY))["refresh_token"]
    answers = await asyncio.gather(*(refresh(app, first) for _ in range(3)))
    tokens = {answer["refresh_token"] for answer in answers}
    assert len(tokens) == 1, "tabs that ask at once must not end each other's session"
    clock.advance(15 * SECOND)
    assert (await refresh(app, first))["refresh_token"] in tokens
    await refresh(app, tokens.pop())


async def test_a_token_used_again_ends_the_session(owner: Person, clock: TestClock) -> None:
    app = owner.application
    signed = await Person(app).call("POST", "/api/auth/login", IN_BODY)
    stolen = signed["refresh_token"]
    kept = await refresh(app, stolen)
    clock.advance(16 * SECOND)
    await refresh(app, stolen, 401)
    await refresh(app, kept["refresh_token"], 401)
    person = Person(app, kept)
    await person.call("GET", "/api/auth/me", status=401)
    ended = await entries_of(app, owner.id, "session.ended")
    assert len(ended) == 1
    rows = await audit_rows(app, "session.refresh")
    assert [(row[0], row[3]) for row in rows] == [
        (owner.id, "done"),
        (owner.id, "denied"),
        (owner.id, "denied"),
    ]
    # Other sessions of the person go on.
    await owner.call("GET", "/api/auth/me")


async def test_an_older_token_ends_the_session_even_at_once(owner: Person) -> None:
    app = owner.application
    first = (await Person(app).call("POST", "/api/auth/login", IN_BODY))["refresh_token"]
    second = (await refresh(app, first))["refresh_token"]
    third = (await refresh(app, second))["refresh_token"]
    await refresh(app, first, 401)
    await refresh(app, third, 401)


async def test_tokens_nobody_issued_are_refused(owner: Person) -> None:
    await refresh(owner.application, "made-up", 401)
    await Person(owner.application).call("POST", "/api/auth/refresh", status=401)
    assert [row[3] for row in await audit_rows(owner.application, "session.refresh")] == ["denied"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://chat.example.com", 200),
        ("https://web.example.org", 200),
        ("http://hubbub.test", 200),
        ("https://evil.example", 403),
        ("null", 403),
        ("https://chat.example.com.evil.example", 403),
    ],
)
async def test_only_our_pages_may_use_the_cookie(start: Starter, origin: str, status: int) -> None:
    # Plain http here, so that the test's client sends the cookie: Secure is tested above.
    allowed = ("https://web.example.org", "https://chat.example.com")
    async with start(allowed_origins=allowed) as app:
        owner = await found(app)
        for path, good in (("/api/auth/refresh", 200), ("/api/auth/logout", 204)):
            answer = await owner.http.post(path, headers={"Origin": origin})
            assert answer.status_code == (good if status == 200 else status)
        if status == 403:
            await owner.call("GET", "/api/auth/me")
            assert [row[3] for row in await audit_rows(app, "session.refresh")] == ["denied"]


async def test_access_tokens_expire(owner: Person, clock: TestClock) -> None:
    clock.advance(ACCESS_SECONDS * SECOND - 1)
    await owner.call("GET", "/api/auth/me")
    clock.advance(SECOND)
    problem = await owner.call("GET", "/api/auth/me", status=401)
    assert problem["detail"] == "The access token has expired."


async def test_tampered_and_foreign_tokens_are_refused(owner: Person) -> None:
    app = owner.application
    now = app.kernel.clock()
    claims = jwt.decode(owner.token, OctKey.import_key(app.kernel.secrets[0])).claims
    head, body, signature = owner.token.split(".")
    other_key = OctKey.import_key("another secret, long enough for HS256")
    own_key = OctKey.import_key(app.kernel.secrets[0])
    kid = jwt.decode(owner.token, own_key).header["kid"]
    forged = [
        f"{head}.{body[:-2]}AA.{signature}",
        f"{head}.{body}.{signature[:-3]}AAA",
        f"{head}.{body}.",
        "eyJhbGciOiJub25lIn0." + body + ".",
        jwt.encode({"alg": "HS256", "kid": kid}, claims, other_key),
        jwt.encode({"alg": "HS256", "kid": kid}, {**claims, "typ": "refresh"}, own_key),
        jwt.encode({"alg": "HS256", "kid": kid}, {**claims, "iss": "other"}, own_key),
        jwt.encode({"alg": "HS256", "kid": "x"}, claims, own_key),
        jwt.encode({"alg": "HS256", "kid": kid}, {"sub": owner.id}, own_key),
        Tokens(app.kernel.secrets).issue(owner.id, "no-such-session", "owner", now),
        "rubbish",
        "a.b.c",
    ]
    # The way of forging works: the same claims signed with the right key are accepted.
    person = Person(app)
    person.token = jwt.encode({"alg": "HS256", "kid": kid}, claims, own_key)
    await person.call("GET", "/api/auth/me")
    for token in forged:
        person.token = token
        await person.call("GET", "/api/auth/me", status=401)


async def test_a_token_does_not_carry_another_persons_session(owner: Person, mia: Person) -> None:
    app = owner.application
    session = (await owner.call("GET", "/api/auth/sessions"))["items"][0]["id"]
    mixed = Person(app)
    mixed.token = Tokens(app.kernel.secrets).issue(mia.id, session, "owner", app.kernel.clock())
    app.kernel.extensions.clear()
    await mixed.call("GET", "/api/auth/me", status=401)


def test_signing_secrets_rotate() -> None:
    old, new = "o" * 40, "n" * 40
    now = 1_790_000_000_000
    issued = Tokens([old]).issue("user", "session", "member", now)
    assert Tokens([new, old]).read(issued, now).user == "user"
    renewed = Tokens([new, old]).issue("user", "session", "member", now)
    assert Tokens([new]).read(renewed, now).session == "session"
    with pytest.raises(Exception, match="not valid"):
        Tokens([new]).read(issued, now)


async def test_an_ended_session_is_out_within_a_second(owner: Person, clock: TestClock) -> None:
    app = owner.application
    other = await sign_in(app, OWNER)
    listed = (await owner.call("GET", "/api/auth/sessions"))["items"]
    assert [session["current"] for session in listed].count(True) == 1
    mine = next(s["id"] for s in listed if s["current"])
    theirs = next(s["id"] for s in listed if not s["current"])
    await other.call("GET", "/api/auth/me")
    # Ended by another process: this one's cache has not heard of it.
    cached = app.kernel.extensions.pop("authenticator")
    await owner.call("DELETE", f"/api/auth/sessions/{theirs}", status=204)
    app.kernel.extensions["authenticator"] = cached
    clock.advance(SECOND)
    await other.call("GET", "/api/auth/me", status=401)
    await other.call("POST", "/api/auth/refresh", status=401)
    remaining = (await owner.call("GET", "/api/auth/sessions"))["items"]
    assert [session["id"] for session in remaining] == [mine]
    ended = await entries_of(app, owner.id, "session.ended")
    assert [orjson.loads(entry.data) for entry in ended] == [{"session": theirs}]
    await owner.call("DELETE", f"/api/auth/sessions/{theirs}", status=404)


async def test_nobody_ends_another_persons_session(owner: Person, mia: Person) -> None:
    session = (await owner.call("GET", "/api/auth/sessions"))["items"][0]["id"]
    await mia.call("DELETE", f"/api/auth/sessions/{session}", status=404)
    await owner.call("GET", "/api/auth/me")
    rows = await audit_rows(owner.application, "session.end")
    assert [(row[0], row[1], row[3]) for row in rows] == [(mia.id, session, "denied")]


async def test_signing_out_ends_the_session(owner: Person) -> None:
    answer = await owner.send("POST", "/api/auth/logout")
    assert answer.status_code == 204
    assert COOKIE not in owner.http.cookies
    await owner.call("GET", "/api/auth/me", status=401)
    await owner.call("POST", "/api/auth/refresh", status=401)
    assert [row[0] for row in await audit_rows(owner.application, "session.sign_out")] == [owner.id]
    # Signing out twice is no error.
    await owner.call("POST", "/api/auth/logout", status=204)


async def test_sessions_slide_and_run_out(owner: Person, clock: TestClock) -> None:
    app = owner.application
    token = (await Person(app).call("POST", "/api/auth/login", IN_BODY))["refresh_token"]
    for _ in range(3):
        clock.advance(23 * HOUR)
        token = (await refresh(app, token))["refresh_token"]
    clock.advance(24 * HOUR)
    await refresh(app, token, 401)


async def test_a_guest_stays_while_there_and_leaves_two_hours_after(
    owner: Person, mia: Person, clock: TestClock
) -> None:
    app = owner.application
    room = await make_room(mia, "Project")
    guest = await join(mia, "Gus Guest", "guest", room)
    assert guest.user["role"] == "guest"
    assert guest.user["email"] is None
    # Every call counts as use, not only the refresh.
    for _ in range(20):
        clock.advance(14 * MINUTE)
        guest.token = (await guest.call("POST", "/api/auth/refresh"))["access_token"]
    for _ in range(7):
        clock.advance(2 * MINUTE)
        await say(guest, room, "still here")
    get_authenticator(app.kernel).note_uses()
    await app.kernel.committer.drain()
    clock.advance(2 * HOUR - 3 * MINUTE)
    guest.token = (await guest.call("POST", "/api/auth/refresh"))["access_token"]
    clock.advance(2 * HOUR)
    await guest.call("GET", "/api/auth/me", status=401)
    await guest.call("POST", "/api/auth/refresh", status=401)
    await app.kernel.write(sweep_sessions, SYSTEM)
    entries = await entries_of(app, guest.id, "session.ended")
    assert len(entries) == 1
    owner = await sign_in(app, OWNER)
    shown = await owner.call("GET", f"/api/users/{guest.id}")
    assert shown["active"] is False
    told = [orjson.loads(e.data) for e in await entries_of(app, room, "user.changed")]
    assert told[-1] == {k: v for k, v in shown.items() if k != "email"}


async def test_a_guests_calls_keep_the_session(owner: Person, clock: TestClock) -> None:
    """Without a refresh, the calls alone move the end of a guest's session."""
    app = owner.application
    room = await make_room(owner, "Project")
    guest = await join(owner, "Gus Guest", "guest", room)
    tokens = Tokens(app.kernel.secrets)
    session = (await guest.call("GET", "/api/auth/sessions"))["items"][0]["id"]
    for _ in range(5):
        clock.advance(90 * MINUTE)
        guest.token = tokens.issue(guest.id, session, "guest", clock())
        await guest.call("GET", "/api/auth/me")
        get_authenticator(app.kernel).note_uses()
        await app.kernel.committer.drain()


async def test_a_guest_who_signs_out_is_gone(owner: Person) -> None:
    room = await make_room(owner, "Project")
    guest = await join(owner, "Gus Guest", "guest", room)
    await guest.call("POST", "/api/auth/logout", status=204)
    shown = await owner.call("GET", f"/api/users/{guest.id}")
    assert shown["active"] is False
    path = f"/api/users/{guest.id}"
    await owner.call("PATCH", path, {"active": True}, status=409)


async def test_old_sessions_are_dropped(owner: Person, clock: TestClock) -> None:
    app = owner.application
    for _ in range(3):
        await sign_in(app, OWNER)
    clock.advance(25 * HOUR)
    await app.kernel.write(sweep_sessions, SYSTEM)
    clock.advance(8 * 24 * HOUR)
    keeper = await sign_in(app, OWNER)
    await app.kernel.write(drop_sessions, SYSTEM)
    from sqlalchemy import func, select

    from hubbub.people.models import sessions

    count = await app.kernel.read(
        lambda connection: connection.execute(select(func.count()).select_from(sessions)).scalar()
    )
    assert count == 1
    await keeper.call("GET", "/api/auth/me")


async def test_a_withdrawn_invitation_lets_nobody_in(owner: Person) -> None:
    code = await invite(owner, "member")
    await owner.call("DELETE", f"/api/invitations/{code}", status=204)
    body = account("Late Person", invite=code)
    await Person(owner.application).call("POST", "/api/auth/signup", body, status=410)
