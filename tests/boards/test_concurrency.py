"""Many at once on one board: no task is lost, doubled or in two lists, and the entries alone make the same board."""

import asyncio
import os
from collections import Counter
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Connection

from hubbub.boards.ranks import LONGEST_RANK
from hubbub.boards.service import places
from hubbub.kernel import log
from tests.support.warm import ROOT, run_module

from .conftest import Project
from .mover import TIGHT, hurry
from .replay import check_replay

pytestmark = pytest.mark.anyio

SEED = 20_261_121
PROCESSES = 4
SECONDS = 200
CHANGES = 100


def count_kinds(connection: Connection, board: str) -> Counter[str]:
    return Counter(entry.kind for entry in log.read_entries(connection, board, 0, 2**53, 10**6))


async def check(project: Project, done: int) -> None:
    """Asserts that the board is whole, and that each change that was done is there."""
    kernel = project.mia.application.kernel
    shown = await kernel.read(check_replay, project.board)
    assert max(len(task["rank"]) for task in shown.tasks.values()) <= LONGEST_RANK
    kinds = await kernel.read(count_kinds, project.board)
    assert kinds["task.created"] == len(shown.tasks)
    assert kinds["list.rebalanced"] >= 1
    assert kinds["task.moved"] > done / 4
    assert sum(kinds.values()) > done * 0.7


async def test_many_at_once_in_one_process(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "LONGEST", TIGHT)
    monkeypatch.setattr(places, "SHORT", 2)
    kernel = project.mia.application.kernel
    hurries = [
        hurry(kernel, project.board, project.mia.id, SEED + place, CHANGES)
        for place in range(PROCESSES)
    ]
    done = sum(counted["done"] for counted in await asyncio.gather(*hurries))
    assert done > PROCESSES * CHANGES // 2
    await check(project, done)


async def test_many_processes_at_once(project: Project, tmp_path: Path) -> None:
    """On both databases: SQLite has one writer at a time, PostgreSQL as many as there are processes."""
    settings = project.mia.application.kernel.settings
    ended = await asyncio.gather(
        *(
            asyncio.to_thread(
                run_module,
                *("tests.boards.mover", settings.database, str(tmp_path / f"mover{place}")),
                *(project.board, project.mia.id, str(SEED + 100 + place), str(CHANGES)),
                env=os.environ,
                cwd=ROOT,
                timeout=SECONDS,
            )
            for place in range(PROCESSES)
        )
    )
    for mover in ended:
        assert mover.returncode == 0, mover.stdout + mover.stderr
    done = sum(orjson.loads(mover.stdout)["done"] for mover in ended)
    assert done > PROCESSES * CHANGES // 2
    await check(project, done)
