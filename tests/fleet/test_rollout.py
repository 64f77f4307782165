"""Reloads, good and bad, of real workers behind a real HAProxy, while clients ask and stay connected."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import FleetSettings, ProxySettings, RolloutSettings, dump_settings
from tests.fleet.fleets import PATIENCE, Fleet, ask, poke, running_fleet
from tests.fleet.load import Load, load
from tests.servers import free_port

ROLLOUT = RolloutSettings(
    ready_seconds=60.0,
    drain_seconds=0.5,
    canary_seconds=1.0,
    # Whatever else the machine does meanwhile: tests/fleet/test_rollout_canary.py has this rule.
    canary_slower=1_000.0,
    warm_seconds=60.0,
    smoke_seconds=PATIENCE,
)
SMOKE = (
    sys.executable,
    "-c",
    "import os, urllib.request\n"
    "assert os.environ['FLEET_OLD']\n"
    "for url in os.environ['FLEET_NEW'].split(): urllib.request.urlopen(url, timeout=30)\n",
)


class Site:
    """A fleet behind HAProxy, and folders with releases for it."""

    def __init__(self, fleet: Fleet, port: int) -> None:
        self.fleet = fleet
        self.port = port

    def release(self, name: str, misbehave: str = "") -> FleetSettings:
        """The settings in force, with a new folder that holds a good or a bad version."""
        folder = self.fleet.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "misbehave").write_text(misbehave)
        return replace(self.fleet.settings, release=str(folder))

    def reload(self, settings: FleetSettings, *, restart: bool = False) -> dict[str, Any]:
        handed = self.fleet.settings.directory / "next-test.json"
        handed.write_text(json.dumps(dump_settings(settings)))
        return self.fleet.call("reload", settings=handed.name, restart=restart)

    def serving(self) -> set[str]:
        """Who answers through the proxy."""
        return {ask(self.port)["name"] for _ in range(8)}

    def pids(self) -> dict[str, int]:
        return {worker["name"]: worker["pid"] for worker in self.fleet.workers()}

    def last(self) -> dict[str, Any]:
        found: dict[str, Any] = self.fleet.status()["rollouts"][0]
        return found

    def rolled_back(self) -> bool:
        """Whether it has gone back by itself."""
        return any(alarm["name"] == "rolled back" for alarm in self.fleet.alarms())

    def step(self) -> str:
        rollout = self.fleet.status()["rollout"]
        return rollout["step"] if rollout else ""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    port = free_port()
    proxy = ProxySettings(
        http=f"127.0.0.1:{port}", requests_per_second=10_000, connects_per_second=10_000
    )
    with running_fleet(proxy=proxy, rollout=ROLLOUT, restarts=2, least_uptime=600.0) as fleet:
        made = Site(fleet, port)
        fleet.ready(2)
        fleet.until(lambda: len(made.serving()) == 2)
        yield made


def moved_at_most_once(site: Site, clients: Load, to: str) -> None:
    """They all come there, however long that takes, and by no way round."""
    site.fleet.until(lambda: all(each[-1].startswith(to) for each in clients.moves.values()))
    for workers in clients.moves.values():
        assert len(workers) <= 2, clients.moves
        assert workers[-1].startswith(to), clients.moves


def test_reload_and_rollback_lose_nothing_and_move_each_client_once(site: Site) -> None:
    good = replace(site.release("one"), rollout=replace(ROLLOUT, smoke=SMOKE))
    before = site.pids()
    old, new = ("blue", "green") if "blue-1" in before else ("green", "blue")
    with load(site.port) as clients:
        assert site.reload(good)["outcome"] == "done"
        switched = time.monotonic()
        # Some answers came from the canary, before the rest of its colour served.
        moved_at_most_once(site, clients, new)
        site.fleet.until(lambda: clients.answers[-1][0] > switched)
        assert clients.failures == []
        assert clients.stale(switched, good.release) == []
        assert {each["state"] for each in site.fleet.workers() if each["colour"] == old} == {"warm"}
        assert {name: pid for name, pid in site.pids().items() if name in before} == before
    for verb, arguments in (
        ("restart", {"what": f"{old}-1"}),
        ("drain", {"worker": f"{old}-1"}),
        ("resume", {"worker": f"{old}-1"}),
    ):
        with pytest.raises(FleetError, match="no worker in rotation"):
            site.fleet.call(verb, **arguments)
    with load(site.port) as clients:
        site.fleet.call("rollback")
        switched = time.monotonic()
        moved_at_most_once(site, clients, old)
        site.fleet.until(lambda: clients.answers[-1][0] > switched)
        assert clients.failures == []
        assert clients.stale(switched, "") == []
    with pytest.raises(FleetError, match="rolled back already: test rolled it back"):
        site.fleet.call("rollback")
    assert [each["outcome"] for each in site.fleet.status()["rollouts"][:2]] == [
        "done",
        "rolled back",
    ]
    # No worker had to be started for the way back.
    assert {name: pid for name, pid in site.pids().items() if name in before} == before


@pytest.mark.parametrize(
    ("fault", "changes", "said"),
    [
        ("crash-at-boot", {}, "this version cannot start"),
        ("never-ready", {"ready_seconds": 1.0}, "was not ready within 1 s"),
        ("crash-ready", {"canary_seconds": PATIENCE}, "did not stay so"),
        ("error", {"smoke": SMOKE}, "HTTP Error 500"),
        ("error", {"canary_seconds": PATIENCE}, "requests to the new release failed"),
    ],
)
def test_a_bad_version_leaves_the_old_one_untouched(
    site: Site, fault: str, changes: dict[str, Any], said: str
) -> None:
    bad = site.release("bad", fault)
    bad = replace(bad, rollout=replace(ROLLOUT, **changes))
    before = site.pids()
    colour = site.fleet.status()["fleet"]["colour"]
    before = {name: pid for name, pid in before.items() if name.startswith(colour)}
    with load(site.port, requests=4, connections=2) as clients:
        with pytest.raises(FleetError, match=said):
            site.reload(bad)
        site.fleet.until(lambda: site.serving() <= set(before))
        time.sleep(0.1)
    assert site.pids() == before
    if said.startswith("requests"):
        # Somebody had to be answered by it: that is what a canary is for.
        assert clients.failures
        assert all(failure.startswith("500") for failure in clients.failures)
    else:
        assert clients.failures == []
        assert all(len(workers) == 1 for workers in clients.moves.values())
    last = site.last()
    assert last["outcome"] == "failed"
    assert said in last["reason"]
    assert site.fleet.status()["fleet"]["release"] != bad.release


def test_settings_that_cannot_be_reloaded_are_refused(site: Site) -> None:
    before = site.pids()
    with pytest.raises(FleetError, match="FLEET_RELEASE"):
        site.reload(replace(site.fleet.settings, release="/no/such/folder"))
    with pytest.raises(FleetError, match="FLEET_LOG_DIR"):
        site.reload(replace(site.fleet.settings, log_dir=Path("/elsewhere")))
    with pytest.raises(FleetError, match="FLEET_WORKERS"):
        site.reload(replace(site.fleet.settings, workers="many"))
    assert site.pids() == before


def test_nothing_kept_nothing_to_go_back_to(site: Site) -> None:
    before = site.serving()
    with pytest.raises(FleetError, match="nothing to go back to"):
        site.fleet.call("rollback")
    assert site.serving() == before


def in_background(site: Site, settings: FleetSettings, *, restart: bool = False) -> None:
    """Asks for a reload and does not wait for its end: a client that goes away ends nothing."""
    handed = site.fleet.settings.directory / "next-test.json"
    handed.write_text(json.dumps(dump_settings(settings)))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(site.fleet.settings.directory / "control.sock"))
        arguments = {"settings": handed.name, "restart": restart}
        request = {"verb": "reload", "arguments": arguments, "who": "test"}
        connection.sendall(json.dumps(request).encode() + b"\n")
        connection.recv(1)


def test_rollback_calls_off_a_reload_that_goes_on(site: Site) -> None:
    before = site.pids()
    with load(site.port, connections=2) as clients:
        in_background(
            site, replace(site.release("two"), rollout=replace(ROLLOUT, canary_seconds=PATIENCE))
        )
        site.fleet.until(lambda: site.step() == "canary")
        with pytest.raises(FleetError, match="reload is going on"):
            site.fleet.call("scale", to="3")
        site.fleet.call("rollback")
        assert site.last()["outcome"] == "rolled back"
        assert site.pids() == before
        assert clients.failures == []


def test_a_supervisor_killed_before_the_switch_leaves_the_old_ones(site: Site) -> None:
    before = site.pids()
    with load(site.port, connections=2) as clients:
        in_background(
            site, replace(site.release("three"), rollout=replace(ROLLOUT, canary_seconds=PATIENCE))
        )
        site.fleet.until(lambda: site.step() == "canary")
        site.fleet.kill_supervisor()
        site.fleet.start()
        site.fleet.until(lambda: site.last()["outcome"] == "failed")
        site.fleet.until(lambda: site.pids() == before)
        assert clients.failures == []
    assert "the old workers serve as before" in site.last()["reason"]
    assert site.serving() <= set(before)


def test_a_supervisor_killed_after_the_switch_ends_the_rollout(site: Site) -> None:
    before = site.pids()
    settings = replace(
        site.release("four"), rollout=replace(ROLLOUT, canary_seconds=0.0, drain_seconds=PATIENCE)
    )
    with load(site.port, connections=4) as clients:
        in_background(site, settings)
        site.fleet.until(lambda: site.step() == "drain")
        site.fleet.kill_supervisor()
        site.fleet.start()
        site.fleet.until(lambda: site.last()["outcome"] == "done")
        assert not site.serving() & set(before)
        site.fleet.until(lambda: all(len(each) == 2 for each in clients.moves.values()))
        assert clients.failures == []
        assert ask(site.port)["release"] == settings.release
        site.fleet.call("rollback")
    assert site.serving() <= set(before)


def test_workers_that_fail_while_the_old_ones_are_warm_are_rolled_back(site: Site) -> None:
    before = site.serving()
    site.reload(replace(site.release("five"), rollout=replace(ROLLOUT, canary_seconds=0.0)))
    after = {one["name"]: one["port"] for one in site.fleet.workers() if one["name"] not in before}
    victim = sorted(after)[0]

    def crash_until_rolled_back() -> bool:
        if site.rolled_back():
            return True
        worker = [one for one in site.fleet.workers() if one["name"] == victim]
        if worker and worker[0]["state"] == "ready":
            poke(worker[0]["port"], "/crash")
        return False

    site.fleet.until(crash_until_rolled_back)
    assert site.last()["who"] == "supervisor"
    assert "given up" in site.last()["reason"]
    site.fleet.until(lambda: site.serving() <= before)
    last = (site.fleet.settings.directory / "audit.log").read_text().splitlines()[-1]
    assert [json.loads(last)[key] for key in ("who", "verb")] == ["supervisor", "rollback"]


def test_failing_requests_while_the_old_ones_are_warm_are_rolled_back(site: Site) -> None:
    before = site.serving()
    site.reload(replace(site.release("six"), rollout=replace(ROLLOUT, canary_seconds=0.0)))
    assert not site.rolled_back()
    with load(site.port, requests=4, connections=0):
        for one in site.fleet.workers():
            if one["name"] not in before and one["state"] == "ready":
                poke(one["port"], "/break")
        site.fleet.until(site.rolled_back)
    assert "requests to the new release failed" in site.last()["reason"]
    site.fleet.until(lambda: site.serving() <= before)


def test_restart_serves_with_the_new_ones_or_with_the_old_ones_again(site: Site) -> None:
    settings = site.release("seven")
    assert site.reload(settings, restart=True)["outcome"] == "done"
    assert ask(site.port)["release"] == settings.release
    assert len(site.pids()) == 2
    with pytest.raises(FleetError, match="old workers were started again"):
        site.reload(site.release("eight", "crash-at-boot"), restart=True)
    site.fleet.until(lambda: len(site.serving()) == 2)
    assert ask(site.port)["release"] == settings.release


def test_a_supervisor_killed_in_the_middle_of_a_restart_goes_on_with_it(site: Site) -> None:
    settings = site.release("nine", "held-boot")
    in_background(site, settings, restart=True)
    site.fleet.until(lambda: site.step() == "restart")
    site.fleet.kill_supervisor()
    site.fleet.start()
    site.release("nine")
    site.fleet.until(lambda: site.last()["outcome"] == "done")
    site.fleet.until(lambda: len(site.serving()) == 2)
    assert ask(site.port)["release"] == settings.release
    assert len(site.pids()) == 2


def test_without_a_proxy_it_goes_as_well() -> None:
    with running_fleet(rollout=ROLLOUT) as fleet:
        site = Site(fleet, 0)
        fleet.ready(2)
        settings = site.release("one")
        site.reload(settings)
        states = {one["name"]: (one["state"], one["release"]) for one in fleet.workers()}
        assert states == {
            "blue-1": ("warm", ""),
            "blue-2": ("warm", ""),
            "green-1": ("ready", settings.release),
            "green-2": ("ready", settings.release),
        }
        fleet.call("rollback")
        assert {one["name"] for one in fleet.workers() if one["state"] == "ready"} == {
            "blue-1",
            "blue-2",
        }
