"""How long the API takes to answer, as counts that add up over nodes and subtract over time."""

from bisect import bisect_left
from collections.abc import Sequence

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds; what took longer than the last one is counted beyond it."""
UNCOUNTED = frozenset({"other", "/livez", "/readyz", "/health", "/metrics"})
"""Files, long polling and probes would hide what people wait for."""


class Answers:
    """Counts since the start of this process."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.seconds = 0.0
        self.counts = [0] * (len(BOUNDS) + 1)

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Notes one answer."""
        if route in UNCOUNTED:
            return
        self.requests += 1
        self.errors += status >= 500
        self.seconds += seconds
        self.counts[bisect_left(BOUNDS, seconds)] += 1


def find_quantile(counts: Sequence[int], share: float) -> float | None:
    """The seconds within which that share was answered, evenly spread inside each bound; None without answers."""
    total = sum(counts)
    if not total:
        return None
    wanted = share * total
    below = 0
    lower = 0.0
    for bound, count in zip(BOUNDS, counts, strict=False):
        if below + count >= wanted:
            return round(lower + (bound - lower) * (wanted - below) / count, 6)
        below += count
        lower = bound
    return BOUNDS[-1]
