"""Figures of now and of the last week: rates from counters, samples, their sums, and who may see them."""

from pathlib import Path
from typing import Any

import pytest

from hubbub.observe.answers import Answers, find_quantile
from hubbub.operations.fleet import shorten_process
from hubbub.operations.history import (
    COARSE,
    FINE,
    extend,
    lay_out,
    read_samples,
    sum_up,
    write_samples,
)
from hubbub.operations.models import STREAM
from hubbub.operations.rates import Meter
from hubbub.operations.service import list_workers, state_since_last
from tests.operations.supervisor import SupervisorSocket, status, worker
from tests.support.app import found_workspace, join, running_app

pytestmark = pytest.mark.anyio

MINUTE = 1_800_000_000 // COARSE * COARSE


def test_quantiles() -> None:
    answers = Answers()
    assert find_quantile(answers.counts, 0.5) is None
    for _ in range(90):
        answers.observe("/api/rooms", 200, 0.008)
    for _ in range(10):
        answers.observe("/api/rooms", 500, 0.3)
    answers.observe("other", 200, 25.0)
    assert (answers.requests, answers.errors) == (100, 10)
    assert 0.005 <= (find_quantile(answers.counts, 0.5) or 0) <= 0.01
    assert 0.2 <= (find_quantile(answers.counts, 0.95) or 0) <= 0.5
    answers.observe("/api/rooms", 200, 60.0)
    assert find_quantile(answers.counts, 1.0) == 5.0


def counters(answers: Answers) -> dict[str, Any]:
    return {
        "requests": answers.requests,
        "errors": answers.errors,
        "answers": list(answers.counts),
    }


def test_rates_go_by_the_nodes_that_were_there_before() -> None:
    meter, one, two = Meter(), Answers(), Answers()
    assert meter.total().requests == 0
    for _ in range(500):
        two.observe("/api/rooms", 200, 0.001)
    meter.add(0.0, {"one": counters(one)})
    for _ in range(20):
        one.observe("/api/rooms", 503, 0.008)
    # A node that has just come brings its past with it: that did not happen now.
    meter.add(10.0, {"one": counters(one), "two": counters(two)})
    assert (meter.total().requests, meter.total().errors) == (2.0, 2.0)
    assert meter.of("two").answer_p95 is None
    two.observe("/api/rooms", 200, 0.001)
    meter.add(12.0, {"one": counters(one), "two": counters(two)})
    meter.add(20.0, {"two": counters(two)})
    assert meter.of("two").requests == 0.1
    assert meter.of("one").requests == 0


def sample(people: int, **states: str) -> dict[str, Any]:
    return {"people": people, "messages": people / 10, "ready": people, "states": states}


def test_states_become_spans() -> None:
    spans: list[list[Any]] = []
    for at, state in ((0, "ready"), (10, "ready"), (30, "ready"), (60, "ready"), (70, "draining")):
        extend(spans, at, 10, state)
    assert spans == [[0, 40, "ready"], [60, 70, "ready"], [70, 80, "draining"]]
    whole = sum_up([sample(10, a="ready", b="ready"), sample(30, a="failed")])
    assert (whole["people"], whole["messages"], whole["ready"]) == (30, 2.0, 10)
    assert whole["states"] == {"a": "failed", "b": "ready"}


async def test_samples_are_kept_and_summed_up(migrated_database_url: str, tmp_path: Path) -> None:
    async with running_app(migrated_database_url, tmp_path) as application:
        database = application.kernel.database
        taken = [(MINUTE + at, sample(at // 10, a="ready")) for at in range(0, COARSE + 10, FINE)]
        with database.writing() as connection:
            write_samples(connection, taken[:-1], MINUTE + COARSE)
            # Another node has the same seconds; the first one counts.
            write_samples(connection, [(MINUTE, sample(999))], MINUTE + COARSE)
            assert read_samples(connection, COARSE, 0, MINUTE * 2) == []
            write_samples(connection, taken[-1:], MINUTE + COARSE)
            write_samples(connection, taken[-1:], MINUTE + COARSE)
            fine = read_samples(connection, FINE, 0, MINUTE * 2)
            assert [at for at, _ in fine] == [at for at, _ in taken]
            assert fine[0][1]["people"] == 0
            [(at, whole)] = read_samples(connection, COARSE, 0, MINUTE * 2)
            assert (at, whole["people"]) == (MINUTE, 29)
            laid = lay_out(FINE, fine)
            assert laid["people"][:3] == [0, 1, 2]
            assert laid["health"] == [
                {"name": "a", "spans": [[MINUTE, MINUTE + COARSE + 10, "ready"]]}
            ]
            # A week later only the new one is left.
            later = MINUTE + 8 * 86_400
            write_samples(connection, [(later, sample(1))], later)
            assert len(read_samples(connection, FINE, 0, later * 2)) == 1
            assert read_samples(connection, COARSE, 0, later * 2) == []


async def test_one_process_shows_itself(migrated_database_url: str, tmp_path: Path) -> None:
    async with running_app(migrated_database_url, tmp_path) as application:
        owner = await found_workspace(application)
        mia = await join(owner, "Mia Member")
        application.operations._measure()
        for _ in range(5):
            await owner.call("GET", "/api/rooms")
        application.operations._measure()
        document = await owner.call("GET", "/api/operations")
        assert document["stream"] == STREAM
        assert document["fleet"]["state"] == "none"
        assert document["fleet"]["host"]["memory_total"] > 0
        [only] = document["workers"]
        assert (only["name"], only["state"]) == (application.node.name, "ready")
        assert only["memory"] > 10_000_000
        assert document["figures"]["requests_per_second"] > 0
        assert document["figures"]["answer_p95"] > 0
        assert document["checks"]["database"] == "ok"
        assert (document["figures"]["ready"], document["figures"]["wanted"]) == (1, 1)
        await mia.call("GET", "/api/operations", status=403)


async def test_a_sample_every_ten_seconds(migrated_database_url: str, tmp_path: Path) -> None:
    async with running_app(migrated_database_url, tmp_path) as application:
        owner = await found_workspace(application)
        await application.operations.turn()
        await application.operations.turn()
        history = await owner.call("GET", "/api/operations/history", hours=1)
        assert history["step"] == FINE
        assert 1 <= len(history["at"]) <= 2
        assert history["people"][0] == 0
        assert history["health"][0]["spans"][0][2] in ("starting", "ready")
        week = await owner.call("GET", "/api/operations/history", hours=168)
        assert (week["step"], week["at"]) == (COARSE, [])
        await owner.call("GET", "/api/operations/history", status=422, hours=169)


async def test_the_fleet_tells_of_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = {
        "id": "1",
        "who": "root",
        "started_at": 1.0,
        "of": "/srv/releases/a",
        "to": "/srv/releases/b",
        "step": "done",
        "ended_at": 9.0,
        "outcome": "failed",
        "reason": "It fell.",
    }
    alarms = [
        {"name": "crash", "about": "blue-1", "text": "It ended.", "since": 5.0, "until": 6.0},
        {"name": "memory", "about": "blue-2", "text": "It grows.", "since": 2.0, "until": 0.0},
    ]
    supervisor = SupervisorSocket(
        tmp_path,
        status(
            worker("blue-1"),
            worker("blue-2", "failed", reason="It fell 5 times.", restarts=5),
            rollouts=[rollout, rollout | {"id": "2", "started_at": 7.0}],
            alarms=alarms,
        ),
    )
    monkeypatch.setenv("WORKER_CONTROL", str(supervisor.path))
    # Longer than this takes, on any machine.
    monkeypatch.setattr("hubbub.operations.fleet.FRESH_SECONDS", 600.0)
    try:
        url = f"sqlite:///{tmp_path / 'hubbub.db'}"
        async with running_app(url, tmp_path, node_name="blue-1") as application:
            owner = await found_workspace(application)
            document = await owner.call("GET", "/api/operations")
            one, two = document["workers"]
            assert (one["name"], one["state"], one["release"]) == ("blue-1", "ready", "2026-11-21")
            assert one["memory"] == 100_000_000
            assert (two["state"], two["restarts"], two["sockets"]) == ("failed", 5, 3)
            assert document["fleet"]["state"] == "ok"
            assert [alarm["name"] for alarm in document["fleet"]["alarms"]] == ["memory", "crash"]
            assert [one["id"] for one in document["fleet"]["rollouts"]] == ["2", "1"]
            assert document["fleet"]["rollouts"][0]["who"] == "root"
            # Neither commands nor folders leave the server.
            assert "hunter2" not in str(document)
            assert "/srv" not in str(document)
            assert (document["figures"]["ready"], document["figures"]["wanted"]) == (1, 2)
            for _ in range(5):
                await owner.call("GET", "/api/operations")
            assert supervisor.asked == 1
            supervisor.silent = True
            monkeypatch.setattr("hubbub.operations.fleet.FRESH_SECONDS", 0.0)
            silent = await owner.call("GET", "/api/operations")
            assert silent["fleet"]["state"] == "silent"
            assert silent["fleet"]["problem"]
            assert len(silent["workers"]) == 2
            supervisor.silent = False
            assert (await owner.call("GET", "/api/operations"))["fleet"]["state"] == "ok"
    finally:
        supervisor.close()


def test_those_that_serve_come_first() -> None:
    processes = [
        shorten_process(one)
        for one in (
            worker("haproxy", kind="proxy"),
            worker("redis", kind="service"),
            worker("blue-1", "warm"),
            worker("green-2"),
            worker("green-1"),
        )
    ]
    listed = list_workers({"colour": "green", "processes": processes}, [], Meter(), {})
    names = [one["name"] for one in listed]
    assert names == ["green-1", "green-2", "blue-1", "haproxy", "redis"]


def test_a_short_absence_shows_in_the_history() -> None:
    assert state_since_last({"state": "ready", "uptime": 3.0}) == "starting"
    assert state_since_last({"state": "failed", "uptime": 3.0}) == "failed"
    assert state_since_last({"state": "ready", "uptime": 30.0}) == "ready"
    assert state_since_last({"state": "ready", "uptime": None}) == "ready"


async def test_signals_only_while_somebody_looks(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hubbub.db'}"
    async with running_app(url, tmp_path) as application:
        told: list[Any] = []
        application.delivery.pass_signal = told.append  # type: ignore[assignment,method-assign]
        await application.operations.turn()
        assert told == []
        application.delivery._followers[STREAM] = set()
        await application.operations.turn()
        assert [signal.kind for signal in told] == ["operations"]
        assert told[0].data["workers"]
