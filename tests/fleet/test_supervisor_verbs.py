"""The control socket: what it takes, what it refuses, and what it writes down."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hubbub.fleet.changes import fingerprint
from hubbub.fleet.control import SOCKET, call, call_async
from hubbub.fleet.daemon import unit
from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import FleetSettings, ProxySettings, RolloutSettings
from tests.fleet.fleets import PATIENCE, Fleet, ask, running_fleet


def audit(fleet: Fleet) -> list[dict[str, object]]:
    text = (fleet.settings.directory / "audit.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_worker_is_drained_and_taken_back() -> None:
    rollout = RolloutSettings(ready_seconds=8.0, drain_seconds=0.2)
    with running_fleet(rollout=rollout) as fleet:
        first, second = fleet.ready()
        assert fleet.call("drain", worker=first["name"]) == {"worker": "blue-1", "state": "warm"}
        with pytest.raises(OSError, match="503"):
            ask(first["port"], "/readyz")
        with pytest.raises(FleetError, match="only one that serves"):
            fleet.call("drain", worker=second["name"])
        # The next supervisor leaves it so.
        fleet.kill_supervisor()
        fleet.start()
        assert fleet.worker(first["name"])["state"] == "warm"
        # Longer than it may take to get ready, which is counted from now on.
        time.sleep(rollout.ready_seconds)
        assert fleet.call("resume", worker=first["name"])["state"] == "ready"
        assert [one["pid"] for one in fleet.ready()] == [first["pid"], second["pid"]]


def test_each_change_leaves_one_line_and_what_only_looks_leaves_none() -> None:
    with running_fleet() as fleet:
        fleet.ready()
        fleet.status()
        fleet.call("signal", what="blue-1", signal="USR2")
        with pytest.raises(FleetError, match="no signal"):
            fleet.call("signal", what="blue-1", signal="NONSENSE")
        with pytest.raises(FleetError, match="no 'red-7'; blue-1, blue-2 runs here"):
            fleet.call("restart", what="red-7")
        lines = audit(fleet)
        assert [(one["verb"], one["who"]) for one in lines] == [
            ("signal", "test"),
            ("signal", "test"),
            ("restart", "test"),
        ]
        assert lines[0]["outcome"] == "done"
        assert lines[0]["arguments"] == {"what": "blue-1", "signal": "USR2"}
        assert "no signal" in str(lines[1]["outcome"])
        fleet.until(lambda: "most recent call first" in fleet.output("blue-1"))


def test_all_workers_are_restarted_one_by_one_while_the_others_serve() -> None:
    with running_fleet() as fleet:
        before = {one["pid"] for one in fleet.ready()}
        told: list[str] = []
        ended = threading.Event()

        def restart() -> None:
            call(
                fleet.settings.directory,
                "restart",
                {"what": "worker"},
                who="a",
                progress=told.append,
            )
            ended.set()

        # So that it goes on for as long as somebody else is refused.
        (fleet.folder / "misbehave").write_text("held-boot")
        thread = threading.Thread(target=restart)
        thread.start()
        fleet.until(lambda: fleet.status()["fleet"]["operation"] == "restart")
        with pytest.raises(FleetError, match="restart is going on"):
            fleet.call("restart", what="blue-1")
        (fleet.folder / "misbehave").unlink()
        fewest = 2
        while not ended.is_set():
            fewest = min(fewest, sum(one["state"] == "ready" for one in fleet.workers()))
        thread.join()
        after = fleet.ready()
        assert fewest >= 1
        assert len(after) == 2
        assert not before & {one["pid"] for one in after}
        assert len(told) == 2


def test_who_goes_away_does_not_end_what_was_begun() -> None:
    with running_fleet() as fleet:
        before = {one["pid"] for one in fleet.ready()}
        # So that it does not end before anybody has looked.
        (fleet.folder / "misbehave").write_text("held-boot")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(fleet.settings.directory / SOCKET))
            client.sendall(b'{"verb": "restart", "arguments": {"what": "worker"}, "who": "b"}\n')
            fleet.until(lambda: fleet.status()["fleet"]["operation"] == "restart")
        (fleet.folder / "misbehave").unlink()
        fleet.until(lambda: not before & {one["pid"] for one in fleet.ready()})
        fleet.until(lambda: audit(fleet)[-1]["outcome"] == "done")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"nonsense\n", "one line of JSON"),
        (b"[]\n", "one line of JSON"),
        (b'{"verb": 3}\n', "must be text"),
        (b'{"verb": "dance"}\n', "'dance' is no verb; there are "),
        (b'{"verb": "status", "who": "' + b"x" * 300_000, "no longer than 262144 bytes"),
    ],
)
def test_what_makes_no_sense_gets_a_sentence(one_fleet: Fleet, sent: bytes, said: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(one_fleet.settings.directory / SOCKET))
        with contextlib.suppress(BrokenPipeError):
            client.sendall(sent)
        with client.makefile("rb") as answer:
            told = json.loads(answer.readline())
    assert told["ok"] is False
    assert told["exit"] == 1
    assert said in told["error"]
    assert one_fleet.answers()


def test_only_its_owner_reaches_it_and_a_loop_can_ask_too(one_fleet: Fleet) -> None:
    directory = one_fleet.settings.directory
    assert stat.S_IMODE(os.stat(directory / SOCKET).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(directory / "settings.json").st_mode) == 0o600
    status = asyncio.run(call_async(directory, "status", who="loop", seconds=PATIENCE))
    assert status["fleet"]["directory"] == str(directory)
    with pytest.raises(FleetError, match="No supervisor runs for"):
        asyncio.run(call_async(directory / "elsewhere", "status", who="loop"))
    with pytest.raises(FleetError, match="is no verb"):
        asyncio.run(call_async(directory, "dance", who="loop"))


def test_nonsense_on_the_heartbeat_socket_changes_nothing(one_fleet: Fleet) -> None:
    worker = one_fleet.ready(1)[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        path = str(one_fleet.settings.directory / "heartbeat.sock")
        for beat in (b"", b"nonsense", b"[]", b'{"pid": "x"}', b'{"pid": 1}', b"\xff" * 9_000):
            sender.sendto(beat, path)
        sender.sendto(b'{"pid": %d, "lag": NaN}' % worker["pid"], path)
        sender.sendto(b'{"pid": %d, "sockets": Infinity}' % worker["pid"], path)
    now = time.time()
    one_fleet.until(lambda: one_fleet.worker(worker["name"])["heard_at"] > now)
    assert one_fleet.worker(worker["name"])["heartbeat"]["sockets"] == 0


def test_a_supervisor_told_to_end_ends_everything() -> None:
    with running_fleet(workers="1") as fleet:
        [worker] = fleet.ready(1)
        assert fleet.supervisor is not None
        fleet.supervisor.send_signal(signal.SIGTERM)
        assert fleet.supervisor.wait(PATIENCE) == 0
        with pytest.raises(OSError):
            ask(worker["port"])
        assert [(one["verb"], one["who"]) for one in audit(fleet)] == [("down", "SIGTERM")]


def test_in_development_a_changed_file_restarts_the_worker() -> None:
    with running_fleet(mode="development", watch=("code",)) as fleet:
        [worker] = fleet.ready(1)
        code = fleet.folder / "code"
        code.mkdir()
        (code / "module.py").write_text("a = 1")
        fleet.until(lambda: fleet.worker("blue-1")["pid"] != worker["pid"])
        worker = fleet.ready(1)[0]
        assert fleet.call("restart", what="worker") == {"restarted": ["blue-1"]}
        # One that cannot start is tried again with the next change, however often it fell.
        (fleet.folder / "misbehave").write_text("crash-at-boot")
        (code / "module.py").write_text("a = 2")
        fleet.until(lambda: fleet.worker("blue-1")["restarts"] > worker["restarts"])
        (fleet.folder / "misbehave").unlink()
        (code / "module.py").write_text("a = 34")
        fleet.ready(1)


def test_only_files_that_somebody_wrote_count_as_changed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = fingerprint([str(tmp_path)])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("1")
    (tmp_path / ".hidden").write_text("1")
    assert fingerprint([str(tmp_path)]) == before
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "__init__.py").write_text("")
    after = fingerprint([str(tmp_path), str(tmp_path / "missing")])
    assert after != before
    (tmp_path / "a.py").write_text("22")
    assert fingerprint([str(tmp_path), str(tmp_path / "missing")]) != after


def test_the_unit_keeps_workers_alive_over_the_supervisor(tmp_path: Path) -> None:
    settings = FleetSettings(
        directory=tmp_path, proxy=ProxySettings(http="0.0.0.0:80"), rollout=RolloutSettings()
    )
    text = unit(settings, Path("/opt/with space/python"), "hubbub")
    for line in (
        'ExecStart="/opt/with space/python" -m hubbub fleet up --foreground',
        "User=hubbub",
        "KillMode=process",
        "Restart=always",
        "Type=notify",
        "WatchdogSec=30",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    ):
        assert line in text.splitlines()
    # systemd runs it after a crash too, and would end what shall go on.
    assert "\nExecStop" not in text
    if program := shutil.which("systemd-analyze"):
        file = tmp_path / "fleet.service"
        file.write_text(unit(settings, Path(sys.executable), "root"))
        checked = subprocess.run([program, "verify", file], capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, "")
    settings = FleetSettings(directory=tmp_path)
    assert "CAP_NET_BIND_SERVICE" not in unit(settings, Path("/usr/bin/python3"), "hubbub")


def test_systemd_is_told_that_it_runs() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = f"\0fleet-test-{os.getpid()}"
        manager.bind(address)
        manager.settimeout(PATIENCE)
        os.environ["NOTIFY_SOCKET"] = address.replace("\0", "@")
        try:
            with running_fleet(workers="1") as fleet:
                assert b"READY=1" in manager.recv(1000)
                assert manager.recv(1000) == b"WATCHDOG=1"
                [worker] = fleet.ready(1)
                environment = Path(f"/proc/{worker['pid']}/environ").read_bytes()
                assert b"NOTIFY_SOCKET" not in environment
        finally:
            del os.environ["NOTIFY_SOCKET"]
