"""Three people in three browsers; the server killed, the network lost, two tabs."""

import re
import time

import httpx2
import pyotp
import pytest
from playwright.sync_api import Page, expect

from .conftest import (
    PASSWORD,
    PATIENCE_MS,
    Visitors,
    enter_as_guest,
    found_workspace,
    invite,
    open_room,
    say,
    shown_messages,
    sign_up,
    wait_for_message,
)

pytestmark = pytest.mark.browser


def test_three_people_and_a_killed_server(visitors: Visitors) -> None:
    """Somebody creates the workspace, a colleague and a guest join, the process dies, nothing is lost."""
    owner = found_workspace(visitors)
    colleague = sign_up(visitors, invite(owner, "Member"), "Mia Member")
    guest = enter_as_guest(visitors, invite(owner, "Guest", "General"), "Gus Guest")
    people: dict[str, Page] = {"owner": owner, "colleague": colleague, "guest": guest}
    for page in (owner, colleague):
        open_room(page, "General")
    expected = []
    for name, page in people.items():
        say(page, f"hello from {name}")
        expected.append(f"hello from {name}")
        for other in people.values():
            wait_for_message(other, f"hello from {name}")

    visitors.server.kill()
    for name, page in people.items():
        say(page, f"while it was down, {name}")
        expected.append(f"while it was down, {name}")
        wait_for_message(page, f"while it was down, {name}", "sending")
    expect(owner.get_by_test_id("connection-banner")).to_be_visible(timeout=PATIENCE_MS)
    visitors.server.start()
    for page in people.values():
        for words in expected:
            wait_for_message(page, words)
    say(owner, "and on it goes")
    expected.append("and on it goes")
    for page in people.values():
        wait_for_message(page, "and on it goes")

    views = [shown_messages(page) for page in people.values()]
    assert views[0] == views[1] == views[2]
    assert sorted(words for _, words in views[0]) == sorted(expected)
    numbers = [int(seq) for seq, _ in views[0]]
    assert numbers == sorted(set(numbers))
    owner.reload()
    owner.get_by_test_id("composer").wait_for()
    wait_for_message(owner, "and on it goes")
    assert shown_messages(owner) == views[0]


def test_guests_see_their_room_only(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    guest = enter_as_guest(visitors, invite(owner, "Guest", "General"), "Gus Guest", phone=True)
    # On a phone the return key breaks the line; the button sends.
    guest.get_by_test_id("composer").get_by_role("textbox").fill("only here")
    guest.get_by_role("button", name="Send").click()
    wait_for_message(guest, "only here")
    guest.goto("/people")
    expect(guest.get_by_role("button", name="Invite people")).to_have_count(0)


def test_offline_and_back(visitors: Visitors) -> None:
    """Messages written offline are kept over a reload of the page, and sent once."""
    owner = found_workspace(visitors)
    colleague = sign_up(visitors, invite(owner, "Member"), "Mia Member")
    for page in (owner, colleague):
        open_room(page, "General")
    say(owner, "before")
    wait_for_message(colleague, "before")
    owner.context.set_offline(True)
    say(owner, "offline one")
    say(owner, "offline two")
    wait_for_message(owner, "offline two", "sending")
    say(colleague, "meanwhile")
    wait_for_message(colleague, "meanwhile")
    owner.context.set_offline(False)
    for page in (owner, colleague):
        for words in ("offline one", "offline two", "meanwhile"):
            wait_for_message(page, words)
    assert shown_messages(owner) == shown_messages(colleague)
    assert len(shown_messages(owner)) == 4


def test_unsent_messages_survive_a_reload(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    open_room(owner, "General")
    say(owner, "first")
    wait_for_message(owner, "first")
    visitors.server.kill()
    say(owner, "kept in the outbox")
    wait_for_message(owner, "kept in the outbox", "sending")
    owner.get_by_test_id("composer").click()
    owner.keyboard.type("a draft")
    kept = "Object.entries(localStorage).some(([key, text]) => /draft/.test(key) && text === 'a draft')"
    while not owner.evaluate(kept):
        owner.wait_for_timeout(50)
    visitors.server.start()
    owner.reload()
    wait_for_message(owner, "kept in the outbox")
    owner.wait_for_timeout(500)
    assert [words for _, words in shown_messages(owner)] == ["first", "kept in the outbox"]
    expect(owner.get_by_test_id("composer").get_by_role("textbox")).to_have_value("a draft")


def test_two_tabs_of_one_person(visitors: Visitors) -> None:
    first = found_workspace(visitors)
    open_room(first, "General")
    second = first.context.new_page()
    second.goto(first.url)
    second.get_by_test_id("composer").wait_for()
    say(first, "from the first tab")
    wait_for_message(second, "from the first tab")
    say(second, "from the second tab")
    wait_for_message(first, "from the second tab")
    for page in (first, second):
        words = [words for _, words in shown_messages(page)]
        assert words == ["from the first tab", "from the second tab"]
    first.get_by_role("button", name="Your menu").click()
    first.get_by_role("menuitem", name="Sign out").click()
    first.get_by_label("Password").wait_for()
    second.get_by_label("Password").wait_for()


def test_edit_react_reply_delete(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    colleague = sign_up(visitors, invite(owner, "Member"), "Mia Member")
    for page in (owner, colleague):
        open_room(page, "General")
    say(owner, "a frist attempt")
    wait_for_message(colleague, "a frist attempt")
    owner.get_by_test_id("composer").click()
    owner.keyboard.press("ArrowUp")
    editor = owner.locator("[data-message-seq] textarea")
    editor.fill("a first attempt")
    editor.press("Enter")
    wait_for_message(colleague, "a first attempt")

    row = colleague.locator("[data-message-seq]").filter(has_text="a first attempt")
    row.hover()
    row.get_by_role("button", name="Reply").click()
    colleague.keyboard.type("an answer")
    colleague.keyboard.press("Enter")
    expect(owner.get_by_role("button", name=re.compile("1 reply"))).to_be_visible()

    target = owner.locator("[data-message-seq]").filter(has_text="a first attempt").first
    target.hover()
    target.get_by_role("toolbar").get_by_role("button", name="Delete").click()
    owner.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(colleague.get_by_text("a first attempt")).to_have_count(0)


def test_a_removed_member_loses_the_room_at_once(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    guest = enter_as_guest(visitors, invite(owner, "Guest", "General"), "Gus Guest")
    people = owner.evaluate(
        """async () => {
            const refreshed = await fetch('/api/auth/refresh', {method: 'POST', credentials: 'include'});
            const {access_token} = await refreshed.json();
            const headers = {Authorization: `Bearer ${access_token}`};
            const sync = await (await fetch('/api/sync', {headers})).json();
            const room = sync.rooms.find(room => room.name === 'General');
            const guest = sync.people.find(person => person.role === 'guest');
            const gone = await fetch(`/api/rooms/${room.id}/members/${guest.id}`,
                {method: 'DELETE', headers});
            return gone.status;
        }"""
    )
    assert people == 204
    expect(guest.get_by_test_id("composer")).to_have_count(0, timeout=PATIENCE_MS)


def test_sign_in_with_a_second_factor(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    secret = owner.evaluate(
        """async () => {
            const refreshed = await fetch('/api/auth/refresh', {method: 'POST', credentials: 'include'});
            const {access_token} = await refreshed.json();
            const headers = {Authorization: `Bearer ${access_token}`};
            const begun = await fetch('/api/auth/totp', {method: 'POST', headers});
            return {secret: (await begun.json()).secret, token: access_token};
        }"""
    )
    code = pyotp.TOTP(secret["secret"])
    confirmed = httpx2.post(
        f"{visitors.server.url}/api/auth/totp/confirm",
        json={"code": code.now()},
        headers={"Authorization": f"Bearer {secret['token']}"},
        timeout=PATIENCE_MS / 1000,
    )
    assert confirmed.status_code == 204
    page = visitors.context().new_page()
    page.goto("/")
    page.get_by_label("Email").fill("owner@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    # A code is good once, and one step ahead of the clock is accepted.
    page.get_by_label("Code from your authenticator").fill(code.at(int(time.time()) + 30))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Sections").wait_for()
