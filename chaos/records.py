"""What clients write down while faults happen, and the checker reads afterwards.

The swarm writes these as JSON; the stock JavaScript client writes the same shape.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry as it arrived. `crc` is of its data, as orjson writes it."""

    stream: str
    seq: int
    kind: str
    actor: str
    key: str | None
    crc: int


@dataclass(slots=True)
class From:
    """A follow was sent: what comes next begins after `cursor`. `head` is what the server answered, if it did."""

    cursor: int
    head: int | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """The server said so, or refused to let the stream be followed (`refused`)."""

    head: int
    reason: str


Event = Seen | From | Reset


@dataclass(slots=True)
class Sent:
    """A command as it was given to the client: sent as often as it took, with the same key."""

    kind: str
    stream: str
    target: str
    body: str = ""


@dataclass(slots=True)
class ClientLog:
    """Everything one client knows. `deduplicated`: its library already drops what comes twice."""

    name: str
    user: str
    sent: dict[str, Sent] = field(default_factory=dict)
    acknowledged: dict[str, tuple[int, str]] = field(default_factory=dict)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    seen: dict[str, list[Event]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)


def encode_logs(logs: list[ClientLog]) -> bytes:
    """The logs as JSON; entries that many clients saw are written once."""
    places: dict[Seen, int] = {}
    clients = []
    for log in logs:
        seen: dict[str, list[Any]] = {}
        for stream, events in log.seen.items():
            line: list[Any] = []
            for event in events:
                if isinstance(event, Seen):
                    line.append(places.setdefault(event, len(places)))
                elif isinstance(event, From):
                    line.append(["from", event.cursor, event.head])
                else:
                    line.append(["reset", event.head, event.reason])
            seen[stream] = line
        clients.append(
            {
                "name": log.name,
                "user": log.user,
                "sent": {k: [s.kind, s.stream, s.target, s.body] for k, s in log.sent.items()},
                "acknowledged": log.acknowledged,
                "refused": log.refused,
                "seen": seen,
                "ended": log.ended,
                "outages": log.outages,
            }
        )
    table = [[s.stream, s.seq, s.kind, s.actor, s.key, s.crc] for s in places]
    return orjson.dumps({"entries": table, "clients": clients})


def read_logs(path: Path) -> list[ClientLog]:
    """The logs of one file. Raises ValueError for a file that was not written to its end."""
    document = orjson.loads(path.read_bytes())
    table = [Seen(*row) for row in document["entries"]]

    def event(item: Any) -> Event:
        if isinstance(item, int):
            return table[item]
        return From(item[1], item[2]) if item[0] == "from" else Reset(item[1], item[2])

    return [
        ClientLog(
            client["name"],
            client["user"],
            {key: Sent(*sent) for key, sent in client["sent"].items()},
            {key: (seq, id) for key, (seq, id) in client["acknowledged"].items()},
            {key: (status, detail) for key, (status, detail) in client["refused"].items()},
            {stream: [event(item) for item in items] for stream, items in client["seen"].items()},
            client["ended"],
            [(lost, back) for lost, back in client["outages"]],
        )
        for client in document["clients"]
    ]
