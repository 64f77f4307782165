"""Counting calls in moving windows."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hubbub.kernel.errors import TooMany
from hubbub.kernel.limits import Limit, Limits, Windows
from hubbub.kernel.redis_store import RedisStore
from hubbub.kernel.shared_limits import SharedWindows

from .conftest import FakeClock

pytestmark = pytest.mark.anyio

THREE = Limit(3, 60, "Too many.")


async def test_a_window_moves(clock: FakeClock) -> None:
    limits = Limits({"call": THREE}, clock)
    for left in (2, 1, 0):
        assert await limits.hit("call", "ann") == (3, left)
        clock.now += 10_000
    with pytest.raises(TooMany) as refused:
        await limits.hit("call", "ann")
    assert refused.value.retry_after == pytest.approx(30)
    assert await limits.hit("call", "bob") == (3, 2)
    clock.now += 30_000
    assert await limits.hit("call", "ann") == (3, 0)
    with pytest.raises(TooMany):
        await limits.hit("call", "ann")


async def test_the_tightest_key_counts_and_a_success_forgives(clock: FakeClock) -> None:
    limits = Limits({"call": THREE}, clock)
    await limits.hit("call", "ann")
    assert await limits.hit("call", "ann", "bob") == (3, 1)
    await limits.hit("call", "ann")
    with pytest.raises(TooMany):
        await limits.hit("call", "bob", "ann")
    await limits.forgive("call", "ann")
    assert await limits.hit("call", "ann") == (3, 2)


async def test_switched_off_nothing_is_counted(clock: FakeClock) -> None:
    limits = Limits({"call": THREE}, clock, enabled=False)
    for _ in range(9):
        assert await limits.hit("call", "ann") == (3, 3)


def test_keys_out_of_use_are_forgotten() -> None:
    windows = Windows(most_keys=100)
    for number in range(500):
        windows.hit("call", f"{number}", THREE, 1_000.0)
    assert len(windows) == 100
    assert windows.hit("call", "499", THREE, 1_000.0)[1] == 1, "the newest are still counted"
    for number in range(50):
        windows.hit("call", f"later {number}", THREE, 10_000.0)
    assert len(windows) == 50


# Several nodes on one Redis.

EXACT = Limit(3, 60, "Too many.", exact=True)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    made = RedisStore(redis_url)
    yield made
    await made.close()


async def count_allowed(limits: Limits, calls: int, key: str = "ann") -> int:
    allowed = 0
    for _ in range(calls):
        try:
            await limits.hit("call", key)
        except TooMany:
            continue
        allowed += 1
    return allowed


async def test_an_exact_limit_holds_for_all_nodes(store: RedisStore, clock: FakeClock) -> None:
    one, two = (Limits({"call": EXACT}, clock, shared=SharedWindows(store)) for _ in "12")
    assert await one.hit("call", "ann") == (3, 2)
    assert await two.hit("call", "ann") == (3, 1)
    assert await one.hit("call", "ann") == (3, 0)
    with pytest.raises(TooMany) as refused:
        await two.hit("call", "ann")
    assert 50 < (refused.value.retry_after or 0) <= 60
    assert await two.hit("call", "bob") == (3, 2)
    await two.forgive("call", "ann")
    assert await one.hit("call", "ann") == (3, 2), "the node's own count decides nothing here"
    keys = [str(key) for key in await store.client.keys("*")]
    assert keys
    assert not any("ann" in key for key in keys), "Redis is told no names"


async def test_calls_at_once_are_counted_one_by_one(store: RedisStore, clock: FakeClock) -> None:
    nodes = [Limits({"call": EXACT}, clock, shared=SharedWindows(store)) for _ in range(4)]
    assert sum(await asyncio.gather(*(count_allowed(node, 3) for node in nodes))) == 3


async def test_a_shared_window_moves(store: RedisStore, clock: FakeClock) -> None:
    short = Limit(2, 1, "Too many.", exact=True)
    limits = Limits({"call": short}, clock, shared=SharedWindows(store))
    assert await count_allowed(limits, 3) == 2
    async with asyncio.timeout(60):
        while not await count_allowed(limits, 1):
            await asyncio.sleep(0.05)


async def test_without_redis_each_node_counts_alone(
    store: RedisStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [Limits({"call": EXACT}, clock, shared=SharedWindows(store)) for _ in range(2)]
    assert await count_allowed(nodes[0], 2) == 2
    monkeypatch.setattr(store, "_available", False)
    assert [await count_allowed(node, 5) for node in nodes] == [1, 3], "what was counted still is"
    assert sum(node.degraded for node in nodes) == 10
    await store.client.flushall()
    monkeypatch.setattr(store, "_available", True)
    assert [await count_allowed(node, 5) for node in nodes] == [0, 0], (
        "never nodes × limit and more"
    )
    await store.client.flushall()
    clock.now += 61_000
    assert sum([await count_allowed(node, 5) for node in nodes]) == 3


async def test_a_generous_limit_asks_nobody(store: RedisStore, clock: FakeClock) -> None:
    nodes = [Limits({"call": THREE}, clock, shared=SharedWindows(store)) for _ in range(2)]
    assert [await count_allowed(node, 4) for node in nodes] == [3, 3]
    assert await store.client.dbsize() == 0
