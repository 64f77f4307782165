"""What a start needs: the proxy, the services, and numbers that are remembered."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE

import pytest

from hubbub.fleet import daemon
from hubbub.fleet.errors import FleetError
from hubbub.fleet.front import Front
from hubbub.fleet.processes import start_ticks
from hubbub.fleet.settings import ProxySettings, dump_settings, parse_settings
from hubbub.fleet.state import State
from hubbub.fleet.table import Process
from tests.fleet.fleets import PATIENCE, Fleet, ask, running_fleet
from tests.servers import free_port


def proxy_of(fleet: Fleet) -> dict[str, object]:
    return next(one for one in fleet.status()["processes"] if one["kind"] == "proxy")


def test_the_proxy_is_supervised_adopted_and_told_who_serves() -> None:
    port = free_port()
    proxy = ProxySettings(http=f"127.0.0.1:{port}", stickiness="none")
    with running_fleet(proxy=proxy) as fleet:
        first, second = fleet.ready()
        fleet.until(lambda: {answer(port) for _ in range(8)} == {"blue-1", "blue-2"})
        # A worker that is drained gets nobody new.
        fleet.call("drain", worker="blue-1")
        assert {answer(port) for _ in range(8)} == {"blue-2"}
        fleet.call("resume", worker="blue-1")
        fleet.until(lambda: {answer(port) for _ in range(8)} == {"blue-1", "blue-2"})
        before = proxy_of(fleet)["pid"]
        fleet.call("restart", what="proxy")
        assert proxy_of(fleet)["pid"] == before, "it was not reloaded in place"
        fleet.kill_supervisor()
        assert answer(port)
        fleet.start()
        assert proxy_of(fleet)["pid"] == before
        os.kill(int(str(before)), signal.SIGKILL)
        fleet.until(lambda: proxy_of(fleet)["restarts"] == 1)
        fleet.until(lambda: {answer(port) for _ in range(8)} == {"blue-1", "blue-2"})
        assert [one["pid"] for one in fleet.workers()] == [first["pid"], second["pid"]]


def answer(port: int) -> str:
    try:
        return str(ask(port)["name"])
    except OSError:
        return ""


def test_a_fleet_that_cannot_have_its_proxy_ends_and_says_why() -> None:
    proxy = ProxySettings(http="nonsense")
    with running_fleet(proxy=proxy) as fleet:
        assert fleet.supervisor is not None
        assert fleet.supervisor.wait(PATIENCE) == daemon.REFUSED
        assert "nonsense" in fleet.output()
        assert not fleet.pids()


def test_a_start_that_fails_in_the_background_says_why() -> None:
    with running_fleet(workers="1") as fleet:
        fleet.ready(1)
        fleet.kill_supervisor()
        table = fleet.settings.directory / "table.json"
        good = table.read_text()
        table.write_text("{")
        with pytest.raises(FleetError, match=r"did not start(.|\n)*table\.json"):
            daemon.start(fleet.settings)
        table.write_text(good)
        fleet.start()


def test_the_number_of_workers_lasts_until_the_setting_changes(tmp_path: Path) -> None:
    settings = parse_settings({"directory": str(tmp_path), "workers": "2"})
    state = State(settings)
    state.table.wanted = 4
    state.save()
    assert State(settings).table.wanted == 4
    other = parse_settings(dump_settings(settings) | {"workers": "3"})
    assert State(other).table.wanted == 0


def test_a_fleet_that_runs_goes_on_by_the_settings_it_was_started_with(tmp_path: Path) -> None:
    settings = parse_settings({"directory": str(tmp_path), "workers": "2"})
    state = State(settings)
    state.table.processes.append(Process("blue-1", "worker", ["true"]))
    state.save()
    other = parse_settings(dump_settings(settings) | {"workers": "3"})
    assert State(other).settings.workers == "2"


def test_a_full_disk_is_an_alarm_and_no_more(tmp_path: Path) -> None:
    """Written again when there is room, and nothing is forgotten meanwhile."""
    settings = parse_settings({"directory": str(tmp_path / "state")})
    state = State(settings)
    state.raise_alarm("failed", "blue-1", "text")
    assert [alarm.name for alarm in state.table.alarms] == ["failed", "disk"]
    settings.directory.mkdir()
    state.clear_alarm("failed", "blue-1")
    assert all(alarm.until for alarm in state.table.alarms)
    kept = json.loads((settings.directory / "table.json").read_text())
    assert [alarm["name"] for alarm in kept["alarms"]] == ["failed", "disk"]


def test_figures_are_served_for_the_whole_fleet() -> None:
    port = free_port()
    with running_fleet(workers="1", metrics=f"127.0.0.1:{port}") as fleet:
        fleet.ready(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as page:
            assert "fleet_workers_ready 1" in page.read().decode()
        with pytest.raises(OSError, match="404"):
            ask(port, "/elsewhere")


def test_a_program_that_is_not_there_is_a_worker_given_up() -> None:
    with running_fleet(workers="1", restarts=2, command=("/nowhere/program",)) as fleet:
        fleet.until(lambda: fleet.alarms())
        assert "/nowhere/program cannot be run" in fleet.alarms()[0]["text"]
        assert not any(start_ticks(pid) for pid, _ in fleet.pids() if pid)


def test_who_hangs_gets_nobody_new_unless_all_hang(tmp_path: Path) -> None:
    front = Front(parse_settings({"directory": str(tmp_path)}))
    for number, colour in ((1, "blue"), (2, "blue"), (1, "green"), (2, "green")):
        process = Process(f"{colour}-{number}", "worker", ["true"], port=3000 + number, pid=1)
        process.colour, process.state = "green" if colour == "green" else "blue", "ready"
        front.table.processes.append(process)
    front.in_rotation = {"green-2"}

    def serving() -> set[str]:
        return {backend.name for backend in front.backends() if backend.state == "ready"}

    assert serving() == {"blue-1", "blue-2", "green-2"}
    front.suspects = {"blue-1"}
    assert serving() == {"blue-2", "green-2"}
    front.suspects = {"blue-1", "blue-2", "green-2"}
    assert serving() == {"blue-1", "blue-2", "green-2"}


def test_an_older_supervisor_takes_over_from_a_newer_one(tmp_path: Path) -> None:
    settings = parse_settings(
        {"directory": str(tmp_path), "environment": {"A": "b"}, "proxy": {"http": "127.0.0.1:81"}}
    )
    state = State(settings)
    state.table.processes.append(Process("blue-1", "worker", ["true"]))
    state.raise_alarm("failed", "blue-1", "text")
    path = tmp_path / "table.json"
    newer = json.loads(path.read_text())
    newer["added"] = newer["processes"][0]["added"] = newer["alarms"][0]["added"] = 1
    newer["settings"]["blue"]["added"] = newer["settings"]["blue"]["proxy"]["added"] = {"x": 1}
    path.write_text(json.dumps(newer))
    older = State(parse_settings({"directory": str(tmp_path)}))
    assert older.table.processes == state.table.processes
    assert older.settings == settings


HOLDER = """
import os, sys
from pathlib import Path
from hubbub.fleet.daemon import take_lock

take_lock(Path(sys.argv[1]))
if os.fork():
    print("has it", flush=True)
os.read(0, 1)
"""


def test_what_a_killed_supervisor_was_starting_does_not_hold_its_directory(tmp_path: Path) -> None:
    """A process it has forked has its lock until it runs a program of its own."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as killed, ThreadPoolExecutor() as pool:
        assert killed.stdin is not None
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"has it\n"
        assert daemon.holder(tmp_path) == killed.pid
        with pytest.raises(FleetError, match=rf"\(process {killed.pid}\) runs for"):
            daemon.take_lock(tmp_path)
        killed.kill()
        killed.wait()
        assert daemon.holder(tmp_path) == 0
        taking = pool.submit(daemon.take_lock, tmp_path)
        time.sleep(0.1)
        assert not taking.done(), "the process that was started has it still"
        killed.stdin.close()
        os.close(taking.result(PATIENCE))


def test_a_look_at_who_holds_a_directory_does_not_keep_it_from_its_supervisor(
    tmp_path: Path,
) -> None:
    os.close(daemon.take_lock(tmp_path))
    with (tmp_path / daemon.LOCK).open() as looking, ThreadPoolExecutor() as pool:
        fcntl.flock(looking, fcntl.LOCK_SH)
        # As if it were the one before.
        (tmp_path / daemon.LOCK).write_text("999999999")
        taking = pool.submit(daemon.take_lock, tmp_path)
        time.sleep(0.1)
        assert not taking.done()
        fcntl.flock(looking, fcntl.LOCK_UN)
        os.close(taking.result(PATIENCE))
