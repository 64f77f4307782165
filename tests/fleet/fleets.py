"""Real fleets for the tests: a supervisor process of its own over small workers, in a short folder, on free ports."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubbub.fleet import daemon
from hubbub.fleet.control import call
from hubbub.fleet.errors import FleetError
from hubbub.fleet.processes import start_ticks
from hubbub.fleet.settings import FleetSettings, ProxySettings, RolloutSettings
from scripts.packages import find_program
from tests.servers import free_ports

WORKER = Path(__file__).with_name("worker.py")
PATIENCE = 60.0
PORTS_EACH = 12


class Fleet:
    """One supervisor and what it runs. `settings` may be replaced before `start`."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        first = free_ports(PORTS_EACH)
        self.folder = folder
        values: dict[str, Any] = {
            "directory": folder / "state",
            "log_dir": folder / "logs",
            "workers": "2",
            "ports": f"{first}-{first + PORTS_EACH - 1}",
            "command": (sys.executable, str(WORKER)),
            # A worker is slow where the machine is busy, and not ill: tests of these bounds have their own.
            "grace_seconds": PATIENCE,
            "heartbeats_missed": int(PATIENCE),
            "probe_timeout": PATIENCE / 2,
            "metrics": "",
            "proxy": ProxySettings(driver="none"),
            "rollout": RolloutSettings(
                ready_seconds=PATIENCE, drain_seconds=0.2, canary_seconds=0.0
            ),
        }
        self.settings = FleetSettings(**(values | changes))
        self.supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """A supervisor as a child of ours; the fleet's workers may not be ready yet."""
        if self.settings.proxy.driver != "none":
            find_program(self.settings.proxy.driver)
        daemon.hand_over(self.settings)
        with (self.settings.log_dir / daemon.OUTPUT).open("ab") as output:
            self.supervisor = subprocess.Popen(
                daemon.command(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
            )
        self.until(lambda: bool(self.answers() or self.supervisor_ended()))

    def answers(self) -> bool:
        with contextlib.suppress(FleetError):
            self.status()
            return True
        return False

    def supervisor_ended(self) -> bool:
        return self.supervisor is None or self.supervisor.poll() is not None

    def ready(self, count: int = 2) -> list[dict[str, Any]]:
        """The workers, when so many are ready."""

        def enough() -> bool:
            return len([one for one in self.workers() if one["state"] == "ready"]) >= count

        self.until(enough)
        return self.workers()

    def call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return call(self.settings.directory, verb, arguments, who="test", seconds=PATIENCE)

    def status(self) -> dict[str, Any]:
        return self.call("status")

    def workers(self) -> list[dict[str, Any]]:
        return [one for one in self.status()["processes"] if one["kind"] == "worker"]

    def worker(self, name: str) -> dict[str, Any]:
        return next(worker for worker in self.workers() if worker["name"] == name)

    def alarms(self) -> list[dict[str, Any]]:
        """Those that are open."""
        return [alarm for alarm in self.status()["alarms"] if not alarm["until"]]

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> float:
        """Waits for it; how long that took. Fails with what the supervisor said.

        A condition that raises OSError, for nobody answers yet, is not there yet.
        """
        began = time.monotonic()
        while not holds(condition):
            if time.monotonic() - began > seconds:
                raise AssertionError(f"it did not happen within {seconds} s:\n{self.output()}")
            time.sleep(0.02)
        return time.monotonic() - began

    def output(self, name: str = "supervisor") -> str:
        path = self.settings.log_dir / f"{name}.out"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def kill_supervisor(self) -> None:
        """`kill -9`; its workers go on."""
        assert self.supervisor is not None
        self.supervisor.kill()
        self.supervisor.wait()

    def close(self) -> None:
        """Ends everything, by the book if that works."""
        pids = self.pids()
        with contextlib.suppress(FleetError):
            self.call("down")
        if self.supervisor is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(5)
            self.supervisor.kill()
            self.supervisor.wait()
        for pid, ticks in pids | self.pids():
            if pid and start_ticks(pid) == ticks:
                os.kill(pid, signal.SIGKILL)

    def pids(self) -> set[tuple[int, int]]:
        """Pid and start ticks of what is in the table."""
        try:
            table = json.loads((self.settings.directory / "table.json").read_text())
            return {(one["pid"], one["ticks"]) for one in table["processes"]}
        except (OSError, ValueError, KeyError, TypeError):
            return set()


@contextmanager
def running_fleet(**changes: Any) -> Iterator[Fleet]:
    """A fleet with these settings, started, for as long as the block runs."""
    # Not below pytest's own folder: a unix socket's path has room for 107 characters.
    with tempfile.TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as name:
        fleet = Fleet(Path(name), **changes)
        try:
            fleet.start()
            yield fleet
        finally:
            fleet.close()


def holds(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except OSError:
        return False


def ask(port: int, path: str = "/whoami", seconds: float = 20.0) -> dict[str, Any]:
    """What a worker answers. Raises OSError when it does not, or not with 200."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=seconds) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def poke(port: int, path: str) -> None:
    """Asks, and does not wait for an answer that may never come."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: worker\r\n\r\n".encode())
        time.sleep(0.05)
