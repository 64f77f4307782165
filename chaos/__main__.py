"""`python -m chaos`: one scenario, a mechanism switched off, or all there is (docs/chaos.md)."""

import argparse
import random
import signal
import sys
import time
from dataclasses import replace
from typing import NoReturn

import uvloop

from chaos.mutations import PROOFS
from chaos.report import write_page
from chaos.scenarios import SCENARIOS, Result, mutated, run_scenario
from chaos.servers import StartError

SHOWN = 15
SEEDS = 20
NAMED = (
    "node-killed",
    "rolling-kill",
    "deaf-node",
    "redis-gone",
    "failover",
    "reconnect-storm",
    "poisoned-client",
    "split",
    "spoiled-bus",
    "full-disk",
)


def say(sentence: str) -> None:
    print(sentence, flush=True)


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hubbub-chaos", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="mixed")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--seconds", type=float, help="how long the faults last")
    parser.add_argument("--clients", type=int)
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--no-redis", action="store_true", help="nodes meet in the database alone")
    parser.add_argument("--mutate", choices=sorted(PROOFS), help="what to switch off: must go red")
    parser.add_argument(
        "--all", action="store_true", help=f"everything, `mixed` with {SEEDS} seeds"
    )
    return parser.parse_args(words)


def run_one(options: argparse.Namespace) -> Result:
    """One run as asked for, shown. Raises StartError."""
    proof = PROOFS.get(options.mutate)
    scenario = SCENARIOS[proof.scenario if proof else options.scenario]
    shape = scenario.shape
    if proof:
        scenario = replace(scenario, seconds=proof.seconds)
        shape = mutated(shape, options.mutate)
    if options.clients:
        share = options.clients / shape.clients
        writers = max(8, int(shape.writers * min(1.0, share)))
        shape = replace(shape, clients=options.clients, writers=writers)
    if options.nodes:
        shape = replace(shape, nodes=options.nodes)
    if options.no_redis:
        shape = replace(shape, redis=False)
    seconds = options.seconds or scenario.seconds
    say(f"{scenario.name}, seed {options.seed}: {scenario.about}")
    result: Result = uvloop.run(run_scenario(scenario, options.seed, seconds, shape, say))
    show(result)
    return result


def show(result: Result) -> None:
    """Prints what a run showed, with its violations."""
    say(
        f"{result.scenario} seed {result.seed}: {result.acknowledged} acknowledged, "
        f"{result.delivered} deliveries checked, {result.faults} faults, "
        f"converged in {result.converged:.2f} s, {len(result.recovered)} connections lost and back "
        f"(median {result.slowest(0.5):.2f} s, p99 {result.slowest(0.99):.2f} s, "
        f"last {result.slowest(1.0):.2f} s), "
        f"memory {result.memory[0] / 1e6:.0f} to {result.memory[1] / 1e6:.0f} MB, "
        f"{result.seconds:.0f} s in all"
    )
    for note in result.notes:
        say(f"  {note}")
    if result.mutation:
        expected = PROOFS[result.mutation].expected
        seen = result.count(expected)
        say(f"without {result.mutation}: {seen} times {expected}; at least once is as it must be")
    for violation in result.violations[: 3 if result.mutation else SHOWN]:
        say(f"  VIOLATION {violation}")
    if len(result.violations) > SHOWN:
        say(f"  {len(result.violations)} in all")


def passed(result: Result) -> bool:
    """Whether a run without a mutation had no violation, and one with it had the one it must show."""
    if result.mutation:
        return result.count(PROOFS[result.mutation].expected) > 0
    return not result.violations


def run_all(options: argparse.Namespace) -> bool:
    """Every scenario, `mixed` with seeds from the given one on, every mutation; writes the page."""
    began = time.monotonic()
    results: list[Result] = []
    asked = [argparse.Namespace(**vars(options) | {"scenario": name}) for name in NAMED]
    asked += [
        argparse.Namespace(**vars(options) | {"scenario": "mixed", "seed": options.seed + number})
        for number in range(SEEDS)
    ]
    asked += [argparse.Namespace(**vars(options) | {"mutate": name}) for name in PROOFS]
    for one in asked:
        results.append(run_one(one))
        # Whatever happens later, what was seen is on the page.
        write_page(results, time.monotonic() - began)
    failed = [result for result in results if not passed(result)]
    for result in failed:
        what = f"--mutate {result.mutation}" if result.mutation else f"--scenario {result.scenario}"
        say(f"FAILED: {what} --seed {result.seed}")
    return not failed


def end(_number: int, _frame: object) -> NoReturn:
    # As an exception, so that everything started is ended.
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, end)
    options = parse(sys.argv[1:])
    try:
        fine = run_all(options) if options.all else passed(run_one(options))
    except StartError as error:
        say(f"It could not be started: {error}")
        return 2
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
