"""Ten thousand messages, accessibility, size of the first load, any static host."""

import asyncio
import functools
import gzip
import http.server
import re
import shutil
import threading
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from hubbub.client import Client
from hubbub.web import find_web_dir
from tests.servers import free_port
from tests.support.server import ServerProcess

from .conftest import (
    PASSWORD,
    Visitors,
    find_serious,
    found_workspace,
    open_room,
    say,
    wait_for_message,
)

pytestmark = pytest.mark.browser

MANY = 10_000
MOST_ROWS = 250
LEAST_SCROLL, LONGEST_SCROLL = 40, 1_000
"""Turns of the wheel; on a slow machine many of them find nothing to show yet."""
FAR = 1_000
"""Messages, which is far more than are shown."""


async def post_many(url: str) -> None:
    """Fills the room General, many posts in flight at a time."""
    async with Client(url) as client:
        await client.sign_in("owner@example.com", PASSWORD)
        rooms = await client.request("GET", "/api/rooms")
        room = rooms["items"][0]["id"]
        gate = asyncio.Semaphore(100)

        async def post(number: int) -> None:
            async with gate:
                await client.post(room, f"message number {number}")

        await asyncio.gather(*(post(number) for number in range(MANY)))


def count_rows(page: Page) -> int:
    count: int = page.evaluate("document.querySelectorAll('[data-message-seq]').length")
    return count


def test_ten_thousand_messages_keep_a_bounded_dom(visitors: Visitors) -> None:
    page = found_workspace(visitors)
    thread = threading.Thread(target=lambda: asyncio.run(post_many(visitors.server.url)))
    thread.start()
    thread.join()
    page.reload()
    open_room(page, "General")
    page.locator("[data-message-seq]").last.wait_for()
    timeline = page.get_by_test_id("timeline")
    lowest = newest = int(
        page.locator("[data-message-seq]").last.get_attribute("data-message-seq") or 0
    )
    assert newest >= MANY
    most = 0
    for turn in range(LONGEST_SCROLL):
        if turn >= LEAST_SCROLL and newest - lowest > FAR:
            break
        timeline.hover()
        page.mouse.wheel(0, -6_000)
        page.wait_for_timeout(100)
        most = max(most, count_rows(page))
        first = page.locator("[data-message-seq]").first.get_attribute("data-message-seq")
        lowest = min(lowest, int(first or newest))
    assert 0 < most < MOST_ROWS
    assert newest - lowest > FAR, "scrolling up did not load older messages"
    nodes: int = page.evaluate("document.querySelectorAll('*').length")
    assert nodes < 6_000
    say(page, "the newest of all")
    wait_for_message(page, "the newest of all")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["1440", "390"])
def test_nothing_serious_for_axe(visitors: Visitors, phone: bool, dark: bool) -> None:
    page = visitors.context(phone=phone, dark=dark).new_page()
    page.goto("/")
    page.get_by_label("Workspace name").wait_for()
    problems = {"first run": find_serious(page)}
    page.get_by_label("Workspace name").fill("Studio North")
    page.get_by_label("Your name").fill("Olga Owner")
    page.get_by_label("Email").fill("owner@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create workspace").click()
    page.get_by_role("button", name="Add the sample").first.click()
    page.get_by_test_id("room-link").filter(has_text="Nordlicht").first.wait_for(state="attached")
    for path in (
        "/people",
        "/operations",
        "/settings/profile",
        "/settings/sessions",
        "/settings/appearance",
    ):
        page.goto(path)
        page.get_by_role("heading").first.wait_for()
        page.wait_for_timeout(300)
        problems[path] = find_serious(page)
    page.goto("/")
    page.get_by_test_id("room-link").filter(has_text="Nordlicht").first.click()
    page.locator("[data-message-seq]").last.wait_for()
    page.wait_for_timeout(300)
    problems["room"] = find_serious(page)
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the screen"
    assert {place: found for place, found in problems.items() if found} == {}


def test_first_load_is_small(visitors: Visitors) -> None:
    """At most 150 KB of JavaScript, gzipped, until a conversation is on the screen."""
    page = found_workspace(visitors)
    open_room(page, "General")
    say(page, "something to **render**")
    wait_for_message(page, "something to render")
    fresh = page.context.new_page()
    loaded: dict[str, int] = {}

    def note(response: Response) -> None:
        if response.url.endswith(".js"):
            loaded[response.url] = len(gzip.compress(response.body()))

    fresh.on("response", note)
    fresh.goto(page.url)
    wait_for_message(fresh, "something to render")
    fresh.wait_for_load_state("networkidle")
    assert loaded
    assert sum(loaded.values()) <= 150_000, loaded


def test_works_from_any_static_host(browser: Browser, tmp_path: Path) -> None:
    """The same build on another origin, with the API's address given at run time."""
    built = find_web_dir(None)
    assert built is not None
    pages = tmp_path / "pages"
    shutil.copytree(built, pages)
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    server = ServerProcess(tmp_path / "data", ALLOWED_ORIGINS=origin)
    (pages / "config.js").write_text(
        f'window.HUBBUB = {{api: "{server.url}", socket: "{server.url}"}}'
    )
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(pages))
    host = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    server.start()
    try:
        context = browser.new_context(base_url=origin)
        page = context.new_page()
        page.goto("/index.html")
        page.goto("/")
        page.get_by_label("Workspace name").fill("Studio North")
        page.get_by_label("Your name").fill("Olga Owner")
        page.get_by_label("Email").fill("owner@example.com")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create workspace").click()
        open_room(page, "General")
        say(page, "from elsewhere")
        wait_for_message(page, "from elsewhere")
        expect(page).to_have_url(re.compile(re.escape(origin)))
        context.close()
    finally:
        host.shutdown()
        host.server_close()
        server.close()
