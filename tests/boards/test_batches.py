"""Very many moves in one batch end where they would have ended one after the other, and a repeated one is done once."""

import asyncio
from random import Random
from typing import Any

import orjson
import pytest

from hubbub.boards.schemas import END
from hubbub.boards.service import moves, places, tasks
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Outcome
from hubbub.kernel.errors import Conflict, Invalid, NotFound
from hubbub.kernel.ids import new_id
from tests.chat.conftest import workspace as workspace

from .conftest import Project, do, make_board
from .replay import check_replay
from .test_boards import told

pytestmark = pytest.mark.anyio

TASKS = 9
LISTS = 2
MOVES = 40


async def make_twins(project: Project) -> list[tuple[list[str], list[str]]]:
    """Two boards that look the same: their lists and tasks, in the same order."""
    twins = []
    for _ in range(2):
        made = await make_board(project.mia, *map(str, range(LISTS)))
        lists = [place["id"] for place in made["lists"]]
        ids = [
            (
                await do(
                    project.mia,
                    tasks.create_task,
                    board=made["id"],
                    list=lists[n % LISTS],
                    title=f"Task {n}",
                )
            )["id"]
            for n in range(TASKS)
        ]
        twins.append(([made["id"], *lists], ids))
    return twins


async def move_all(project: Project, given: list[dict[str, Any]]) -> list[Outcome | BaseException]:
    """All of them in one turn of the loop, and so in one batch."""
    kernel, caller = project.mia.application.kernel, Caller(project.mia.id, "member")
    writes = [kernel.write(moves.move_task, caller, **one) for one in given]
    return await asyncio.gather(*writes, return_exceptions=True)


def name_moves(
    wished: list[tuple[int, int, Any]], board: list[str], ids: list[str]
) -> list[dict[str, Any]]:
    """The moves of tasks and lists that are given by their places."""
    return [
        {
            "task": ids[task],
            "list": board[place],
            "after": ids[after] if isinstance(after, int) else after,
        }
        for task, place, after in wished
    ]


async def titles(project: Project, board: str, lists: list[str]) -> list[list[str]]:
    shown = await project.mia.application.kernel.read(check_replay, board)
    return [[shown.tasks[task]["title"] for task in shown.columns()[place]] for place in lists]


@pytest.mark.parametrize("longest", [40, 3])
async def test_a_batch_is_as_its_moves_one_by_one(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    longest: int,
) -> None:
    """Also where moves name tasks that have just been moved, and where room has to be made on the way."""
    monkeypatch.setattr(places, "LONGEST", longest)
    monkeypatch.setattr(places, "SHORT", min(longest, 20) // 2 + 1)
    caplog.set_level("INFO", "hubbub.committer")
    batches = project.mia.application.kernel.committer
    (one, its), (other, twins) = await make_twins(project)
    for seed in range(3):
        random = Random(seed)
        wished = [
            (
                random.randrange(TASKS),
                1 + random.randrange(LISTS),
                random.choice([None, END, *range(TASKS), *range(TASKS)]),
            )
            for _ in range(MOVES)
        ]

        before = batches.batches
        done = await move_all(project, name_moves(wished, one, its))
        assert all(isinstance(outcome, Outcome) for outcome in done)
        assert batches.batches == before + 1
        for move in name_moves(wished, other, twins):
            await do(project.mia, moves.move_task, **move)
        assert await titles(project, one[0], one[1:]) == await titles(project, other[0], other[1:])
    # Nothing collided, which would have been mended by doing it again with savepoints.
    assert "run again" not in caplog.text


async def test_each_of_a_batch_has_its_own_answer(project: Project) -> None:
    mia, (a, b, c, *_), (_, doing, done) = project.mia, project.tasks, project.lists
    await do(mia, tasks.archive_task, task=c)
    key = new_id()
    wished = [
        {"task": a, "list": doing, "key": key},
        {"task": new_id(), "list": doing},
        {"task": b, "list": new_id()},
        {"task": c, "list": doing},
        {"task": b, "list": doing, "after": a, "key": new_id()},
        {"task": b, "list": doing, "after": b},
    ]
    first, nobody, nowhere, archived, second, same = await move_all(project, wished)
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert isinstance(same, Outcome)
    assert isinstance(nobody, NotFound)
    assert isinstance(nowhere, Invalid)
    assert isinstance(archived, Conflict)
    assert second.seq == (first.seq or 0) + 1
    assert orjson.loads(same.body) == orjson.loads(second.body)
    moved = [data for kind, data in await told(mia, project.board) if kind == "task.moved"]
    assert moved == [orjson.loads(first.body), orjson.loads(second.body)]

    # The answer to the first was lost, and it is sent again among others; also with other input.
    again, other, wrong = await move_all(
        project, [wished[0], {"task": b, "list": done}, {**wished[0], "list": done}]
    )
    assert isinstance(again, Outcome)
    assert again.replayed
    assert (again.body, again.seq) == (first.body, first.seq)
    assert isinstance(other, Outcome)
    assert isinstance(wrong, Conflict)
    assert sorted(await titles(project, project.board, [doing, done])) == [["Task 0"], ["Task 1"]]
