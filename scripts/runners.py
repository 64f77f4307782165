"""The two test runners, pytest and vitest: how each is started, and what became of its run."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.house import BIN, ROOT, WEB, tool_environment

LEAST_COVERED_CLIENT = 80
"""Percent of lines of the client's core; its interface is driven by the browser tests instead."""
TAIL = 4096
WORKERS = (os.cpu_count() or 1) + 1
"""One more than the cores: much of a test's time is waiting for the servers it started."""
RESTARTS = ("--max-worker-restart", "1")
"""xdist begins the file of a test that hung anew: a test that hangs always must not take its time for ever."""
TESTS_FAILED = 1
"""How both runners end when tests failed and nothing else did."""


@dataclass(frozen=True)
class Outcomes:
    """What a runner's plugin wrote down: `failed` names tests, `whole` says that all ran and nothing else failed."""

    passed: int
    skipped: int
    failed: tuple[str, ...]
    whole: bool


NOTHING = Outcomes(0, 0, (), whole=False)


@dataclass(frozen=True)
class Run:
    """How one run ended; `output` is what was not shown yet."""

    status: int
    closing: str
    outcomes: Outcomes
    output: str = ""

    @property
    def explained(self) -> bool:
        """Whether the tests that failed are all that is wrong."""
        return self.outcomes.whole and bool(self.outcomes.failed)

    @property
    def passed(self) -> bool:
        """Whether something was run, and nothing failed."""
        return self.status == 0 and self.outcomes.whole and self.outcomes.passed > 0


def run_pytest(arguments: Sequence[str], coverage: bool = False) -> Run:
    """Runs what `arguments` choose, several files at a time; the output is shown as it comes."""
    # With -s a person watches what one test after the other prints.
    workers = 1 if "-s" in arguments else min(WORKERS, count_files(arguments))
    # tests/conftest.py orders the files.
    spread = ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder", *RESTARTS]
    return start_pytest([*(spread if workers > 1 else []), *arguments], coverage)


def count_files(arguments: Sequence[str]) -> int:
    """How many test files are chosen, where each is named; else as many as run at a time."""
    places = {ROOT / word.partition("::")[0] for word in arguments if not word.startswith("-")}
    files = {place for place in places if place.is_file()}
    return len(files) if files and not any(place.is_dir() for place in places) else WORKERS


def start_pytest(arguments: Sequence[str], coverage: bool = False) -> Run:
    runner = ["-m", "coverage", "run", "-m", "pytest"] if coverage else ["-m", "pytest"]
    color = ["--color=yes"] if sys.stdout.isatty() else []
    # Hundreds of processes are started: not each shall compile everything anew.
    environment = tool_environment()
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with report_file() as report:
        told = ["-p", "scripts.outcomes", f"--outcomes={report}"]
        command = [str(BIN / "python"), *runner, *color, *told, *arguments]
        status, tail = run_shown(command, ROOT, environment)
        outcomes = read_outcomes(report)
    lines = [line for line in tail.splitlines() if line.strip()]
    closing = lines[-1] if lines else f"pytest said nothing and ended with status {status}"
    if status not in (0, TESTS_FAILED):
        outcomes = replace(outcomes, whole=False)
    return Run(status, closing, outcomes)


def run_vitest(arguments: Sequence[str] = (), coverage: bool = False) -> Run:
    """Runs what `arguments` choose and keeps the output, for it may run beside pytest.

    A test's name is its file and its own name with a colon between. The closing line is made from the counts.
    """
    reporters = ["--reporter=default", "--reporter=./scripts/outcomes.mjs"]
    measured = [
        "--coverage.enabled",
        "--coverage.include=src/core/**",
        "--coverage.reporter=text",
        f"--coverage.thresholds.lines={LEAST_COVERED_CLIENT}",
    ]
    words = [*reporters, *(measured if coverage else []), *arguments]
    with report_file() as report:
        done = subprocess.run(
            ["npm", "test", "--silent", "--", *words],
            cwd=WEB,
            env={**tool_environment(), "HUBBUB_OUTCOMES": str(report)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        outcomes = read_outcomes(report)
    status = done.returncode or int(not outcomes.whole)
    closing = f"vitest: {outcomes.passed} passed, {len(outcomes.failed)} failed"
    closing += f", {outcomes.skipped} skipped" if outcomes.skipped else ""
    if outcomes is NOTHING:
        closing = f"vitest told no outcomes and ended with status {status}"
    return Run(status, closing, outcomes, done.stdout)


def repeat_pytest(name: str) -> Run:
    """Runs one test alone."""
    return start_pytest([name])


def repeat_vitest(name: str) -> Run:
    """Runs one test alone; tests of the same file and name are taken for one."""
    file, _, test = name.partition(": ")
    run = run_vitest([file, f"--testNamePattern=^{re.escape(test)}$"])
    print(run.output, flush=True)
    return run


@contextmanager
def report_file() -> Iterator[Path]:
    """Where a runner's plugin may write."""
    with tempfile.TemporaryDirectory(prefix="hubbub-report-") as folder:
        yield Path(folder) / "outcomes.json"


def read_outcomes(file: Path) -> Outcomes:
    """What a plugin has written; NOTHING if it did not come to that."""
    try:
        told = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return NOTHING
    return Outcomes(told["passed"], told["skipped"], tuple(told["failed"]), told["whole"])


def run_shown(command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Runs a tool and passes its output on at once; its status, and the end of what it printed.

    Ctrl-C reaches the tool too, which then gets the time to stop its servers.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    tail = b""
    try:
        assert process.stdout
        while chunk := os.read(process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
            tail = (tail + chunk)[-TAIL:]
    except KeyboardInterrupt:
        process.wait()
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    return process.wait(), tail.decode(errors="replace")
