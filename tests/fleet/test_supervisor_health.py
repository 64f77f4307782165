"""Workers that live but are not well: blocked, too large, deaf, not ready."""

import os
import signal
import time

from tests.fleet.fleets import ask, poke, running_fleet


def test_a_blocked_event_loop_is_dumped_and_killed() -> None:
    with running_fleet(heartbeats_missed=3) as fleet:
        first, second = fleet.ready()
        fleet.until(lambda: fleet.worker(first["name"])["heartbeat"])
        poke(first["port"], "/block")
        took = fleet.until(lambda: fleet.worker(first["name"])["restarts"] == 1)
        assert took > 0.8, "it was not given its time"
        assert fleet.ready()[0]["pid"] != first["pid"]
        dump = fleet.output(first["name"])
        assert "most recent call first" in dump
        assert "in route" in dump, "the stack says where it stood"
        assert "its event loop stood still for" in fleet.output()
        assert fleet.worker(second["name"])["pid"] == second["pid"]


def test_a_worker_that_never_sent_a_heartbeat_is_not_missed() -> None:
    with running_fleet(heartbeats_missed=1, environment={"MISBEHAVE": "mute"}) as fleet:
        before = [worker["pid"] for worker in fleet.ready()]
        time.sleep(1.6)
        assert [worker["pid"] for worker in fleet.ready()] == before


def test_a_worker_that_is_too_large_is_replaced_and_drained() -> None:
    with running_fleet(memory_soft="60M", memory_every=0.2) as fleet:
        first, second = fleet.ready()
        ask(first["port"], "/eat")
        fleet.until(lambda: first["pid"] not in {one["pid"] for one in fleet.workers()})
        workers = fleet.ready()
        assert {one["name"] for one in workers} == {"blue-2", "blue-3"}
        assert fleet.worker(second["name"])["pid"] == second["pid"]
        output = fleet.output()
        # The other one is ready before this one goes, and it goes by itself.
        assert output.index("blue-3 is ready") < output.index("blue-1 exited with code 0")
        assert "holds" in output
        assert "blue-1 drains" in fleet.output("blue-1")
        assert not fleet.alarms()


def test_a_replacement_that_cannot_start_leaves_the_large_worker_and_says_so() -> None:
    with running_fleet(memory_soft="60M", memory_every=0.2) as fleet:
        first, _ = fleet.ready()
        (fleet.folder / "misbehave").write_text("crash-at-boot")
        ask(first["port"], "/eat")
        fleet.until(fleet.alarms)
        assert "FLEET_MEMORY_SOFT" in fleet.alarms()[0]["text"]
        assert ask(first["port"])["pid"] == first["pid"]
        assert len(fleet.workers()) == 2


def test_a_worker_that_answers_no_probe_is_killed() -> None:
    with running_fleet(
        environment={"MISBEHAVE": "mute"}, probe_every=0.2, probe_timeout=0.7
    ) as fleet:
        first, second = fleet.ready()
        poke(first["port"], "/hang")
        fleet.until(lambda: fleet.worker(first["name"])["restarts"] == 1)
        assert "does not answer within 0.7 s" in fleet.output()
        assert "most recent call first" in fleet.output(first["name"])
        fleet.ready()
        assert fleet.worker(second["name"])["pid"] == second["pid"]
        fleet.until(lambda: not fleet.alarms())


def test_what_all_of_them_lack_is_no_reason_to_restart_them() -> None:
    with running_fleet(probe_every=0.4, probe_timeout=5.0) as fleet:
        before = fleet.ready()
        for worker in before:
            ask(worker["port"], "/unready")
        fleet.until(lambda: len(fleet.alarms()) == 2)
        assert "answers 503" in fleet.alarms()[0]["text"]
        time.sleep(1)
        assert [one["pid"] for one in fleet.workers()] == [one["pid"] for one in before]


def test_only_one_that_is_not_ready_is_restarted() -> None:
    with running_fleet(probe_every=0.2, probe_timeout=5.0) as fleet:
        first, second = fleet.ready()
        ask(first["port"], "/unready")
        fleet.until(lambda: fleet.worker(first["name"])["restarts"] == 1)
        fleet.ready()
        assert fleet.worker(second["name"])["pid"] == second["pid"]


def test_nobody_is_blamed_for_a_machine_that_stood_still() -> None:
    with running_fleet(heartbeats_missed=3) as fleet:
        before = fleet.ready()
        fleet.until(lambda: all(one["heard_at"] for one in fleet.workers()))
        assert fleet.supervisor is not None
        everybody = [fleet.supervisor.pid, *(one["pid"] for one in before)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3.3)
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)
        now = time.time()
        fleet.until(lambda: all(one["heard_at"] > now for one in fleet.workers()))
        assert [one["pid"] for one in fleet.workers()] == [one["pid"] for one in before]
