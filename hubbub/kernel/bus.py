"""The bus: hints between nodes that a stream has grown, and signals that are not kept.

A hint may be lost, doubled or late; the relay checks `seq` and reads what is missing from the log. A node receives
only what it subscribed to. Streams are for the relay. Everything else between nodes goes through topics:

    kernel.bus.listen("presence", callback)      # callback(payload: bytes), on the event loop
    kernel.bus.tell("presence", payload)         # every listener on every node, this one's included

What a node tells comes back to it over the bus as well, never by a short cut, so a topic also proves that the node
hears. Without REDIS_URL the same calls reach the listeners of this process in the next turn of the loop. While
Redis is lost, what is told is dropped and counted. Names of topics are yours: "<part>" or "<part>.<what>".
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hubbub.kernel.log import Encoded

logger = logging.getLogger("hubbub.bus")

State = Literal["ok", "degraded"]
Listener = Callable[[bytes], None]


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

    def receive_entries(self, stream: str, entries: Sequence[Encoded]) -> None: ...

    def receive_signal(self, signal: Signal) -> None: ...

    def receive_gap(self) -> None:
        """The bus hears again after it was deaf: hints of any stream may have been lost."""


class Bus(Protocol):
    """Carries hints and signals to the nodes that subscribed to their stream."""

    mode: str
    """What it runs on, for logs and `/health`."""

    @property
    def state(self) -> State:
        """`degraded` while some of what others publish does not arrive, or what we publish is dropped."""

    @property
    def counters(self) -> Mapping[str, int]:
        """Totals since the start, by name (see COUNTERS)."""

    def attach(self, receiver: Receiver) -> None: ...

    async def subscribe(self, stream: str) -> None:
        """Hears the stream from now on; returns when that is certain, or it is clear that it takes long."""

    def unsubscribe(self, stream: str) -> None: ...

    def publish(self, entries: Sequence[Encoded]) -> None:
        """Gives entries to this node's receivers at once, and to the other nodes."""

    def signal(self, signal: Signal) -> None: ...

    def listen(self, topic: str, listener: Listener) -> None:
        """Calls the listener with what is told on the topic, for as long as the process lives."""

    def tell(self, topic: str, payload: bytes) -> None: ...

    def resubscribe(self) -> None:
        """Drops what is subscribed and begins anew, for a node that has become deaf."""

    async def start(self) -> None:
        """Connects in the background; returns at once."""

    async def close(self) -> None: ...


COUNTERS = ("published", "received", "dropped", "malformed", "reconnects")
"""Entries, signals and payloads sent, heard from other nodes, not sent, not understood; connections made again."""


class LocalBus:
    """The bus of a single process, and the part of every bus that serves its own process."""

    mode = "in-process"

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []
        self._subscribed: set[str] = set()
        self._listeners: dict[str, list[Listener]] = {}
        self._counters = dict.fromkeys(COUNTERS, 0)

    @property
    def state(self) -> State:
        return "ok"

    @property
    def counters(self) -> Mapping[str, int]:
        return self._counters

    def attach(self, receiver: Receiver) -> None:
        self._receivers.append(receiver)

    async def subscribe(self, stream: str) -> None:
        self._subscribed.add(stream)

    def unsubscribe(self, stream: str) -> None:
        self._subscribed.discard(stream)

    def publish(self, entries: Sequence[Encoded]) -> None:
        grouped: dict[str, list[Encoded]] = {}
        for entry in entries:
            if entry.stream in self._subscribed:
                grouped.setdefault(entry.stream, []).append(entry)
        for stream, batch in grouped.items():
            self._receive_entries(stream, batch)

    def signal(self, signal: Signal) -> None:
        if signal.stream in self._subscribed:
            self._receive_signal(signal)

    def listen(self, topic: str, listener: Listener) -> None:
        self._listeners.setdefault(topic, []).append(listener)

    def tell(self, topic: str, payload: bytes) -> None:
        asyncio.get_running_loop().call_soon(self._receive_told, topic, payload)

    def resubscribe(self) -> None:
        """There is nothing to begin anew."""

    async def start(self) -> None:
        """There is nothing to connect."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _receive_entries(self, stream: str, batch: Sequence[Encoded]) -> None:
        for receiver in self._receivers:
            receiver.receive_entries(stream, batch)

    def _receive_signal(self, signal: Signal) -> None:
        for receiver in self._receivers:
            receiver.receive_signal(signal)

    def _receive_told(self, topic: str, payload: bytes) -> None:
        for listener in self._listeners.get(topic, ()):
            try:
                listener(payload)
            except Exception:
                # One listener that fails must not end the connection that all others hear through.
                logger.exception("a listener of %s failed", topic)
