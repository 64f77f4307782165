"""Times of day for schedules: cron expressions in a time zone, calculated by cronsim."""

import datetime
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
UTC = "UTC"


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression of five fields, as Debian's cron reads it, and the time zone it is meant in.

    A time that the change to summer time leaves out comes when the clock has jumped, one that the change back
    repeats comes once. Expressions with `*` for the minute or the hour follow the time that really passes.
    """

    expression: str
    zone: str = UTC

    def __str__(self) -> str:
        return f"{self.expression} {self.zone}"

    def after(self, now_ms: int) -> int:
        """The first of its times later than `now_ms`, both in milliseconds since 1970.

        Raises ValueError for an expression or a zone that is none, and for an expression that never comes.
        """
        if len(self.expression.split()) != FIELDS:
            raise ValueError(f"a cron expression has {FIELDS} fields, {self.expression!r} has not")
        try:
            # UTC needs no database of zones, which a small container may lack.
            zone: datetime.tzinfo = datetime.UTC if self.zone == UTC else ZoneInfo(self.zone)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"{self.zone!r} is not the name of a time zone") from None
        # Without its fraction, which would stay in the answer.
        start = datetime.datetime.fromtimestamp(now_ms // 1000, zone)
        if start.fold:
            # cronsim drops which of two equal hours it is; from before both it finds what it must.
            start = (start - datetime.timedelta(hours=3)).replace(fold=0)
        try:
            for found in CronSim(self.expression, start):
                found_ms = int(found.timestamp()) * 1000
                if found_ms > now_ms:
                    return found_ms
        except CronSimError as error:
            raise ValueError(f"{self.expression!r} is not a cron expression: {error}") from None
        raise ValueError(f"{self.expression!r} never comes")


@lru_cache(maxsize=1_000)
def parse_cron(text: str) -> Cron:
    """What `str()` of a Cron made."""
    expression, _, zone = text.rpartition(" ")
    return Cron(expression, zone)
