"""A board in the browsers of two people: dragged by mouse, touch and keys, in long lists and in lanes."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect

from hubbub.boards.ranks import spread_ranks
from tests.support.server import ServerProcess

from .conftest import PASSWORD, Visitors, find_serious

pytestmark = pytest.mark.browser

MANY = 10_000
MOST_NODES = 2_500
SEEN = """list => [...document.querySelectorAll(`[data-column="${list}"] [data-card]`)]
    .filter(card => card.style.opacity !== '0')
    .map(card => [card.getBoundingClientRect().y, card.querySelector('h3').firstChild.data])
    .sort((one, other) => one[0] - other[0]).map(([, title]) => title)"""


@dataclass
class Person:
    page: Page
    id: str
    token: str

    def ask(self, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.page.request.fetch(path, method=method, data=body, headers=headers)
        assert answer.ok, answer.text()
        return answer.json()


@dataclass
class Board:
    """A board, and what its lists have in the database and on a page."""

    stage: "Stage"
    id: str
    lists: dict[str, str]

    def tasks(self) -> dict[str, dict[str, Any]]:
        """What the database has once everything has arrived, by title, list after list."""
        expect(self.stage.anna.page.get_by_title("On its way to the server")).to_have_count(0)
        board = self.stage.anna.ask("GET", f"/api/boards/{self.id}?first=50")
        return {task["title"]: task for one in board["lists"] for task in one["tasks"]}

    def titles(self, name: str) -> list[str]:
        return [title for title, task in self.tasks().items() if task["list"] == self.lists[name]]

    def open(self, person: Person, query: str = "") -> Page:
        person.page.goto(f"/boards/{self.id}{query}")
        person.page.locator("[data-card]").first.wait_for()
        return person.page

    def expect_shown(self, page: Page, name: str, titles: list[str]) -> None:
        page.wait_for_function(
            f"([list, titles]) => JSON.stringify(({SEEN})(list)) === titles",
            arg=[self.lists[name], str(titles).replace("'", '"').replace(", ", ",")],
        )


@dataclass
class Stage:
    server: ServerProcess
    visitors: Visitors
    anna: Person
    ben: Person

    def make_board(self, **lists: list[str]) -> Board:
        board = self.anna.ask("POST", "/api/boards", name="Launch", lists=list(lists))
        ids = {one["name"]: one["id"] for one in board["lists"]}
        for name, titles in lists.items():
            for title in titles:
                self.anna.ask(
                    "POST", f"/api/boards/{board['id']}/tasks", list=ids[name], title=title
                )
        return Board(self, board["id"], ids)

    def phone(self) -> Page:
        """Anna's, with a session of its own."""
        context = self.visitors.context(phone=True, dark=True)
        form = {"email": "anna@example.com", "password": PASSWORD}
        assert context.request.post("/api/auth/login", data=form).ok
        return context.new_page()


def join(visitors: Visitors, name: str, code: str | None = None) -> Person:
    context = visitors.context()
    email = f"{name.split()[0].lower()}@example.com"
    form = {"name": name, "email": email, "password": PASSWORD}
    more = {"workspace": "Studio North"} if code is None else {"invite": code}
    answer = context.request.post("/api/auth/signup", data=form | more).json()
    return Person(context.new_page(), answer["user"]["id"], answer["access_token"])


@pytest.fixture(scope="module")
def stage(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    server = ServerProcess(tmp_path_factory.mktemp("board") / "data")
    server.start()
    visitors = Visitors(browser, server)
    anna = join(visitors, "Anna Lind")
    code = anna.ask("POST", "/api/invitations", role="member")["code"]
    yield Stage(server, visitors, anna, join(visitors, "Ben Okafor", code))
    visitors.close()
    server.close()
    assert visitors.errors == []


def find_card(page: Page, title: str) -> Locator:
    return page.locator("[data-card]").filter(has_text=title)


def middle_of(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def lift(page: Page, card: Locator) -> None:
    x, y = middle_of(card)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 8, y + 8, steps=2)
    page.locator("[data-follower]").wait_for()


def drag(page: Page, card: Locator, target: Locator, *, below: float = 0) -> None:
    lift(page, card)
    x, y = middle_of(target)
    page.mouse.move(x, y + below, steps=4)
    page.mouse.up()


def expect_said(page: Page, words: str) -> None:
    expect(page.get_by_label("What is moved")).to_have_text(words)


def test_what_one_drags_the_other_sees(stage: Stage) -> None:
    board = stage.make_board(
        Open=["Design the logo", "Write the text"], Doing=["Test it", "Print it"]
    )
    here, there = board.open(stage.anna), board.open(stage.ben)
    drag(here, find_card(here, "Design the logo"), find_card(here, "Print it"), below=-4)
    expect_said(here, "Dropped Design the logo, position 2 of 3 in Doing")
    for page in (here, there):
        board.expect_shown(page, "Doing", ["Test it", "Design the logo", "Print it"])
        board.expect_shown(page, "Open", ["Write the text"])
    expect(there.get_by_test_id("touched")).to_have_text("Anna Lind")
    assert board.titles("Doing") == ["Test it", "Design the logo", "Print it"]

    # What the other takes away ends the drag.
    lift(here, find_card(here, "Print it"))
    find_card(there, "Print it").focus()
    there.keyboard.press("e")
    expect(here.locator("[data-follower]")).to_have_count(0)
    expect(here.get_by_label("Notes")).to_contain_text("“Print it” was archived meanwhile.")
    here.mouse.up()
    there.get_by_role("button", name="Undo").click()
    board.expect_shown(here, "Doing", ["Test it", "Design the logo", "Print it"])

    # A list, by its header.
    header = here.locator("[data-list-handle]")
    lift(here, header.first)
    x, _ = middle_of(header.nth(1))
    here.mouse.move(x + 60, 120, steps=4)
    here.mouse.up()
    expect(there.locator("[data-column] h2")).to_have_text(["Doing", "Open"])


def test_keys_carry_and_are_told(stage: Stage) -> None:
    board = stage.make_board(
        Open=["Design the logo", "Write the text"], Doing=["Test it", "Print it"]
    )
    page = board.open(stage.anna)
    find_card(page, "Design the logo").focus()
    for key, words in (
        (
            "Space",
            "Lifted Design the logo, position 1 of 2 in Open. Arrows move, Space drops, Escape cancels.",
        ),
        ("ArrowDown", "Design the logo, position 2 of 2 in Open"),
        ("ArrowRight", "Design the logo, position 2 of 3 in Doing"),
        ("Space", "Dropped Design the logo, position 2 of 3 in Doing"),
    ):
        page.keyboard.press(key)
        expect_said(page, words)
        expect(find_card(page, "Design the logo")).to_be_focused()
    board.expect_shown(page, "Doing", ["Test it", "Design the logo", "Print it"])
    for key in ("Space", "ArrowLeft", "Escape"):
        page.keyboard.press(key)
    expect_said(page, "Cancelled. Design the logo back at position 2 of 3 in Doing")
    board.expect_shown(page, "Doing", ["Test it", "Design the logo", "Print it"])
    page.keyboard.press("ArrowUp")
    expect(find_card(page, "Test it")).to_be_focused()
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Task Test it")
    panel.wait_for()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(find_card(page, "Test it")).to_be_focused()
    page.keyboard.press("F2")
    page.keyboard.type("Test all of it")
    page.keyboard.press("Enter")
    expect(find_card(page, "Test all of it")).to_be_focused()
    page.get_by_role("button", name="Open", exact=True).focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("[data-column] h2")).to_have_text(["Doing", "Open"])
    page.keyboard.press("Tab")
    page.wait_for_function("document.activeElement?.ariaLabel === 'Add a task to Open'")


def test_new_tasks_one_by_one_and_by_lines(stage: Stage) -> None:
    board = stage.make_board(Open=["Design the logo"])
    page, other = board.open(stage.anna), board.open(stage.ben)
    page.keyboard.press("n")
    page.keyboard.type("Write the text")
    page.keyboard.press("Enter")
    page.keyboard.type("Go")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("A title has at least 3 characters.")
    page.keyboard.type(" home")
    page.keyboard.press("Enter")
    field = page.get_by_label("Title of the new task")
    board.expect_shown(page, "Open", ["Go home", "Write the text", "Design the logo"])
    field.evaluate(
        """field => {
            const clipboardData = new DataTransfer();
            clipboardData.setData('text/plain', '- Ask Lena\\n- Call Ben\\n');
            field.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}));
        }"""
    )
    page.get_by_role("button", name="Add 2").click()
    wanted = ["Ask Lena", "Call Ben", "Go home", "Write the text", "Design the logo"]
    for one in (page, other):
        board.expect_shown(one, "Open", wanted)
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)


def test_several_at_once(stage: Stage) -> None:
    board = stage.make_board(
        Open=["One task", "Two tasks", "Three tasks", "Four tasks"], Doing=["Test it"]
    )
    page = board.open(stage.anna)
    find_card(page, "One task").click(modifiers=["Control"])
    find_card(page, "Three tasks").click(modifiers=["Shift"])
    find_card(page, "Two tasks").click(modifiers=["Control"])
    drag(page, find_card(page, "Three tasks"), find_card(page, "Test it"), below=30)
    board.expect_shown(page, "Doing", ["Test it", "One task", "Three tasks"])
    board.expect_shown(page, "Open", ["Two tasks", "Four tasks"])
    bar = page.get_by_role("region", name="Selection")
    bar.get_by_role("button", name="Priority").click()
    page.get_by_role("menuitemradio", name="High").click()
    expect(page.locator("[data-card]").filter(has_text="High priority")).to_have_count(2)
    expect(page.get_by_role("menu")).to_have_count(0)
    assert find_serious(page) == []
    bar.get_by_role("button", name="Archive").click()
    expect(bar).to_have_count(0)
    board.expect_shown(page, "Doing", ["Test it"])
    page.get_by_label("Notes").get_by_role("button", name="Undo").click()
    board.expect_shown(page, "Doing", ["Test it", "One task", "Three tasks"])
    assert board.titles("Doing") == ["Test it", "One task", "Three tasks"]
    assert board.tasks()["Three tasks"]["priority"] == "high"


def test_lanes(stage: Stage) -> None:
    board = stage.make_board(Open=["Design the logo"], Doing=["Test it"])
    stage.anna.ask(
        "PATCH", f"/api/tasks/{board.tasks()['Test it']['id']}", assignees=[stage.ben.id]
    )
    page = board.open(stage.anna, "?lanes=assignee")
    drag(page, find_card(page, "Design the logo"), find_card(page, "Test it"), below=20)
    lane = page.get_by_role("region", name="Ben Okafor")
    expect(lane.get_by_role("list", name="Doing, Ben Okafor").locator("h3")).to_have_text(
        ["Test it", "Design the logo"]
    )
    expect(page.get_by_role("region", name="Nobody").locator("[data-card]")).to_have_count(0)
    task = board.tasks()["Design the logo"]
    assert (task["list"], task["assignees"]) == (board.lists["Doing"], [stage.ben.id])
    assert find_serious(page) == []


NEXT_LIST_MS = 800
"""How long a finger rests at the edge before the list after the next comes."""


class Finger:
    """A finger on a page's screen."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session: CDPSession = page.context.new_cdp_session(page)

    def put(self, kind: str, *place: float) -> None:
        points = [{"x": place[0], "y": place[1]}] if place else []
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def hold(self, x: float, y: float) -> None:
        self.put("touchStart", x, y)
        self._page.locator("[data-follower]").wait_for()


def test_touch_on_a_phone(stage: Stage) -> None:
    board = stage.make_board(
        Open=["Design the logo", "Write the text"], Doing=["Test it", "Print it"]
    )
    page = stage.phone()
    page.goto(f"/boards/{board.id}")
    find_card(page, "Design the logo").wait_for()
    assert find_serious(page) == []
    finger = Finger(page)
    x, y = middle_of(find_card(page, "Design the logo"))
    finger.hold(x, y)
    finger.put("touchMove", x + 20, y + 10)
    # At the edge the next list comes.
    finger.put("touchMove", 384, y + 10)
    expect(page.get_by_role("navigation", name="Lists").locator("[aria-current]")).to_contain_text(
        "Doing"
    )
    page.wait_for_function(
        "list => Math.abs(document.querySelector(`[data-column='${list}']`).getBoundingClientRect().x) < 40",
        arg=board.lists["Doing"],
    )
    # There is none after it, however long the finger stays.
    page.wait_for_timeout(2 * NEXT_LIST_MS)
    x, y = middle_of(find_card(page, "Print it"))
    assert 0 < x < 390
    finger.put("touchMove", x, y + 10)
    finger.put("touchMove", x, y + 12)
    finger.put("touchEnd")
    board.expect_shown(page, "Doing", ["Test it", "Print it", "Design the logo"])
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the screen"
    # A finger that rests and does not move asks for the menu.
    page.evaluate("addEventListener('mousedown', () => { window.mouse = true })")
    finger.hold(*middle_of(find_card(page, "Test it")))
    finger.put("touchEnd")
    row = page.get_by_role("menu", name="Menu of Test it").get_by_role(
        "menuitem", name="To the bottom"
    )
    row.wait_for()
    assert not page.evaluate("window.mouse"), "a mouse's press would close the menu"
    row.tap()
    board.expect_shown(page, "Doing", ["Print it", "Design the logo", "Test it"])


def test_ten_thousand_tasks_keep_a_bounded_dom(stage: Stage) -> None:
    board = stage.make_board(All=[], Other=["Here it ends"])
    person = stage.anna.id
    rows = [
        (
            f"0000000e-0000-7000-8000-{number:012x}",
            board.id,
            board.lists["All"],
            rank,
            f"Task {number}",
            person,
        )
        for number, rank in enumerate(spread_ranks(None, None, MANY - 1))
    ]
    with sqlite3.connect(stage.server.data_dir / "hubbub.db", timeout=30) as database:
        database.executemany(
            """INSERT INTO tasks (id, board, list, rank, title, description, due_has_time, created_by, created_at,
                changed_at, version) VALUES (?, ?, ?, ?, ?, '', 0, ?, 0, 0, 1)""",
            rows,
        )
    database.close()
    page = board.open(stage.anna)
    column = page.locator(f"[data-column='{board.lists['All']}']")
    expect(column.get_by_test_id("count")).to_contain_text(f"{MANY - 1:,}")
    scroller = column.get_by_role("list").locator("..")
    most = 0
    for step in range(1, 9):
        scroller.evaluate("(it, part) => { it.scrollTop = it.scrollHeight * part }", step / 8)
        page.wait_for_function(
            """([it, least]) => [...it.querySelectorAll('[data-card] h3')]
                .some(title => Number(title.innerText.slice(5)) > least)""",
            arg=[scroller.element_handle(), MANY * (step / 8) * 0.9],
        )
        nodes: int = page.evaluate("document.querySelectorAll('*').length")
        most = max(most, nodes)
    assert most < MOST_NODES
    drag(page, find_card(page, f"Task {MANY - 3}").first, find_card(page, "Here it ends"), below=30)
    board.expect_shown(page, "Other", ["Here it ends", f"Task {MANY - 3}"])
    expect(column.get_by_test_id("count")).to_contain_text(f"{MANY - 2:,}")
