"""The figures of the relay to a broker, for Prometheus (docs/relay.md)."""

from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from hubbub.kernel.publisher.publisher import Publisher


class PublisherCollector(Collector):
    """Read when Prometheus asks. The lag is told by the process that publishes, and by no other."""

    def __init__(self, publisher: "Publisher") -> None:
        self._publisher = publisher

    def collect(self) -> Any:
        state = self._publisher.state
        gauges: list[tuple[str, str, float]] = [
            ("hubbub_relay_holding", "1 in the process that publishes the log", state.holding),
            ("hubbub_relay_failing", "1 while publishing fails", bool(state.error)),
        ]
        if state.holding:
            gauges += [
                ("hubbub_relay_lag_streams", "Streams not wholly published", state.lag_streams),
                ("hubbub_relay_lag_entries", "Entries not yet published", state.lag_entries),
            ]
        for name, text, value in gauges:
            yield GaugeMetricFamily(name, text, value=float(value))
        for name, text, value in (
            ("hubbub_relay_published", "Entries the broker confirmed", state.published),
            ("hubbub_relay_failures", "Times publishing failed", state.failures),
            ("hubbub_relay_gaps", "Gaps told to the broker", state.gaps),
            ("hubbub_relay_trimmed", "Entries trimmed unpublished", state.trimmed),
        ):
            yield CounterMetricFamily(name, text, value=value)
