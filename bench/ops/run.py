"""Runs the rig's cases against the contestants and keeps what was found."""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from bench.machine import machine_name
from bench.ops.availability import availability
from bench.ops.cases import CASES, Figures, run_case
from bench.ops.contestants import Contestant
from bench.ops.ours import Ours
from bench.ops.peers_pm2 import Pm2Node, Pm2Python
from bench.ops.peers_python import Gunicorn, Supervisord
from bench.ops.product import product
from bench.ops.report import page
from scripts.house import ROOT
from tests.servers import ServerError

RESULTS = ROOT / "bench" / "results"
KEPT = RESULTS / "ops.json"
CONTESTANTS: dict[str, type[Contestant]] = {
    "fleet": Ours,
    "pm2-node": Pm2Node,
    "pm2-python": Pm2Python,
    "supervisord": Supervisord,
    "gunicorn": Gunicorn,
}
RELOADS = {"fleet": 20, "pm2-node": 20, "pm2-python": 20}
OURS_ALONE = ("product", "availability")
AVAILABLE_SECONDS = 180.0
PRODUCT_RELOADS = 5
FEWER = 5
"""Reloads of the others."""
Say = Callable[[str], None]


def names() -> list[str]:
    """What `--only` takes."""
    return [*CONTESTANTS, "reload", *CASES, *OURS_ALONE]


def run_ops(
    rounds: int, say: Say, only: Sequence[str] = (), reloads: int | None = None
) -> Iterator[Figures]:
    """Every case for every contestant, or those named. A contestant that fails is said so, and the rest goes on."""
    contestants = [name for name in CONTESTANTS if name in only] or list(CONTESTANTS)
    everything = ["reload", *CASES, *OURS_ALONE]
    cases = [name for name in everything if name in only] or everything
    for name in contestants:
        for case in cases:
            if case in OURS_ALONE and name != "fleet":
                continue
            for number in range(rounds if case in CASES else 1):
                kind = CONTESTANTS[name]
                figures = one(kind, case, reloads or RELOADS.get(name, FEWER))
                say(f"{kind.name}: {case}: {summary(figures)}")
                yield {"contestant": kind.name, "case": case, "round": number + 1, **figures}


def one(kind: type[Contestant], case: str, reloads: int) -> Figures:
    with ExitStack() as folders:

        def place() -> Path:
            # Short: there will be unix sockets in it.
            folder = tempfile.TemporaryDirectory(prefix="rig-", ignore_cleanup_errors=True)
            return Path(folders.enter_context(folder))

        def start(workers: int) -> Contestant:
            return kind(place(), workers)

        try:
            if case == "product":
                return asyncio.run(product(place(), PRODUCT_RELOADS))
            if case == "availability":
                return asyncio.run(availability(start, AVAILABLE_SECONDS, seed=1))
            return asyncio.run(run_case(case, start, reloads))
        except (ServerError, TimeoutError, OSError, psutil.Error) as error:
            return {"error": str(error)[-1500:] or type(error).__name__}


def summary(figures: Figures) -> str:
    shown = {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in figures.items()
        if name not in ("outages", "output", "reloads", "requests")
    }
    if isinstance(figures.get("reloads"), list):
        each = figures["reloads"]
        for name in ("hard", "stale", "moved", "dropped"):
            shown[name] = sum(reload[name] for reload in each)
        shown["codes"] = sorted({reload["code"] for reload in each}, key=str)
        shown["changed"] = sum(reload["changed"] for reload in each)
    return json.dumps(shown)


def measure(
    rounds: int, say: Say, only: Sequence[str] = (), reloads: int | None = None
) -> dict[str, Any]:
    """Runs them, and keeps what was found case by case: an end in the middle loses little."""
    when = time.strftime("%Y-%m-%d", time.gmtime())
    results: list[Figures] = []
    for result in run_ops(rounds, say, only, reloads):
        results.append(result)
        keep(results, machine_name(), when)
    return keep(results, machine_name(), when)


def keep(results: list[Figures], machine: str, when: str) -> dict[str, Any]:
    """Writes what was found, in the place of the same contestants' and cases' old figures, and the page."""
    old = json.loads(KEPT.read_text()) if KEPT.exists() else {"results": []}
    anew = {(result["contestant"], result["case"]) for result in results}
    kept = [each for each in old["results"] if (each["contestant"], each["case"]) not in anew]
    found = {
        "machine": machine,
        "when": when,
        "contestants": described(),
        "results": kept + results,
    }
    KEPT.write_text(json.dumps(found, indent=1) + "\n")
    write_page(found)
    return found


def described() -> list[dict[str, str]]:
    return [
        {"name": kind.name, "version": kind.version(), "how": kind.how}
        for kind in CONTESTANTS.values()
    ]


def write_page(found: dict[str, Any]) -> None:
    (RESULTS / "ops.md").write_text(page(found))
