"""From counters that only grow to what happens in a second."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hubbub.observe.answers import find_quantile

WINDOW_SECONDS = 10.0
LARGEST_WINDOW = 16


class Rates(NamedTuple):
    """Of one node or of all. The times are seconds, None when nothing was answered."""

    requests: float = 0.0
    errors: float = 0.0
    answer_median: float | None = None
    answer_p95: float | None = None


class Meter:
    """Compares the nodes' counters with those of ten seconds ago. A node that comes or goes counts from there."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, dict[str, Mapping[str, Any]]]] = deque(maxlen=LARGEST_WINDOW)

    def add(self, now: float, processes: Mapping[str, Mapping[str, Any]]) -> None:
        """Notes the counters of each node (by id) at `now`, a steady clock's seconds."""
        self._seen.append((now, dict(processes)))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()

    def of(self, node: str) -> Rates:
        return self._rate([node])

    def total(self) -> Rates:
        return self._rate(list(self._seen[-1][1])) if self._seen else Rates()

    def _rate(self, nodes: Sequence[str]) -> Rates:
        if len(self._seen) < 2:
            return Rates()
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        requests = errors = 0
        answers: list[int] = []
        for node in nodes:
            new, old = after.get(node), before.get(node)
            if new is None or old is None:
                continue
            requests += new["requests"] - old["requests"]
            errors += new["errors"] - old["errors"]
            differences = [a - b for a, b in zip(new["answers"], old["answers"], strict=False)]
            answers = (
                [a + b for a, b in zip(answers, differences, strict=True)]
                if answers
                else differences
            )
        seconds = max(end - start, 0.001)
        return Rates(
            round(requests / seconds, 2),
            round(errors / seconds, 3),
            find_quantile(answers, 0.5),
            find_quantile(answers, 0.95),
        )
