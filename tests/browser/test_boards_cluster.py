"""Two people in two browsers on two nodes drag the same tasks for a minute, while nodes are killed."""

import itertools
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import psycopg
import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect
from sqlalchemy import create_engine

from tests.boards.replay import Shown, check_replay
from tests.cluster.people import running_nodes
from tests.servers import PostgreSQL, Redis
from tests.servers_balancers import backend, running_haproxy
from tests.support.server import ServerProcess

from .conftest import PASSWORD, PATIENCE_MS

pytestmark = pytest.mark.browser

SECONDS = 60
TASKS = 12
LISTS = ("To do", "Doing", "Done")
SETTLED_MS = 60_000
SENT = re.compile(r'\["tasks?\.move",.*"key":"([^"]+)"')

# Where each card is: its list, how far down, and which task.
CARDS = """() => [...document.querySelectorAll('[data-card]')].map(card => {
    const {x, y, width, height} = card.getBoundingClientRect();
    return [card.dataset.task, card.dataset.list, x + width / 2, y + Math.min(20, height / 2)];
})"""


@dataclass
class Person:
    """Somebody at a browser, which talks to one node as long as that one is there."""

    page: Page
    random: Random
    sent: set[str] = field(default_factory=set)
    sockets: int = 0
    held: bool = False

    def hear(self, socket: WebSocket) -> None:
        self.sockets += 1
        socket.on("framesent", lambda frame: self._note(frame))

    def _note(self, frame: str | bytes) -> None:
        self.sent.update(SENT.findall(frame if isinstance(frame, str) else frame.decode()))

    def cards(self) -> list[tuple[str, str, float, float]]:
        return [(task, place, x, y) for task, place, x, y in self.page.evaluate(CARDS)]

    def columns(self) -> dict[str, list[str]]:
        shown: dict[str, list[str]] = {}
        for task, place, _, _ in sorted(self.cards(), key=lambda card: card[3]):
            shown.setdefault(place, []).append(task)
        return shown

    def lift(self, task: str) -> None:
        for name, _, x, y in self.cards():
            if name == task:
                self.page.mouse.move(x, y)
                self.page.mouse.down()
                self.page.mouse.move(x + 8, y + 8, steps=2)
                self.held = True

    def drop_somewhere(self) -> None:
        """Over some card or just below the last one of a list, and lets go there."""
        if not self.held:
            return
        centres = self.page.evaluate(
            """() => [...document.querySelectorAll('[data-list-handle]')].map(head => {
                const {x, y, width, bottom} = head.getBoundingClientRect();
                return [x + width / 2, bottom];
            })"""
        )
        x, top = self.random.choice(centres)
        y = top + self.random.randint(20, 460)
        self.page.mouse.move(x, y, steps=4)
        self.page.mouse.up()
        self.held = False


@dataclass
class Project:
    """A board with tasks, and who made it."""

    url: str
    token: str
    board: str

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = httpx2.request(
            method, self.url + path, json=body, headers={"Authorization": f"Bearer {self.token}"}
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def activity(self) -> list[dict[str, Any]]:
        """The whole feed, oldest first."""
        entries: list[dict[str, Any]] = []
        cursor = ""
        while True:
            path = f"/api/boards/{self.board}/activity?limit=100{cursor}"
            page = self.request("GET", path)
            entries += page["items"]
            if page["next"] is None:
                return entries[::-1]
            cursor = f"&cursor={page['next']}"


def sign_up(node: ServerProcess, name: str, invite: str | None = None) -> tuple[str, str]:
    """An access token, and the email to sign in with."""
    email = f"{name.split()[0].lower()}@example.com"
    body = {"name": name, "email": email, "password": PASSWORD, "invite": invite}
    answer = httpx2.post(f"{node.url}/api/auth/signup", json=body, timeout=SECONDS)
    assert answer.status_code == 201, answer.text
    return answer.json()["access_token"], email


@pytest.fixture
def database(postgresql_server: PostgreSQL) -> Iterator[str]:
    yield postgresql_server.create("boards_minute")
    postgresql_server.drop("boards_minute")


def make_project(node: ServerProcess) -> tuple[Project, list[str]]:
    token, owner = sign_up(node, "Olga Owner")
    project = Project(node.url, token, "")
    invitation = project.request("POST", "/api/invitations", {"role": "member"})
    _, member = sign_up(node, "Mia Member", invitation["code"])
    board = project.request("POST", "/api/boards", {"name": "Launch", "lists": list(LISTS)})
    project.board = board["id"]
    for number in range(TASKS):
        body = {"list": board["lists"][number % 3]["id"], "title": f"Task number {number}"}
        project.request("POST", f"/api/boards/{project.board}/tasks", body)
    return project, [owner, member]


def enter(browser: Browser, url: str, email: str, board: str, seed: int) -> Person:
    context = browser.new_context(
        viewport={"width": 1200, "height": 900}, base_url=url, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    person = Person(page, Random(seed))
    page.on("websocket", person.hear)
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("form button[type=submit]").click()
    page.get_by_role("navigation", name="Sections").wait_for()
    page.goto(f"/boards/{board}")
    expect(page.locator("[data-card]")).to_have_count(TASKS)
    return person


def drag_for_a_minute(people: list[Person], nodes: list[ServerProcess], choice: Random) -> None:
    """Both lift, often the same task, and both let go; each node is killed once and comes back."""
    end = time.monotonic() + SECONDS
    troubles = iter([(end - 45, "kill", 0), (end - 35, "start", 0), (end - 20, "kill", 1)])
    trouble = next(troubles, None)
    with ThreadPoolExecutor(1) as beside:
        starting = None
        for turn in itertools.count():
            if time.monotonic() > end:
                break
            if trouble is not None and time.monotonic() > trouble[0]:
                _, verb, number = trouble
                if verb == "kill":
                    # With a drag in the middle: one hand is down, the other has just let go.
                    people[0].lift(people[0].cards()[0][0])
                    nodes[number].kill()
                else:
                    starting = beside.submit(nodes[number].start)
                trouble = next(troubles, None)
            known = [card[0] for card in people[0].cards()]
            if not known:
                continue
            task = choice.choice(known)
            for person in people:
                if not person.held:
                    person.lift(task if turn % 3 else choice.choice(known))
            for person in choice.sample(people, len(people)):
                person.drop_somewhere()
        if starting is not None:
            starting.result()


def wait_settled(person: Person, shown: Shown) -> None:
    """Nothing is on its way any more, and the browser shows what the database has."""
    columns = {place: tasks for place, tasks in shown.columns().items() if tasks}
    person.page.wait_for_function(
        """columns => {
            const shown = {};
            const top = card => card.getBoundingClientRect().y;
            for (const card of [...document.querySelectorAll('[data-card]')].sort((a, b) => top(a) - top(b)))
                (shown[card.dataset.list] ??= []).push(card.dataset.task);
            const same = (a, b) => a?.length === b?.length && a.every((one, at) => one === b[at]);
            return Object.keys(columns).every(list => same(columns[list], shown[list]))
                && Object.keys(shown).every(list => columns[list]);
        }""",
        arg=columns,
        timeout=SETTLED_MS,
    )
    assert person.columns() == columns


def test_two_people_drag_the_same_tasks_while_nodes_are_killed(
    browser: Browser, database: str, redis_server: Redis, tmp_path: Path
) -> None:
    """Both boards, the database and the activity feed agree, and each move that was sent is in the log once."""
    with ExitStack() as stack:
        nodes = stack.enter_context(running_nodes(tmp_path, database, 2, redis_server.url))
        ports = [node.port for node in nodes]
        balancers = [
            stack.enter_context(
                running_haproxy(["default_backend nodes"], backend("nodes", order, "balance first"))
            )
            for order in (ports, ports[::-1])
        ]
        project, emails = make_project(nodes[0])
        people = [
            enter(browser, balancer.url, email, project.board, seed)
            for seed, (balancer, email) in enumerate(zip(balancers, emails, strict=True))
        ]
        for person in people:
            stack.callback(person.page.context.close)

        drag_for_a_minute(people, nodes, Random(7))

        for person in people:
            person.drop_somewhere()
            expect(person.page.get_by_text("On its way")).to_have_count(0, timeout=SETTLED_MS)
        engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
        stack.callback(engine.dispose)
        with engine.connect() as connection:
            shown = check_replay(connection, project.board)
        for person in people:
            wait_settled(person, shown)

        with psycopg.connect(database) as connection:
            keys = connection.execute(
                "SELECT key FROM entries WHERE stream = %s AND kind = 'task.moved'",
                (project.board,),
            ).fetchall()
        moved = [key for (key,) in keys]
        sent = set.union(*(person.sent for person in people))
        assert len(moved) == len(set(moved))
        assert set(moved) == sent
        assert all(len(person.sent) > 10 for person in people)
        assert all(person.sockets > 1 for person in people), "nobody lost a node"

        project.url = nodes[0].url
        feed = project.activity()
        assert [entry["seq"] for entry in feed] == list(range(1, len(feed) + 1))
        last = {e["data"]["task"]: e["data"]["list"] for e in feed if e["kind"] == "task.moved"}
        assert {task: shown.tasks[task]["list"] for task in last} == last
