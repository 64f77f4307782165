"""Work done again and again in the background of one process."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from hubbub.kernel.tasks import end_tasks

logger = logging.getLogger("hubbub.periodic")


class Periodic:
    """Runs functions at intervals. One that fails is logged and runs again at its next turn."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Calls `work` every `seconds`, the first time after a random part of them."""
        self._tasks.append(asyncio.create_task(self._run(name, seconds, work), name=name))

    async def _run(self, name: str, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        await asyncio.sleep(seconds * random.random())  # noqa: S311 - spreads load, no secret
        while True:
            try:
                await work()
            except Exception:
                logger.exception("%s failed", name)
            await asyncio.sleep(seconds)

    async def stop(self) -> None:
        await end_tasks(self._tasks)
        self._tasks.clear()
