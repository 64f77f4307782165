"""Figures of background jobs for Prometheus."""

from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from hubbub.kernel.jobs.wakeup import Wakeup
from hubbub.kernel.jobs.worker import Worker


class JobsCollector(Collector):
    """How the table stands, as the worker last saw it, and what this process did."""

    def __init__(self, worker: Worker | None, wakeup: Wakeup) -> None:
        self._worker = worker
        self._wakeup = wakeup

    def collect(self) -> Any:
        link = self._wakeup.link
        if link is not None:
            yield GaugeMetricFamily(
                "hubbub_jobs_broker_up", "Whether the broker of JOBS_URL is connected", link.up
            )
        if self._worker is None:
            return
        figures = self._worker.figures
        for name, text in (
            ("ready", "Jobs that are due, in the cluster"),
            ("running", "Jobs under way, in the cluster"),
            ("dead", "Jobs that failed for good, in the cluster"),
        ):
            yield GaugeMetricFamily(f"hubbub_jobs_{name}", text, value=figures.get(name, 0))
        yield GaugeMetricFamily(
            "hubbub_jobs_oldest_seconds",
            "For how long the oldest job has been due",
            value=figures.get("oldest_ms", 0) / 1000,
        )
        counters = self._worker.counters
        for name, text, counts in (
            ("done", "Jobs this process did", counters.done),
            ("failed", "Attempts that failed in this process", counters.failed),
            ("died", "Jobs whose last attempt failed in this process", counters.died),
            ("lost", "Jobs of this process whose lease went to another", counters.lost),
        ):
            family = CounterMetricFamily(f"hubbub_jobs_{name}", text, labels=["kind"])
            for kind, count in sorted(counts.items()):
                family.add_metric([kind], count)
            yield family
