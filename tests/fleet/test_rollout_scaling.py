"""How many workers the load asks for: the decision alone."""

import pytest

from hubbub.fleet.scaling import HIGH_LOOKS, LOW_LOOKS, REST_DOWN, Look, Scaler, surplus
from hubbub.fleet.settings import ScaleSettings
from hubbub.fleet.table import Process, State

BOUNDS = ScaleSettings(least=2, most=4, sockets=100, lag=0.2)


def run(scaler: Scaler, look: Look, wanted: int, looks: int) -> int:
    """Shows it the same load again and again, with as many workers ready as it wanted."""
    for _ in range(looks):
        wanted, _ = scaler.decide(
            Look(ready=wanted, sockets=look.sockets, lag=look.lag), wanted, BOUNDS
        )
    return wanted


def worker(name: str, sockets: int, state: State = "ready") -> Process:
    number = int(name.rpartition("-")[2])
    return Process(name, "worker", [], number=number, state=state, heartbeat={"sockets": sockets})


@pytest.mark.parametrize("sockets", [0, 100_000])
def test_equal_bounds_scale_nothing(sockets: int) -> None:
    assert Scaler().decide(Look(3, sockets, 9.0), 3, ScaleSettings()) == (3, "")


def test_sockets_above_the_bound_add_workers_up_to_the_most() -> None:
    assert run(Scaler(), Look(0, 250, 0.0), 2, 10) == 3
    assert run(Scaler(), Look(0, 10_000, 0.0), 2, 50) == 4


def test_each_addition_waits_until_the_last_one_has_taken_its_share() -> None:
    scaler = Scaler()
    assert run(scaler, Look(0, 10_000, 0.0), 2, 3) == 3
    assert run(scaler, Look(0, 10_000, 0.0), 3, 2) == 3


def test_only_sustained_lag_adds_a_worker() -> None:
    scaler = Scaler()
    run(scaler, Look(0, 150, 0.0), 2, 5)
    assert run(scaler, Look(0, 150, 0.5), 2, HIGH_LOOKS - 1) == 2
    run(scaler, Look(0, 150, 0.0), 2, 1)
    assert run(scaler, Look(0, 150, 0.5), 2, HIGH_LOOKS - 1) == 2
    assert run(scaler, Look(0, 150, 0.5), 2, 1) == 3


def test_a_worker_goes_after_a_long_calm_and_never_below_the_least() -> None:
    assert run(Scaler(), Look(0, 10, 0.0), 4, REST_DOWN) == 4
    assert run(Scaler(), Look(0, 10, 0.0), 4, REST_DOWN + 1) == 3
    assert run(Scaler(), Look(0, 10, 0.0), 4, 200) == 2


def test_a_worker_that_would_be_wanted_back_stays() -> None:
    for sockets in range(0, 400, 10):
        down = run(Scaler(), Look(0, sockets, 0.0), 3, REST_DOWN + LOW_LOOKS)
        if down == 2:
            assert run(Scaler(), Look(0, sockets, 0.0), 2, 50) == 2
    assert run(Scaler(), Look(0, 190, 0.0), 3, 200) == 3


def test_nothing_is_decided_while_a_worker_is_not_ready() -> None:
    scaler = Scaler()
    for _ in range(30):
        assert scaler.decide(Look(2, 10_000, 1.0), 3, BOUNDS) == (3, "")


def test_bounds_that_were_changed_are_kept_to() -> None:
    assert Scaler().decide(Look(1, 0, 0.0), 1, BOUNDS)[0] == 2
    assert Scaler().decide(Look(6, 900, 0.0), 6, BOUNDS)[0] == 5


def test_those_who_go_serve_nobody_new_or_the_fewest() -> None:
    workers = [
        worker("blue-1", 5),
        worker("blue-2", 1),
        worker("blue-3", 9),
        worker("blue-4", 50, "warm"),
    ]
    assert [each.name for each in surplus(workers, 2)] == ["blue-4", "blue-2"]
    assert surplus(workers, 4) == []
