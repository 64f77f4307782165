"""`python -m chaos`: one scenario, a mechanism switched off, or all there is (docs/chaos.md)."""

import argparse
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import uvloop

from chaos.mutations import PROOFS
from chaos.report import write_page
from chaos.scenarios import LEAST_SECONDS, SCENARIOS, Result, Scenario, mutated, run_scenario
from chaos.servers import StartError

SHOWN = 15
SEEDS = 20
MOST_CLIENTS = 10_000
"""As many as the largest scenario has: more run out of ports and open files."""
MOST_NODES = 8
"""They start together, within START_SECONDS; on two cores so many take a minute."""
MOST_SECONDS = 480.0
"""Tokens live for fifteen minutes, clocks jump by four, and the start takes its time."""
MOST_SEED = 2**53
"""A fault carries the seed as a float."""
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
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--scenario", choices=sorted(SCENARIOS), default="mixed")
    what.add_argument("--mutate", choices=sorted(PROOFS), help="what to switch off: must go red")
    what.add_argument("--all", action="store_true", help=f"everything, `mixed` with {SEEDS} seeds")
    parser.add_argument("--seed", type=number(int, 0, MOST_SEED), default=random.randrange(2**31))
    parser.add_argument(
        "--seconds",
        type=number(float, LEAST_SECONDS, MOST_SECONDS),
        help="how long the faults last",
    )
    parser.add_argument("--clients", type=number(int, 1, MOST_CLIENTS))
    parser.add_argument("--nodes", type=number(int, 1, MOST_NODES))
    parser.add_argument("--no-redis", action="store_true", help="one node by itself")
    options = parser.parse_args(words)
    sized = any(vars(options)[name] for name in ("seconds", "clients", "nodes", "no_redis"))
    if sized and (options.all or options.mutate):
        parser.error("--all and --mutate have numbers of their own: only --seed goes with them.")
    return options


def number(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    """A reader of an option that must be from `least` to `most`."""

    def read(word: str) -> float:
        try:
            value = kind(word)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            what = "whole number" if kind is int else "number"
            told = f"{word} is no {what} from {least:,.0f} to {most:,.0f}"
            raise argparse.ArgumentTypeError(told)
        return value

    return read


def asked(options: argparse.Namespace) -> Scenario:
    """The scenario as it is asked for, with its numbers."""
    if options.mutate:
        proof = PROOFS[options.mutate]
        scenario = SCENARIOS[proof.scenario]
        shape = mutated(scenario.shape, options.mutate)
        return replace(scenario, seconds=proof.seconds, shape=shape)
    scenario = SCENARIOS[options.scenario]
    shape = scenario.shape
    if options.no_redis:
        shape = replace(shape, redis=False, nodes=1)
    if options.nodes:
        shape = replace(shape, nodes=options.nodes)
    if options.clients:
        share = options.clients / shape.clients
        writers = max(8, int(shape.writers * min(1.0, share)))
        shape = replace(shape, clients=options.clients, writers=writers)
    return replace(scenario, seconds=options.seconds or scenario.seconds, shape=shape)


def run_one(options: argparse.Namespace) -> Result:
    """One run as asked for, shown. Raises StartError."""
    scenario = asked(options)
    say(f"{scenario.name}, seed {options.seed}: {scenario.about}")
    result: Result = uvloop.run(
        run_scenario(scenario, options.seed, scenario.seconds, scenario.shape, say)
    )
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
