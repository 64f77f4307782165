"""What dies and comes back: workers, the supervisor, both."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hubbub.fleet import daemon
from hubbub.fleet.control import call
from hubbub.fleet.errors import FleetError
from hubbub.fleet.processes import start_ticks
from tests.fleet.fleets import PATIENCE, ask, running_fleet

SMALL = 30 << 20


def test_a_killed_worker_is_back_and_the_others_notice_nothing() -> None:
    with running_fleet() as fleet:
        first, second = fleet.ready()
        os.kill(first["pid"], signal.SIGKILL)
        fleet.until(lambda: fleet.worker(first["name"])["restarts"] == 1)
        again = fleet.ready()[0]
        assert again["port"] == first["port"]
        assert again["pid"] != first["pid"]
        assert ask(again["port"]) | {"headers": {}} == {
            "name": first["name"],
            "pid": again["pid"],
            "release": "",
            "method": "GET",
            "path": "/whoami",
            "body": 0,
            "headers": {},
        }
        assert fleet.worker(second["name"])["pid"] == second["pid"]
        assert "killed by SIGKILL" in fleet.output()
        assert not fleet.alarms()


def test_workers_get_a_name_and_a_port_each_and_the_supervisor_stays_small() -> None:
    with running_fleet(workers="3") as fleet:
        workers = fleet.ready(3)
        first = fleet.settings.port_range.start
        assert [(one["name"], one["port"]) for one in workers] == [
            ("blue-1", first),
            ("blue-2", first + 1),
            ("blue-3", first + 2),
        ]
        fleet.until(lambda: fleet.worker("blue-3")["memory"] and fleet.status()["history"])
        heard = fleet.worker("blue-1")["heartbeat"]
        assert heard["pid"] == workers[0]["pid"]
        assert 0 < fleet.status()["fleet"]["memory"] <= SMALL


def test_a_worker_that_cannot_start_is_given_up_with_an_alarm_and_left_alone() -> None:
    with running_fleet(restarts=2) as fleet:
        first, second = fleet.ready()
        # From now on the one that is killed finds a version that crashes.
        (fleet.folder / "misbehave").write_text("crash-at-boot")
        os.kill(first["pid"], signal.SIGKILL)
        fleet.until(lambda: fleet.worker(first["name"])["state"] == "failed")
        [alarm] = fleet.alarms()
        assert (alarm["name"], alarm["about"]) == ("failed", first["name"])
        assert "2 times in a row" in alarm["text"]
        assert "this version cannot start" in fleet.output(first["name"])
        restarts = fleet.worker(first["name"])["restarts"]
        assert fleet.worker(second["name"])["pid"] == second["pid"]
        time.sleep(1.2)
        assert fleet.worker(first["name"])["restarts"] == restarts
        # And what is mended is taken back.
        (fleet.folder / "misbehave").unlink()
        fleet.call("restart", what=first["name"])
        assert fleet.worker(first["name"])["state"] == "ready"
        assert not fleet.alarms()


def test_an_outage_of_all_ends_by_itself_when_its_cause_does() -> None:
    with running_fleet(restarts=2, probe_every=0.5) as fleet:
        before = fleet.ready()
        (fleet.folder / "misbehave").write_text("crash-at-boot")
        for worker in before:
            os.kill(worker["pid"], signal.SIGKILL)
        fleet.until(lambda: {one["state"] for one in fleet.workers()} == {"failed"})
        assert len(fleet.alarms()) == 2
        (fleet.folder / "misbehave").unlink()
        fleet.ready()
        fleet.until(lambda: not fleet.alarms())


def test_a_slow_crash_loop_is_given_up_too() -> None:
    with running_fleet(
        workers="1", least_uptime=0.1, environment={"MISBEHAVE": "crash-later"}
    ) as fleet:
        fleet.until(fleet.workers)
        # It has to be started eleven times.
        fleet.until(lambda: fleet.worker("blue-1")["state"] == "failed", 3 * PATIENCE)
        assert "11 times in" in fleet.alarms()[0]["text"]


def test_workers_outlive_the_supervisor_and_the_next_one_takes_them_over() -> None:
    with running_fleet() as fleet:
        before = fleet.ready()
        fleet.kill_supervisor()
        for worker in before:
            assert ask(worker["port"])["pid"] == worker["pid"]
        fleet.start()
        after = fleet.workers()
        assert [(one["name"], one["pid"], one["state"]) for one in after] == [
            (one["name"], one["pid"], "ready") for one in before
        ]
        os.kill(after[0]["pid"], signal.SIGKILL)
        fleet.until(lambda: fleet.worker(after[0]["name"])["restarts"] == 1)
        assert fleet.ready()[0]["pid"] != before[0]["pid"]
        heard = after[1]["heard_at"]
        fleet.until(lambda: fleet.worker(after[1]["name"])["heard_at"] > heard)


def test_what_died_without_a_supervisor_is_started_by_the_next_one() -> None:
    with running_fleet() as fleet:
        first, second = fleet.ready()
        fleet.kill_supervisor()
        os.kill(first["pid"], signal.SIGKILL)
        fleet.start()
        workers = fleet.ready()
        assert workers[0]["pid"] not in (first["pid"], 0)
        assert workers[1]["pid"] == second["pid"]


def test_another_process_with_the_same_number_is_not_taken_for_a_worker() -> None:
    with running_fleet(workers="1") as fleet:
        [worker] = fleet.ready(1)
        fleet.kill_supervisor()
        os.kill(worker["pid"], signal.SIGKILL)
        fleet.until(lambda: not start_ticks(worker["pid"]))
        stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        try:
            # As if the kernel had given the worker's number to it.
            table = fleet.settings.directory / "table.json"
            number = f'"pid": {worker["pid"]}, "ticks"'
            text = table.read_text()
            assert number in text
            table.write_text(text.replace(number, f'"pid": {stranger.pid}, "ticks"'))
            fleet.start()
            [again] = fleet.ready(1)
            assert again["pid"] != stranger.pid
            fleet.call("down")
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()


def test_a_second_supervisor_is_refused() -> None:
    with running_fleet() as fleet:
        fleet.ready()
        with pytest.raises(FleetError, match=r"runs for .* already"):
            daemon.hand_over(fleet.settings)
        second = subprocess.run(
            daemon.command(fleet.settings), capture_output=True, text=True, timeout=PATIENCE
        )
        assert second.returncode == daemon.REFUSED
        assert "Another supervisor (process" in second.stderr
        assert len(fleet.ready()) == 2


def test_a_spoiled_table_is_refused_and_nothing_is_lost() -> None:
    with running_fleet() as fleet:
        before = fleet.ready()
        fleet.kill_supervisor()
        table = fleet.settings.directory / "table.json"
        good = table.read_text()
        for spoiled in (good[: len(good) // 2], '{"colour": "blue"}', "[]"):
            table.write_text(spoiled)
            fleet.start()
            assert fleet.supervisor is not None
            assert fleet.supervisor.wait(PATIENCE) == daemon.REFUSED
            assert "table.json" in fleet.output().splitlines()[-1]
            assert table.read_text() == spoiled
        for worker in before:
            assert ask(worker["port"])["pid"] == worker["pid"]
        table.write_text(good)
        fleet.start()
        assert [one["pid"] for one in fleet.workers()] == [one["pid"] for one in before]


def test_down_leaves_nothing_behind() -> None:
    with running_fleet(grace_seconds=2.0) as fleet:
        (fleet.folder / "misbehave").write_text("stubborn")
        os.kill(fleet.ready()[0]["pid"], signal.SIGKILL)
        fleet.until(lambda: fleet.workers()[0]["restarts"])
        pids = [worker["pid"] for worker in fleet.ready()]
        # One that ends by itself, one that must be killed.
        assert fleet.call("down") == {"ended": 2}
        assert fleet.supervisor is not None
        assert fleet.supervisor.wait(PATIENCE) == 0
        assert not any(start_ticks(pid) for pid in pids)
        left = {path.name for path in fleet.settings.directory.iterdir()}
        assert left == {"table.json", "settings.json", "lock", "audit.log"}
        with pytest.raises(FleetError, match="No supervisor runs"):
            fleet.status()


def test_it_runs_in_the_background_and_starts_what_was_there_after_a_reboot() -> None:
    with running_fleet() as fleet:
        fleet.ready()
        fleet.kill_supervisor()
        for pid, _ in fleet.pids():
            os.kill(pid, signal.SIGKILL)
        table = fleet.settings.directory / "table.json"
        # As if all this had been before the machine was switched off; one of the pids is somebody else's now.
        text = table.read_text()
        boot = text.partition('"boot": "')[2].partition('"')[0]
        table.write_text(text.replace(boot, "another"))
        pid = daemon.start(fleet.settings)
        try:
            assert os.getsid(pid) not in (os.getsid(0), 0)
            before = fleet.ready()
            assert not fleet.alarms()
            # Without systemd there is still somebody who starts it again.
            os.kill(pid, signal.SIGKILL)
            fleet.until(lambda: daemon.holder(fleet.settings.directory) not in (0, pid))
            fleet.until(fleet.answers)
            assert [one["pid"] for one in fleet.workers()] == [one["pid"] for one in before]
            pid = fleet.status()["fleet"]["pid"]
            guard = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        finally:
            call(fleet.settings.directory, "down", who="test")
        fleet.until(lambda: not start_ticks(pid) and not start_ticks(guard))


def test_a_supervisor_takes_its_own_place_for_a_newer_one() -> None:
    with running_fleet() as fleet:
        before = fleet.ready()
        since = fleet.status()["fleet"]["since"]
        fleet.call("restart", what="supervisor")

        def newer() -> bool:
            try:
                return bool(fleet.status()["fleet"]["since"] > since)
            except FleetError:
                # It took its own place while it was asked.
                return False

        fleet.until(newer)
        assert [one["pid"] for one in fleet.workers()] == [one["pid"] for one in before]
        os.kill(before[0]["pid"], signal.SIGKILL)
        fleet.until(lambda: fleet.worker(before[0]["name"])["restarts"] == 1)
        # Still its parent, so it knows how it ended.
        assert "killed by SIGKILL" in fleet.output()
