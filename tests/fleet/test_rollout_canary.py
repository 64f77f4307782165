"""Whether new workers are worse than the old ones: the verdict alone."""

from hubbub.fleet.canary import LEAST_REQUESTS, Figures, Window, verdict
from hubbub.fleet.contract import Heartbeat
from hubbub.fleet.settings import RolloutSettings

SETTINGS = RolloutSettings(canary_errors=0.02, canary_slower=3.0)
GOOD = Figures(1_000, 0, 10.0)


def beat(pid: int, requests: int, errors: int = 0, seconds: float = 0.0) -> Heartbeat:
    return {"pid": pid, "requests": requests, "errors": errors, "seconds": seconds}


def test_too_few_requests_say_nothing() -> None:
    few = Figures(LEAST_REQUESTS - 1, LEAST_REQUESTS - 1, 100.0)
    assert verdict(few, GOOD, SETTINGS) == ""


def test_failing_requests_end_it_and_are_named() -> None:
    assert "50 of 100" in verdict(Figures(100, 50, 1.0), GOOD, SETTINGS)


def test_errors_the_old_ones_have_as_well_are_no_reason() -> None:
    assert verdict(Figures(100, 11, 1.0), Figures(1_000, 100, 10.0), SETTINGS) == ""
    assert verdict(Figures(100, 13, 1.0), Figures(1_000, 100, 10.0), SETTINGS)


def test_slower_answers_end_it() -> None:
    assert "500 ms" in verdict(Figures(100, 0, 50.0), GOOD, SETTINGS)


def test_slower_by_little_is_no_reason() -> None:
    assert verdict(Figures(100, 0, 4.0), Figures(100, 0, 0.1), SETTINGS) == ""
    assert verdict(Figures(100, 0, 2.9), GOOD, SETTINGS) == ""


def test_the_window_counts_from_the_first_look() -> None:
    window = Window()
    window.look([("a", beat(1, 1_000, 500, 9.0)), ("b", beat(2, 10))])
    assert window.look([("a", beat(1, 1_010, 501, 9.5)), ("b", beat(2, 15))]) == Figures(15, 1, 0.5)


def test_a_worker_that_was_started_again_begins_at_nothing() -> None:
    window = Window()
    window.look([("a", beat(1, 1_000))])
    assert window.look([("a", beat(9, 7, 1))]).requests == 7
    assert window.look([("a", {})]).requests == 7
