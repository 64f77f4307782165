"""What is due today, this week or overdue, as somebody's calendar has it.

A due date without a time is kept as the midnight, UTC, at which that day begins, and is the same day wherever one is.
With a time it is a moment, and which day that is depends on the zone of whoever asks.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_

from hubbub.boards.models import tasks
from hubbub.kernel.errors import Invalid

Due = Literal["today", "week", "overdue", "none"]
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Days:
    """Milliseconds since the epoch: the present, and where days begin, in the zone and in UTC.

    A week ends with its Sunday.
    """

    now: int
    today: int
    tomorrow: int
    monday: int
    today_utc: int
    tomorrow_utc: int
    monday_utc: int


def read_zone(name: str) -> tzinfo:
    """The time zone of that name. Raises ValueError."""
    try:
        # UTC needs no database of zones, which a small container may lack.
        return UTC if name == "UTC" else ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("is not the name of a time zone") from None


def find_zone(name: str) -> tzinfo:
    """The time zone of that name, as a query has it. Raises Invalid."""
    try:
        return read_zone(name)
    except ValueError:
        raise Invalid(
            "zone: this is not the name of a time zone.",
            errors=[{"loc": ["query", "zone"], "msg": "is not the name of a time zone"}],
        ) from None


def begin_day(day: date, zone: tzinfo) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(moment.timestamp()) * 1000


def read_days(now: int, zone: str) -> Days:
    """The calendar around `now` (milliseconds) in the zone of that name. Raises Invalid."""
    place = find_zone(zone)
    today = datetime.fromtimestamp(now // 1000, place).date()
    tomorrow = today + timedelta(days=1)
    monday = today + timedelta(days=7 - today.weekday())
    begun = [begin_day(day, where) for where in (place, UTC) for day in (today, tomorrow, monday)]
    return Days(now, *begun)


def due_condition(due: Due, days: Days) -> ColumnElement[bool]:
    """Tasks that are due then: today also counts what is past of today; overdue is what its moment or day is past."""
    at, timed = tasks.c.due_at, tasks.c.due_has_time
    if due == "none":
        return at.is_(None)
    if due == "overdue":
        latest = max(days.now, days.today_utc)
        return and_(
            at < latest,
            or_(and_(timed, at < days.now), and_(~timed, at < days.today_utc)),
        )
    until, until_utc = (
        (days.tomorrow, days.tomorrow_utc) if due == "today" else (days.monday, days.monday_utc)
    )
    return and_(
        # The wider bounds serve an index, the narrower ones the truth.
        at >= min(days.today, days.today_utc),
        at < max(until, until_utc),
        or_(
            and_(timed, at >= days.today, at < until),
            and_(~timed, at >= days.today_utc, at < until_utc),
        ),
    )
