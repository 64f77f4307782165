"""The bus: hints between nodes that a stream has grown, and signals that are not kept.

A hint may be lost, doubled or late; the relay checks `seq` and reads what is missing from the log. A node receives
only what it subscribed to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hubbub.kernel.log import Entry


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that passes: typing, presence. No `seq`, no storage, dropped first under load."""

    stream: str
    kind: str
    actor: str
    data: dict[str, Any]

    def document(self) -> dict[str, Any]:
        return {"stream": self.stream, "kind": self.kind, "actor": self.actor, "data": self.data}


class Receiver(Protocol):
    """What a node does with what the bus brings; called on the event loop."""

    def receive_entries(self, stream: str, entries: Sequence[Entry]) -> None: ...

    def receive_signal(self, signal: Signal) -> None: ...


class Bus(Protocol):
    """Carries hints and signals to the nodes that subscribed to their stream."""

    mode: str

    def attach(self, receiver: Receiver) -> None: ...

    def subscribe(self, stream: str) -> None: ...

    def unsubscribe(self, stream: str) -> None: ...

    def publish(self, entries: Sequence[Entry]) -> None: ...

    def signal(self, signal: Signal) -> None: ...


class LocalBus:
    """The bus of a single process."""

    mode = "in-process"

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []
        self._subscribed: set[str] = set()

    def attach(self, receiver: Receiver) -> None:
        self._receivers.append(receiver)

    def subscribe(self, stream: str) -> None:
        self._subscribed.add(stream)

    def unsubscribe(self, stream: str) -> None:
        self._subscribed.discard(stream)

    def publish(self, entries: Sequence[Entry]) -> None:
        grouped: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.stream in self._subscribed:
                grouped.setdefault(entry.stream, []).append(entry)
        for stream, batch in grouped.items():
            self._each(lambda receiver, s=stream, b=batch: receiver.receive_entries(s, b))  # type: ignore[misc]

    def signal(self, signal: Signal) -> None:
        if signal.stream in self._subscribed:
            self._each(lambda receiver: receiver.receive_signal(signal))

    def _each(self, deliver: Callable[[Receiver], None]) -> None:
        for receiver in self._receivers:
            deliver(receiver)
