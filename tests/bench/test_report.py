"""The benchmark's page tells what was measured, and whether a budget was met."""

from typing import Any

import pytest

from bench.cases import GATEWAY, NODE, PRODUCT, STACK, WRITER
from bench.report import Measured, Spread, budgets, page


def run(case: str, server: str, number: int, **figures: Any) -> dict[str, Any]:
    about = {"case": case, "server": server, "version": f"{server} 1", "round": number}
    return {**about, "load_busy": 0.5, **figures}


def rooms(ours: list[float], theirs: float, limit: float) -> Measured:
    return Measured(
        [run("rooms", GATEWAY, n, per_cpu_second=v, p99_ms=4.0) for n, v in enumerate(ours)]
        + [
            run("rooms", NODE, 0, per_cpu_second=theirs, p99_ms=5.0),
            run("rooms", WRITER, 0, per_cpu_second=limit, p99_ms=3.0),
        ]
    )


def test_a_figure_is_the_median_with_the_least_and_the_most() -> None:
    found = rooms([90.0, 300.0, 100.0], 50.0, 120.0)
    assert found.spread("rooms", GATEWAY, "per_cpu_second") == Spread(100.0, 90.0, 300.0)
    assert Spread(1500.0, 1000.0, 2000.0).shown(1 / 1000, 1) == "1.5 (1.0–2.0)"
    assert found.rounds() == 3


@pytest.mark.parametrize(
    ("ours", "cost_met", "share_met"),
    [(101_000.0, True, True), (99_000.0, False, True), (69_000.0, False, False)],
)
def test_budgets_compare_within_one_run(ours: float, cost_met: bool, share_met: bool) -> None:
    found = {b.title: b.met for b in budgets(rooms([ours], 50_000.0, 100_000.0))}
    assert found["100 × 10: CPU of a delivery over Node's"] is cost_met
    assert found["100 × 10: deliveries / CPU-second over the C writer's"] is share_met
    assert found["100 × 10: p99 over Node's"] is True
    assert found["saturated: over NATS"] is None  # nothing was measured


def test_the_page_marks_a_busy_load_and_names_what_was_lost() -> None:
    figures = {"per_cpu_second": 1e6, "per_second": 1e6, "p50_ms": 1, "p99_ms": 2, "max_ms": 3}
    found = Measured(
        [
            {**run("saturated", GATEWAY, 0, **figures), "load_busy": 0.99, "missing": 0},
            {**run("saturated", NODE, 0, **figures), "missing": 7, "out_of_order": 2},
            run("durable posts, own rooms", PRODUCT, 1, acks_per_second=9000.0, p99_ms=8.0),
            run("durable posts, own rooms", STACK, 1, acks_per_second=8000.0, p99_ms=9.0),
        ]
    )
    text = page(found, "A machine", "2026-01-01", "make bench", ["fanout.svg"])
    assert f"| {GATEWAY} ¹ | 1,000,000 |" in text
    assert f"| {NODE} | 1,000,000 |" in text
    assert f"{NODE}: 7 deliveries missing, 2 out of order." in text
    assert "| posts: acknowledged / s | ≥ 8,000 | 9,000 | met |" in text
    assert "not measured" not in text
