"""`hubbub fleet` as an operator uses it: what each verb says, and the exit code it ends with."""

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from hubbub.cli import main, monit
from hubbub.cli.fleet_start import NotUpError
from hubbub.fleet import daemon
from hubbub.fleet.processes import start_ticks
from scripts.packages import find_program
from tests.fleet.fleets import WORKER, ask
from tests.servers import free_port, free_ports

PORTS = 12


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {json.dumps(word)}" for name, word in value.items()) + "}"
    return json.dumps(value)


class Shell:
    """A folder with a hubbub.toml, and the command line in it."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.port = free_port()
        first = free_ports(PORTS)
        self.settings: dict[str, object] = {
            "directory": str(folder / "state"),
            "log_dir": str(folder / "logs"),
            "command": [sys.executable, str(WORKER)],
            "workers": "2",
            "ports": f"{first}-{first + PORTS - 1}",
            "metrics": "",
            "grace_seconds": 60.0,
            "heartbeats_missed": 60,
            "restarts": 2,
        } | settings
        find_program("haproxy")
        self.proxy = {"driver": "haproxy", "http": f"127.0.0.1:{self.port}"}
        self.rollout = {"canary_seconds": 0.0, "drain_seconds": 0.2, "ready_seconds": 60.0}
        self.write()

    def write(self, **changes: object) -> None:
        """hubbub.toml with these settings on top."""
        lines = ["[fleet]"]
        lines += [f"{name} = {toml(value)}" for name, value in (self.settings | changes).items()]
        for table in ("proxy", "rollout"):
            lines += [f"[fleet.{table}]"]
            lines += [f"{name} = {toml(value)}" for name, value in getattr(self, table).items()]
        (self.folder / "hubbub.toml").write_text("\n".join(lines))

    def run(self, *words: str, **environment: str) -> tuple[int, str]:
        """Exit code and everything that was printed."""
        kept = {name: None for name in os.environ if name.startswith(("FLEET_", "DATABASE_"))}
        # In this process: a new one takes a second to start. `up` leaves one of its own all the same.
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(
                main,
                ["fleet", *words],
                env=kept | {"DATA_DIR": str(self.folder / "data")} | environment,
            )
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    def audit(self) -> list[dict[str, object]]:
        path = self.folder / "state" / "audit.log"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def pids(self) -> list[int]:
        """Of what runs."""
        try:
            table = json.loads((self.folder / "state" / "table.json").read_text())
        except OSError:
            return []
        return [
            one["pid"]
            for one in table["processes"]
            if one["pid"] and start_ticks(one["pid"]) == one["ticks"]
        ]

    def close(self) -> None:
        if not (self.folder / "state" / "lock").exists():
            return
        self.run("down")
        if pid := daemon.holder(self.folder / "state"):
            # What starts it again first.
            parent = parent_of(pid)
            if b"hubbub.fleet" in Path(f"/proc/{parent}/cmdline").read_bytes():
                os.kill(parent, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as name:
        made = Shell(Path(name))
        try:
            yield made
        finally:
            made.close()


def test_a_fleet_that_is_not_up_says_so(shell: Shell) -> None:
    for words in (
        ["status"],
        ["status", "--json"],
        ["reload"],
        ["rollback"],
        ["scale", "2"],
        ["scale", "-1"],
        ["restart", "proxy"],
        ["drain", "blue-1"],
        ["monit"],
        ["flush"],
        ["signal", "blue-1", "USR2"],
    ):
        assert shell.run(*words) == (3, "The fleet is not up.\n"), words
    assert shell.run("down") == (0, "The fleet is down already.\n")
    assert shell.run("save")[0] == 1
    assert shell.run("resurrect")[0] == 1


def test_what_cannot_be_used_is_a_sentence(shell: Shell) -> None:
    code, said = shell.run("up", FLEET_WORKERS="many")
    assert (code, "FLEET_WORKERS must be a number" in said) == (1, True)
    code, said = shell.run("up", FLEET_PORTS="1")
    assert (code, "FLEET_PORTS" in said) == (1, True)
    assert shell.run("scale")[0] == 2
    assert shell.run("no-such-verb")[0] == 2
    code, said = shell.run("startup")
    assert code == 0
    assert f"WorkingDirectory={shell.folder}" in said
    assert "fleet up --foreground" in said


def test_workers_that_cannot_start_are_no_fleet(shell: Shell) -> None:
    code, said = shell.run("up", MISBEHAVE="crash-at-boot")
    assert code == 1
    assert "this version cannot start" in said
    assert "Nothing is left running." in said
    assert shell.run("status")[0] == 3
    assert shell.pids() == []


def test_a_day_with_a_fleet(shell: Shell) -> None:
    code, said = shell.run("up")
    assert (code, "with 2 workers" in said) == (0, True), said
    assert ask(shell.port)["name"].startswith("blue-")
    code, said = shell.run("up")
    assert (code, "up already" in said) == (0, True), said
    code, said = shell.run("status")
    assert (code, "blue-2" in said) == (0, True), said
    status = json.loads(shell.run("status", "--json")[1])
    assert status["fleet"]["wanted"] == 2

    assert shell.run("scale", "+1")[0] == 0
    code, said = shell.run("scale", "100")
    assert (code, "FLEET_PORTS" in said) == (1, True), said
    code, said = shell.run("scale", "0")
    assert (code, "One worker must stay" in said) == (1, True), said
    assert shell.run("scale", "-1")[0] == 0

    assert shell.run("drain", "blue-1") == (
        0,
        "blue-1 asks its clients to move, over 0.2 s.\nblue-1 is warm.\n",
    )
    assert shell.run("status")[0] == 1
    assert shell.run("drain", "blue-2")[0] == 1
    assert shell.run("drain", "nobody")[0] == 1
    assert shell.run("resume", "blue-1")[0] == 0
    assert shell.run("restart", "worker", "blue-1")[0] == 0
    assert shell.run("restart", "worker", "nobody")[0] == 1
    assert shell.run("restart", "service")[0] == 1
    assert shell.run("signal", "blue-2", "NONSENSE")[0] == 1
    assert shell.run("signal", "blue-2", "USR2")[0] == 0
    wait_for(lambda: "worker.py" in shell.run("logs", "--worker", "blue-2")[1])
    assert shell.run("flush")[0] == 0
    assert shell.run("save")[0] == 0

    verbs = [line["verb"] for line in shell.audit()]
    assert verbs.count("up") == 2
    assert {"scale", "drain", "resume", "restart", "signal", "flush"} <= set(verbs)
    assert all(line["who"] for line in shell.audit())


def test_monit_shows_rates_alarms_and_a_supervisor_that_is_away(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monit, "EVERY_SECONDS", 0.0)
    first = json.loads(shell.run("status", "--json")[1])
    second = json.loads(json.dumps(first))
    worker = next(one for one in second["processes"] if one["name"] == "blue-2")
    worker["heard_at"] += 2.0
    worker["heartbeat"]["requests"] = worker["heartbeat"].get("requests", 0) + 25
    second["alarms"] = [
        {"name": "failed", "about": "x", "text": "x failed", "since": 0, "until": 0}
    ]
    looks = iter([first, second, NotUpError(), KeyboardInterrupt()])

    def look() -> dict[str, Any]:
        found = next(looks)
        if isinstance(found, BaseException):
            raise found
        assert isinstance(found, dict)
        return found

    terminal = io.StringIO()
    monit.watch(look, Console(file=terminal, force_terminal=True, width=140, height=50))
    shown = terminal.getvalue()
    for word in ("blue-2", "12.5", "x failed", "The fleet is not up."):
        assert word in shown, shown


def test_reload_takes_over_what_hubbub_toml_says_now(shell: Shell) -> None:
    shell.write(environment={"MISBEHAVE": "crash-at-boot"})
    code, said = shell.run("reload")
    assert (code, "this version cannot start" in said) == (1, True), said
    shell.write(workers="0")
    code, said = shell.run("reload")
    assert (code, "FLEET_WORKERS" in said) == (1, True), said
    # A file that nobody can use keeps nobody from the other verbs.
    assert shell.run("status")[0] == 0
    release = shell.folder / "release"
    release.mkdir()
    shell.write(release=str(release), workers="3")
    code, said = shell.run("reload")
    assert (code, "Done." in said) == (0, True), said
    assert ask(shell.port)["release"] == str(release)
    assert json.loads(shell.run("status", "--json")[1])["fleet"]["wanted"] == 3
    assert shell.run("rollback")[0] == 0
    assert ask(shell.port)["release"] == ""
    outcomes = [line["outcome"] for line in shell.audit() if line["verb"] == "reload"]
    assert outcomes[-1] == "done"
    assert sum(outcome != "done" for outcome in outcomes) >= 2
    assert "MISBEHAVE" not in (shell.folder / "state" / "audit.log").read_text()


def test_down_ends_what_a_killed_supervisor_left(shell: Shell) -> None:
    # It comes back by itself, and a verb that is early waits for it, however slowly it does.
    supervisor = int((shell.folder / "state" / "lock").read_text())
    guard = parent_of(supervisor)
    os.kill(guard, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    goes_on = threading.Timer(7, os.kill, (guard, signal.SIGCONT))
    goes_on.start()
    try:
        assert shell.run("scale", "2")[0] == 0
    finally:
        goes_on.join()
    pids = shell.pids()
    assert pids
    os.kill(int((shell.folder / "state" / "lock").read_text()), signal.SIGKILL)
    code, said = shell.run("down")
    assert (code, "The fleet is down." in said) == (0, True), said
    wait_for(lambda: not shell.pids())
    assert shell.run("status")[0] == 3
