"""Tasks that begin in a conversation: from a message, and from `/task`."""

import re

import httpx2
import pytest
from playwright.sync_api import Page, expect

from .conftest import (
    PASSWORD,
    PATIENCE_MS,
    Visitors,
    find_serious,
    found_workspace,
    invite,
    open_room,
    say,
    sign_up,
    wait_for_message,
)

pytestmark = pytest.mark.browser


def make_board(url: str) -> None:
    """Mia's, who sees what is shown to colleagues."""
    body = {"email": "mia@example.com", "password": PASSWORD}
    with httpx2.Client(base_url=url, timeout=PATIENCE_MS / 1000) as http:
        token = http.post("/api/auth/login", json=body).json()["access_token"]
        board = {"name": "Launch", "lists": ["To do", "Done"]}
        headers = {"Authorization": f"Bearer {token}"}
        answer = http.post("/api/boards", json=board, headers=headers)
    assert answer.status_code == 201, answer.text


def made_from(page: Page) -> list[str]:
    made = page.get_by_role("list", name="Tasks made from this message").get_by_role("link")
    return made.all_inner_texts()


def test_a_message_becomes_a_task_and_shows_it(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    mia = sign_up(visitors, invite(owner, "Member"), "Mia Member")
    make_board(visitors.server.url)
    for page in (owner, mia):
        open_room(page, "General")
    say(owner, "Can somebody ask the printer for proofs?")
    wait_for_message(mia, "ask the printer")

    mia.locator("[data-delivery=sent]").filter(has_text="printer").hover()
    mia.get_by_role("button", name="Make a task").click()
    dialog = mia.get_by_role("dialog", name="New task")
    expect(dialog.get_by_label("Title")).to_have_value("Can somebody ask the printer for proofs?")
    expect(dialog.get_by_label("Title")).to_be_focused()
    dialog.get_by_label("Title").fill("Ask the printer for proofs")
    dialog.get_by_label("Who does it").select_option(label="Olga Owner")
    assert find_serious(mia) == []
    dialog.get_by_role("button", name="Make the task").click()
    # Both see it at the message, and whoever is to do it is told.
    for page in (mia, owner):
        expect(page.get_by_role("link", name="Ask the printer for proofs")).to_be_visible()
        assert made_from(page) == ["Ask the printer for proofs"]
    notice = owner.get_by_label("Notes").get_by_text("Mia Member gave you")
    expect(notice).to_be_visible()
    assert find_serious(owner) == []
    owner.get_by_role("link", name="Ask the printer for proofs").click()
    owner.wait_for_url(re.compile("/boards/.+/t/"))
    expect(owner.get_by_text("Can somebody ask the printer for proofs?").first).to_be_visible()


def test_a_command_in_the_composer_makes_a_task(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    sign_up(visitors, invite(owner, "Member"), "Mia Member")
    make_board(visitors.server.url)
    open_room(owner, "General")
    say(owner, "/task Call the printer")
    dialog = owner.get_by_role("dialog", name="New task")
    expect(dialog.get_by_label("Title")).to_have_value("Call the printer")
    owner.keyboard.press("Escape")
    text = owner.get_by_test_id("composer").get_by_role("textbox")
    expect(text).to_have_value("/task Call the printer")
    text.press("Enter")
    dialog.get_by_role("button", name="Make the task").click()
    expect(owner.get_by_label("Notes").get_by_text("is on Launch")).to_be_visible()
    expect(text).to_have_value("")
    owner.get_by_label("Notes").get_by_role("button", name="Open").click()
    owner.wait_for_url(re.compile("/boards/.+/t/"))
    expect(owner.locator("[data-card]").filter(has_text="Call the printer")).to_be_visible()

    owner.keyboard.press("Control+k")
    owner.get_by_role("combobox", name="Search").fill("laun")
    expect(owner.get_by_role("option", name="Launch")).to_be_visible()
