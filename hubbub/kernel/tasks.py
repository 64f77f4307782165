"""Ending background tasks, surely."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 3.0
"""Long enough for what a task does when it is cancelled, which another cancellation would interrupt."""


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels these tasks and returns when they are over; what they raised is dropped.

    A task may miss its cancellation: before Python 3.12 `asyncio.wait_for`, which libraries use (redis-py among them),
    forgets one that comes with the result (https://github.com/python/cpython/issues/86296). So it is asked again.
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        ended, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
        for task in ended:
            if not task.cancelled():
                # Read, so that asyncio does not report it as lost.
                task.exception()
