"""Questions that are asked together."""

import asyncio

import pytest

from hubbub.kernel import joined
from hubbub.kernel.errors import Unavailable
from hubbub.kernel.joined import MOST_TOGETHER, Joined

pytestmark = pytest.mark.anyio


class Store:
    """Answers with what it held when it was asked, once it is let go on."""

    def __init__(self) -> None:
        self.value = 0
        self.batches: list[list[str]] = []
        self.go_on = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def answer(self, keys: list[str]) -> dict[str, int]:
        self.batches.append(keys)
        value = self.value
        await self.go_on.acquire()
        if self.error is not None:
            raise self.error
        return {key: value for key in keys if key != "unknown"}


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_batch_answers_everybody_who_waits() -> None:
    store = Store()
    asked = Joined(store.answer)
    store.go_on.release()
    found = await asyncio.gather(*(asked.ask(key) for key in ("a", "b", "a", "unknown")))
    assert found == [0, 0, 0, None]
    assert store.batches == [["a", "b", "unknown"]]


async def test_no_answer_is_older_than_its_question() -> None:
    store = Store()
    asked = Joined(store.answer)
    early = asyncio.create_task(asked.ask("a"))
    await turn()
    store.value = 1
    late = asyncio.create_task(asked.ask("a"))
    await turn()
    assert len(store.batches) == 1
    store.go_on.release()
    store.go_on.release()
    assert (await early, await late) == (0, 1)


async def test_an_error_is_told_to_its_batch_only() -> None:
    store = Store()
    asked = Joined(store.answer)
    store.error = Unavailable("gone")
    store.go_on.release()
    found = await asyncio.gather(asked.ask("a"), asked.ask("b"), return_exceptions=True)
    assert all(isinstance(error, Unavailable) for error in found)
    store.error = None
    store.go_on.release()
    assert await asked.ask("a") == 0


async def test_whoever_leaves_takes_nobody_along() -> None:
    store = Store()
    asked = Joined(store.answer)
    leaving, staying = (asyncio.create_task(asked.ask("a")) for _ in range(2))
    await turn()
    leaving.cancel()
    store.go_on.release()
    assert await staying == 0
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_batches_and_the_queue_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "READS_WAITING", MOST_TOGETHER + 1)
    store = Store()
    asked = Joined(store.answer)
    waiting = [asyncio.create_task(asked.ask(f"{n}")) for n in range(MOST_TOGETHER + 1)]
    await turn()
    with pytest.raises(Unavailable):
        await asked.ask("one more")
    store.go_on.release()
    store.go_on.release()
    await asyncio.gather(*waiting)
    assert [len(batch) for batch in store.batches] == [MOST_TOGETHER, 1]
