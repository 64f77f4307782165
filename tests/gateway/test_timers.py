"""The timer wheel, on a loop whose clock the test moves."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from hubbub.gateway.timers import TimerWheel


class Clock(asyncio.SelectorEventLoop):
    """An event loop that knows what time it is told."""

    now = 1000.0
    timers: list[asyncio.TimerHandle]

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass, waking as a loop would."""
        end = self.now + seconds
        while True:
            due = [t for t in self.timers if not t.cancelled() and t.when() <= end]
            if not due:
                break
            timer = min(due, key=lambda t: t.when())
            self.timers.remove(timer)
            self.now = max(self.now, timer.when())
            self.run_until_complete(run(timer))
        self.now = end

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: object = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self)
        self.timers.append(timer)
        return timer


async def run(timer: asyncio.TimerHandle) -> None:
    timer._run()


class Item:
    def __init__(self, loop: Clock) -> None:
        self.timer_slot = 0
        self.loop = loop
        self.rang: list[float] = []
        self.late = 0.0
        self.again: Callable[[], None] = lambda: None

    def on_timer(self, now: float, late: float) -> None:
        self.rang.append(now)
        self.late = late
        self.again()


@pytest.fixture
def loop() -> Iterator[Clock]:
    clock = Clock()
    clock.timers = []
    asyncio.set_event_loop(clock)
    yield clock
    asyncio.set_event_loop(None)
    clock.close()


def start(loop: Clock, wheel: TimerWheel, item: Item, deadline: float) -> None:
    async def go() -> None:
        wheel.set(item, deadline)

    loop.run_until_complete(go())


def test_never_early_and_at_most_one_tick_late(loop: Clock) -> None:
    wheel = TimerWheel(0.1)
    items = [Item(loop) for _ in range(50)]
    for number, item in enumerate(items):
        start(loop, wheel, item, 1000 + number * 0.037)
    loop.advance(10)
    for number, item in enumerate(items):
        (rang,) = item.rang
        assert 0 <= rang - (1000 + number * 0.037) <= 0.1 + 1e-6
    assert len(wheel) == 0


def test_one_timer_of_the_loop_for_all(loop: Clock) -> None:
    wheel = TimerWheel(0.25)
    for number in range(1000):
        start(loop, wheel, Item(loop), 1025 + number * 0.001)
    assert len([t for t in loop.timers if not t.cancelled()]) == 1


def test_an_earlier_deadline_moves_the_timer(loop: Clock) -> None:
    wheel = TimerWheel(0.1)
    slow, quick = Item(loop), Item(loop)
    start(loop, wheel, slow, 1045)
    start(loop, wheel, quick, 1001)
    loop.advance(2)
    assert quick.rang
    assert not slow.rang


def test_set_again_replaces_and_cancel_forgets(loop: Clock) -> None:
    wheel = TimerWheel(0.1)
    moved, dropped = Item(loop), Item(loop)
    start(loop, wheel, moved, 1001)
    start(loop, wheel, moved, 1005)
    start(loop, wheel, dropped, 1001)
    wheel.cancel(dropped)
    wheel.cancel(dropped)
    loop.advance(3)
    assert not moved.rang
    loop.advance(3)
    assert len(moved.rang) == 1
    assert not dropped.rang


def test_an_item_may_wait_again_from_its_own_call(loop: Clock) -> None:
    wheel = TimerWheel(0.1)
    item = Item(loop)
    item.again = lambda: wheel.set(item, loop.now + 1)
    start(loop, wheel, item, 1001)
    loop.advance(10.5)
    assert 9 <= len(item.rang) <= 10


def test_an_item_may_cancel_another_of_the_same_tick(loop: Clock) -> None:
    wheel = TimerWheel(0.1)
    one, other = Item(loop), Item(loop)
    one.again = lambda: wheel.cancel(other)
    other.again = lambda: wheel.cancel(one)
    start(loop, wheel, one, 1001)
    start(loop, wheel, other, 1001)
    loop.advance(3)
    assert len(one.rang) + len(other.rang) == 1


def test_a_loop_that_was_away_is_told_how_late_it_is(loop: Clock) -> None:
    wheel = TimerWheel(0.1)
    item = Item(loop)
    start(loop, wheel, item, 1001)
    loop.now = 1030
    loop.advance(0)
    assert 28 < item.late < 30
