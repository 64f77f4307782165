"""The calendar of what one has to do: read by another's parser, and only by who has a link that has not ended."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from sqlalchemy import select

from hubbub.boards import calendars as feed
from hubbub.boards.ics import Event, escape, fold, format_calendar
from hubbub.boards.models import calendars
from hubbub.kernel.limits import Limits, limit_table
from tests.support.app import Person

from .conftest import Project

NOON = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1000
NASTY = 'Äpfel, Birnen; "Brot" \\ Käse\r\nund\u2028mehr 🍞 ' * 9


def read_events(body: bytes) -> list[Any]:
    """The events as the parser understands them; asserts what the RFC asks of every line."""
    assert body.endswith(b"\r\n")
    for line in body.split(b"\r\n"):
        assert len(line) <= 75
        assert b"\n" not in line
        assert b"\r" not in line
        assert "\u2028" not in line.decode()
    found = Calendar.from_ical(body)
    assert isinstance(found, Calendar)
    assert found.errors == []
    events = list(found.walk("VEVENT"))
    assert [event.errors for event in events] == [[]] * len(events)
    return events


def test_events_are_read_by_others() -> None:
    common: dict[str, Any] = {
        "summary": NASTY,
        "description": NASTY,
        "url": "https://chat.example.com/boards/one/t/two",
        "categories": ["Launch, later", "Ur;gent"],
        "created_at": NOON - 5,
        "changed_at": NOON,
        "sequence": 7,
    }
    midnight = NOON - 12 * 3_600_000
    timed, dated = read_events(
        format_calendar(
            "Studio: my tasks",
            [
                Event(uid="a@hubbub", due_at=NOON, has_time=True, **common),
                Event(uid="b@hubbub", due_at=midnight, has_time=False, **common),
            ],
        )
    )
    assert (timed["UID"], timed["SEQUENCE"]) == ("a@hubbub", 7)
    assert (timed.start, timed.end - timed.start) == (
        datetime(2026, 11, 23, 12, tzinfo=UTC),
        timedelta(minutes=30),
    )
    assert (dated.start, dated.end) == (date(2026, 11, 23), date(2026, 11, 24))
    assert dated.DTSTAMP == dated.LAST_MODIFIED == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert (
        timed["SUMMARY"] == timed["DESCRIPTION"] == NASTY.replace("\r", "").replace("\u2028", "\n")
    )
    assert timed.categories == ["Launch, later", "Ur;gent"]
    assert timed["URL"] == common["url"]
    assert (timed["STATUS"], timed["TRANSP"]) == ("CONFIRMED", "TRANSPARENT")


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_folding_loses_nothing(words: str) -> None:
    folded = fold(f"SUMMARY:{escape(words)}")
    assert all(len(line) <= 75 for line in folded.split(b"\r\n"))
    value = folded.removesuffix(b"\r\n").replace(b"\r\n ", b"").decode().removeprefix("SUMMARY:")
    plain = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)
    assert plain == re.sub("[\u2028\u2029]", "\n", words)


def day(ahead: int) -> str:
    return f"{datetime.now(UTC).date() + timedelta(days=ahead)}T00:00:00Z"


async def add(project: Project, title: str, due: str | None, **more: Any) -> str:
    body = {"list": project.lists[0], "title": title, "due_at": due} | more
    body.setdefault("assignees", [project.workspace.max.id])
    made = await project.mia.call("POST", f"/api/boards/{project.board}/tasks", body, status=201)
    return str(made["id"])


@pytest.mark.anyio
async def test_a_calendar_shows_what_one_has_to_do(project: Project) -> None:
    mia, max_ = project.mia, project.workspace.max
    await mia.call("PATCH", f"/api/lists/{project.lists[2]}", {"status": "done"})
    label = await mia.call("POST", f"/api/boards/{project.board}/labels", {"name": "Urgent"})
    more = {"description": "**Why** " * 100, "labels": [label["id"]]}
    call = await add(project, "Call them", day(1), **more)
    await add(project, "Send it", "2030-05-01T14:00:00+02:00", due_has_time=True)
    await add(project, "Last month's", day(-29), list=project.lists[2])
    await add(project, "Done itself", day(-28), status="done")
    await add(project, "Long past", day(-32))
    await add(project, "Whenever", None)
    await add(project, "Mia's own", day(1), assignees=[mia.id])
    put_away = await add(project, "Put away", day(1))
    await mia.call("POST", f"/api/tasks/{put_away}/archive")

    assert await max_.call("GET", "/api/me/calendar") == {"url": None, "created_at": None}
    made = await max_.call("POST", "/api/me/calendar", key="one", status=201)
    again = await max_.call("POST", "/api/me/calendar", key="one", status=201)
    assert again == made == await max_.call("GET", "/api/me/calendar")
    assert made["url"].startswith("http://hubbub.test/calendar/")
    path = made["url"].removeprefix("http://hubbub.test")
    secret = path.removeprefix("/calendar/").removesuffix(".ics")
    assert len(secret) == 43
    anybody = Person(max_.application)
    answer = await anybody.send("GET", path)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    past, own, event, timed = read_events(answer.content)
    assert [one["SUMMARY"] for one in (past, own, event, timed)] == [
        "✓ Last month's",
        "✓ Done itself",
        "Call them",
        "Send it",
    ]
    assert timed.start == datetime(2030, 5, 1, 12, tzinfo=UTC)
    assert event["UID"] == f"{call}@hubbub"
    assert event["URL"] == f"http://hubbub.test/boards/{project.board}/t/{call}"
    assert event["DESCRIPTION"].endswith(f"…\n\n{event['URL']}")
    assert event.categories == ["Launch", "Urgent"]

    await check_copies(anybody, path, answer.headers["etag"])
    await check_ends(project, path, secret)


async def check_copies(anybody: Person, path: str, etag: str) -> None:
    """What did not change is not sent again; a calendar has a bound."""
    for known in (etag, f'"other", W/{etag}'):
        kept = await anybody.http.get(path, headers={"If-None-Match": known})
        assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", etag)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "MOST_EVENTS", 1)
        few = await anybody.http.get(path, headers={"If-None-Match": etag})
        assert len(read_events(few.content)) == 1


async def check_ends(project: Project, path: str, secret: str) -> None:
    """Rights count at each look, and every link that is none, or no longer, gets the same answer."""
    max_, board = project.workspace.max, f"/api/boards/{project.board}"
    anybody = Person(max_.application)
    with max_.application.kernel.database.reading() as connection:
        row = connection.execute(select(calendars)).one()
    assert secret not in str(row)
    with pytest.MonkeyPatch.context() as patch:
        kernel = max_.application.kernel
        patch.setattr(kernel, "limits", Limits(limit_table(anonymous_calls=1), kernel.clock))
        for status in (404, 429):
            await anybody.call("GET", "/calendar/guessed.ics", status=status)
        assert (await anybody.send("GET", path)).status_code == 200
    await project.mia.call("PATCH", board, {"shown_to": "members"})
    assert read_events((await anybody.send("GET", path)).content) == []
    await project.mia.call("PATCH", board, {"shown_to": "colleagues"})
    owner, person = project.workspace.owner, f"/api/users/{max_.id}"
    await owner.call("PATCH", person, {"active": False})
    unknown = await anybody.call("GET", path, status=404)
    await owner.call("PATCH", person, {"active": True})
    assert len(read_events((await anybody.send("GET", path)).content)) == 4

    mia = project.mia
    old = await mia.call("POST", "/api/me/calendar", status=201)
    new = await mia.call("POST", "/api/me/calendar", status=201)
    assert old["url"] != new["url"]
    await mia.call("DELETE", "/api/me/calendar", status=204)
    await mia.call("DELETE", "/api/me/calendar", status=204)
    assert (await mia.call("GET", "/api/me/calendar"))["url"] is None
    for gone in (old["url"], new["url"], "/calendar/never.ics"):
        problem = await anybody.call("GET", gone, status=404)
        assert problem | {"request_id": ""} == unknown | {"request_id": ""}
    entries = await mia.call("GET", f"/api/streams/{mia.id}/entries", after=0, limit=200)
    told = [one["data"] for one in entries["items"] if one["kind"] == "calendar.changed"]
    assert [one["created_at"] for one in told] == [old["created_at"], new["created_at"], None]
    assert "calendar/" not in str(entries)
