"""Live figures of all nodes together, the same on each of them (docs/cluster.md)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hubbub.kernel.bus import Bus
from hubbub.kernel.cluster import Cluster
from hubbub.observe.statistics import add_up

logger = logging.getLogger("hubbub.statistics")

TOTALS = "statistics.totals"
TURN_SECONDS = 5.0
THROTTLE_SECONDS = 4.5
"""The turn, less what the way through the bus may vary."""
TOLD_SECONDS = 12.0
"""What was told counts for two turns and a bit; then each node adds up by itself."""
PUBLIC = ("online", "active", "sockets", "rooms", "messages_per_second", "nodes")
METRICS = (
    ("hubbub_cluster_people_online", "People with an open socket on any node", "online"),
    ("hubbub_cluster_people_active", "People who did something in five minutes", "active"),
    ("hubbub_cluster_sockets", "Open sockets on all nodes", "sockets"),
    ("hubbub_cluster_rooms", "Rooms with sockets in them, on each node", "rooms"),
    ("hubbub_cluster_messages_per_second", "Messages posted a second", "messages_per_second"),
    ("hubbub_cluster_nodes", "Live nodes", "nodes"),
)


class ClusterStatistics:
    """One node, the oldest that hears, adds up what all wrote into their rows, and tells it on the bus.

    `people()` counts the people `online` and `active` in the whole cluster, each once; what it does not know it
    leaves out, and then a person counts on each node. `emit(figures)` is called at most once in five seconds with
    what every client may know.
    """

    def __init__(
        self,
        cluster: Cluster,
        bus: Bus,
        figures: Callable[[], dict[str, Any]],
        people: Callable[[], dict[str, int]],
        emit: Callable[[dict[str, Any]], None],
    ) -> None:
        self._cluster = cluster
        self._bus = bus
        self._figures = figures
        self._people = people
        self._emit = emit
        self._told: dict[str, Any] | None = None
        self._told_at = 0.0
        self._emitted_at = float("-inf")
        bus.listen(TOTALS, self._take)

    async def turn(self) -> None:
        """Adds up and tells, if it is for this node to do; every TURN_SECONDS."""
        if self._adds_up():
            self._bus.tell(TOTALS, orjson.dumps(self._add_up()))
        elif self._current() is None:
            self._pass_on(self._add_up())

    def report(self) -> dict[str, Any]:
        """`{nodes: [figures of each], total}`."""
        if len(self._cluster.live) > 1 and (told := self._current()) is not None:
            return told
        return self._add_up()

    def public(self) -> dict[str, Any]:
        """What every client may know (docs/api.md, `stats`)."""
        return pick_public(self.report())

    def _adds_up(self) -> bool:
        """Whether this is the smallest id, which is the oldest node, of those that hear."""
        if not self._cluster.shared or self._cluster.state != "ok":
            return False
        hearing = [row.id for row in self._cluster.live if row.heard_ago is not None]
        return min(hearing, default="") == self._cluster.node.id

    def _current(self) -> dict[str, Any] | None:
        """What was told last, while it counts."""
        now = asyncio.get_running_loop().time()
        hears = self._cluster.state == "ok"
        return self._told if hears and now - self._told_at < TOLD_SECONDS else None

    def _take(self, payload: bytes) -> None:
        report = orjson.loads(payload)
        self._told, self._told_at = report, asyncio.get_running_loop().time()
        self._pass_on(report)

    def _pass_on(self, report: dict[str, Any]) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._emitted_at >= THROTTLE_SECONDS:
            self._emitted_at = now
            self._emit(pick_public(report))

    def _add_up(self) -> dict[str, Any]:
        # This node's own figures as they are now, of the others what they wrote last.
        others = [row.figures for row in self._cluster.live if row.id != self._cluster.node.id]
        nodes = [self._figures(), *(figures for figures in others if "node" in figures)]
        total = add_up(nodes)
        if self._cluster.shared and self._cluster.state == "ok":
            total |= self._people()
        return {"nodes": nodes, "total": total}


def pick_public(report: dict[str, Any]) -> dict[str, Any]:
    return {name: report["total"][name] for name in PUBLIC}


class ClusterCollector(Collector):
    """The figures of the cluster and this node's hearing, read when Prometheus asks."""

    def __init__(self, cluster: Cluster, statistics: ClusterStatistics) -> None:
        self._cluster = cluster
        self._statistics = statistics

    def collect(self) -> Any:
        figures = self._statistics.public()
        for name, text, key in METRICS:
            yield GaugeMetricFamily(name, text, value=figures[key])
        state = GaugeMetricFamily("hubbub_bus_state", "1 for how it is", labels=["state"])
        for word in ("starting", "ok", "degraded", "deaf"):
            state.add_metric([word], int(word == self._cluster.state))
        yield state
