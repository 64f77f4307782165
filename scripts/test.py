"""`make test`: every test of the server and of the browser client, with both closing lines last."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.house import BIN, ROOT, WEB, fail, tell, tool_environment
from scripts.packages import TESTS, ensure_packages

LEAST_COVERED = 90
"""Percent of the server's lines and branches."""
LEAST_COVERED_CLIENT = 80
"""Percent of lines of the client's core; its interface is driven by the browser tests instead."""
TAIL = 4096
WORKERS = (os.cpu_count() or 1) + 1
"""One more than the cores: much of a test's time is waiting for the servers it started."""
RESTARTS = ("--max-worker-restart", "1")
"""xdist begins the file of a test that hung anew: a test that hangs always must not take its time for ever."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make test", allow_abbrev=False)
    parser.add_argument("--only-python", action="store_true", help="leave out the client's tests")
    parser.add_argument("--coverage", action="store_true", help="measure what the tests reach")
    options, pytest_arguments = parser.parse_known_args()
    ensure_packages(TESTS)
    failed = []
    status, closing = run_pytest(pytest_arguments, options.coverage)
    if status:
        failed.append("pytest")
    if options.coverage and not report_coverage():
        failed.append("coverage")
    closings = [closing]
    if not options.only_python:
        status, closing = run_vitest(options.coverage)
        closings.append(closing)
        if status:
            failed.append("vitest")
    tell("")
    for line in closings:
        tell(line)
    if failed:
        fail(f"Failed: {', '.join(failed)}.")


def run_pytest(arguments: Sequence[str], coverage: bool) -> tuple[int, str]:
    """pytest's status and its own closing line; its output is shown as it comes."""
    runner = ["-m", "coverage", "run", "-m", "pytest"] if coverage else ["-m", "pytest"]
    color = ["--color=yes"] if sys.stdout.isatty() else []
    # With -s a person watches what one test after the other prints. In their own order the files with few but
    # long tests (browser, chaos, cluster) come first, so that no worker is left with them at the end.
    spread = (
        []
        if "-s" in arguments
        else ["-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder", *RESTARTS]
    )
    if coverage:
        subprocess.run([BIN / "coverage", "erase"], cwd=ROOT, check=True)
    status, tail = run_shown([str(BIN / "python"), *runner, *color, *spread, *arguments], ROOT)
    lines = [line for line in tail.splitlines() if line.strip()]
    return status, lines[-1] if lines else f"pytest said nothing and ended with status {status}"


def run_vitest(coverage: bool) -> tuple[int, str]:
    """vitest's status and a closing line made from the counts it reports."""
    with tempfile.TemporaryDirectory(prefix="hubbub-vitest-") as folder:
        report = Path(folder) / "report.json"
        reporters = ["--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
        measured = [
            "--coverage.enabled",
            "--coverage.include=src/core/**",
            "--coverage.reporter=text",
            f"--coverage.thresholds.lines={LEAST_COVERED_CLIENT}",
        ]
        status, _ = run_shown(
            ["npm", "test", "--silent", "--", *reporters, *(measured if coverage else [])], WEB
        )
        try:
            counts = json.loads(report.read_text())
        except (FileNotFoundError, ValueError):
            return status or 1, f"vitest wrote no report and ended with status {status}"
    passed, failed = counts["numPassedTests"], counts["numFailedTests"]
    skipped = counts["numPendingTests"] + counts["numTodoTests"]
    if not passed + failed:
        status = status or 1
    line = f"vitest: {passed} passed, {failed} failed"
    return status, line + (f", {skipped} skipped" if skipped else "")


def report_coverage() -> bool:
    """Prints what the tests reached of the server's code; whether that is enough."""
    subprocess.run([BIN / "coverage", "combine", "--quiet"], cwd=ROOT)
    done = subprocess.run([BIN / "coverage", "report", f"--fail-under={LEAST_COVERED}"], cwd=ROOT)
    return done.returncode == 0


def run_shown(command: Sequence[str], cwd: Path) -> tuple[int, str]:
    """Runs a tool and passes its output on at once; its status, and the end of what it printed.

    Ctrl-C reaches the tool too, which then gets the time to stop its servers.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=tool_environment(),
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


if __name__ == "__main__":
    main()
