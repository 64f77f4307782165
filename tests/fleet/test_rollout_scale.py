"""More and fewer workers, asked for or by themselves, while clients ask and stay connected."""

import socket
from contextlib import ExitStack, suppress
from dataclasses import replace

import pytest

from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import ProxySettings, RolloutSettings, ScaleSettings
from tests.fleet.fleets import Fleet, ask, running_fleet
from tests.fleet.load import load
from tests.servers import free_port

ROLLOUT = RolloutSettings(ready_seconds=60.0, drain_seconds=0.3)


def hold(port: int, count: int, held: ExitStack) -> None:
    """So many upgraded connections with one worker."""
    for _ in range(count):
        connection = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: w\r\nUpgrade: echo\r\n\r\n")
        assert b" 101 " in connection.recv(1024)


def sockets(fleet: Fleet) -> dict[str, int]:
    return {one["name"]: one["heartbeat"].get("sockets", 0) for one in fleet.workers()}


def serves(port: int) -> bool:
    with suppress(OSError):
        return bool(ask(port))
    return False


def test_scale_adds_ready_workers_and_takes_away_those_with_the_fewest_sockets() -> None:
    with running_fleet(rollout=ROLLOUT) as fleet, ExitStack() as held:
        fleet.ready(2)
        assert fleet.call("scale", to="+2") == {"wanted": 4}
        assert [one["state"] for one in fleet.workers()] == ["ready"] * 4
        kept = {one["name"]: one["port"] for one in fleet.workers() if one["number"] in (1, 4)}
        for port in kept.values():
            hold(port, 2, held)
        fleet.until(lambda: sum(sockets(fleet).values()) == 4)
        assert fleet.call("scale", to="2") == {"wanted": 2}
        assert {one["name"] for one in fleet.workers()} == set(kept)
        for refused in ("0", "-5", "7", "many"):
            with pytest.raises(FleetError):
                fleet.call("scale", to=refused)
        assert fleet.status()["fleet"]["wanted"] == 2


def test_a_worker_that_does_not_get_ready_is_no_worker() -> None:
    with running_fleet(rollout=replace(ROLLOUT, ready_seconds=10.0)) as fleet:
        fleet.ready(2)
        before = {one["name"]: one["pid"] for one in fleet.workers()}
        (fleet.folder / "misbehave").write_text("never-ready")
        with pytest.raises(FleetError, match="was not ready"):
            fleet.call("scale", to="3")
        assert {one["name"]: one["pid"] for one in fleet.workers()} == before
        assert fleet.status()["fleet"]["wanted"] == 2


def test_it_scales_by_itself_and_nobody_notices() -> None:
    port = free_port()
    with running_fleet(
        workers="1",
        rollout=ROLLOUT,
        scale=ScaleSettings(least=1, most=2, sockets=5, lag=60.0, every=0.2),
        proxy=ProxySettings(
            http=f"127.0.0.1:{port}", requests_per_second=10_000, connects_per_second=10_000
        ),
    ) as fleet:
        fleet.ready(1)
        fleet.until(lambda: serves(port))
        with load(port, requests=2, connections=12) as many:
            fleet.ready(2)
            assert many.failures == []
            with pytest.raises(FleetError, match="scales by itself"):
                fleet.call("scale", to="3")
        with load(port, requests=2, connections=0) as few:
            fleet.until(lambda: len(fleet.workers()) == 1)
            assert few.failures == []
