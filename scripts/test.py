"""`make test`: every test of the server and of the browser client, with both closing lines last."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.house import BIN, ROOT, WEB, fail, tell, tool_environment
from scripts.packages import TESTS, ensure_packages

LEAST_COVERED = 90
"""Percent of the server's lines and branches."""
LEAST_COVERED_CLIENT = 80
"""Percent of lines of the client's core; its interface is driven by the browser tests instead."""
CLIENT_MS = 60_000
"""How long a test of the client may take; vitest's own five seconds are too few beside the other tests."""
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
    with ThreadPoolExecutor(1) as beside:
        client = None if options.only_python else beside.submit(run_vitest, options.coverage)
        status, closing = run_pytest(pytest_arguments, options.coverage)
    if status:
        failed.append("pytest")
    if options.coverage and not report_coverage():
        failed.append("coverage")
    closings = [closing]
    if client is not None:
        status, closing, output = client.result()
        tell(output)
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
    # With -s a person watches what one test after the other prints. tests/conftest.py orders the files.
    spread = (
        []
        if "-s" in arguments
        else ["-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder", *RESTARTS]
    )
    if coverage:
        subprocess.run([BIN / "coverage", "erase"], cwd=ROOT, check=True)
    # Hundreds of processes are started: not each shall compile everything anew.
    environment = tool_environment()
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(BIN / "python"), *runner, *color, *spread, *arguments]
    status, tail = run_shown(command, ROOT, environment)
    lines = [line for line in tail.splitlines() if line.strip()]
    return status, lines[-1] if lines else f"pytest said nothing and ended with status {status}"


def run_vitest(coverage: bool) -> tuple[int, str, str]:
    """vitest's status, a closing line made from the counts it reports, and its output."""
    with tempfile.TemporaryDirectory(prefix="hubbub-vitest-") as folder:
        report = Path(folder) / "report.json"
        reporters = [f"--testTimeout={CLIENT_MS}", f"--hookTimeout={CLIENT_MS}"]
        reporters += ["--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
        measured = [
            "--coverage.enabled",
            "--coverage.include=src/core/**",
            "--coverage.reporter=text",
            f"--coverage.thresholds.lines={LEAST_COVERED_CLIENT}",
        ]
        done = subprocess.run(
            ["npm", "test", "--silent", "--", *reporters, *(measured if coverage else [])],
            cwd=WEB,
            env=tool_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        status, output = done.returncode, done.stdout
        try:
            counts = json.loads(report.read_text())
        except (FileNotFoundError, ValueError):
            return status or 1, f"vitest wrote no report and ended with status {status}", output
    passed, failed = counts["numPassedTests"], counts["numFailedTests"]
    skipped = counts["numPendingTests"] + counts["numTodoTests"]
    if not passed + failed:
        status = status or 1
    line = f"vitest: {passed} passed, {failed} failed"
    return status, line + (f", {skipped} skipped" if skipped else ""), output


def report_coverage() -> bool:
    """Prints what the tests reached of the server's code; whether that is enough."""
    subprocess.run([BIN / "coverage", "combine", "--quiet"], cwd=ROOT)
    done = subprocess.run([BIN / "coverage", "report", f"--fail-under={LEAST_COVERED}"], cwd=ROOT)
    return done.returncode == 0


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


if __name__ == "__main__":
    main()
