"""A plugin for pytest that writes down what became of a run, for `scripts.test` to read.

`pytest -p scripts.outcomes --outcomes FILE`. Beside other processes (xdist) only the one that collects the reports
writes.
"""

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, help="the file to write the run's outcomes to")


def pytest_configure(config: pytest.Config) -> None:
    file: Path | None = config.getoption("outcomes")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(file))


class Outcomes:
    """Counts what passed, names what failed, and notes whether that is the whole story."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._passed = 0
        self._skipped = 0
        self._failed: dict[str, None] = {}
        self._whole = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed[report.nodeid] = None
        elif report.passed and report.when == "call":
            self._passed += 1
        elif report.skipped:
            self._skipped += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._whole = False

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # Stopped early, by --maxfail for example: what was not run has not passed.
        if session.shouldstop or session.shouldfail:
            self._whole = False
        outcomes = {
            "passed": self._passed,
            "skipped": self._skipped,
            "failed": list(self._failed),
            "whole": self._whole,
        }
        self._file.write_text(json.dumps(outcomes))
