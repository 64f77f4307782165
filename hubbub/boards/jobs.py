"""The background work of boards."""

from datetime import UTC, datetime, timedelta, tzinfo

import orjson

from hubbub.boards.due import begin_day
from hubbub.boards.service.reminders import BATCH, remind
from hubbub.kernel.caller import SYSTEM
from hubbub.kernel.jobs.registry import Job
from hubbub.kernel.kernel import Kernel

REMIND_SECONDS = 60.0
AHEAD_MS = 3_600_000
"""A task with a time is told of an hour before."""
MORNING = 9
"""The hour at which one is told of what is due on that day."""


def register_jobs(kernel: Kernel) -> None:
    kernel.jobs.schedule("boards.reminders", REMIND_SECONDS, remind_all)


async def remind_all(kernel: Kernel, _job: Job) -> None:
    """Reminds of everything that is due; what a killed run left, the next one does."""
    until, day = due_until(kernel.clock())
    while True:
        outcome = await kernel.write(remind, SYSTEM, until=until, day=day)
        if orjson.loads(outcome.body)["tasks"] < BATCH:
            return


def due_until(now: int, zone: tzinfo | None = None) -> tuple[int, int]:
    """Up to when people are told of tasks with a time, and the day, as its midnight in UTC, of those without.

    A day counts from MORNING on in the zone; None is the server's own.
    """
    local = datetime.fromtimestamp(now // 1000, zone)
    day = local.date() if local.hour >= MORNING else local.date() - timedelta(days=1)
    return now + AHEAD_MS, begin_day(day, UTC)
