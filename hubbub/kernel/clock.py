"""Time as Hubbub keeps it: integer milliseconds since the epoch, UTC; RFC 3339 at the edges."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

Clock = Callable[[], int]
"""Gives the present in milliseconds since the epoch; tests pass their own."""


def system_clock() -> int:
    return time.time_ns() // 1_000_000


@lru_cache(256)
def format_time(milliseconds: int) -> str:
    """RFC 3339, UTC, with milliseconds: `2026-11-21T04:30:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment.isoformat()[:19]}.{milliseconds % 1000:03d}Z"


def parse_time(text: str) -> int:
    """Milliseconds since the epoch of what `format_time` wrote. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def format_optional_time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_time(milliseconds)
