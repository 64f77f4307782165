"""Cursors come back as they went, and anything else is refused; days are those of the caller's calendar."""

from datetime import UTC, datetime

import pytest

from hubbub.boards.cursors import make_cursor, read_cursor
from hubbub.boards.due import read_days
from hubbub.kernel.errors import Invalid

HOUR = 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def test_cursors_come_back() -> None:
    cursor = make_cursor("due", [5, "id"])
    assert read_cursor(cursor, "due", (int, str)) == [5, "id"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "====",
        "A" * 900,
        make_cursor("rank", [5, "id"]),
        make_cursor("due", [5]),
        make_cursor("due", ["5", "id"]),
        make_cursor("due", [True, "id"]),
        make_cursor("due", [5, "i\0d"]),
        make_cursor("due", [2**63, "id"]),
    ],
)
def test_other_words_are_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(cursor, "due", (int, str))


def test_days_are_those_of_the_zone() -> None:
    # A Saturday evening in Berlin, and already Sunday in Tokyo.
    now = at("2026-11-21T17:30:00")
    berlin, tokyo = read_days(now, "Europe/Berlin"), read_days(now, "Asia/Tokyo")
    assert berlin.today == at("2026-11-20T23:00:00")
    assert berlin.tomorrow == at("2026-11-21T23:00:00")
    assert berlin.monday == at("2026-11-22T23:00:00")
    assert (berlin.today_utc, berlin.monday_utc) == (at("2026-11-21"), at("2026-11-23"))
    assert tokyo.today == at("2026-11-21T15:00:00")
    assert tokyo.today_utc == at("2026-11-22")
    assert tokyo.monday_utc == at("2026-11-23")


def test_a_day_may_have_25_hours() -> None:
    days = read_days(at("2026-10-25T12:00:00"), "Europe/Berlin")
    assert days.tomorrow - days.today == 25 * HOUR


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "UTC\0", "/etc/localtime"])
def test_unknown_zones_are_refused(zone: str) -> None:
    with pytest.raises(Invalid):
        read_days(0, zone)
