"""Workers that live but are not well: blocked, too large, deaf, not ready."""

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest

from hubbub.fleet.settings import parse_settings
from hubbub.fleet.supervisor import Supervisor
from hubbub.fleet.table import Process
from tests.fleet.fleets import ask, poke, running_fleet
from tests.servers import free_port


@pytest.mark.parametrize("dump", ["", "slow-dump"])
def test_a_blocked_event_loop_is_dumped_and_killed(dump: str) -> None:
    with running_fleet(heartbeats_missed=5) as fleet:
        fleet.ready()
        # The other one sends none, so that it cannot be late with them.
        (fleet.folder / "misbehave").write_text("mute")
        [second] = fleet.call("restart", what="blue-2")["restarted"]
        (fleet.folder / "misbehave").write_text(dump)
        [first] = fleet.call("restart", what="blue-1")["restarted"]
        before = {one["name"]: one for one in fleet.ready()}
        fleet.until(lambda: fleet.worker(first)["heartbeat"])
        poke(before[first]["port"], "/block")
        fleet.until(lambda: fleet.worker(first)["restarts"] == 1)
        fleet.until(lambda: fleet.worker(first)["state"] == "ready")
        assert fleet.worker(first)["pid"] != before[first]["pid"]
        said = re.search(r"its event loop stood still for ([\d.]+) s", fleet.output())
        assert said
        assert float(said[1]) > 4, "it was not given its time"
        stack = fleet.output(first)
        assert "most recent call first" in stack
        assert "in route" in stack, "the stack says where it stood"
        assert fleet.worker(second)["pid"] == before[second]["pid"]


def test_a_worker_that_never_sent_a_heartbeat_is_not_missed() -> None:
    with running_fleet(heartbeats_missed=1, environment={"MISBEHAVE": "mute"}) as fleet:
        before = [worker["pid"] for worker in fleet.ready()]
        time.sleep(1.6)
        assert [worker["pid"] for worker in fleet.ready()] == before


def test_a_worker_that_is_too_large_is_replaced_and_drained() -> None:
    with running_fleet(memory_soft="60M", memory_every=0.2) as fleet:
        first, second = fleet.ready()
        ask(first["port"], "/eat")
        fleet.until(lambda: first["name"] not in {one["name"] for one in fleet.workers()})
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
        environment={"MISBEHAVE": "mute"}, probe_every=0.2, probe_timeout=3.0
    ) as fleet:
        first, second = fleet.ready()
        poke(first["port"], "/hang")
        fleet.until(lambda: fleet.worker(first["name"])["restarts"] == 1)
        assert "does not answer within 3 s" in fleet.output()
        assert "most recent call first" in fleet.output(first["name"])
        fleet.ready()
        assert fleet.worker(second["name"])["pid"] == second["pid"]
        fleet.until(lambda: not fleet.alarms())


def test_what_all_of_them_lack_is_no_reason_to_restart_them() -> None:
    with running_fleet(probe_every=0.4) as fleet:
        before = fleet.ready()
        assert fleet.supervisor is not None
        # To the supervisor it befalls all of them at once.
        fleet.supervisor.send_signal(signal.SIGSTOP)
        for worker in before:
            ask(worker["port"], "/unready")
        fleet.supervisor.send_signal(signal.SIGCONT)
        fleet.until(lambda: len(fleet.alarms()) == 2)
        assert "answers 503" in fleet.alarms()[0]["text"]
        time.sleep(1)
        assert [one["pid"] for one in fleet.workers()] == [one["pid"] for one in before]


def test_only_one_that_is_not_ready_is_restarted() -> None:
    with running_fleet(probe_every=0.2) as fleet:
        first, second = fleet.ready()
        ask(first["port"], "/unready")
        fleet.until(lambda: fleet.worker(first["name"])["restarts"] == 1)
        fleet.ready()
        assert fleet.worker(second["name"])["pid"] == second["pid"]


async def answers(answer: list[int]) -> asyncio.Server:
    """A port whose probe is answered with that status, as it is at the time."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d So\r\nContent-Length: 0\r\n\r\n" % answer[0])
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", free_port())


def test_a_probe_from_before_it_began_does_not_say_that_another_is_well(tmp_path: Path) -> None:
    settings = parse_settings({"directory": str(tmp_path), "probe_timeout": 60.0})

    async def run() -> None:
        supervisor = Supervisor(settings)
        statuses, workers = ([200], [200]), []
        for number, status in enumerate(statuses, 1):
            server = await answers(status)
            port = server.sockets[0].getsockname()[1]
            worker = Process(f"blue-{number}", "worker", [], port=port, pid=number, state="ready")
            workers.append(worker)
        first, second = workers
        supervisor.table.processes += workers
        for worker in workers:
            await supervisor.health._probe(worker, worker.pid)
        for status in statuses:
            status[0] = 503
        for _ in range(5):
            await supervisor.health._probe(first, first.pid)
        assert supervisor.suspects == set()
        # The second one is back, and no probe of its own has said so.
        statuses[1][0] = 200
        await supervisor.health._probe(first, first.pid)
        assert supervisor.suspects == {first.name}
        assert second.name not in supervisor.suspects

    asyncio.run(run())


def test_nobody_is_blamed_for_a_machine_that_stood_still() -> None:
    with running_fleet(heartbeats_missed=5) as fleet:
        before = fleet.ready()
        fleet.until(lambda: all(one["heard_at"] for one in fleet.workers()))
        assert fleet.supervisor is not None
        everybody = [fleet.supervisor.pid, *(one["pid"] for one in before)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5.3)
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)
        now = time.time()
        fleet.until(lambda: all(one["heard_at"] > now for one in fleet.workers()))
        assert [one["pid"] for one in fleet.workers()] == [one["pid"] for one in before]
