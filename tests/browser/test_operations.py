"""The operations page: live over the socket, errors of browsers, and nothing for who is no operator."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.operations.supervisor import SupervisorSocket, status, worker
from tests.support.server import ServerProcess

from .conftest import Visitors, find_serious, found_workspace, invite, sign_up

pytestmark = pytest.mark.browser

UNSEEN_MS = 5_000
"""More than two of the turns in which figures are told."""
TURNS = 6


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[SupervisorSocket]:
    made = SupervisorSocket(tmp_path, status(worker("blue-1"), worker("blue-2")))
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path, supervisor: SupervisorSocket) -> Iterator[ServerProcess]:
    environment = {"WORKER_CONTROL": str(supervisor.path), "NODE_NAME": "blue-1"}
    process = ServerProcess(tmp_path / "data", **environment)
    process.start()
    yield process
    process.close()


def open_operations(page: Page) -> None:
    sections = page.get_by_role("navigation", name="Sections")
    sections.get_by_role("link", name="Operations").click()
    page.get_by_role("heading", name="Workers").wait_for()


def change(supervisor: SupervisorSocket, **process: object) -> None:
    """Lets the supervisor say something else of its second worker."""
    answer = copy.deepcopy(supervisor.answer)
    answer["processes"][1].update(process)
    supervisor.answer = answer


def test_live(visitors: Visitors, supervisor: SupervisorSocket) -> None:
    owner = found_workspace(visitors)
    link = invite(owner, "Member")
    open_operations(owner)
    asked: list[str] = []
    owner.on("request", lambda request: asked.append(request.url))
    here = owner.locator('[data-worker="blue-1"]')
    other = owner.locator('[data-worker="blue-2"]')
    expect(here).to_contain_text("yours")
    expect(here.locator("[data-sockets]")).to_have_text("1")
    expect(other).to_contain_text("ready")
    expect(other.locator("[data-memory]")).to_have_text("95 MiB")

    # What the supervisor sees, and what the worker itself counts, both arrive without being asked for.
    change(supervisor, state="failed", memory=300 << 20, reason="It fell five times.")
    expect(other.locator("[data-memory]")).to_have_text("300 MiB")
    expect(other).to_contain_text("It fell five times.")
    expect(owner.get_by_text("blue-2 is out of service")).to_be_visible()
    expect(owner.locator('[data-lane="blue-2"] title').last).to_contain_text("failed")
    member = sign_up(visitors, link, "Mia Member")
    expect(here.locator("[data-sockets]")).to_have_text("2")
    expect(owner.locator('[data-chart="Open sockets"] [data-figure]')).to_have_text("2")
    assert [url for url in asked if url.endswith("/api/operations")] == []

    # A member has neither the link nor the page nor the figures.
    expect(member.get_by_role("link", name="Operations")).to_have_count(0)
    member.goto("/operations")
    expect(member).not_to_have_url(re.compile(r"/operations$"))
    expect(member.get_by_role("heading", name="Workers")).to_have_count(0)

    # Nobody looks: nothing is asked for but a sample now and then.
    owner.get_by_role("navigation", name="Sections").get_by_role("link", name="Chat").click()
    owner.get_by_test_id("composer").wait_for()
    # It may take a moment until the server knows.
    asked_meanwhile = TURNS
    for _ in range(TURNS):
        before = supervisor.asked
        owner.wait_for_timeout(UNSEEN_MS)
        asked_meanwhile = supervisor.asked - before
        if asked_meanwhile <= 1:
            break
    assert asked_meanwhile <= 1


def test_errors(visitors: Visitors) -> None:
    owner = found_workspace(visitors)
    member = sign_up(visitors, invite(owner, "Member"), "Mia Member")
    for page in (member, owner):
        # Once each, however often it happens on one page.
        for _ in range(3):
            page.evaluate("setTimeout(() => { throw new Error('row of mia@example.com is gone') })")
    member.evaluate("void Promise.reject(new Error('nobody waited'))")
    open_operations(owner)
    kind = owner.locator("[data-error]").filter(has_text="row of …@… is gone")
    expect(kind).to_contain_text("2 times")
    expect(owner.locator("[data-error]").filter(has_text="nobody waited")).to_be_visible()
    kind.locator("summary").click()
    expect(kind).to_contain_text("Chrome")
    visitors.errors.clear()


@pytest.mark.parametrize("phone", [False, True], ids=["1440", "390"])
def test_looks(visitors: Visitors, supervisor: SupervisorSocket, phone: bool) -> None:
    change(supervisor, state="draining")
    page = found_workspace(visitors, phone=phone, dark=phone)
    open_operations(page)
    page.locator("[data-chart]").first.wait_for()
    page.get_by_role("button", name="1 h").click()
    problems = find_serious(page)
    page.get_by_role("button", name="Table").click()
    expect(page.get_by_role("columnheader", name="People online")).to_be_visible()
    problems += find_serious(page)
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the screen"
    assert problems == []
