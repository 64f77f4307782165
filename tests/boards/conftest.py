"""The application with a workspace, and its boards."""

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from hubbub.boards.service import boards, tasks
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Command
from tests.chat.conftest import Workspace
from tests.chat.conftest import workspace as workspace
from tests.support.app import Person


async def do(person: Person, command: Command, *, key: str | None = None, **given: Any) -> Any:
    """What the command answers this person. Raises Problem."""
    caller = Caller(person.id, person.user["role"])
    outcome = await person.application.kernel.write(command, caller, key=key, **given)
    return orjson.loads(outcome.body) if outcome.body else None


async def make_board(person: Person, *lists: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = await do(
        person, boards.create_board, name="Launch", lists=[*lists], **more
    )
    return made


@dataclass
class Project:
    """A board of Mia's that colleagues see, with three lists and five tasks in the first."""

    workspace: Workspace
    mia: Person
    board: str
    lists: list[str]
    tasks: list[str]


@pytest.fixture
async def project(workspace: Workspace) -> Project:
    mia = workspace.mia
    board = await make_board(mia, "Open", "Doing", "Done")
    places = [one["id"] for one in board["lists"]]
    made = [
        await do(mia, tasks.create_task, board=board["id"], list=places[0], title=f"Task {n}")
        for n in range(5)
    ]
    return Project(workspace, mia, board["id"], places, [task["id"] for task in made])
