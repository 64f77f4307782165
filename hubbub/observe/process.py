"""What the operating system says of this process, and how it finds itself."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from hubbub.fleet import contract
from hubbub.fleet.worker import memory
from hubbub.observe.answers import Answers

CPU_SECONDS = 2.0
STARTED = time.monotonic()


class Process:
    """`figures` may be read at any time. `checks()` gives the node's checks by name, `judge` their worst."""

    def __init__(
        self,
        answers: Answers,
        checks: Callable[[], Mapping[str, str]],
        judge: Callable[[Mapping[str, str]], str],
    ) -> None:
        self._answers = answers
        self._checks = checks
        self._judge = judge
        self._cpu = 0.0
        self._measured = (time.monotonic(), time.process_time())

    def figures(self) -> dict[str, Any]:
        """For operators, and for the other nodes to add up."""
        checks = dict(self._checks())
        return {
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - STARTED, 1),
            "release": PurePath(os.environ.get(contract.RELEASE, "")).name,
            "colour": os.environ.get(contract.COLOUR, ""),
            "memory": memory(),
            "cpu": self._measure_cpu(),
            "status": self._judge(checks),
            "checks": checks,
            "requests": self._answers.requests,
            "errors": self._answers.errors,
            "answers": list(self._answers.counts),
        }

    def _measure_cpu(self) -> float:
        """Share of one core, over the last seconds."""
        now, used = time.monotonic(), time.process_time()
        before, used_before = self._measured
        if now - before >= CPU_SECONDS:
            self._cpu = round((used - used_before) / (now - before), 4)
            self._measured = (now, used)
        return self._cpu
