"""How late the event loop is: the first sign that a node has too much to do."""

import asyncio
from collections import deque

INTERVAL_SECONDS = 0.25
SAMPLES = 40
"""The window: ten seconds."""


class LoopLag:
    """Asks to be called again and again, and notes by how many seconds that was late.

    Whatever the loop is busy with, every socket waits that long as well.
    """

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=SAMPLES)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._worst = 0.0

    def start(self) -> None:
        """Measures the running loop from now on."""
        self._loop = asyncio.get_running_loop()
        self._again(self._loop)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def take_worst(self) -> float:
        """The most seconds since this was asked last."""
        worst, self._worst = self._worst, 0.0
        return round(worst, 6)

    def figures(self) -> dict[str, float]:
        """Seconds, over the last ten: `max` and `mean`. A call that is late right now counts."""
        samples = list(self._samples)
        if self._handle is not None and self._loop is not None:
            overdue = self._loop.time() - self._due
            if overdue > 0:
                samples.append(overdue)
        if not samples:
            return {"max": 0.0, "mean": 0.0}
        return {"max": round(max(samples), 6), "mean": round(sum(samples) / len(samples), 6)}

    def _again(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + INTERVAL_SECONDS
        self._handle = loop.call_at(self._due, self._measure, loop)

    def _measure(self, loop: asyncio.AbstractEventLoop) -> None:
        late = max(0.0, loop.time() - self._due)
        self._samples.append(late)
        self._worst = max(self._worst, late)
        self._again(loop)
