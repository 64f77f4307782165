"""Tasks that repeat: the dates they are due on, and the next one that a done one leaves."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hubbub.boards.repeats import (
    WEEKDAYS,
    Repeat,
    RepeatInput,
    anchor_repeat,
    change_repeat,
    decode_repeat,
    make_repeat,
    next_due,
)
from hubbub.boards.service import changing, checklists, lists, moves, tasks
from hubbub.kernel import log
from hubbub.kernel.errors import Conflict, Invalid

from .conftest import Project, do
from .replay import check_replay

DAY_MS = 86_400_000
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def chain(given: dict[str, Any], first: str, count: int, *, timed: bool = False) -> list[str]:
    """The local dates, or times, on which a task is due that is always done at once."""
    zone = given.get("zone", "UTC")
    due = at(first, zone if timed else "UTC")
    repeat = make_repeat(given, due, timed)
    found = []
    for _ in range(count):
        following = next_due(repeat, due, timed, due)
        assert following is not None
        due = following
        local = datetime.fromtimestamp(due // 1000, ZoneInfo(zone) if timed else UTC)
        found.append(f"{local:%Y-%m-%d %H:%M}" if timed else f"{local:%Y-%m-%d}")
    return found


def test_months_keep_their_day() -> None:
    monthly = {"every": 1, "unit": "month"}
    assert chain(monthly, "2026-01-31", 3) == ["2026-02-28", "2026-03-31", "2026-04-30"]
    assert chain(monthly | {"day": 31}, "2026-02-28", 1) == ["2026-03-31"]
    yearly = {"every": 1, "unit": "year"}
    assert chain(yearly, "2027-02-28", 1) == ["2028-02-28"]
    assert chain(yearly, "2024-02-29", 4)[2:] == ["2027-02-28", "2028-02-29"]


def test_weeks_have_their_days() -> None:
    found = chain({"every": 2, "unit": "week", "days": ["thu", "mon"]}, "2026-11-23", 3)
    assert found == ["2026-11-26", "2026-12-07", "2026-12-10"]
    assert chain({"every": 1, "unit": "week"}, "2026-11-25", 1) == ["2026-12-02"]


def test_the_time_of_day_survives_the_change_of_clocks() -> None:
    daily = {"every": 1, "unit": "day", "zone": "Europe/Berlin"}
    days = chain(daily, "2026-03-28T02:30", 2, timed=True)
    # There is no half past two on the 29th.
    assert days == ["2026-03-29 03:30", "2026-03-30 02:30"]
    assert chain(daily, "2026-10-24T09:00", 1, timed=True) == ["2026-10-25 09:00"]


def test_what_is_done_late_is_not_due_in_the_past() -> None:
    weekly = make_repeat({"every": 1, "unit": "week"}, at("2026-11-02"), False)
    assert next_due(weekly, at("2026-11-02"), False, at("2026-11-21T10:00")) == at("2026-11-23")
    assert next_due(weekly, at("2026-11-02"), False, at("2026-11-16T10:00")) == at("2026-11-16")
    daily = make_repeat({"every": 1, "unit": "day"}, at("2026-11-02T09:00"), True)
    late = next_due(daily, at("2026-11-02T09:00"), True, at("2026-11-21T10:00"))
    assert late == at("2026-11-22T09:00")
    assert next_due(daily, at("9000-12-31T09:00"), True, 0) is None


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia"])
RULES = st.one_of(
    st.fixed_dictionaries({"unit": st.just("day")}),
    st.fixed_dictionaries(
        {"unit": st.just("week")},
        optional={"days": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7)},
    ),
    st.fixed_dictionaries(
        {"unit": st.sampled_from(["month", "year"])}, optional={"day": st.integers(1, 31)}
    ),
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    RULES,
    st.integers(1, 99),
    ZONES,
    st.integers(at("2015-01-01") // 60_000, at("2040-01-01") // 60_000),
    st.booleans(),
    st.integers(0, 900 * DAY_MS),
)
def test_next_dates(
    rule: dict[str, Any], every: int, zone: str, minutes: int, timed: bool, late: int
) -> None:
    due = minutes * 60_000
    if not timed:
        due -= due % DAY_MS
    now = due + late
    repeat = make_repeat(rule | {"every": every, "zone": zone}, due, timed)
    assert decode_repeat(repeat.encode()) == repeat
    found = next_due(repeat, due, timed, now)
    assert found is not None
    assert found > due
    # As if each had been done in its time, until one is not past.
    step: int | None = next_due(repeat, due, timed, due)
    place = ZoneInfo(zone)
    today = datetime.fromtimestamp(now // 1000, place).date()
    while step is not None and (
        step <= now if timed else datetime.fromtimestamp(step // 1000, UTC).date() < today
    ):
        step = next_due(repeat, step, timed, step)
    assert found == step
    check_date(repeat, due, found, timed)


def check_date(repeat: Repeat, due: int, found: int, timed: bool) -> None:
    place = ZoneInfo(repeat.zone) if timed else UTC
    before, after = (datetime.fromtimestamp(one // 1000, place) for one in (due, found))
    if repeat.unit == "day":
        assert (after.date() - before.date()).days % repeat.every == 0
    elif repeat.unit == "week":
        assert WEEKDAYS[after.weekday()] in (repeat.days or (WEEKDAYS[before.weekday()],))
        mondays = [day.date() - timedelta(days=day.weekday()) for day in (before, after)]
        assert (mondays[1] - mondays[0]).days % (7 * repeat.every) == 0
    else:
        months = (after.year - before.year) * 12 + after.month - before.month
        assert months % (repeat.every * (12 if repeat.unit == "year" else 1)) == 0
        assert repeat.day is not None
        assert after.day == min(repeat.day, calendar.monthrange(after.year, after.month)[1])
    if timed and before.utcoffset() == after.utcoffset() == (before.replace(fold=1)).utcoffset():
        assert before.time() == after.time()


def test_the_repeat_follows_its_date() -> None:
    monthly = {"every": 1, "unit": "month", "zone": "Europe/Berlin"}
    kept = make_repeat(monthly, at("2026-01-31"), False).encode()

    def changed(changes: dict[str, Any], due: str | None, *, moved: bool = False) -> str | None:
        return change_repeat(kept, changes, due and at(due), False, moved=moved)  # type: ignore[arg-type]

    # Given again while it is due on the last of February, it is still the 31st.
    assert changed({"repeat": monthly}, "2026-02-28") == kept
    assert changed({"repeat": decode_repeat(kept).shape()}, "2026-02-28") == kept
    fifteenth = changed({}, "2026-03-15", moved=True)
    assert fifteenth == anchor_repeat(decode_repeat(kept), at("2026-03-15"), False).encode()
    assert decode_repeat(fifteenth).day == 15
    assert changed({}, None, moved=True) is None
    assert changed({"repeat": None}, "2026-02-28") is None
    with pytest.raises(ValueError, match="due date"):
        changed({"repeat": monthly}, None, moved=True)


async def read_columns(project: Project) -> dict[str, list[dict[str, Any]]]:
    """The board's live tasks by list, checked against what its entries make."""
    with project.mia.application.kernel.database.reading() as connection:
        shown = check_replay(connection, project.board)
    return {
        place: [shown.tasks[task] for task in column] for place, column in shown.columns().items()
    }


@pytest.mark.anyio
async def test_done_ones_are_followed_by_the_next(project: Project) -> None:
    mia, (first, doing, done) = project.mia, project.lists
    for place, status in ((doing, "doing"), (done, "done")):
        await do(mia, lists.change_list, list=place, changes={"status": status})
    label = await do(mia, lists.create_label, board=project.board, name="Weekly")
    weekly = {"every": 1, "unit": "week", "zone": "Europe/Berlin"}
    now = mia.application.kernel.clock()
    due = (now // DAY_MS + 1) * DAY_MS
    with pytest.raises(Invalid):
        await do(
            mia, tasks.create_task, board=project.board, list=first, title="Report", repeat=weekly
        )
    report = await do(
        project.workspace.max,
        tasks.create_task,
        board=project.board,
        list=first,
        title="Report",
        description="As **always**",
        priority="high",
        due_at=due,
        repeat=weekly,
        assignees=[mia.id, project.workspace.max.id],
        labels=[label["id"]],
    )
    assert report["repeat"] == weekly
    listed = await do(mia, checklists.add_item, task=report["id"], text="Ask everybody")
    item = listed["checklist"][0]["id"]
    await do(mia, checklists.change_item, task=report["id"], item=item, changes={"done": True})
    # By way of somebody's hands, twice with the same key, and back and forth.
    await do(mia, moves.move_task, task=report["id"], list=doing)
    for _ in range(2):
        await do(mia, moves.move_task, key="done", task=report["id"], list=done)
    await do(mia, moves.move_task, task=report["id"], list=first)
    await do(mia, moves.move_task, task=report["id"], list=done)
    columns = await read_columns(project)
    (old,) = columns[done]
    (new,) = (task for task in columns[first] if task["title"] == "Report")
    assert (old["id"], old["repeat"]) == (report["id"], None)
    assert (
        new["due_at"][:10] == f"{datetime.fromtimestamp(due // 1000, UTC) + timedelta(7):%Y-%m-%d}"
    )
    same = ("title", "description", "priority", "due_has_time", "repeat", "labels", "created_by")
    assert {k: new[k] for k in (*same, "assignees")} == {k: report[k] for k in (*same, "assignees")}
    assert [(one["text"], one["done"]) for one in new["checklist"]] == [("Ask everybody", False)]
    await check_many(project, new["id"], weekly)


async def check_many(project: Project, task: str, weekly: dict[str, Any]) -> None:
    """Many at once are followed each by one; what is full refuses the move whole; the owner is told of theirs."""
    mia, (first, _, done) = project.mia, project.lists
    other = project.tasks[0]
    await do(
        mia,
        changing.change_task,
        task=other,
        changes={"due_at": at("2026-01-31T12:00"), "due_has_time": True, "repeat": weekly},
    )
    kernel = mia.application.kernel
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "MOST_TASKS", 1)
        with pytest.raises(Conflict):
            await do(mia, moves.move_task, task=other, list=done)
    assert other in [one["id"] for one in (await read_columns(project))[first]]
    await do(mia, moves.move_tasks, board=project.board, tasks=[task, other], list=done)
    columns = await read_columns(project)
    fresh = [one for one in columns[first] if one["repeat"] is not None]
    assert [one["title"] for one in fresh] == ["Report", "Task 0"]
    assert fresh[1]["due_at"] > datetime.fromtimestamp(kernel.clock() // 1000, UTC).isoformat()
    person = project.workspace.max.id
    with kernel.database.reading() as connection:
        head = log.read_states(connection, [person])[person].head
        told = log.read_entries(connection, person, 0, head)
    assert [entry.kind for entry in told].count("task.assigned") == 2
    # Without its date nothing repeats.
    left = await do(mia, changing.change_task, task=fresh[0]["id"], changes={"due_at": None})
    assert (left["due_at"], left["repeat"]) == (None, None)
    await read_columns(project)


def test_what_can_be_given() -> None:
    assert RepeatInput(every=2, unit="week", days=["sun", "mon"], zone="Asia/Tokyo").every == 2
    for wrong in (
        {"every": 0, "unit": "day"},
        {"every": 100, "unit": "day"},
        {"every": 1, "unit": "hour"},
        {"every": 1, "unit": "month", "days": ["mon"]},
        {"every": 1, "unit": "week", "days": []},
        {"every": 1, "unit": "week", "day": 1},
        {"every": 1, "unit": "day", "zone": "Europe"},
        {"every": 1, "unit": "day", "until": "tomorrow"},
    ):
        with pytest.raises(ValidationError):
            RepeatInput.model_validate(wrong)
