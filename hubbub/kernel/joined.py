"""Questions to the database that are asked together: one statement answers everybody who waits."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

from hubbub.kernel.database import READS_WAITING
from hubbub.kernel.errors import Unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST_TOGETHER = 200


class Joined(Generic[K, V]):
    """Joins the questions that come while one batch is under way into the next batch.

    `answer(keys)` is run for one batch at a time and tells what it found by key. A batch never takes in a question
    asked after it began, so every answer is at least as new as its question. Alone, a question waits for nobody.
    """

    def __init__(self, answer: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._answer = answer
        self._asked: dict[K, list[asyncio.Future[V | None]]] = {}
        self._waiting = 0
        self._running: asyncio.Task[None] | None = None

    async def ask(self, key: K) -> V | None:
        """What the database has under the key, or None. Raises Unavailable, and what `answer` raises."""
        if self._waiting >= READS_WAITING:
            raise Unavailable("Too many requests wait for the database.", retry_after=1)
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(key, []).append(future)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="joined reads")
        self._waiting += 1
        try:
            return await future
        finally:
            self._waiting -= 1

    async def _run(self) -> None:
        try:
            while self._asked:
                keys = list(self._asked)[:MOST_TOGETHER]
                batch = {key: self._asked.pop(key) for key in keys}
                try:
                    found = await self._answer(keys)
                except Exception as error:
                    for futures in batch.values():
                        for future in futures:
                            if not future.done():
                                future.set_exception(error)
                    continue
                for key, futures in batch.items():
                    for future in futures:
                        # Whoever asked may have gone.
                        if not future.done():
                            future.set_result(found.get(key))
        finally:
            self._running = None
