"""One timer for all sockets.

A wheel keeps what waits in buckets of one tick each and needs a single timer of the event loop,
however many sockets there are. Deadlines are met up to one tick late, never early.
"""

from __future__ import annotations

import asyncio
from math import ceil
from typing import Protocol


class Timed(Protocol):
    """Something that waits in a wheel, for one deadline at a time."""

    timer_slot: int  # 0 while it does not wait; kept by the wheel

    def on_timer(self, now: float, late: float) -> None:
        """The deadline is here. ``late``: by how many seconds the event loop missed the tick."""


class TimerWheel:
    """Buckets of ``resolution`` seconds; times are those of the running loop's clock."""

    __slots__ = ("_armed_slot", "_buckets", "_handle", "_loop", "resolution")

    def __init__(self, resolution: float) -> None:
        self.resolution = resolution
        self._buckets: dict[int, set[Timed]] = {}
        self._armed_slot = 0
        self._handle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def set(self, item: Timed, deadline: float) -> None:
        """Let ``item`` wait until ``deadline`` instead of whatever it waited for before."""
        slot = ceil(deadline / self.resolution)
        if item.timer_slot:
            if item.timer_slot == slot:
                return
            self.cancel(item)
        item.timer_slot = slot
        bucket = self._buckets.get(slot)
        if bucket is None:
            self._buckets[slot] = {item}
            if self._handle is None or slot < self._armed_slot:
                self._arm(slot)
        else:
            bucket.add(item)

    def cancel(self, item: Timed) -> None:
        """Forget ``item``; harmless when it does not wait."""
        slot = item.timer_slot
        if slot:
            item.timer_slot = 0
            bucket = self._buckets.get(slot)
            if bucket is not None:
                bucket.discard(item)
                if not bucket:
                    del self._buckets[slot]

    def _arm(self, slot: int) -> None:
        loop = asyncio.get_running_loop()
        if self._handle is not None:
            self._handle.cancel()
        self._loop = loop
        self._armed_slot = slot
        self._handle = loop.call_at(slot * self.resolution, self._turn)

    def _turn(self) -> None:
        assert self._loop is not None
        self._handle = None
        now = self._loop.time()
        late = now - self._armed_slot * self.resolution
        # The loop may call a little early (its clock has a resolution of its own).
        reached = max(self._armed_slot, int(now / self.resolution))
        for slot in sorted(slot for slot in self._buckets if slot <= reached):
            for item in self._buckets.pop(slot):
                if item.timer_slot == slot:
                    item.timer_slot = 0
                    item.on_timer(now, late)
        if self._buckets:
            next_slot = min(self._buckets)
            if self._handle is None or next_slot < self._armed_slot:
                self._arm(next_slot)
