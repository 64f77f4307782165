"""Counting calls in moving windows."""

import pytest

from hubbub.kernel.errors import TooMany
from hubbub.kernel.limits import Limit, Limits, Windows

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
