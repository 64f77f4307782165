"""A short selection of the fault suite; `make chaos` runs all of it (docs/chaos.md).

HUBBUB_CHAOS_SEED replays a run.
"""

import os
import random
from dataclasses import replace

import pytest
import uvloop

from chaos import scenarios
from chaos.cluster import Shape
from chaos.mutations import PROOFS
from chaos.scenarios import SCENARIOS, Result, mutated, run_scenario

SEED = int(os.environ.get("HUBBUB_CHAOS_SEED", str(random.randrange(2**31))))


def run(name: str, seconds: float, shape: Shape) -> Result:
    print(f"HUBBUB_CHAOS_SEED={SEED}")
    return uvloop.run(run_scenario(SCENARIOS[name], SEED, seconds, shape, print))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than the ten seconds of `make chaos` until everybody has everything."""
    monkeypatch.setattr(scenarios, "CONVERGE_SECONDS", 90.0)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("name", "seconds"), [("mixed", 8), ("failover", 8)])
def test_every_promise_holds(name: str, seconds: float) -> None:
    shape = replace(SCENARIOS[name].shape, clients=60, writers=15, room_size=30, nodes=2)
    result = run(name, seconds, shape)
    assert [str(violation) for violation in result.violations] == []
    assert result.acknowledged > 30, "there was hardly any load"
    assert result.delivered > 10 * result.acknowledged


@pytest.mark.usefixtures("patient")
def test_everybody_is_back_after_their_node_was_killed() -> None:
    shape = replace(SCENARIOS["node-killed"].shape, clients=200, writers=15, room_size=50)
    result = run("node-killed", 11, shape)
    assert [str(violation) for violation in result.violations] == []
    assert len(result.recovered) >= 200


@pytest.mark.parametrize("mechanism", PROOFS)
def test_the_suite_notices_what_is_switched_off(mechanism: str) -> None:
    proof = PROOFS[mechanism]
    result = run(proof.scenario, proof.seconds, mutated(SCENARIOS[proof.scenario].shape, mechanism))
    assert result.count(proof.expected) > 0
