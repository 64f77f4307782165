"""Puts the figures together, every two seconds, and sends them while somebody looks."""

import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from hubbub import __version__
from hubbub.kernel.bus import Signal
from hubbub.kernel.clock import format_time
from hubbub.kernel.cluster import Cluster
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.errors import Problem
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.nodes import Seen
from hubbub.observe.cluster import ClusterStatistics
from hubbub.observe.process import Process
from hubbub.operations.errors import ErrorLog
from hubbub.operations.fleet import Fleet
from hubbub.operations.history import FINE, KEPT_SECONDS, Sample, take, write_samples
from hubbub.operations.models import STREAM
from hubbub.operations.rates import Meter, Rates

logger = logging.getLogger("hubbub.operations")

TURN_SECONDS = 2.0
OPERATORS = ("owner", "admin")
MOST_WORKERS = 200
STATES = {"ok": "ready"}
"""How a node finds itself, in the words of the fleet; the other words are the same."""


class Operations:
    """One for each process. `turn` is called every TURN_SECONDS."""

    def __init__(
        self,
        kernel: Kernel,
        cluster: Cluster,
        statistics: ClusterStatistics,
        delivery: Delivery,
        process: Process,
        errors: ErrorLog,
        fleet: Fleet,
    ) -> None:
        self._kernel = kernel
        self._cluster = cluster
        self._statistics = statistics
        self._delivery = delivery
        self._process = process
        self._fleet = fleet
        self.errors = errors
        self._meter = Meter()
        self._sampled = 0
        # What could not be written while the database was away.
        self._taken: deque[tuple[int, Sample]] = deque(maxlen=KEPT_SECONDS[FINE] // FINE)
        kernel.stream_access["operations"] = lambda _connection, asked: {
            (caller, stream) for caller, stream in asked if caller.role in OPERATORS
        }

    async def turn(self) -> None:
        """Measures; takes a sample every ten seconds; tells those who look."""
        self._measure()
        now = self._kernel.clock() // 1000 // FINE * FINE
        due = now > self._sampled
        looked_at = self._delivery.is_followed(STREAM)
        if looked_at or (due and self._takes_samples()):
            document = await self.snapshot()
            if looked_at:
                self._delivery.pass_signal(Signal(STREAM, "operations", "", document))
            if due and self._takes_samples():
                self._taken.append((now, sample_of(document)))
        if due:
            self._sampled = now
            await self._write_samples(now)
        await self.errors.flush()

    async def snapshot(self) -> dict[str, Any]:
        """Everything as it is now (docs/api.md, `/api/operations`)."""
        fleet = await self._fleet.status()
        live = self._cluster.live
        total = self._statistics.report()["total"]
        rates = self._meter.total()
        own = self._process.figures()
        workers = list_workers(fleet, live, self._meter, own)
        serving = [worker for worker in workers if worker["kind"] == "worker"]
        ready = sum(worker["state"] in ("ready", "degraded") for worker in serving)
        return {
            "at": format_time(self._kernel.clock()),
            "node": self._cluster.node.name,
            "version": __version__,
            "environment": self._kernel.settings.hubbub_env,
            "checks": own["checks"],
            "figures": {
                "people": total["online"],
                "active": total["active"],
                "sockets": total["sockets"],
                "messages_per_second": total["messages_per_second"],
                "requests_per_second": rates.requests,
                "errors_per_second": rates.errors,
                "answer_median": rates.answer_median,
                "answer_p95": rates.answer_p95,
                "lag": total["loop_lag"]["max"],
                "ready": ready,
                "wanted": fleet.get("wanted") or max(1, len(live)),
            },
            "workers": workers,
            "fleet": {name: value for name, value in fleet.items() if name != "processes"},
        }

    def _measure(self) -> None:
        processes = {
            row.id: row.figures["process"]
            for row in self._cluster.live
            if "process" in row.figures and row.id != self._cluster.node.id
        }
        processes[self._cluster.node.id] = self._process.figures()
        self._meter.add(time.monotonic(), processes)

    def _takes_samples(self) -> bool:
        """The oldest node does it; while the database is away, each for itself."""
        ids = [row.id for row in self._cluster.live]
        return not self._cluster.registered or min(ids, default="") == self._cluster.node.id

    async def _write_samples(self, now: int) -> None:
        if not self._taken:
            return
        batch = list(self._taken)

        def work() -> None:
            with self._kernel.database.writing() as connection:
                write_samples(connection, batch, now)

        try:
            await self._kernel.database.run_writer(work)
        except Problem as problem:
            logger.info("samples wait for the database: %s", problem)
        else:
            self._taken.clear()


def list_workers(
    fleet: Mapping[str, Any], live: list[Seen], meter: Meter, own: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Processes the supervisor keeps, then nodes it does not know, each with what either says of it.

    `live` begins with this node, whose `own` figures are newer.
    """
    nodes = {row.name: row for row in live}
    workers = []
    for process in fleet.get("processes", ()):
        node = nodes.pop(process["name"], None)
        worker = {**process, "since": None}
        if node is not None:
            figures = figures_of(node, live, own)
            worker |= figures_shown(node, figures, meter.of(node.id))
            # The supervisor sees it from outside.
            worker |= {
                "state": process["state"],
                "release": process["release"] or figures.get("release") or node.version,
                "memory": process["memory"] or figures.get("memory", 0),
                "uptime": process["uptime"],
            }
            if process["state"] == "ready" and figures.get("status", "ok") != "ok":
                worker["state"] = figures["status"]
        workers.append(worker)
    for node in nodes.values():
        figures = figures_of(node, live, own)
        status = str(figures.get("status", "ok"))
        workers.append(
            {
                "name": node.name,
                "kind": "worker",
                "colour": figures.get("colour", ""),
                "port": node.port,
                "pid": figures.get("pid", 0),
                "state": STATES.get(status, status),
                "release": figures.get("release") or node.version,
                "restarts": None,
                "reason": "",
                "uptime": figures.get("uptime"),
                "memory": figures.get("memory", 0),
                "cpu": figures.get("cpu", 0.0),
                **figures_shown(node, figures, meter.of(node.id)),
            }
        )
    # Those that serve now come first, what stands around them last.
    kinds = ("worker", "proxy", "service")
    colour = fleet.get("colour", "")
    workers.sort(
        key=lambda worker: (kinds.index(worker["kind"]), worker["colour"] != colour, worker["name"])
    )
    return workers[:MOST_WORKERS]


def figures_of(node: Seen, live: list[Seen], own: Mapping[str, Any]) -> Mapping[str, Any]:
    if live and node.id == live[0].id:
        return own
    found: Mapping[str, Any] = node.figures.get("process", {})
    return found


def figures_shown(node: Seen, figures: Mapping[str, Any], rates: Rates) -> dict[str, Any]:
    """What a node says of itself in its row."""
    return {
        "address": node.address,
        "roles": node.roles,
        "sockets": node.figures.get("sockets", 0),
        "people": node.figures.get("online", 0),
        "lag": node.figures.get("loop_lag", {}).get("max"),
        "requests_per_second": rates.requests,
        "errors_per_second": rates.errors,
        "answer_p95": rates.answer_p95,
        "checks": {name: word for name, word in figures.get("checks", {}).items() if word != "ok"},
    }


def state_since_last(worker: Mapping[str, Any]) -> str:
    """Its state; for one that was started since the last sample, that it was starting."""
    uptime = worker["uptime"]
    state: str = worker["state"]
    return "starting" if state == "ready" and uptime is not None and uptime < FINE else state


def sample_of(document: Mapping[str, Any]) -> Sample:
    """What of the figures is kept."""
    figures = document["figures"]
    states = {worker["name"]: state_since_last(worker) for worker in document["workers"]}
    return take(figures, states, figures["ready"], figures["wanted"])
