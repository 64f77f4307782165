"""The event loop's lateness is measured, and an operator sees it."""

import asyncio
import time

import pytest

from hubbub.gateway import REFUSAL_REASONS
from hubbub.observe.loop_lag import INTERVAL_SECONDS, SAMPLES, LoopLag
from hubbub.observe.statistics import add_up, by_reason

pytestmark = pytest.mark.anyio


async def test_a_loop_that_is_kept_busy_is_late() -> None:
    lag = LoopLag()
    assert lag.figures() == {"max": 0.0, "mean": 0.0}
    lag.start()
    time.sleep(INTERVAL_SECONDS + 0.3)  # noqa: ASYNC251 - that is the point
    # What is late right now counts, and so does what was.
    assert lag.figures()["max"] >= 0.29
    while not lag._samples:
        # No longer than until that one is noted: one that was in time would halve the mean.
        await asyncio.sleep(0)
    assert 0.29 <= lag.figures()["mean"] <= lag.figures()["max"]
    lag.stop()


async def test_an_old_lag_is_forgotten() -> None:
    lag = LoopLag()
    lag.start()
    lag._samples.extend([5.0] + [0.0] * (SAMPLES - 1))
    assert lag.figures()["max"] == 5.0
    lag._samples.append(0.0)
    assert lag.figures()["max"] < 5.0
    lag.stop()


async def test_a_stopped_measurement_asks_for_nothing_more() -> None:
    lag = LoopLag()
    lag.start()
    lag.stop()
    await asyncio.sleep(INTERVAL_SECONDS * 1.5)
    assert lag.figures() == {"max": 0.0, "mean": 0.0}


def test_nodes_are_added_up() -> None:
    def node(name: str, sockets: int, lag: float, refused: dict[str, int]) -> dict[str, object]:
        return {
            "node": name,
            "sockets": sockets,
            "namespaces": 1,
            "messages_per_second": 1.25,
            "refused_connects": by_reason(refused),
            "loop_lag": {"max": lag, "mean": lag / 2},
        }

    nodes = [node("one", 3, 0.1, {"full": 2}), node("two", 4, 0.3, {"full": 1, "origin": 1})]
    total = add_up(nodes)
    assert total == {
        "nodes": 2,
        "sockets": 7,
        "namespaces": 1,
        "messages_per_second": 2.5,
        "refused_connects": dict.fromkeys(REFUSAL_REASONS, 0) | {"full": 3, "origin": 1},
        "loop_lag": {"max": 0.3, "mean": 0.1},
    }
    assert add_up(nodes[:1])["sockets"] == 3
