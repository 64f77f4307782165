"""Whatever numbers `hubbub-chaos` is given: it says why not, or what it plans can be done and shows something."""

import random
import signal
import sys
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chaos import scenarios
from chaos.__main__ import MOST_CLIENTS, MOST_NODES, MOST_SECONDS, asked, main, parse
from chaos.cluster import Cluster, Shape
from chaos.faults import DEAF_SECONDS, WITH_REDIS
from chaos.mutations import PROOFS
from chaos.people import MOVING, STABLE, Person, Workspace, make_rooms, plan_clients
from chaos.scenarios import LEAST_SECONDS, SCENARIOS, Scenario, check_asked
from chaos.servers import StartError


def check_faults(scenario: Scenario, seed: int) -> None:
    """Something happens in time, to something that is there."""
    shape, seconds = scenario.shape, scenario.seconds
    faults = scenario.schedule(seed, seconds, shape)
    assert faults or scenario.name == "calm"
    for fault in faults:
        assert 0 <= fault.at < seconds
        assert 0 <= fault.target < shape.nodes
        assert shape.redis or fault.kind not in WITH_REDIS
        assert fault.seconds > 0 or fault.kind in ("storm", "fail-over")
        assert fault.seconds >= DEAF_SECONDS or fault.kind != "deafen"
        if fault.kind == "kill-node":
            assert fault.at + fault.seconds <= seconds or scenario.name == "mixed"


def check_people(shape: Shape, seed: int) -> None:
    """Everybody has a room, somebody in no moving room writes, and who moves has somebody to move."""
    workspace = Workspace([Person(f"p{place}", "", "") for place in range(shape.clients)])
    everybody = [person.id for person in workspace.people]
    chance = random.Random(seed)
    workspace.rooms = make_rooms(everybody, shape.room_size, shape.moving, chance)
    plans = plan_clients(workspace, shape.writers)
    assert [plan["user"] for plan in plans] == everybody
    stable = {room.id: room for room in workspace.rooms if room.purpose == STABLE}
    assert all(plan["user"] in stable[plan["room"]].members for plan in plans)
    moving = [room for room in workspace.rooms if room.purpose == MOVING]
    movers = {plan["user"]: plan for plan in plans if plan["role"] == "mover"}
    assert movers.keys() == {user for room in moving for user in room.members}
    for room in moving:
        assert len(room.members) >= 2
        assert room.manager == room.members[0]
        for user in room.members:
            assert movers[user]["moving"] == [room.id]
            assert movers[user]["people"] == list(room.members)
    if shape.moving and shape.clients > 2:
        assert moving
        assert len(movers) <= max(4, shape.clients // 3)
    others = shape.clients - len(movers)
    writing = sum(plan["role"] == "writer" for plan in plans)
    assert writing == min(shape.writers, others) > 0
    assert sum(bool(plan["secret"]) for plan in plans) == shape.clients - 1


def check_words(words: list[str], seed: int) -> str:
    """Why these are refused; nothing when they are not, and what they plan is as it must be."""
    scenario = asked(parse(words))
    try:
        check_asked(scenario, scenario.seconds, scenario.shape)
    except StartError as refusal:
        return str(refusal)
    check_faults(scenario, seed)
    check_people(scenario.shape, seed)
    return ""


@settings(deadline=None)
@given(
    name=st.sampled_from(sorted(SCENARIOS)),
    clients=st.none() | st.integers(1, 60) | st.integers(1, MOST_CLIENTS),
    nodes=st.none() | st.integers(1, MOST_NODES),
    seconds=st.none() | st.floats(LEAST_SECONDS, 12) | st.floats(LEAST_SECONDS, MOST_SECONDS),
    redis=st.booleans(),
    seed=st.integers(0, 2**53),
)
@example(name="mixed", clients=24, nodes=2, seconds=5.0, redis=True, seed=1)
@example(name="mixed", clients=1, nodes=1, seconds=LEAST_SECONDS, redis=False, seed=1)
def test_numbers_within_their_bounds_make_a_run_or_are_refused(
    name: str,
    clients: int | None,
    nodes: int | None,
    seconds: float | None,
    redis: bool,
    seed: int,
) -> None:
    given_numbers = {"clients": clients, "nodes": nodes, "seconds": seconds, "seed": seed}
    words = [f"--{word}={number}" for word, number in given_numbers.items() if number is not None]
    words += [f"--scenario={name}", *([] if redis else ["--no-redis"])]
    refusal = check_words(words, seed)
    needy = SCENARIOS[name].needs_redis
    if needy and not redis:
        assert refusal == f"{name} is about Redis, and there is none."
    elif nodes and nodes > 1 and not redis:
        assert refusal == "several nodes need Redis; without it there can be one."
    elif needy:
        assert refusal == "" or refusal.startswith(f"{name} needs at least ")
    else:
        assert refusal == ""


def test_any_small_number_of_people_has_somebody_of_each_sort() -> None:
    for clients in range(1, 131):
        for seed in range(5):
            assert check_words([f"--clients={clients}"], seed) == ""


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("--scenario split --nodes 1", "split needs at least 2 nodes."),
        ("--scenario deaf-node --nodes 1", "deaf-node needs at least 2 nodes."),
        ("--scenario deaf-node --seconds 8.9", "deaf-node needs at least 9 seconds."),
        ("--scenario redis-gone --seconds 5", "redis-gone needs at least 6 seconds."),
        ("--scenario redis-gone --no-redis", "redis-gone is about Redis, and there is none."),
        ("--no-redis --nodes 2", "several nodes need Redis; without it there can be one."),
        ("--clients 0", "argument --clients: 0 is no whole number from 1 to 10,000"),
        ("--clients -3", "argument --clients: -3 is no whole number from 1 to 10,000"),
        ("--clients 10001", "argument --clients: 10001 is no whole number from 1 to 10,000"),
        ("--clients 2.5", "argument --clients: 2.5 is no whole number from 1 to 10,000"),
        ("--nodes 0", "argument --nodes: 0 is no whole number from 1 to 8"),
        ("--seconds 0", "argument --seconds: 0 is no number from 3 to 480"),
        ("--seconds nan", "argument --seconds: nan is no number from 3 to 480"),
        ("--seconds inf", "argument --seconds: inf is no number from 3 to 480"),
        ("--seed -1", "argument --seed: -1 is no whole number from 0 to"),
        ("--all --clients 24", "--all and --mutate have numbers of their own"),
        ("--all --seconds 5", "--all and --mutate have numbers of their own"),
        ("--mutate row-lock --nodes 1", "--all and --mutate have numbers of their own"),
        ("--mutate sweep --no-redis", "--all and --mutate have numbers of their own"),
        ("--all --mutate sweep", "not allowed with argument"),
        ("--scenario split --mutate sweep", "not allowed with argument"),
        ("--all --scenario split", "not allowed with argument"),
    ],
)
def test_what_would_show_nothing_is_refused_before_anything_is_started(
    words: str,
    refusal: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def start(_shape: Shape, _seed: int) -> AbstractAsyncContextManager[Cluster]:
        raise AssertionError("something was started")

    monkeypatch.setattr(scenarios, "running_cluster", start)
    monkeypatch.setattr(sys, "argv", ["hubbub-chaos", *words.split()])
    before = signal.getsignal(signal.SIGTERM)
    try:
        status: object = main()
    except SystemExit as ended:
        status = ended.code
    finally:
        signal.signal(signal.SIGTERM, before)
    assert status == 2
    told = capsys.readouterr()
    assert refusal in told.out + told.err


@pytest.mark.parametrize("mechanism", PROOFS)
def test_everybody_is_busy_where_a_mechanism_is_switched_off(mechanism: str) -> None:
    assert check_words(["--mutate", mechanism], 1) == ""
    shape = asked(parse(["--mutate", mechanism])).shape
    assert shape.writers == shape.clients
