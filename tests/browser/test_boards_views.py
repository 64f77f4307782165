"""Boards beside the board itself: filters, the list, the calendar, one's own tasks, and the settings."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.server import ServerProcess

from .conftest import PASSWORD, PATIENCE_MS, Visitors, find_serious

pytestmark = pytest.mark.browser

LATER = "2090-11-21T00:00:00Z"
THIS_MONTH = date.today().strftime("%Y-%m")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("boards") / "data")
    process.start()
    yield process
    process.close()


class Person:
    """Somebody who asks the server without a browser."""

    def __init__(self, server: ServerProcess, name: str, **more: str) -> None:
        self.email = f"{name.split()[0].lower()}@example.com"
        self._client = httpx2.Client(base_url=server.url, timeout=30)
        form = {"name": name, "email": self.email, "password": PASSWORD, **more}
        signed = self.ask("POST", "/api/auth/signup", form)
        self.id: str = signed["user"]["id"]
        self._client.headers["Authorization"] = f"Bearer {signed['access_token']}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def people(server: ServerProcess) -> Iterator[tuple[Person, Person]]:
    owner = Person(server, "Olga Owner", workspace="Studio North")
    code = owner.ask("POST", "/api/invitations", {"role": "member"})["code"]
    member = Person(server, "Mia Member", invite=code)
    yield owner, member
    owner.close()
    member.close()


def enter(visitors: Visitors, person: Person, path: str) -> Page:
    page = visitors.context().new_page()
    page.goto(path)
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("form button[type=submit]").click()
    page.get_by_role("navigation", name="Sections").wait_for()
    return page


def settle(page: Page, ask: Callable[[], object], wished: object) -> None:
    """What is shown at once reaches the server a moment later."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (answer := ask()) != wished and time.monotonic() < deadline:
        page.wait_for_timeout(30)
    assert answer == wished


def rows(page: Page) -> Locator:
    return page.get_by_test_id("list-view").locator("[data-row-link]")


def make_board(page: Page, name: str, template: str) -> str:
    page.get_by_role("complementary").get_by_role("button", name="New board").click()
    dialog = page.get_by_role("dialog", name="New board")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("radio", name=template).check(force=True)
    dialog.get_by_role("button", name="Make the board").click()
    page.get_by_role("heading", name=name).wait_for()
    return page.url.rsplit("/", 1)[1]


def test_views(visitors: Visitors, people: tuple[Person, Person]) -> None:
    owner, _ = people
    page = enter(visitors, owner, "/boards")
    expect(page.get_by_text("No boards yet")).to_be_visible()
    assert find_serious(page) == []
    board = make_board(page, "Relaunch", "Simple")
    expect(page).to_have_title("Relaunch · Studio North")

    lists = {one["name"]: one for one in owner.ask("GET", f"/api/boards/{board}")["lists"]}
    assert [one["status"] for one in lists.values()] == ["open", "doing", "done"]
    tasks: dict[str, str] = {}
    for title, place, more in (
        ("Write the copy", "To do", {"priority": "high", "assignees": [owner.id]}),
        ("Choose a host", "To do", {"priority": "low"}),
        ("Answer the letters", "To do", {"assignees": [owner.id], "due_at": LATER}),
        ("Tidy the old pages", "Done", {"assignees": [owner.id]}),
        ("Meet the printer", "Doing", {"due_at": f"{THIS_MONTH}-15T12:00Z", "due_has_time": True}),
    ):
        made = owner.ask(
            "POST",
            f"/api/boards/{board}/tasks",
            {"list": lists[place]["id"], "title": title, **more},
        )
        tasks[title] = made["id"]

    try_filters(page)
    try_list(page, owner, tasks)
    try_calendar(page, owner, tasks["Meet the printer"])
    try_my_tasks(page, owner, tasks, lists["Done"]["id"])


def try_filters(page: Page) -> None:
    page.get_by_role("button", name="List", exact=True).click()
    expect(rows(page)).to_have_count(5)
    page.get_by_role("button", name="Filter", exact=True).click()
    field = page.get_by_role("combobox", name="Filter by")
    field.fill("high")
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]priority=high(&|$)"))
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(rows(page)).to_have_text(["Write the copy"])
    expect(page.get_by_test_id("filters").get_by_role("status")).to_have_text("1 of 5 tasks")
    assert find_serious(page) == []
    page.get_by_role("button", name="Remove the filter by priority").click()
    expect(rows(page)).to_have_count(5)

    page.goto(f"{page.url}&assignee=me&status=open")
    expect(rows(page)).to_have_text(["Write the copy", "Answer the letters"])
    page.get_by_role("searchbox", name="Words in the title").fill("LETTERS")
    expect(rows(page)).to_have_text(["Answer the letters"])
    page.get_by_role("button", name="Clear all filters").click()
    expect(rows(page)).to_have_count(5)


def try_list(page: Page, owner: Person, tasks: dict[str, str]) -> None:
    by_title = page.get_by_role("columnheader", name="Task")
    by_title.get_by_role("button").click()
    expect(by_title).to_have_attribute("aria-sort", "ascending")
    expect(rows(page)).to_have_text(
        [
            "Answer the letters",
            "Choose a host",
            "Write the copy",
            "Meet the printer",
            "Tidy the old pages",
        ]
    )
    page.get_by_role("button", name="Priority of Choose a host").click()
    page.get_by_role("menuitemradio", name="High").click()
    expect(page.get_by_role("button", name="Priority of Choose a host: High")).to_be_visible()
    page.get_by_role("button", name="Add a task to Done").click()
    page.keyboard.type("Thank everybody")
    page.keyboard.press("Enter")
    expect(rows(page).filter(has_text="Thank everybody")).to_be_visible()
    page.keyboard.press("Escape")
    rows(page).first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_be_focused()
    task = f"/api/tasks/{tasks['Choose a host']}"
    settle(page, lambda: owner.ask("GET", task)["priority"], "high")


def try_calendar(page: Page, owner: Person, task: str) -> None:
    page.get_by_role("button", name="Calendar", exact=True).click()
    calendar = page.get_by_test_id("calendar-view")
    chip = calendar.locator(f"[data-task='{task}']")
    chip.wait_for()
    assert find_serious(page) == []
    here = int(chip.evaluate("chip => chip.closest('[data-day]').dataset.day"))
    there = calendar.locator(f"[data-day='{here + 1}']")
    source, target = chip.bounding_box(), there.bounding_box()
    assert source is not None
    assert target is not None
    page.mouse.move(source["x"] + 10, source["y"] + 10)
    page.mouse.down()
    page.mouse.move(source["x"] + 30, source["y"] + 20)
    page.mouse.move(target["x"] + 40, target["y"] + 60)
    page.mouse.up()
    expect(there.locator(f"[data-task='{task}']")).to_be_visible()
    # The press that dropped it did not open it.
    expect(page).to_have_url(re.compile(r"view=calendar"))
    chip.focus()
    page.keyboard.press("Shift+ArrowRight")
    after = calendar.locator(f"[data-day='{here + 2}'] [data-task='{task}']")
    expect(after).to_be_focused()
    settle(
        page,
        lambda: owner.ask("GET", f"/api/tasks/{task}")["due_at"],
        f"{THIS_MONTH}-17T12:00:00.000Z",
    )


def try_my_tasks(page: Page, owner: Person, tasks: dict[str, str], done: str) -> None:
    page.get_by_role("link", name="My tasks").first.click()
    mine = page.get_by_test_id("my-tasks")
    expect(mine.get_by_role("heading")).to_have_text(["Later1", "No date1"])
    expect(mine.get_by_role("link")).to_have_text(["Answer the letters", "Write the copy"])
    assert find_serious(page) == []
    box = mine.get_by_role("checkbox", name="Done: Write the copy")
    box.check(force=True)
    task = f"/api/tasks/{tasks['Write the copy']}"
    page.get_by_text("Done: Write the copy", exact=True).wait_for(state="attached")
    settle(page, lambda: owner.ask("GET", task)["list"] == done, True)
    box.uncheck(force=True)
    page.get_by_text("To do again: Write the copy", exact=True).wait_for(state="attached")
    settle(page, lambda: owner.ask("GET", task)["list"] == done, False)

    page.get_by_role("button", name="Calendar link").click()
    dialog = page.get_by_role("dialog", name="Calendar link")
    dialog.get_by_role("button", name="Make the link").click()
    link = dialog.get_by_label("Calendar link").input_value()
    assert "Answer the letters" in httpx2.get(link, timeout=PATIENCE_MS / 1000).text
    dialog.get_by_role("button", name="End the link").click()
    dialog.get_by_role("button", name="Make the link").wait_for()
    assert httpx2.get(link, timeout=PATIENCE_MS / 1000).status_code == 404
    dialog.get_by_role("button", name="Close").click()


def test_settings(visitors: Visitors, people: tuple[Person, Person]) -> None:
    owner, member = people
    form = {"name": "Office move", "shown_to": "members", "lists": ["To do", "Done"]}
    made = owner.ask("POST", "/api/boards", form)
    board, first = made["id"], made["lists"][0]["id"]
    old = owner.ask("POST", f"/api/boards/{board}/tasks", {"list": first, "title": "Old desk"})
    owner.ask("POST", f"/api/tasks/{old['id']}/archive", {})

    theirs = enter(visitors, member, "/boards")
    sidebar = theirs.get_by_role("complementary", name="Boards")
    sidebar.get_by_role("link", name="Archived boards").wait_for()
    expect(sidebar.get_by_role("link", name="Office move")).to_have_count(0)

    page = enter(visitors, owner, f"/boards/{board}/settings/people")
    page.get_by_role("button", name="Add people").click()
    dialog = page.get_by_role("dialog", name="Add people")
    dialog.get_by_label("They may").select_option("view")
    dialog.get_by_role("option", name="Mia Member").click()
    dialog.get_by_role("button", name="Add", exact=True).click()
    sidebar.get_by_role("link", name="Office move").click()
    expect(theirs.get_by_role("heading", name="Office move")).to_be_visible()
    theirs.goto(f"/boards/{board}?view=list")
    expect(theirs.get_by_text("No tasks").first).to_be_visible()
    expect(theirs.get_by_role("button", name="Add a task to To do")).to_have_count(0)
    page.get_by_label("Right of Mia Member").select_option("edit")
    expect(theirs.get_by_role("button", name="Add a task to To do")).to_be_visible()
    assert find_serious(page) == []

    sections = page.get_by_role("navigation", name="Board settings")
    sections.get_by_role("link", name="Lists").click()
    page.get_by_label("Status of the list Done").select_option("done")
    page.get_by_role("button", name="Move Done up").click()
    expect(page.locator("[data-list]").first).to_have_attribute("data-list", made["lists"][1]["id"])
    expect(theirs.locator("[data-list]").first).to_contain_text("Done")

    sections.get_by_role("link", name="Labels").click()
    page.get_by_label("Name of a new label").fill("Heavy")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name of the label Heavy")).to_be_visible()

    sections.get_by_role("link", name="Archive").click()
    page.get_by_role("button", name="Restore Old desk").click()
    expect(rows(theirs)).to_have_text(["Old desk"])

    sections.get_by_role("link", name="Activity").click()
    feed = page.get_by_role("listitem")
    expect(feed.filter(has_text="You restored Old desk")).to_be_visible()
    expect(feed.filter(has_text="You made the label Heavy")).to_be_visible()
    theirs.get_by_role("button", name="Add a task to To do").click()
    theirs.keyboard.type("Order boxes")
    theirs.keyboard.press("Enter")
    expect(feed.filter(has_text="Mia Member added Order boxes")).to_be_visible()
    assert find_serious(page) == []

    sections.get_by_role("link", name="People").click()
    page.get_by_role("button", name="Take Mia Member off the board").click()
    expect(theirs.get_by_role("heading", name="No such board here")).to_be_visible()
    expect(sidebar.get_by_role("link", name="Office move")).to_have_count(0)

    sections.get_by_role("link", name="General").click()
    page.get_by_role("button", name="Archive", exact=True).click()
    page.get_by_role("alertdialog").get_by_role("button", name="Archive").click()
    page.wait_for_url("**/boards")
    page.goto("/boards/archived")
    page.get_by_role("button", name="Restore Office move").click()
    mine = page.get_by_role("complementary", name="Boards")
    expect(mine.get_by_role("link", name="Office move")).to_be_visible()
