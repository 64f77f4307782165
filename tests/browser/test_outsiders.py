"""A list that a client must not see: hidden from the menu, gone from the client's page, and shown again."""

import re

import httpx2
import pytest
from playwright.sync_api import expect

from .conftest import (
    PASSWORD,
    PATIENCE_MS,
    Visitors,
    find_serious,
    found_workspace,
    invite,
    sign_up,
)

pytestmark = pytest.mark.browser


def test_a_list_is_hidden_from_a_client_and_shown_again(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    client = sign_up(visitors, invite(owner, "Client", "General"), "Clara Client")
    http = httpx2.Client(base_url=visitors.server.url, timeout=PATIENCE_MS / 1000)

    def send(method: str, path: str, token: str = "", **body: object) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        found: dict[str, str] = answer.json()
        return found

    def sign_in(name: str) -> tuple[str, str]:
        body = {"email": f"{name}@example.com", "password": PASSWORD}
        made = http.post("/api/auth/login", json=body).json()
        return made["access_token"], made["user"]["id"]

    token, _ = sign_in("owner")
    made = http.post(
        "/api/boards",
        json={"name": "Launch", "lists": ["To do", "Ideas"]},
        headers={"Authorization": f"Bearer {token}"},
    ).json()
    board, (todo, ideas) = made["id"], [place["id"] for place in made["lists"]]
    send("POST", f"/api/boards/{board}/members", token, user=sign_in("clara")[1], right="comment")
    for place, title in ((todo, "Print the posters"), (ideas, "Raise the price")):
        send("POST", f"/api/boards/{board}/tasks", token, list=place, title=title)
    for page in (owner, client):
        page.goto(f"/boards/{board}")
        expect(page.get_by_text("Raise the price")).to_be_visible()

    owner.get_by_role("button", name="Menu of the list Ideas").click()
    owner.get_by_role("menuitem", name="Hide from clients").click()
    mark = owner.get_by_role("img", name="Hidden from clients and guests")
    expect(mark).to_be_visible()
    expect(client.get_by_text("Raise the price")).to_have_count(0)
    expect(client.get_by_text("Print the posters")).to_be_visible()
    expect(client.get_by_text("Ideas")).to_have_count(0)
    assert find_serious(owner) == []

    # What is done where the client sees it arrives as ever, in both directions.
    owner.get_by_text("Print the posters").first.click()
    client.get_by_text("Print the posters").first.click()
    client.wait_for_url(re.compile("/t/"))
    box = client.get_by_role("textbox", name=re.compile("omment")).first
    box.fill("When will they be there?")
    box.press("Control+Enter")
    expect(owner.get_by_text("When will they be there?")).to_be_visible()

    owner.goto(f"/boards/{board}")
    owner.get_by_role("button", name="Menu of the list Ideas").click()
    owner.get_by_role("menuitem", name="Show to clients").click()
    expect(mark).to_have_count(0)
    expect(client.get_by_text("Raise the price")).to_be_visible()
