"""Trello's export becomes a board here, whole, once, and again where there is something new."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from hubbub.boards.models import boards, tasks
from hubbub.boards.service import changing, comments, lists
from hubbub.boards.service import tasks as task_service
from hubbub.boards.trello.comparing import compare, read_people
from hubbub.boards.trello.export import LARGEST, Export, read_export
from hubbub.boards.trello.ledger import find_imported_board
from hubbub.boards.trello.models import imports
from hubbub.boards.trello.pieces import Plan
from hubbub.boards.trello.plan import plan_board
from hubbub.boards.trello.running import Done, run_import
from hubbub.boards.trello.texts import adapt_title, split_text, to_plain
from hubbub.kernel import log
from hubbub.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Encoded
from tests.chat.conftest import Workspace
from tests.chat.conftest import workspace as workspace
from tests.support.app import found_workspace, running_app

from .conftest import do
from .replay import Shown, check_replay

FILE = Path(__file__).with_name("trello.json")
MAX = {"max_m": "max@example.com"}
SECONDS = 60


def number(last: int) -> str:
    return f"5f{last:022}"


def read_document() -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(FILE.read_bytes())
    return document


async def prepare(
    kernel: Kernel, document: Any, email: str | None = None, given: Mapping[str, str] = MAX
) -> Plan:
    export = Export.model_validate(document)
    _, shown_to, people = await kernel.read(read_people, export, email, given)
    return plan_board(export, people, shown_to)


async def bring(
    kernel: Kernel, document: Any, email: str | None = None, given: Mapping[str, str] = MAX
) -> Done:
    export = Export.model_validate(document)
    caller, shown_to, people = await kernel.read(read_people, export, email, given)
    plan = plan_board(export, people, shown_to)
    comparison = await kernel.read(compare, plan)
    return await run_import(kernel, caller, plan, comparison, lambda count: None)


def made(done: Done) -> dict[str, int]:
    return {kind: fresh for kind, (fresh, _, _) in done.counts.items() if fresh}


def changed(done: Done) -> dict[str, int]:
    return {kind: changes for kind, (_, changes, _) in done.counts.items() if changes}


def read_board(connection: Connection) -> tuple[str, Shown]:
    """The board that was brought in, after a check that its entries alone make the same."""
    board = find_imported_board(connection, number(1))
    assert board is not None
    return board, check_replay(connection, board)


def by_title(shown: Shown) -> dict[str, dict[str, Any]]:
    return {task["title"]: task for task in shown.tasks.values()}


def count_told(connection: Connection, person: str, kind: str) -> int:
    entries = log.read_entries(connection, person, 0, 2**53, 10_000)
    return sum(entry.kind == kind for entry in entries)


@pytest.mark.anyio
async def test_a_board_comes_whole_and_once(workspace: Workspace) -> None:
    owner, mia, max_ = workspace.owner, workspace.mia, workspace.max
    kernel = owner.application.kernel
    plan = await prepare(kernel, read_document())
    done = await bring(kernel, read_document())
    assert made(done) == {"member": 2, "label": 3, "list": 4, "task": 4, "item": 3, "comment": 3}
    board, shown = await kernel.read(read_board)
    assert shown.board["shown_to"] == "members"
    places = sorted(shown.lists.values(), key=lambda place: place["rank"])
    assert [(one["name"][:9], one["status"], one["archived"]) for one in places] == [
        ("To Do", "open", False),
        ("Waiting f", None, False),
        ("Done", "done", False),
        ("Sprint 1", None, True),
    ]
    labels = {label["id"]: (label["name"], label["colour"]) for label in shown.labels.values()}
    assert sorted(labels.values()) == [
        ("Bug", "red"),
        ("Bug (sky dark)", "teal"),
        ("Lime", "green"),
    ]
    found = by_title(shown)
    assert [shown.tasks[task]["title"] for task in shown.columns()[places[0]["id"]]] == [
        "Go live",
        "Task A",
    ]
    live = found["Go live"]
    assert live["assignees"] == sorted([mia.id, max_.id])
    assert [labels[one][0] for one in live["labels"]] in (
        ["Bug", "Bug (sky dark)"],
        ["Bug (sky dark)", "Bug"],
    )
    assert (live["due_at"], live["due_has_time"]) == ("2026-12-01T09:30:00.000Z", True)
    assert live["created_by"] == mia.id
    assert [(item["text"], item["done"]) for item in live["checklist"]] == [
        ("Before: Check images", True),
        ("Before: Check links", False),
        ("After: Tell everybody", False),
    ]
    assert live["description"].startswith("The **big** day.\n\n")
    assert r"[Plan \[final\].pdf](<https://trello.com/1/cards/plan.pdf>)" in live["description"]
    assert "Effort: small" in live["description"]
    assert found["Task A"]["due_at"] is None
    assert "Bob Brown (@bob)" in found["Task A"]["description"]
    assert "2026-11-21 17:00 UTC, completed" in found["Task A"]["description"]
    (long,) = (task for title, task in found.items() if title.endswith("…"))
    assert "each of them counts" in long["description"]
    assert found["Old thing"]["archived"]
    said = sorted(shown.comments.values(), key=lambda one: one["id"])
    assert [(one["author"], one["body"], one["created_at"][:10]) for one in said] == [
        (mia.id, "First, @max_m.", "2026-10-01"),
        (max_.id, "Second.", "2026-10-02"),
        (
            owner.id,
            "Gone Girl (@gone) wrote on 2026-10-03 08:00 UTC:\n\nI was here.",
            "2026-10-03",
        ),
    ]
    # What is archived is nobody's news, and neither are old words.
    assert await kernel.read(count_told, mia.id, "task.assigned") == 1
    assert await kernel.read(count_told, max_.id, "comment.mentioned") == 0
    notes = "\n".join(plan.notes)
    for words in ("Lost", "Bob Brown (@bob)", "Gone Girl", "agree before we go on", "Go live (1)"):
        assert words in notes

    again = await bring(kernel, read_document())
    assert (made(again), changed(again)) == ({}, {})
    assert await kernel.read(read_board) == (board, shown)

    await do(mia, comments.delete_comment, comment=said[0]["id"])
    entries = await kernel.read(log.read_entries, board, 0, 2**53, 10_000)
    assert not any(b"First, @max_m." in entry.data for entry in entries)


@pytest.mark.anyio
async def test_a_newer_export_brings_what_is_new(workspace: Workspace) -> None:
    owner = workspace.owner
    kernel = owner.application.kernel
    await bring(kernel, read_document(), given={})
    board, before = await kernel.read(read_board)
    old = by_title(before)
    await do(
        owner,
        changing.change_task,
        task=old["Go live"]["id"],
        changes={"title": "Go live at last", "priority": "high"},
    )
    await do(owner, task_service.archive_task, task=old["Task A"]["id"])
    label = next(one["id"] for one in before.labels.values() if one["name"] == "Lime")
    await do(owner, lists.remove_label, board=board, label=label)

    newer = read_document()
    cards = {card["id"]: card for card in newer["cards"]}
    cards[number(51)] |= {"idList": number(13), "desc": "Tomorrow."}
    cards[number(52)] |= {"due": None}
    cards[number(53)] |= {"closed": True, "due": "2026-11-22T08:00:00Z", "dueComplete": True}
    cards[number(54)] |= {"closed": False}
    newer["cards"].append(
        {"id": number(56), "name": "New here", "idList": number(15), "idLabels": [number(23)]}
    )
    newer["lists"].append({"id": number(15), "name": "Later", "closed": False, "pos": 1})
    newer["lists"][2] |= {"closed": True}
    newer["checklists"][1]["checkItems"][0]["state"] = "complete"
    newer["checklists"][0]["checkItems"].append({"id": number(49), "name": "Rest", "pos": 9})
    newer["actions"][0]["data"] |= {"text": "I was here!"}
    newer["actions"].append(
        {
            "id": number(76),
            "type": "commentCard",
            "date": "2026-11-03T08:00:00Z",
            "idMemberCreator": number(32),
            "data": {"text": "x" * 6000, "card": {"id": number(56)}},
        }
    )
    # Max has been found, too: he gets his right, his task, and his words.
    done = await bring(kernel, newer)
    assert made(done) == {"member": 1, "list": 1, "task": 1, "item": 1, "comment": 2}
    assert changed(done) == {"list": 1, "task": 3, "item": 1, "comment": 2}
    assert done.refused == ["“Task A”: This task is archived: restore it first."]
    _, after = await kernel.read(read_board)
    found = by_title(after)
    live = found["Go live at last"]
    assert after.lists[live["list"]]["name"] == "Done"
    assert live["priority"] == "high"
    assert live["description"].startswith("Tomorrow.")
    assert sorted(live["assignees"]) == sorted([workspace.mia.id, workspace.max.id])
    assert [item["done"] for item in live["checklist"]] == [True, True, False, False]
    assert found["New here"]["labels"] == []
    # Its list has no status.
    (long,) = (task for title, task in found.items() if title.endswith("…"))
    assert (long["status"], long["due_at"]) == ("done", "2026-11-22T08:00:00.000Z")
    assert sorted(after.lists.values(), key=lambda one: one["rank"])[-1]["name"] == "Later"
    bodies = {one["body"]: one["author"] for one in after.comments.values()}
    assert bodies["Second."] == workspace.max.id
    assert any(body.endswith("I was here!") for body in bodies)
    assert "x" * 5000 in bodies

    again = await bring(kernel, newer)
    assert made(again) == {}
    assert changed(again) == {}
    assert again.refused == done.refused
    assert await kernel.read(read_board) == (board, after)
    with pytest.raises(Forbidden):
        await bring(kernel, newer, "max@example.com")


@pytest.mark.anyio
async def test_what_cannot_be_is_told_before_anything_is_written(workspace: Workspace) -> None:
    kernel = workspace.owner.application.kernel
    before = await kernel.read(count_rows)
    with pytest.raises(Invalid, match="@nobody"):
        await bring(kernel, read_document(), given={"nobody": "max@example.com"})
    with pytest.raises(Invalid, match="none@example"):
        await bring(kernel, read_document(), given={"bob": "none@example.com"})
    with pytest.raises(NotFound, match="none@example"):
        await bring(kernel, read_document(), "none@example.com")
    with pytest.raises(Forbidden, match="members of the workspace"):
        await bring(kernel, read_document(), "clara@example.com")
    full = read_document()
    full["lists"] = [{"id": number(n), "name": "List"} for n in range(1000, 1051)]
    with pytest.raises(Conflict, match="51 lists"):
        await bring(kernel, full)
    full = read_document()
    full["labels"] = [{"id": number(n), "name": f"Label {n}"} for n in range(1000, 1101)]
    with pytest.raises(Conflict, match="101 labels"):
        await bring(kernel, full)
    full = read_document()
    full["cards"] = [
        {"id": number(n), "name": "Card", "idList": number(11)} for n in range(10_000, 20_001)
    ]
    with pytest.raises(Conflict, match="10,001 tasks"):
        await bring(kernel, full)
    assert await kernel.read(count_rows) == before


def count_rows(connection: Connection) -> list[int]:
    tables = (boards, imports, tasks, log.entries)
    return [
        connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables
    ]


def test_a_wrong_file_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "board.json"
    for content, words in (
        ("PK", "board.json is not JSON"),
        ("[" * 5_000, "board.json is not JSON"),
        ("[1]", "no lists and cards"),
        ('{"lists": [], "cards": [{"id": "1"}]}', "id: Field required"),
        ('{"id": "1", "name": "x", "lists": [], "cards": [{"id": "1"}]}', "cards.0.name"),
    ):
        file.write_text(content)
        with pytest.raises(Invalid, match=words) as told:
            read_export(file)
        assert "\n" not in told.value.detail
    os.truncate(file, LARGEST + 1)
    with pytest.raises(TooLarge, match="256 MB"):
        read_export(file)


@given(st.text(max_size=400))
def test_titles_fit_and_lose_nothing(name: str) -> None:
    title, whole = adapt_title(name)
    assert 3 <= len(title) <= 100
    assert to_plain(title) == title
    assert (whole or title) == to_plain(name) or not to_plain(name)


@given(st.text(alphabet="ab \n", max_size=200), st.integers(5, 50))
def test_split_texts_are_the_whole_text(text: str, longest: int) -> None:
    parts = split_text(text, longest, longest * 2)
    assert len(parts[0] if parts else "") <= longest * 2
    assert all(len(part) <= longest and part.strip() for part in parts[1:])
    assert "".join("".join(parts).split()) == "".join(text.split())


def make_large(count: int) -> dict[str, Any]:
    document = read_document()
    document["cards"] += [
        {
            "id": number(n),
            "name": f"Card {n}",
            "desc": "Words. " * 50,
            "idList": number(11),
            "pos": n,
        }
        for n in range(10_000, 10_000 + count)
    ]
    return document


def count_tasks(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(tasks)).scalar_one())


@pytest.mark.anyio
async def test_killed_beside_a_server_and_started_again(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    """The second process on SQLite is killed with -9; the server's followers get all of both runs in order."""
    file, database = tmp_path / "board.json", tmp_path / "hubbub.db"
    document = make_large(1_500)
    file.write_bytes(orjson.dumps(document))
    shutil.copy(migrated_sqlite, database)
    async with running_app(f"sqlite:///{database}", tmp_path) as application:
        await found_workspace(application)
        kernel = application.kernel
        followed: list[Encoded] = []
        kernel.on_deliver = lambda stream, entries: followed.extend(entries)
        first = await start_import(file, tmp_path, database)
        try:
            async with asyncio.timeout(SECONDS):
                while not kill_within(kernel, first):
                    await asyncio.sleep(0.01)
        finally:
            if first.returncode is None:
                first.kill()
            await first.communicate()
        board = await kernel.read(find_imported_board, number(1))
        assert board is not None
        assert 300 <= await kernel.read(count_tasks) < 1_504
        begun = await kernel.relay.open(board)
        second = await start_import(file, tmp_path, database)
        said, complained = await second.communicate()
        assert second.returncode == 0, complained.decode()
        assert "comments" in said.decode()
        same, shown = await kernel.read(read_board)
        assert same == board
        head = (await kernel.read(log.read_states, [board]))[board].head
        async with asyncio.timeout(SECONDS):
            while not followed or followed[-1].seq < head:
                await asyncio.sleep(0.01)
        assert [entry.seq for entry in followed] == list(range(begun + 1, head + 1))
    assert len(shown.tasks) == 1_504
    assert len(shown.comments) == 3
    todo = next(one["id"] for one in shown.lists.values() if one["name"] == "To Do")
    titles = [shown.tasks[task]["title"] for task in shown.columns()[todo]]
    assert titles == ["Go live", "Task A", *(f"Card {n}" for n in range(10_000, 11_500))]


def kill_within(kernel: Kernel, process: asyncio.subprocess.Process) -> bool:
    """Kills it when some tasks are there; it cannot go on meanwhile, because this holds the one writer's lock."""
    with kernel.database.writing() as connection:
        due = count_tasks(connection) >= 300
        if due:
            process.send_signal(signal.SIGKILL)
        return due


async def start_import(file: Path, folder: Path, database: Path) -> asyncio.subprocess.Process:
    words = ("import", "trello", str(file), "--data-dir", str(folder / "data"))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hubbub", *words),
        env={**os.environ, "DATABASE_URL": f"sqlite:///{database}"},
        stdout=PIPE,
        stderr=PIPE,
    )
