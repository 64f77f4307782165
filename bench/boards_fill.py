"""The boards of the benchmark: the same lists, labels and tasks for every server."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx2
import uvloop

from bench.contestants import PEOPLE, Contestant
from bench.nodes import Client

LISTS = [f"List {number}" for number in range(8)]
LABELS = [f"Label {number}" for number in range(6)]
DESCRIPTION = "What is to be done, why, and who has to know of it. " * 4
PRIORITIES = ("low", "medium", "high", None)
AT_ONCE = 48


@dataclass(frozen=True)
class Board:
    """A board, and its tasks with the lists they were put into."""

    id: str
    tasks: list[tuple[str, str]]


def make_cards(count: int) -> list[dict[str, Any]]:
    """What is on a board; lists, labels and people by their places."""
    return [
        {
            "list": number % len(LISTS),
            "title": f"Do the thing number {number} as we said",
            "description": DESCRIPTION,
            "priority": PRIORITIES[number % 4],
            "due_at": "2027-03-01T09:00:00.000Z" if number % 3 == 0 else None,
            "people": [number % PEOPLE],
            "labels": sorted({number % len(LABELS), number // 8 % len(LABELS)}),
            "items": ["Think", "Do", "Show"] if number % 4 == 0 else [],
            "comments": ["How far is it?", "Nearly there."] if number % 4 == 1 else [],
        }
        for number in range(count)
    ]


def fill_hubbub(contestant: Contestant, count: int) -> Board:
    """A board of so many tasks that every colleague sees, made as its people would make it."""
    return uvloop.run(make_board(contestant, make_cards(count)))


async def make_board(contestant: Contestant, cards: list[dict[str, Any]]) -> Board:
    port, token = contestant.running.port, contestant.tokens[0]
    http = httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api", headers={"Authorization": f"Bearer {token}"}
    )

    async def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await http.request(method, path, json=body)
        return answer.raise_for_status().json()

    made = await call("POST", "/boards", {"name": "Launch", "lists": LISTS})
    board, lists = made["id"], [place["id"] for place in made["lists"]]
    labels = [
        (await call("POST", f"/boards/{board}/labels", {"name": name}))["id"] for name in LABELS
    ]
    people = [person["id"] for person in (await call("GET", "/users?limit=100"))["items"]]
    await http.aclose()
    plan = contestant.plan(token, contestant.rooms[0])
    client = await Client.open(port, plan, following=False)
    gate = asyncio.Semaphore(AT_ONCE)

    async def command(event: str, **given: Any) -> Any:
        answer = await (await client.emit([event, {**given, "key": "%K"}]))
        found = json.loads(b"[" + answer)[0]
        if not found["ok"]:
            raise RuntimeError(f"{event}: {found}")
        return found

    async def add(card: dict[str, Any]) -> tuple[str, str]:
        fields = ("title", "description", "priority", "due_at")
        given = {name: card[name] for name in fields} | {
            "assignees": [people[place] for place in card["people"]],
            "labels": [labels[place] for place in card["labels"]],
        }
        place = lists[card["list"]]
        async with gate:
            found = await command("task.create", board=board, list=place, **given)
            task = str(found["task"]["id"])
            for text in card["items"]:
                await command("checklist.add", task=task, text=text)
            for body in card["comments"]:
                await command("comment.add", task=task, body=body)
        return task, place

    tasks = await asyncio.gather(*map(add, cards))
    await client.close()
    return Board(board, list(tasks))


def fill_node(contestant: Contestant, count: int, secret: str) -> Board:
    """The same on the Node stack, which makes it itself for whoever has the secret."""
    cards = make_cards(count)
    answer = httpx2.post(
        f"http://127.0.0.1:{contestant.running.port}/bench/board",
        json={"lists": LISTS, "labels": LABELS, "cards": cards},
        headers={"X-Bench-Secret": secret},
        timeout=120,
    )
    made = answer.raise_for_status().json()
    places = [made["lists"][card["list"]] for card in cards]
    return Board(made["board"], list(zip(made["cards"], places, strict=True)))
