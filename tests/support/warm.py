"""Processes that run a module of ours and need not import the application first: forked from one that has.

It is what `python -m MODULE` runs, in a process of its own, with an environment, a folder and outputs of its own.
Importing is most of what a start costs, and the tests start hundreds. Only the uptime it tells of counts from that.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO, Protocol

ROOT = Path(__file__).parents[2]
IMPORTED = (
    "hubbub.cli.serve",
    "hubbub.cli.smoke",
    "hubbub.schema",
    "alembic.command",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
)
LARGEST = 1 << 20
NUMBER = 8
"""Bytes of what the forking process tells: the number of the new process, and later how that ended."""


class Process(Protocol):
    """As much of `subprocess.Popen` as the tests need."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


def start_module(
    module: str,
    *arguments: str,
    env: Mapping[str, str],
    cwd: Path,
    stdout: IO[bytes],
    stderr: IO[bytes],
) -> Process:
    """Starts `python -m module arguments` with nothing to read."""
    if any(name.startswith("COVERAGE_") for name in os.environ):
        # What is measured begins with the interpreter.
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    told, telling = socket.socketpair()
    request = {"argv": [module, *arguments], "env": dict(env), "cwd": str(cwd)}
    with telling:
        descriptors = [stdout.fileno(), stderr.fileno(), telling.fileno()]
        _ask(json.dumps(request).encode(), descriptors)
    return Forked(told)


def run_module(
    module: str, *arguments: str, env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """What became of `python -m module arguments`. Raises subprocess.TimeoutExpired."""
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = start_module(module, *arguments, env=env, cwd=cwd, stdout=output, stderr=errors)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        said, complained = output.read().decode(), errors.read().decode()
    return subprocess.CompletedProcess([module, *arguments], code, said, complained)


class Forked:
    """A process whose parent is not this one, but tells how it ended."""

    def __init__(self, told: socket.socket) -> None:
        self.returncode: int | None = None
        self._told = told
        self.pid = self._read()

    def _read(self) -> int:
        data = self._told.recv(NUMBER, socket.MSG_WAITALL)
        if len(data) < NUMBER:
            raise RuntimeError("The process that forks has ended.")
        return int.from_bytes(data, "big", signed=True)

    def poll(self) -> int | None:
        if self.returncode is None and select([self._told], [], [], 0)[0]:
            self.returncode = self._read()
            self._told.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            select([self._told], [], [], timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("python", timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


_lock = threading.Lock()


def _ask(request: bytes, descriptors: list[int]) -> None:
    with _lock:
        socket.send_fds(_forker(), [request], descriptors)


@cache
def _forker() -> socket.socket:
    """What to ask for a process; the one that forks ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return ours


# The process that forks.


def fork_on_request(asked: socket.socket) -> list[str]:
    """Forks for each request, and tells how the forked ended. Returns in these, with what they shall run."""
    wake, waking = socket.socketpair()
    waking.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select([asked, wake], [], [])
        if wake in ready:
            wake.recv(4096)
            tell_ends(running)
        if asked not in ready:
            continue
        data, descriptors, _, _ = socket.recv_fds(asked, LARGEST, 3)
        if not data:
            os._exit(0)
        request = json.loads(data)
        telling = socket.socket(fileno=descriptors[2])
        pid = os.fork()
        if pid:
            telling.sendall(pid.to_bytes(NUMBER, "big", signed=True))
            running[pid] = telling
            for descriptor in descriptors[:2]:
                os.close(descriptor)
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for other in (asked, wake, waking, telling, *running.values()):
            other.close()
        for descriptor, place in zip(descriptors[:2], (1, 2), strict=True):
            os.dup2(descriptor, place)
            os.close(descriptor)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        argv: list[str] = request["argv"]
        return argv


def tell_ends(running: dict[int, socket.socket]) -> None:
    """Reaps those that ended and tells how, as `subprocess` does."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as telling:
            code = os.waitstatus_to_exitcode(status)
            try:
                telling.sendall(code.to_bytes(NUMBER, "big", signed=True))
            except OSError:
                continue


def main() -> None:
    asked = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()
    for name in IMPORTED:
        importlib.import_module(name)
    # So that the forked share it, whatever they collect.
    gc.freeze()
    module, *arguments = fork_on_request(asked)
    gc.enable()
    sys.argv = [module, *arguments]
    sys.path[0] = os.getcwd()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
