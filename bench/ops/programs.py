"""Starting, asking and ending what the rig compares, each command bounded, and nothing left behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scripts.house import ROOT, find_tool
from tests.servers import ServerError

BOUND = 60.0
"""Seconds a tool's command may take; it is ended then, and has no exit code."""
START = 30.0
OWNER = "RIG_OWNER"


@dataclass(frozen=True)
class Done:
    """How a tool's command ended: `code` None when it had to be ended."""

    code: int | None
    seconds: float
    output: str


@dataclass
class Place:
    """A contestant's folder and what runs in it, found by a mark in its environment."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            OWNER: self.owner,
            **self.environment,
        }

    def start(self, words: Sequence[str | Path], log: str) -> subprocess.Popen[bytes]:
        """Starts a program that stays, in a session of its own."""
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                words,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def run(
        self,
        *words: str | Path,
        bound: float = BOUND,
        more: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Done:
        """Runs a command to its end, or to the bound."""
        began = time.monotonic()
        # Into a file: what the command leaves running must not keep us waiting for the end of a pipe.
        output = self.folder / f"command-{uuid.uuid4().hex}.log"
        with output.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=cwd or self.folder,
                env={**self.environment, **(more or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        code: int | None
        try:
            code = await asyncio.wait_for(process.wait(), bound)
        except TimeoutError:
            process.kill()
            await process.wait()
            code = None
        return Done(code, time.monotonic() - began, output.read_text(errors="replace"))

    def processes(self) -> list[psutil.Process]:
        """Everything alive that was started here, by whomever."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(OWNER) == self.owner:
                    found.append(process)
        return found

    def clear(self) -> None:
        """Ends what is left."""
        for _ in range(10):
            left = self.processes()
            if not left:
                return
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=2)

    def log_tail(self) -> str:
        """The end of every log, for the message of an error."""
        logs = sorted(self.folder.rglob("*.log")) + sorted(self.folder.rglob("*.out"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in logs)


def kill(pid: int) -> None:
    """kill -9. Raises ProcessLookupError, also for what is no process: 0 would be all of us."""
    if pid <= 0:
        raise ProcessLookupError(f"there is no process {pid}")
    os.kill(pid, signal.SIGKILL)


def tool(name: str) -> str:
    """The path of a program. Raises ServerError."""
    program = find_tool(name)
    if program is None:
        raise ServerError(f"{name} is not installed; `make bench` installs what it needs.")
    return str(program)


def resident(pids: Sequence[int]) -> int:
    """Resident bytes of these processes."""
    return sum(psutil.Process(pid).memory_info().rss for pid in pids)
