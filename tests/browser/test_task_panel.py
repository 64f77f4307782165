"""A task's panel in the browsers of two people, of one who may only look, and by keyboard alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.support.server import ServerProcess

from .conftest import PASSWORD, Visitors, find_serious

pytestmark = pytest.mark.browser


@dataclass
class Somebody:
    """A person with a browser page, and what they may ask the server for."""

    context: BrowserContext
    id: str
    token: str
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self.context.request.fetch(
            path, method=method, data=body, headers={"Authorization": f"Bearer {self.token}"}
        )
        assert answer.ok, answer.text()
        return answer.json()


@dataclass
class Stage:
    anna: Somebody
    ben: Somebody
    vera: Somebody
    board: str
    lists: list[str]

    def make_task(self, title: str, **fields: Any) -> str:
        path = f"/api/boards/{self.board}/tasks"
        task: str = self.anna.ask("POST", path, list=self.lists[0], title=title, **fields)["id"]
        return task

    def open(self, task: str, *people: Somebody) -> list[Locator]:
        """Their panels of the task."""
        panels = []
        for somebody in people:
            somebody.page.goto(f"/boards/{self.board}/t/{task}")
            panel = somebody.page.get_by_role("complementary", name=re.compile("^Task "))
            panel.get_by_role("tab", name="Comments").wait_for()
            panels.append(panel)
        return panels


def join(visitors: Visitors, name: str, code: str | None = None) -> Somebody:
    context = visitors.context()
    email = f"{name.split()[0].lower()}@example.com"
    form = {"name": name, "email": email, "password": PASSWORD}
    more = {"workspace": "Studio North"} if code is None else {"invite": code}
    answer = context.request.post("/api/auth/signup", data=form | more).json()
    return Somebody(context, answer["user"]["id"], answer["access_token"])


@pytest.fixture(scope="module")
def stage(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two colleagues and a client who may see their board."""
    server = ServerProcess(tmp_path_factory.mktemp("panel") / "data")
    server.start()
    visitors = Visitors(browser, server)
    anna = join(visitors, "Anna Lind")
    codes = [
        anna.ask("POST", "/api/invitations", role=role)["code"] for role in ("member", "client")
    ]
    ben, vera = join(visitors, "Ben Okafor", codes[0]), join(visitors, "Vera Viewer", codes[1])
    board = anna.ask("POST", "/api/boards", name="Launch", lists=["To do", "Doing"])
    anna.ask("POST", f"/api/boards/{board['id']}/members", user=vera.id, right="view")
    yield Stage(anna, ben, vera, board["id"], [one["id"] for one in board["lists"]])
    visitors.close()
    server.close()
    assert visitors.errors == []


def test_what_one_changes_the_other_sees(stage: Stage) -> None:
    task = stage.make_task("Design the logo")
    here, there = stage.open(task, stage.anna, stage.ben)
    expect(there.get_by_role("img", name="Anna Lind looks at this task too")).to_be_visible()

    title = here.get_by_role("textbox", name="Title")
    title.fill("Design the new logo")
    title.press("Enter")
    expect(there.get_by_role("textbox", name="Title")).to_have_value("Design the new logo")

    page = stage.anna.page
    here.get_by_role("button", name="Due: No date").click()
    page.get_by_role("dialog", name="Due date").get_by_role("button", name="Tomorrow").click()
    expect(there.get_by_role("button", name="Due:")).to_contain_text("Tomorrow")
    here.get_by_role("button", name="Repeat: Does not repeat").click()
    page.get_by_role("button", name="Every weekday").click()
    expect(there.get_by_role("button", name="Repeat: Every weekday")).to_be_visible()

    here.get_by_role("button", name="Labels: None").click()
    page.get_by_role("combobox", name="Labels").fill("Print")
    page.keyboard.press("Enter")
    expect(there.get_by_role("button", name="Labels: Print")).to_be_visible()
    page.keyboard.press("Escape")

    here.get_by_role("button", name="People: Nobody").click()
    page.get_by_role("combobox", name="People").fill("ben")
    page.keyboard.press("Enter")
    expect(there.get_by_role("button", name="People: Ben Okafor")).to_be_visible()
    page.keyboard.press("Escape")

    here.get_by_role("button", name="List: To do").click()
    page.get_by_role("menuitemradio", name="Doing").click()
    expect(there.get_by_role("button", name="List: Doing")).to_be_visible()
    there.get_by_role("tab", name="History").click()
    for sentence in (
        "Anna Lind moved this task from To do to Doing",
        "Anna Lind gave this task to you",
        "Anna Lind added the label Print",
        "Anna Lind renamed this task to Design the new logo",
    ):
        expect(there.get_by_text(sentence)).to_be_visible()

    there.get_by_role("button", name="Task menu").click()
    stage.ben.page.get_by_role("menuitem", name="Archive").click()
    expect(here.get_by_text("This task is archived.")).to_be_visible()
    expect(here.get_by_role("textbox", name="Title")).to_have_count(0)
    here.get_by_role("button", name="Restore").click()
    expect(there.get_by_role("textbox", name="Title")).to_be_visible()


def test_no_description_is_lost_when_two_write_it(stage: Stage) -> None:
    task = stage.make_task("Write the copy")
    here, there = stage.open(task, stage.anna, stage.ben)
    here.get_by_role("button", name="Add a description").click()
    mine = here.get_by_role("textbox", name="Description")
    mine.fill("What **Anna** wrote")
    there.get_by_role("button", name="Add a description").click()
    there.get_by_role("textbox", name="Description").fill("What Ben wrote")
    stage.ben.page.keyboard.press("Control+Enter")
    expect(here.get_by_role("alert")).to_contain_text("Ben Okafor changed the description")
    expect(here.get_by_role("button", name="Save")).to_be_disabled()

    # The draft, and what it was written over, outlive the page.
    stage.anna.page.wait_for_function(
        "() => Object.keys(localStorage).some(name => name.includes('description:'))"
    )
    stage.anna.page.reload()
    expect(mine).to_have_value("What **Anna** wrote")
    here.get_by_role("button", name="Show theirs").click()
    expect(here.get_by_role("alert")).to_contain_text("What Ben wrote")
    here.get_by_role("button", name="Keep mine").click()
    mine.press("Control+Enter")
    expect(there.get_by_text("What Anna wrote")).to_be_visible()
    expect(there.locator("strong", has_text="Anna")).to_be_visible()

    # Escape asks before it throws something away.
    there.get_by_role("button", name="Edit the description").click()
    stage.ben.page.keyboard.type(" and more")
    stage.ben.page.keyboard.press("Escape")
    question = stage.ben.page.get_by_role("alertdialog")
    question.get_by_role("button", name="Discard").click()
    expect(there.get_by_text("What Anna wrote")).to_be_visible()
    expect(there.get_by_text("and more")).to_have_count(0)


def items(panel: Locator) -> Locator:
    return panel.locator("[data-item]")


def test_checklist(stage: Stage) -> None:
    task = stage.make_task("Print the posters")
    here, there = stage.open(task, stage.anna, stage.ben)
    page = stage.anna.page
    here.get_by_role("textbox", name="Add an item").click()
    for text in ("Paper", "Ink", "Frames"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    expect(items(there)).to_have_text(["Paper", "Ink", "Frames"])
    there.get_by_role("checkbox", name="Ink").check()
    expect(here.get_by_text("1 of 3 done")).to_be_visible()

    here.get_by_role("button", name="Move Frames", exact=True).focus()
    page.keyboard.press("ArrowUp")
    expect(items(there)).to_have_text(["Paper", "Frames", "Ink"])
    expect(here.get_by_role("button", name="Move Frames", exact=True)).to_be_focused()
    grip = here.get_by_role("button", name="Move Paper", exact=True)
    items(here).first.hover()
    grip.hover()
    page.mouse.down()
    place = items(here).last.bounding_box()
    assert place is not None
    page.mouse.move(place["x"], place["y"] + place["height"], steps=4)
    page.mouse.up()
    expect(items(there)).to_have_text(["Frames", "Ink", "Paper"])

    here.get_by_role("button", name="Rename Paper").click()
    page.keyboard.type(", thick")
    page.keyboard.press("Enter")
    expect(items(there).last).to_have_text("Paper, thick")
    items(here).nth(1).hover()
    here.get_by_role("button", name="Remove Ink").click()
    expect(items(there)).to_have_text(["Frames", "Paper, thick"])
    page.keyboard.press("Enter")  # The focus is on "Undo".
    expect(items(there)).to_have_text(["Frames", "Ink", "Paper, thick"])
    expect(there.get_by_role("checkbox", name="Ink")).to_be_checked()


def test_comments(stage: Stage) -> None:
    task = stage.make_task("Choose a printer")
    here, there = stage.open(task, stage.anna, stage.ben)
    page = stage.anna.page
    here.get_by_role("textbox", name="Write a comment").click()
    page.keyboard.type("@be")
    expect(page.get_by_role("option", name="Ben Okafor")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("which **one**?")
    page.keyboard.press("Enter")
    comment = there.get_by_role("article").filter(has_text="which one?")
    expect(comment.locator(".mention[data-me]")).to_have_text("@Ben Okafor")

    own = here.get_by_role("article").filter(has_text="which one?")
    own.hover()
    own.get_by_role("button", name="Edit the comment").click()
    page.get_by_role("textbox", name="Edit the comment").fill("Which two?")
    page.keyboard.press("Enter")
    expect(there.get_by_text("Which two?")).to_be_visible()
    expect(there.get_by_text("edited")).to_be_visible()
    # The other one, who is no admin, may not touch it.
    expect(there.get_by_role("button", name="Delete the comment")).to_have_count(0)
    here.get_by_role("button", name="Delete the comment").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(there.get_by_text("This comment was deleted.")).to_be_visible()


def test_who_may_look_only_reads(stage: Stage) -> None:
    task = stage.make_task("Ask for prices", description="By **Friday**", priority="high")
    stage.anna.ask("POST", f"/api/tasks/{task}/checklist", text="Two offers")
    stage.anna.ask("POST", f"/api/tasks/{task}/comments", body="Done soon")
    (panel,) = stage.open(task, stage.vera)
    for text in ("Ask for prices", "Friday", "High", "Two offers", "Done soon"):
        expect(panel.get_by_text(text).last).to_be_visible()
    expect(panel.get_by_role("checkbox", name="Two offers")).to_be_disabled()
    expect(panel.get_by_role("textbox")).to_have_count(0)
    expect(
        panel.get_by_role("button", name=re.compile("^(List|People|Priority|Due)"))
    ).to_have_count(0)

    # With the right to comment they may say something, and nothing else.
    path = f"/api/boards/{stage.board}/members"
    stage.anna.ask("POST", path, user=stage.vera.id, right="comment")
    expect(panel.get_by_role("textbox", name="Write a comment")).to_be_visible()
    expect(panel.get_by_role("textbox")).to_have_count(1)


def test_by_keyboard_alone(stage: Stage) -> None:
    first, second = stage.make_task("First of two"), stage.make_task("Second of two")
    (panel,) = stage.open(first, stage.ben)
    page = stage.ben.page
    expect(panel).to_be_focused()
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(second))
    expect(panel.get_by_role("textbox", name="Title")).to_have_value("Second of two")
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile(first))

    panel.get_by_role("button", name="Add a description").wait_for()
    page.keyboard.press("e")
    expect(panel.get_by_role("textbox", name="Description")).to_be_focused()
    page.keyboard.type("Typed")
    page.keyboard.press("Control+Enter")
    expect(panel.get_by_text("Typed")).to_be_visible()
    expect(panel.get_by_role("button", name="Edit the description")).to_be_focused()

    panel.get_by_role("textbox", name="Title").focus()
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
    assert [name.split(":")[0] for name in reached] == [
        "List",
        "Status",
        "People",
        "Labels",
        "Priority",
        "Due",
    ]

    panel.get_by_role("button", name="Priority").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("h")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="Priority: High")).to_be_focused()
    assert find_serious(page) == []
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.locator(f'[data-task="{first}"]')).to_be_focused()
