"""Real Chromium, a real server, and people in their own browser contexts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from scripts.packages import ensure_packages, find_program, has_emoji
from scripts.setup import ensure_node, ensure_whole_client, only_one
from tests.support.server import ServerProcess

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PATIENCE_MS = 120_000
"""How long anything may take; slow machines need it, fast ones never wait."""
expect.set_options(timeout=PATIENCE_MS)
PASSWORD = "a long enough passphrase"
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # No longer than a module: while Playwright is open its loop runs, and no async test can.
    chromium = os.environ.get("CHROMIUM") or find_program("chromium")
    ensure_packages({"fonts-noto-color-emoji": has_emoji})
    with only_one():
        ensure_node()
        ensure_whole_client()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


class Visitors:
    """Opens browser contexts, and fails the test on any error a page throws."""

    def __init__(self, browser: Browser, server: ServerProcess) -> None:
        self._browser = browser
        self.server = server
        self.errors: list[str] = []
        self._contexts: list[BrowserContext] = []

    def context(self, *, phone: bool = False, dark: bool = False) -> BrowserContext:
        made = self._browser.new_context(
            viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 900},
            has_touch=phone,
            is_mobile=phone,
            color_scheme="dark" if dark else "light",
            base_url=self.server.url,
            locale="en-GB",
        )
        made.set_default_timeout(PATIENCE_MS)
        made.on("weberror", lambda error: self.errors.append(str(error.error)))
        made.on("console", lambda message: self._note(message.text))
        self._contexts.append(made)
        return made

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.errors.append(text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def visitors(browser: Browser, server: ServerProcess) -> Iterator[Visitors]:
    made = Visitors(browser, server)
    yield made
    made.close()
    assert made.errors == []


def found_workspace(visitors: Visitors, name: str = "Olga Owner", **options: bool) -> Page:
    """The first run: one form, and the owner is in the first room."""
    page = visitors.context(**options).new_page()
    page.goto("/")
    page.get_by_label("Workspace name").fill("Studio North")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Email").fill("owner@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create workspace").click()
    page.get_by_role("navigation", name="Sections").wait_for()
    return page


def invite(owner: Page, role: str, room: str | None = None) -> str:
    """Makes an invitation on the people page; answers its link."""
    owner.goto("/people")
    owner.get_by_role("button", name="Invite people").click()
    dialog = owner.get_by_role("dialog", name="Invite people")
    dialog.get_by_label("Role").select_option(label=role)
    if room is not None:
        dialog.get_by_label("Room").select_option(label=room)
    dialog.get_by_role("button", name="Create the link").click()
    link = dialog.get_by_role("textbox").first
    link.wait_for()
    found = link.input_value()
    owner.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    return found


def sign_up(visitors: Visitors, link: str, name: str, **options: bool) -> Page:
    page = visitors.context(**options).new_page()
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Email").fill(f"{name.split()[0].lower()}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("form button[type=submit]").click()
    page.get_by_role("navigation", name="Sections").wait_for()
    return page


def enter_as_guest(visitors: Visitors, link: str, name: str, **options: bool) -> Page:
    page = visitors.context(**options).new_page()
    page.goto(link)
    page.get_by_label("Your name").fill(name)
    page.locator("form button[type=submit]").click()
    page.get_by_test_id("composer").wait_for()
    return page


def open_room(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Chat").click()
    page.get_by_test_id("room-link").filter(has_text=name).first.click()
    page.get_by_test_id("composer").wait_for()


def say(page: Page, text: str) -> None:
    page.get_by_test_id("composer").click()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def wait_for_message(page: Page, text: str, delivery: str = "sent") -> None:
    row = page.locator(f"[data-delivery={delivery}]").filter(has_text=text)
    row.first.wait_for()


def shown_messages(page: Page) -> list[tuple[str, str]]:
    """(seq, words) of every message in the timeline, from the top."""
    rows: list[list[str]] = page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=timeline] [data-message-seq]')]
            .map(row => [row.dataset.messageSeq, row.querySelector('p')?.innerText ?? ''])"""
    )
    return [(seq, words) for seq, words in rows]


def find_serious(page: Page) -> list[str]:
    """What axe finds serious or critical on the page as it stands."""
    # The page's policy forbids foreign scripts; evaluating is not bound by it.
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(
        """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
            .filter(v => ['serious', 'critical'].includes(v.impact))
            .map(v => `${v.id}: ${v.nodes.slice(0, 3).map(n => n.html).join(' | ')}`)"""
    )
    return found
