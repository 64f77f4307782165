"""When a task that repeats is due again.

A repeat is meant in a time zone. It keeps the day of the month and the time of day that were wished for, so that a
month or a day that lacks them changes only its own date: 31 January, 28 February, 31 March.
"""

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from hubbub.boards.due import begin_day, read_zone

Unit = Literal["day", "week", "month", "year"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_EVERY = 99
LAST_YEAR = 9_000
"""As far as due dates go."""


def check_zone(name: str) -> str:
    """Raises ValueError."""
    read_zone(name)
    return name


class RepeatInput(BaseModel):
    """A repeat as somebody gives it: what is left out comes from the due date."""

    model_config = ConfigDict(extra="forbid")

    every: Annotated[int, Field(ge=1, le=MOST_EVERY)]
    unit: Unit
    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    day: Annotated[int, Field(ge=1, le=31)] | None = None
    zone: Annotated[
        str,
        StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_+\-/]+$"),
        AfterValidator(check_zone),
    ] = "UTC"

    @model_validator(mode="after")
    def check_unit(self) -> "RepeatInput":
        if self.days is not None and self.unit != "week":
            raise ValueError("days are for weeks alone")
        if self.day is not None and self.unit not in ("month", "year"):
            raise ValueError("day is for months and years alone")
        return self


@dataclass(frozen=True, slots=True)
class Repeat:
    """Every so many days, weeks (on `days`), months or years (on the `day` of the month) in a zone.

    `clock` is the time of day, in milliseconds since midnight; None where a date without a time repeats.
    """

    every: int
    unit: Unit
    zone: str
    days: tuple[Weekday, ...] = ()
    day: int | None = None
    clock: int | None = None

    def encode(self) -> str:
        """The text it is kept as."""
        return orjson.dumps({k: v for k, v in asdict(self).items() if v not in (None, ())}).decode()

    def shape(self) -> dict[str, Any]:
        """As the contract shows it (docs/api.md)."""
        shown: dict[str, Any] = {"every": self.every, "unit": self.unit}
        if self.days:
            shown["days"] = list(self.days)
        if self.day is not None:
            shown["day"] = self.day
        return shown | {"zone": self.zone}


@lru_cache(1_000)
def decode_repeat(text: str) -> Repeat:
    """What `Repeat.encode` wrote."""
    kept = orjson.loads(text)
    return Repeat(**kept | {"days": tuple(kept.get("days", ()))})


def repeat_shape(text: str | None) -> dict[str, Any] | None:
    return None if text is None else decode_repeat(text).shape()


def make_repeat(given: Mapping[str, Any], due_at: int, has_time: bool) -> Repeat:
    """The repeat somebody gave for a task that is due then; what they left out comes from the due date."""
    wished = given.get("days") or ()
    made = Repeat(
        every=given["every"],
        unit=given["unit"],
        zone=given.get("zone") or "UTC",
        days=tuple(day for day in WEEKDAYS if day in wished),
    )
    made = anchor_repeat(made, due_at, has_time)
    return replace(made, day=given["day"]) if given.get("day") else made


def anchor_repeat(repeat: Repeat, due_at: int, has_time: bool) -> Repeat:
    """The same repeat, with the day of the month and the time of day of another due date."""
    due, clock = local_due(repeat, due_at, has_time)
    return replace(repeat, day=due.day if repeat.unit in ("month", "year") else None, clock=clock)


def change_repeat(
    kept: str | None,
    changes: Mapping[str, Any],
    due_at: int | None,
    has_time: bool,
    *,
    moved: bool,
) -> str | None:
    """The text of a task's repeat after changes that leave it due then; `moved`: they changed when that is.

    Raises ValueError for a repeat without a due date; taking the date away takes the repeat away.
    """
    before = decode_repeat(kept) if kept else None
    if "repeat" not in changes:
        if before is None or due_at is None:
            return None
        return anchor_repeat(before, due_at, has_time).encode() if moved else kept
    given = changes["repeat"]
    if given is None:
        return None
    if due_at is None:
        raise ValueError("A task that repeats needs a due date.")
    made = make_repeat(given, due_at, has_time)
    if before is not None and not moved:
        # The same rule given again does not forget the 31st while the task is due on the 28th.
        same = replace(made, day=given.get("day") or before.day, clock=before.clock)
        if same == before:
            return kept
    return made.encode()


def local_due(repeat: Repeat, due_at: int, has_time: bool) -> tuple[date, int | None]:
    """The day a task is due, and the time of that day, where the repeat is meant."""
    moment = datetime.fromtimestamp(due_at // 1000, read_zone(repeat.zone) if has_time else UTC)
    if not has_time:
        return moment.date(), None
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return moment.date(), seconds * 1000 + due_at % 1000


def next_due(repeat: Repeat, due_at: int, has_time: bool, now: int) -> int | None:
    """When a task that was due at `due_at` is due again: later than that, and not in the past.

    Milliseconds since the epoch; None beyond the end of the calendar.
    """
    zone = read_zone(repeat.zone)
    due, _ = local_due(repeat, due_at, has_time)
    today = datetime.fromtimestamp(now // 1000, zone).date()
    try:
        for day in dates_after(repeat, due, max(today, due)):
            if day.year > LAST_YEAR:
                return None
            moment = begin_day(day, UTC) if not has_time else at_clock(repeat, day)
            if moment > due_at and (moment > now or not has_time):
                return moment
    except (OverflowError, ValueError):
        # The last dates there are.
        return None
    return None


def at_clock(repeat: Repeat, day: date) -> int:
    """The moment of that day at the repeat's time; where the clock leaves that out, as much later as it jumped."""
    seconds, milliseconds = divmod(repeat.clock or 0, 1000)
    minutes, second = divmod(seconds, 60)
    wall = time(*divmod(minutes, 60), second)
    moment = datetime.combine(day, wall, read_zone(repeat.zone))
    return int(moment.timestamp()) * 1000 + milliseconds


def dates_after(repeat: Repeat, due: date, first: date) -> Iterator[date]:
    """The dates of a repeat later than `due`, from `first` on, in order.

    Raises OverflowError or ValueError where the calendar ends.
    """
    if repeat.unit == "day":
        turn = max(1, -((due - first).days // repeat.every))
        while True:
            yield due + timedelta(days=turn * repeat.every)
            turn += 1
    elif repeat.unit == "week":
        yield from weekdays_after(repeat, due, first)
    else:
        months = repeat.every * (12 if repeat.unit == "year" else 1)
        begun = due.year * 12 + due.month - 1
        turn = max(1, (first.year * 12 + first.month - 1 - begun) // months)
        while True:
            year, month = divmod(begun + turn * months, 12)
            day = date(
                year,
                month + 1,
                min(repeat.day or due.day, calendar.monthrange(year, month + 1)[1]),
            )
            if day >= first:
                yield day
            turn += 1


def weekdays_after(repeat: Repeat, due: date, first: date) -> Iterator[date]:
    """As `dates_after`, for weeks, which begin on Mondays."""
    places = [WEEKDAYS.index(day) for day in repeat.days] or [due.weekday()]
    monday = due - timedelta(days=due.weekday())
    turn = max(0, (first - monday).days // (7 * repeat.every))
    while True:
        for place in places:
            day = monday + timedelta(days=7 * repeat.every * turn + place)
            if day > due and day >= first:
                yield day
        turn += 1
