"""Live figures of the system, for its clients, its operators and Prometheus."""

from collections import deque
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from hubbub.gateway import Gateway
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.presence import Presence

WINDOW_SECONDS = 10.0
POSTED = "message.posted"


class Statistics:
    """Counts what this process does. `sample` is called every second or so; `figures` may be read any time."""

    def __init__(
        self, kernel: Kernel, gateway: Gateway, delivery: Delivery, presence: Presence
    ) -> None:
        self._kernel = kernel
        self._gateway = gateway
        self._delivery = delivery
        self._presence = presence
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
        """What every client may know (docs/api.md, `stats`)."""
        return {
            "online": len(self._presence.online()),
            "active": self._delivery.people,
            "sockets": self._gateway.stats().sockets,
            "messages_per_second": self.messages_per_second(),
            "nodes": 1,
        }


class SystemCollector(Collector):
    """The figures of gateway, committer and relay, read when Prometheus asks."""

    def __init__(self, kernel: Kernel, gateway: Gateway, delivery: Delivery) -> None:
        self._kernel = kernel
        self._gateway = gateway
        self._delivery = delivery

    def collect(self) -> Any:
        stats = self._gateway.stats()
        kernel = self._kernel
        for name, text, value in (
            ("hubbub_sockets", "Open sockets", stats.sockets),
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
            ("hubbub_refused_connects", "Sockets refused", stats.refused_connects),
            ("hubbub_commands", "Commands run", kernel.committer.commands),
            ("hubbub_batches", "Transactions committed", kernel.committer.batches),
            ("hubbub_repaired_entries", "Entries found by repair", kernel.relay.repaired),
        ):
            yield CounterMetricFamily(name, text, value=value)
        appended = CounterMetricFamily("hubbub_entries", "Entries appended", labels=["kind"])
        for kind, count in sorted(kernel.appended.items()):
            appended.add_metric([kind], count)
        yield appended


class RequestMetrics:
    """Counts and times HTTP requests by route."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["method", "route", "status"]
        self._count = Counter("hubbub_http_requests", "Requests", labels, registry=registry)
        self._seconds = Histogram(
            "hubbub_http_seconds", "Time to answer", ["method", "route"], registry=registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        self._count.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
