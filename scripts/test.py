"""`make test`: every test of the server and of the browser client, with both closing lines last.

A test that failed is run once more, alone, at the end. If it passes then, it is called flaky; the run is green with
one such test and red with two, and `--strict` allows none. Nothing else is tried again.
"""

import argparse
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scripts.house import BIN, ROOT, fail, tell
from scripts.packages import TESTS, ensure_packages
from scripts.runners import Run, repeat_pytest, repeat_vitest, run_pytest, run_vitest

LEAST_COVERED = 90
"""Percent of the server's lines and branches."""
MOST_FLAKY = 1
"""Tests of one run that may pass only the second time."""
MOST_REPEATED = 8
"""With more failures than that something is broken, and to run them all again would only take time."""


@dataclass(frozen=True)
class Verdict:
    """`flaky` are names of tests; `broken` also names what failed beside the tests."""

    flaky: tuple[str, ...]
    broken: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make test", allow_abbrev=False)
    parser.add_argument("--only", choices=("python", "client"), help="leave the other runner out")
    parser.add_argument("--strict", action="store_true", help="a flaky test is a failure")
    parser.add_argument("--coverage", action="store_true", help="measure what the tests reach")
    options, arguments = parser.parse_known_args()
    if options.only:
        test_one(options.only, arguments)
    elif options.coverage:
        test_coverage(arguments)
    else:
        test_everything(arguments, options.strict)


def test_one(which: str, arguments: Sequence[str]) -> None:
    """One runner, for somebody who waits for it: nothing is tried again."""
    if which == "python":
        run = run_pytest(arguments)
    else:
        run = run_vitest(arguments)
        tell(run.output)
        tell(run.closing)
    raise SystemExit(run.status)


def test_everything(arguments: Sequence[str], strict: bool) -> None:
    ensure_packages(TESTS)
    server, client = run_both(arguments, coverage=False)
    verdict = judge({"pytest": (server, repeat_pytest), "vitest": (client, repeat_vitest)})
    close([server, client], verdict.flaky)
    if verdict.broken:
        fail(f"Failed: {', '.join(verdict.broken)}.")
    if len(verdict.flaky) > (0 if strict else MOST_FLAKY):
        fail(f"Passed only the second time: {', '.join(verdict.flaky)}.")


def test_coverage(arguments: Sequence[str]) -> None:
    """Also fails when too little of the code was reached."""
    ensure_packages(TESTS)
    runs = dict(zip(("pytest", "vitest"), run_both(arguments, coverage=True), strict=True))
    failed = [name for name, run in runs.items() if run.status]
    if not report_coverage():
        failed.append("coverage")
    close(list(runs.values()))
    if failed:
        fail(f"Failed: {', '.join(failed)}.")


def run_both(arguments: Sequence[str], coverage: bool) -> tuple[Run, Run]:
    """pytest, and vitest beside it, whose output is shown when both are done."""
    with ThreadPoolExecutor(1) as beside:
        client = beside.submit(run_vitest, (), coverage)
        server = run_pytest(arguments, coverage)
    tell(client.result().output)
    return server, client.result()


def judge(runs: dict[str, tuple[Run, Callable[[str], Run]]]) -> Verdict:
    """Runs each test that failed once more, alone; beside each run stands how to do that."""
    broken = [name for name, (run, _) in runs.items() if run.status and not run.explained]
    failed = [(test, repeat) for run, repeat in runs.values() for test in run.outcomes.failed]
    if len(failed) > MOST_REPEATED:
        return Verdict((), (*broken, f"{len(failed)} tests"))
    flaky: list[str] = []
    for test, repeat in failed:
        tell(f"\nOnce more, alone: {test}")
        (flaky if repeat(test).passed else broken).append(test)
    return Verdict(tuple(flaky), tuple(broken))


def close(runs: Sequence[Run], flaky: Sequence[str] = ()) -> None:
    """The last lines: what was flaky, and each runner's own closing line."""
    tell("")
    for name in flaky:
        tell(f"flaky: {name}")
    for run in runs:
        tell(run.closing)


def report_coverage() -> bool:
    """Prints what the tests reached of the server's code; whether that is enough."""
    subprocess.run([BIN / "coverage", "combine", "--quiet"], cwd=ROOT)
    done = subprocess.run([BIN / "coverage", "report", f"--fail-under={LEAST_COVERED}"], cwd=ROOT)
    return done.returncode == 0


if __name__ == "__main__":
    main()
