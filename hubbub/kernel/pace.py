"""When those who have to come back shall come: no faster than this node was seen to serve them."""

import random
import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 10
SLOWEST = 1_000.0
"""How many a second a node is believed to serve before it has shown more: most do, and asking too soon costs little."""
SOONEST = 0.25
LATEST = 30.0


class Pace:
    """Counts what is served and tells those who wait when to ask again.

    The wait is the time it takes to serve those who are here already, at the best rate of the last seconds, spread
    evenly between half and one and a half of it, so that a thousand who are told at once do not come back at once.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seconds: deque[tuple[int, int]] = deque()

    def served(self, count: int = 1) -> None:
        second = int(self._now())
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + count)
        else:
            self._seconds.append((second, count))
            self._forget(second)

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - WINDOW_SECONDS:
            self._seconds.popleft()

    def rate(self) -> float:
        """The most that was served in one of the last seconds."""
        self._forget(int(self._now()))
        return max(SLOWEST, *(count for _, count in self._seconds), 0.0)

    def retry_after(self, waiting: int) -> float:
        """Seconds for somebody before whom `waiting` others are to be served."""
        wait = SOONEST + waiting / self.rate()
        return round(min(LATEST, wait) * random.uniform(0.5, 1.5), 3)  # noqa: S311 - spreads load, no secret
