"""Invitations: who may make which, whom they let in, and when they no longer do."""

import asyncio

import pytest

from tests.support.app import Person, make_room

from .conftest import (
    HOUR,
    MINUTE,
    SECOND,
    Starter,
    TestClock,
    account,
    audit_rows,
    enter,
    found,
    invite,
    join,
)

pytestmark = pytest.mark.anyio

DAY = 24 * HOUR
ROLES = ("owner", "admin", "member", "client", "guest")


async def sign_up(person: Person, name: str, code: str, status: int) -> None:
    body = account(name, invite=code)
    await Person(person.application).call("POST", "/api/auth/signup", body, status=status)


async def test_an_invitation_tells_what_it_is(owner: Person, clock: TestClock) -> None:
    room = await make_room(owner, "Project")
    made = await owner.call("POST", "/api/invitations", {"role": "client", "room": room})
    shown = await Person(owner.application).call("GET", f"/api/invitations/{made['code']}")
    assert shown == made
    assert shown["url"].endswith(f"/join/{made['code']}")
    assert (shown["room"], shown["room_name"]) == (room, "Project")
    assert (shown["workspace"], shown["inviter"]) == ("Studio", "Owner Olga")
    assert shown["uses_left"] is None
    guest = await owner.call("POST", "/api/invitations", {"role": "guest", "room": room})
    assert guest["url"].endswith(f"/guest/{guest['code']}")
    await Person(owner.application).call("GET", "/api/invitations/unknown", status=404)


async def test_links_lead_to_the_public_address(start: Starter) -> None:
    async with start(public_url="https://chat.example.com/") as app:
        owner = await found(app)
        made = await owner.call("POST", "/api/invitations", {"role": "member"})
        assert made["url"] == f"https://chat.example.com/join/{made['code']}"


async def test_who_may_invite_whom(owner: Person) -> None:
    admin = await join(owner, "Ada Admin", "admin")
    member = await join(owner, "Mia Member")
    room = await make_room(member, "Project")
    client = await join(member, "Clara Client", "client", room)
    guest = await join(member, "Gus Guest", "guest", room)
    allowed = {
        owner: {"admin", "member", "client"},
        admin: {"member", "client"},
        member: set(),
        client: set(),
        guest: set(),
    }
    for person, roles in allowed.items():
        for role in ("admin", "member", "client"):
            await invite(person, role, 201 if role in roles else 403)
        await invite(person, "owner", 422)
        await invite(person, "guest", 422 if person in (owner, admin) else 403)
    for role in ("client", "guest"):
        await invite(member, role, 201, room=room)
        # In a room they are not in, even the owner cannot; and may not know that there is one.
        await invite(owner, role, 404, room=room)
        await invite(client, role, 403, room=room)
    await invite(member, "member", 403, room=room)
    await invite(member, "guest", 422, room=room, email="g@example.com")
    done = {row[3] for row in await audit_rows(owner.application, "invitation.create")}
    assert done == {"done", "denied"}


async def test_the_room_of_the_invitation_is_joined(owner: Person) -> None:
    room = await make_room(owner, "Project")
    client = await join(owner, "Clara Client", "client", room)
    rooms = (await client.call("GET", "/api/rooms"))["items"]
    assert [(view["id"], view["joined"]) for view in rooms] == [(room, True)]
    people = (await client.call("GET", "/api/users"))["items"]
    assert {person["name"] for person in people} == {"Owner Olga", "Clara Client"}


async def test_an_invitation_for_an_address_fits_no_other(owner: Person) -> None:
    code = await invite(owner, "member", email="Mia@Example.com")
    await sign_up(owner, "Eve Other", code, 403)
    await sign_up(owner, "Mia Member", code, 201)


async def test_guest_links_and_sign_up_links_are_different(owner: Person) -> None:
    room = await make_room(owner, "Project")
    guest_code = await invite(owner, "guest", room=room)
    code = await invite(owner, "client", room=room)
    await sign_up(owner, "Gus Guest", guest_code, 403)
    body = {"invite": code, "name": "Gus Guest"}
    await Person(owner.application).call("POST", "/api/guests", body, status=403)
    body = {"invite": "unknown", "name": "Gus Guest"}
    await Person(owner.application).call("POST", "/api/guests", body, status=404)


async def test_uses_are_counted_even_in_a_crowd(owner: Person) -> None:
    code = await invite(owner, "member", uses=3)
    bodies = [account(f"Person{n} Crowd", invite=code) for n in range(6)]
    answers = await asyncio.gather(
        *(Person(owner.application).send("POST", "/api/auth/signup", body) for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [410] * 3
    problem = await Person(owner.application).call("GET", f"/api/invitations/{code}", status=410)
    assert problem["detail"] == "This invitation was used already. Ask for a new one."
    assert (await owner.call("GET", "/api/invitations"))["items"] == []


async def test_a_failed_sign_up_takes_no_use(owner: Person) -> None:
    code = await invite(owner, "member", uses=1)
    body = account("Other Person", email="owner@example.com", invite=code)
    await Person(owner.application).call("POST", "/api/auth/signup", body, status=409)
    await sign_up(owner, "Mia Member", code, 201)


@pytest.mark.parametrize(
    ("role", "given", "lives"),
    [
        ("member", None, 7 * DAY),
        ("guest", None, 30 * DAY),
        ("member", 300, 5 * MINUTE),
        ("member", 90 * 86_400, 90 * DAY),
    ],
)
async def test_invitations_expire(
    owner: Person, clock: TestClock, role: str, given: int | None, lives: int
) -> None:
    room = await make_room(owner, "Project")
    code = await invite(owner, role, room=room, expires_in=given)
    path = f"/api/invitations/{code}"
    clock.advance(lives - SECOND)
    await Person(owner.application).call("GET", path)
    clock.advance(SECOND)
    problem = await Person(owner.application).call("GET", path, status=410)
    assert problem["detail"] == "This invitation has expired. Ask for a new one."


@pytest.mark.parametrize("given", [299, 90 * 86_400 + 1, 0, -1])
async def test_the_time_of_an_invitation_has_bounds(owner: Person, given: int) -> None:
    await invite(owner, "member", 422, expires_in=given)


async def test_who_sees_and_withdraws_invitations(owner: Person, mia: Person) -> None:
    room = await make_room(mia, "Project")
    own = await invite(mia, "client", room=room)
    others = await invite(owner, "member")
    # The one that Mia herself came with may be used again, so it is listed too.
    listed = {item["code"] for item in (await owner.call("GET", "/api/invitations"))["items"]}
    assert {own, others} < listed
    assert [i["code"] for i in (await mia.call("GET", "/api/invitations"))["items"]] == [own]
    await mia.call("DELETE", f"/api/invitations/{others}", status=404)
    await owner.call("DELETE", f"/api/invitations/{own}", status=204)
    await mia.call("DELETE", f"/api/invitations/{own}", status=404)
    problem = await Person(owner.application).call("GET", f"/api/invitations/{own}", status=410)
    assert problem["detail"] == "This invitation was withdrawn."
    await sign_up(owner, "Clara Client", own, 410)
    await sign_up(owner, "Nina New", others, 201)


async def test_whoever_leaves_takes_their_invitations_along(owner: Person, mia: Person) -> None:
    room = await make_room(mia, "Project")
    code = await invite(mia, "guest", room=room)
    await enter(owner.application, "/api/guests", {"invite": code, "name": "Gus Guest"})
    await owner.call("PATCH", f"/api/users/{mia.id}", {"active": False})
    body = {"invite": code, "name": "Gil Guest"}
    await Person(owner.application).call("POST", "/api/guests", body, status=410)


async def test_a_former_owner_leaves_no_way_to_become_admin(owner: Person) -> None:
    second = await join(owner, "Ola Other")
    await owner.call("PATCH", f"/api/users/{second.id}", {"role": "owner"})
    code = await invite(second, "admin")
    await owner.call("PATCH", f"/api/users/{second.id}", {"role": "member"})
    await sign_up(owner, "Eve Admin", code, 410)


async def test_a_deleted_room_takes_its_invitations_along(owner: Person) -> None:
    room = await make_room(owner, "Project")
    code = await invite(owner, "guest", room=room)
    await owner.call("DELETE", f"/api/rooms/{room}", status=204)
    body = {"invite": code, "name": "Gus Guest"}
    await Person(owner.application).call("POST", "/api/guests", body, status=410)


async def test_repeated_calls_make_and_withdraw_once(owner: Person) -> None:
    body = {"role": "member"}
    first = await owner.send("POST", "/api/invitations", body, key="i1")
    again = await owner.send("POST", "/api/invitations", body, key="i1")
    assert again.content == first.content
    await owner.call("POST", "/api/invitations", {"role": "client"}, key="i1", status=409)
    listed = (await owner.call("GET", "/api/invitations"))["items"]
    assert [item["code"] for item in listed] == [first.json()["code"]]
    path = f"/api/invitations/{first.json()['code']}"
    for _ in range(2):
        assert (await owner.send("DELETE", path, key="i2")).status_code == 204
    assert [r[3] for r in await audit_rows(owner.application, "invitation.withdraw")] == ["done"]
