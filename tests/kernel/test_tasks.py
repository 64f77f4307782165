"""Background tasks that miss a cancellation."""

import asyncio

import pytest

from hubbub.kernel import tasks
from hubbub.kernel.tasks import end_tasks

pytestmark = pytest.mark.anyio


async def test_a_swallowed_cancellation_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.01)
    swallowed = 0

    async def forgetful() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)
    await end_tasks([task])
    assert task.cancelled()
    assert swallowed == 3


async def test_what_a_task_raised_is_dropped() -> None:
    async def failing() -> None:
        raise ValueError("no")

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await end_tasks([task])
    await end_tasks([])
    assert task.done()
