"""Live figures of the system, for its clients, its operators and Prometheus."""

import time
from collections import deque
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from hubbub.gateway import REFUSAL_REASONS, Gateway
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.nodes import Node
from hubbub.kernel.presence import Presence
from hubbub.observe.loop_lag import LoopLag
from hubbub.observe.process import Process

WINDOW_SECONDS = 10.0
POSTED = "message.posted"
BUS_COUNTERS = {
    "published": "Entries and signals sent to other nodes",
    "received": "Entries and signals heard from other nodes",
    "dropped": "Entries and signals not sent: Redis was lost or too slow",
    "malformed": "Messages from other nodes that were not understood",
    "reconnects": "Connections to Redis made again",
}


class Statistics:
    """Counts what this process does. `sample` is called every second or so; `figures` may be read any time."""

    def __init__(
        self,
        kernel: Kernel,
        gateway: Gateway,
        delivery: Delivery,
        presence: Presence,
        loop_lag: LoopLag,
        node: Node,
        process: Process,
    ) -> None:
        self._process = process
        self._names = {"node": node.name, "id": node.id, "roles": node.roles}
        self._kernel = kernel
        self._gateway = gateway
        self._delivery = delivery
        self._presence = presence
        self._loop_lag = loop_lag
        self._samples: deque[tuple[float, int]] = deque(maxlen=64)

    def sample(self, now: float) -> None:
        """Notes how many messages were posted by `now` (seconds of a steady clock)."""
        self._samples.append((now, self._kernel.appended.get(POSTED, 0)))
        while len(self._samples) > 2 and self._samples[0][0] < now - WINDOW_SECONDS:
            self._samples.popleft()

    def messages_per_second(self) -> float:
        if len(self._samples) < 2:
            return 0.0
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return round((after - before) / (end - start), 1) if end > start else 0.0

    def figures(self) -> dict[str, Any]:
        """What this node does, for its operators (docs/api.md, `/api/socket/stats`)."""
        stats = self._gateway.stats()
        return {
            **self._names,
            "sockets": stats.sockets,
            "sessions": stats.sessions,
            "rooms": stats.rooms,
            "namespaces": stats.namespaces,
            "online": len(self._presence.here()),
            "active": self._kernel.activity.count(time.monotonic()),
            "messages_per_second": self.messages_per_second(),
            "deliveries": stats.deliveries,
            "bytes_sent": stats.bytes_out,
            "slow_closes": stats.slow_closes,
            "flood_closes": stats.flood_closes,
            "refused_connects": by_reason(stats.refused),
            "loop_lag": self._loop_lag.figures(),
            "process": self._process.figures(),
        }


def by_reason(refused: Mapping[str, int]) -> dict[str, int]:
    """Every reason with its count, also those that did not occur."""
    return {reason: refused.get(reason, 0) for reason in REFUSAL_REASONS}


def add_up(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all nodes together: sums, but of the lags the worst, and of the means their mean.

    A room with sockets on two nodes, and a person, count on each of them; namespaces are everywhere the same. A node
    of another version may lack a figure.
    """
    total: dict[str, Any] = {"nodes": len(nodes)}
    for name, example in nodes[0].items():
        values = [node[name] for node in nodes if name in node]
        if name == "namespaces":
            total[name] = max(values)
        elif name == "loop_lag":
            mean = sum(lag["mean"] for lag in values) / len(values)
            total[name] = {"max": max(lag["max"] for lag in values), "mean": round(mean, 6)}
        elif name == "refused_connects":
            total[name] = {r: sum(value.get(r, 0) for value in values) for r in example}
        elif isinstance(example, int | float):
            total[name] = round(sum(values), 1)
    return total


class SystemCollector(Collector):
    """The figures of gateway, committer and relay, read when Prometheus asks."""

    def __init__(
        self, kernel: Kernel, gateway: Gateway, delivery: Delivery, loop_lag: LoopLag
    ) -> None:
        self._kernel = kernel
        self._gateway = gateway
        self._delivery = delivery
        self._loop_lag = loop_lag

    def collect(self) -> Any:
        stats = self._gateway.stats()
        kernel = self._kernel
        lag = self._loop_lag.figures()
        for name, text, value in (
            ("hubbub_loop_lag_max_seconds", "Most the event loop was late in 10 s", lag["max"]),
            ("hubbub_loop_lag_mean_seconds", "Mean of that in 10 s", lag["mean"]),
            ("hubbub_sockets", "Open sockets", stats.sockets),
            ("hubbub_socket_sessions", "Engine.IO sessions, signed in or not", stats.sessions),
            ("hubbub_socket_rooms", "Rooms with sockets in them", stats.rooms),
            ("hubbub_people_connected", "People with an open socket", self._delivery.people),
            ("hubbub_streams_followed", "Streams this node follows", kernel.relay.followed),
            ("hubbub_commands_waiting", "Commands not yet committed", kernel.committer.waiting),
            ("hubbub_catch_ups", "Followers catching up", self._delivery.catching_up),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        for name, text, value in (
            ("hubbub_deliveries", "Packets given to sockets", stats.deliveries),
            ("hubbub_socket_bytes_sent", "Bytes written to sockets", stats.bytes_out),
            ("hubbub_slow_closes", "Sockets closed for not keeping up", stats.slow_closes),
            ("hubbub_flood_closes", "Sockets closed for sending too much", stats.flood_closes),
            ("hubbub_commands", "Commands run", kernel.committer.commands),
            ("hubbub_batches", "Transactions committed", kernel.committer.batches),
            ("hubbub_repaired_entries", "Entries found by repair", kernel.relay.repaired),
        ):
            yield CounterMetricFamily(name, text, value=value)
        for name, text in BUS_COUNTERS.items():
            yield CounterMetricFamily(f"hubbub_bus_{name}", text, value=kernel.bus.counters[name])
        yield GaugeMetricFamily(
            "hubbub_bus_ok", "1 while the bus works", value=int(kernel.bus.state == "ok")
        )
        refused = CounterMetricFamily(
            "hubbub_refused_connects", "Sockets refused", labels=["reason"]
        )
        for reason, count in by_reason(stats.refused).items():
            refused.add_metric([reason], count)
        yield refused
        appended = CounterMetricFamily("hubbub_entries", "Entries appended", labels=["kind"])
        for kind, count in sorted(kernel.appended.items()):
            appended.add_metric([kind], count)
        yield appended


METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestMetrics:
    """Counts and times HTTP requests by route: the templates there are, so their number is bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "hubbub_http_requests", "Requests", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "hubbub_http_seconds",
            "Time to answer",
            ["method", "route"],
            registry=registry,
            buckets=BUCKETS,
        )
        self._bytes = Counter("hubbub_http_bytes_sent", "Bytes of answers", registry=registry)
        # Finding a child by its labels costs more than counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(
        self, scope: MutableMapping[str, Any], route: str, status: int, seconds: float, sent: int
    ) -> None:
        """Counts a finished request. Called by the edge."""
        method = scope["method"]
        key = (method if method in METHODS else "other", route, status)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = (
                self._count.labels(*key[:2], str(status)),
                self._seconds.labels(*key[:2]),
            )
        found[0].inc()
        found[1].observe(seconds)
        self._bytes.inc(sent)
