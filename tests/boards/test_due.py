"""People are reminded of what is due, once for each due date, whatever happens in between."""

import asyncio
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from hubbub.boards import jobs
from hubbub.boards.jobs import due_until
from hubbub.boards.service import boards, changing, lists, reminders, tasks
from hubbub.kernel import log
from hubbub.kernel.caller import SYSTEM
from tests.support.app import Person

from .conftest import Project, do

HOUR_MS = 3_600_000
FAR = "2040-03-15"
"""A day the server's own schedule does not come to."""


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def test_when_people_are_reminded() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for local, day in (
        ("2026-03-29T09:00", "2026-03-29"),
        ("2026-03-29T08:59", "2026-03-28"),
        ("2026-03-29T00:30", "2026-03-28"),
        ("2026-12-31T23:59", "2026-12-31"),
    ):
        now = at(local, "Europe/Berlin")
        assert due_until(now, berlin) == (now + HOUR_MS, at(day))
    # The server's own zone, whichever it is.
    now = at("2026-11-21T12:00")
    local_hour = datetime.fromtimestamp(now // 1000).hour
    assert (due_until(now)[1] == at("2026-11-21")) == (local_hour >= 9)


def told(person: Person) -> list[str]:
    """The titles of the tasks that somebody was reminded of, in order."""
    return [entry["title"] for entry in told_whole(person)]


def told_whole(person: Person) -> list[dict[str, Any]]:
    with person.application.kernel.database.reading() as connection:
        head = log.read_states(connection, [person.id])[person.id].head
        entries = log.read_entries(connection, person.id, 0, head, head)
    return [orjson.loads(entry.data) for entry in entries if entry.kind == "task.due"]


async def make(project: Project, maker: Person, title: str, due: str, **more: Any) -> str:
    given: dict[str, Any] = {"list": project.lists[0], "due_has_time": "T" in due} | more
    made = await do(
        maker, tasks.create_task, board=project.board, title=title, due_at=at(due), **given
    )
    return str(made["id"])


@pytest.mark.anyio
async def test_everybody_is_reminded_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia, max_, client = project.mia, project.workspace.max, project.workspace.client
    kernel = mia.application.kernel
    await do(mia, lists.change_list, list=project.lists[2], changes={"status": "done"})
    await do(mia, boards.set_member, board=project.board, user=client.id, right="view")
    both = [mia.id, max_.id]
    call = await make(project, mia, "Call them", f"{FAR}T10:00", assignees=both)
    await make(project, max_, "Nobody's own", FAR)
    await make(project, mia, "Tomorrow", "2040-03-16", assignees=both)
    await make(project, mia, "Later", f"{FAR}T10:01", assignees=both)
    await make(project, mia, "Long past", "2040-03-13", assignees=both)
    await make(project, mia, "Done", FAR, list=project.lists[2], assignees=both)
    await make(project, mia, "Done itself", FAR, status="done", assignees=both)
    put_away = await make(project, mia, "Put away", FAR, assignees=both)
    await do(mia, tasks.archive_task, task=put_away)
    await make(project, mia, "The client's", FAR, assignees=[client.id])
    await do(mia, boards.remove_member, board=project.board, user=client.id)
    await make(project, mia, "Also mine", FAR, assignees=[mia.id])

    monkeypatch.setattr(reminders, "BATCH", 2)
    monkeypatch.setattr(jobs, "BATCH", 2)
    monkeypatch.setattr(jobs, "due_until", lambda now: (at(f"{FAR}T10:00"), at(FAR)))
    job: Any = None
    assert "boards.reminders" in kernel.jobs.kinds
    with monkeypatch.context() as dying:

        def die(*_given: Any) -> None:
            raise RuntimeError("killed before the entries were written")

        dying.setattr(reminders, "tell_due", die)
        with pytest.raises(RuntimeError):
            await jobs.remind_all(kernel, job)
    assert told(mia) == told(max_) == []
    await asyncio.gather(*(jobs.remind_all(kernel, job) for _ in range(3)))
    with monkeypatch.context() as racing:
        # Another run chose the same task before the first one's commit, and one whose date has moved since.
        later = await make(project, mia, "Moved away", "2040-05-01", assignees=both)
        racing.setattr(reminders, "find_due", lambda *_given: [call, later])
        until = at(f"{FAR}T10:00")
        await kernel.write(reminders.remind, SYSTEM, until=until, day=at(FAR))
    assert sorted(told(mia)) == ["Also mine", "Call them"]
    assert sorted(told(max_)) == ["Call them", "Nobody's own"]
    assert told(client) == []
    (first,) = (one for one in told_whole(mia) if one["title"] == "Call them")
    assert first == {
        "board": project.board,
        "task": call,
        "title": "Call them",
        "due_at": f"{FAR}T10:00:00.000Z",
        "due_has_time": True,
    }

    # Another due date reminds again; other changes do not.
    await do(mia, changing.change_task, task=call, changes={"title": "Call them now"})
    await jobs.remind_all(kernel, job)
    assert len(told(mia)) == 2
    await do(mia, changing.change_task, task=call, changes={"due_at": at(f"{FAR}T09:30")})
    await jobs.remind_all(kernel, job)
    assert told(mia)[2:] == ["Call them now"]
