"""The rule of the log on the receiving side: each entry once, in order, without a hole."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, as docs/api.md describes it; `at` is RFC 3339 text."""

    stream: str
    seq: int
    kind: str
    actor: str
    at: str
    data: Any
    key: str | None = None

    @classmethod
    def parse(cls, document: dict[str, Any]) -> "Entry":
        return cls(
            document["stream"],
            document["seq"],
            document["kind"],
            document["actor"],
            document["at"],
            document["data"],
            document.get("key"),
        )


@dataclass(frozen=True, slots=True)
class Reset:
    """What was missed can no longer be replayed: load the state of the stream afresh."""

    stream: str
    head: int
    reason: str


@dataclass(slots=True)
class Cursors:
    """The last contiguous `seq` applied of each stream; None until it is known where to start."""

    last: dict[str, int | None] = field(default_factory=dict)

    def take(self, entries: Iterable[Entry]) -> tuple[list[Entry], set[str]]:
        """Moves the cursors over the entries that are next in line.

        Answers those entries in order, and the streams in which a hole stands before others.
        """
        ready: list[Entry] = []
        holes: set[str] = set()
        for entry in entries:
            if entry.stream not in self.last:
                continue
            last = self.last[entry.stream]
            if last is None or entry.seq == last + 1:
                self.last[entry.stream] = entry.seq
                ready.append(entry)
            elif entry.seq > last + 1:
                holes.add(entry.stream)
        return ready, holes
