"""`make bench`: the gateway and the product beside their peers, one table, a few pictures."""

import argparse
import json
import os
import time
from pathlib import Path

from bench.boards import run_boards
from bench.charts import draw_all
from bench.machine import machine_name
from bench.nodes import run_nodes
from bench.ops.run import measure as measure_ops
from bench.product import run_product
from bench.report import Measured, budgets, page
from bench.transport import run_transport
from scripts.house import ROOT, fail, tell

RESULTS = ROOT / "bench" / "results"
QUICK_RESULTS = ROOT / "bench" / "results-quick"
LEAST_CORES = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the main cases once, in two minutes")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (default 5)")
    parser.add_argument("--seconds", type=float, help="how long each measurement takes (default 2)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="CASE",
        help="by its name, product, boards, nodes or ops; the other results are kept",
    )
    parser.add_argument(
        "--report", action="store_true", help="only write the page and pictures anew"
    )
    options = parser.parse_args()
    folder = QUICK_RESULTS if options.quick else RESULTS
    folder.mkdir(exist_ok=True)
    kept = folder / "results.json"
    if not options.report:
        found = measure(options)
        if options.only and kept.exists():
            found = {**json.loads(kept.read_text()), "results": merged(kept, found)}
        kept.write_text(json.dumps(found, indent=1) + "\n")
    write_report(folder, json.loads(kept.read_text()))


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Runs everything that was asked for; what was found and where."""
    if (os.cpu_count() or 1) < LEAST_CORES:
        fail("The server and the load need a core each.")
    rounds = options.rounds or (1 if options.quick else 5)
    seconds = options.seconds or (1.5 if options.quick else 2.0)

    def say(line: str) -> None:
        tell(f"{time.strftime('%H:%M:%S')} {line}")

    results = run_transport(rounds, seconds, say, quick=options.quick, only=options.only)
    if not options.only or "product" in options.only:
        results += run_product(rounds, seconds, say)
    if "boards" in options.only or not (options.only or options.quick):
        results += run_boards(rounds, seconds, say)
    if "nodes" in options.only or not (options.only or options.quick):
        results += run_nodes(rounds, seconds, say)
    if "ops" in options.only or not (options.only or options.quick):
        # It has a page of its own: bench/results/ops.md.
        measure_ops(options.rounds or 1, say)
    return {
        "machine": machine_name(),
        "when": time.strftime("%Y-%m-%d", time.gmtime()),
        "command": "make bench-quick" if options.quick else "make bench",
        "results": results,
    }


def merged(kept: Path, found: dict[str, object]) -> list[dict[str, object]]:
    """The results that were kept, with the cases just measured in the place of their old ones."""
    results = found["results"]
    assert isinstance(results, list)
    anew = {result["case"] for result in results}
    before = json.loads(kept.read_text())["results"]
    return [*(result for result in before if result["case"] not in anew), *results]


def write_report(folder: Path, kept: dict[str, object]) -> None:
    results = kept["results"]
    assert isinstance(results, list)
    found = Measured(results)
    pictures = draw_all(found, folder)
    text = page(found, str(kept["machine"]), str(kept["when"]), str(kept["command"]), pictures)
    (folder / "README.md").write_text(text)
    for budget in budgets(found):
        if budget.met is not None:
            tell(budget.row())
    tell(f"Written to {folder.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
