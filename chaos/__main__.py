"""`python -m chaos`: one scenario, all of them, or a mutation (docs/chaos.md)."""

import argparse
import random
import sys
from dataclasses import replace

import uvloop

from chaos.mutations import PROOFS
from chaos.scenarios import SCENARIOS, Result, mutated, run_scenario
from chaos.servers import StartError

SHOWN = 15


def say(sentence: str) -> None:
    print(sentence, flush=True)


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hubbub-chaos", description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="mixed")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    parser.add_argument("--seconds", type=float, help="how long the faults last")
    parser.add_argument("--clients", type=int)
    parser.add_argument("--nodes", type=int)
    parser.add_argument(
        "--no-redis", action="store_true", help="nodes find changes by the sweep alone"
    )
    parser.add_argument(
        "--mutate", choices=sorted(PROOFS), help="switch a mechanism off: must go red"
    )
    return parser.parse_args(words)


def show(result: Result) -> None:
    """Prints what a run showed, with its violations."""
    say(
        f"{result.scenario} seed {result.seed}: {result.acknowledged} acknowledged, "
        f"{result.delivered} deliveries checked, {result.faults} faults, "
        f"converged in {result.converged:.2f} s, {len(result.recovered)} connections lost and back "
        f"(median {result.slowest(0.5):.2f} s, slowest {result.slowest(1.0):.2f} s), "
        f"memory {result.memory[0] / 1e6:.0f} to {result.memory[1] / 1e6:.0f} MB, "
        f"{result.seconds:.0f} s in all"
    )
    for violation in result.violations[:SHOWN]:
        say(f"  VIOLATION {violation}")
    if len(result.violations) > SHOWN:
        say(f"  and {len(result.violations) - SHOWN} more")


def main() -> int:
    options = parse(sys.argv[1:])
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
    try:
        result = uvloop.run(run_scenario(scenario, options.seed, seconds, shape, say))
    except StartError as error:
        say(f"It could not be started: {error}")
        return 2
    show(result)
    if proof:
        seen = result.count(proof.expected)
        say(f"without {options.mutate}: {seen} times {proof.expected}, as it must be")
        return 0 if seen else 1
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
