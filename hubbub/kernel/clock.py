"""Time as Hubbub keeps it: integer milliseconds since the epoch, UTC; RFC 3339 at the edges."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Clock = Callable[[], int]
"""Gives the present in milliseconds since the epoch; tests pass their own."""

DAY = 86_400_000


def system_clock() -> int:
    return time.time_ns() // 1_000_000


@lru_cache(256)
def format_time(milliseconds: int) -> str:
    """RFC 3339, UTC, with milliseconds: `2026-11-21T04:30:00.000Z`."""
    days, rest = divmod(milliseconds, DAY)
    seconds, thousandths = divmod(rest, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    # Lists of many things have many times: this takes half of what formatting the moment takes.
    return f"{format_day(days)}T{hours:02d}:{minutes:02d}:{seconds:02d}.{thousandths:03d}Z"


@lru_cache(512)
def format_day(days: int) -> str:
    """The date so many days after the epoch: `2026-11-21`."""
    return datetime.fromtimestamp(days * 86_400, UTC).date().isoformat()


def parse_time(text: str) -> int:
    """Milliseconds since the epoch of what `format_time` wrote. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def format_optional_time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_time(milliseconds)
