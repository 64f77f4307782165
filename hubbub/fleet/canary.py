"""Compares new workers with old ones by what their heartbeats counted."""

from collections.abc import Iterable
from dataclasses import dataclass

from hubbub.fleet.contract import Heartbeat
from hubbub.fleet.settings import RolloutSettings

LEAST_REQUESTS = 20
"""Fewer say nothing about a share or a mean."""
LEAST_ERRORS = 3
"""One failure among few requests is chance."""
LEAST_SLOWER = 0.05
"""Seconds. A mean of 3 ms beside one of 1 ms is no reason to turn back."""


@dataclass(frozen=True)
class Figures:
    """What workers answered, since their start or over a window."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.requests + other.requests,
            self.errors + other.errors,
            self.seconds + other.seconds,
        )

    @property
    def share(self) -> float:
        """Of requests that failed."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def mean(self) -> float:
        """Seconds for one answer."""
        return self.seconds / self.requests if self.requests else 0.0


class Window:
    """Adds up what workers answered from the first look on; a worker that was started again begins at 0."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, Figures]] = {}
        self.sum = Figures()

    def look(self, beats: Iterable[tuple[str, Heartbeat]]) -> Figures:
        """Takes the latest heartbeats by worker's name; returns what was answered since the first look."""
        for name, beat in beats:
            if "pid" not in beat:
                continue
            pid, now = beat["pid"], figures(beat)
            last = self._last.get(name)
            self._last[name] = (pid, now)
            if last is None:
                continue
            before = last[1] if last[0] == pid else Figures()
            self.sum += Figures(
                max(0, now.requests - before.requests),
                max(0, now.errors - before.errors),
                max(0.0, now.seconds - before.seconds),
            )
        return self.sum


def figures(beat: Heartbeat) -> Figures:
    """What that heartbeat says was answered since the worker's start."""
    return Figures(beat.get("requests", 0), beat.get("errors", 0), beat.get("seconds", 0.0))


def failing(new: Figures, old: Figures, settings: RolloutSettings) -> str:
    """Why the new ones fail more often, in a sentence; "" when they do not, or too little was asked to tell."""
    if new.requests < LEAST_REQUESTS or new.errors < LEAST_ERRORS:
        return ""
    if new.share <= old.share + settings.canary_errors:
        return ""
    return (
        f"{new.errors} of {new.requests} requests to the new release failed ({new.share:.1%}; "
        f"{old.share:.1%} with the old one)."
    )


def verdict(new: Figures, old: Figures, settings: RolloutSettings) -> str:
    """Why the new ones are worse, failing or slower; "" when they are not, or too little was asked to tell."""
    if reason := failing(new, old, settings):
        return reason
    slow = max(old.mean * settings.canary_slower, old.mean + LEAST_SLOWER)
    if min(new.requests, old.requests) >= LEAST_REQUESTS and new.mean > slow:
        return (
            f"The new release takes {new.mean * 1000:.0f} ms for an answer, "
            f"the old one {old.mean * 1000:.0f} ms."
        )
    return ""
