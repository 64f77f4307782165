"""When a process is started again: the rule alone, without a process."""

from hubbub.fleet.restarts import BUDGET, HALF_LIFE, LARGEST_DELAY, decide, delay, recent


def no_chance() -> float:
    return 0.0


def after(quick: int, exits: list[float], now: float) -> float:
    verdict = decide(quick, exits, now, most=5, least_uptime=10.0, chance=no_chance)
    assert not verdict.given_up
    return verdict.delay


def test_the_first_exit_is_followed_by_a_start_at_once() -> None:
    assert after(0, [100.0], 100.0) == 0
    assert after(1, [100.0], 100.0) == 0


def test_the_pause_doubles_up_to_a_bound() -> None:
    assert [delay(quick, no_chance) for quick in range(2, 6)] == [0.5, 1.0, 2.0, 4.0]
    assert delay(40, no_chance) == LARGEST_DELAY


def test_chance_only_shortens_the_pause_and_at_most_by_half() -> None:
    assert delay(4, lambda: 1.0) == 1.0
    assert 1.0 <= delay(4) <= 2.0


def test_the_fifth_quick_exit_in_a_row_is_the_last() -> None:
    exits = [float(second) for second in range(5)]
    verdict = decide(5, exits, 5.0, most=5, least_uptime=10.0)
    assert verdict.given_up == "it ended 5 times in a row within 10 s"


def test_a_slow_crash_loop_is_caught() -> None:
    """Each run is long enough, but there are too many of them."""
    exits: list[float] = []
    for count in range(100):
        exits = recent([*exits, count * 60.0], count * 60.0)
        verdict = decide(0, exits, count * 60.0, most=5, least_uptime=10.0)
        if verdict.given_up:
            break
    assert BUDGET <= len(exits) <= BUDGET + 4
    assert "minutes" in verdict.given_up


def test_a_crash_now_and_then_is_forgiven() -> None:
    exits: list[float] = []
    for count in range(500):
        now = count * HALF_LIFE / 5
        exits = recent([*exits, now], now)
        assert not decide(0, exits, now, most=5, least_uptime=10.0).given_up
    assert len(exits) < 50
