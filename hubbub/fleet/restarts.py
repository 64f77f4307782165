"""When a process that ended without being asked is started again, and when it is given up. Nothing here acts."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FIRST_DELAY = 0.5
LARGEST_DELAY = 30.0
JITTER = 0.5
"""Share of a delay that chance takes away: workers that fell together do not come back together."""
HALF_LIFE = 1_800.0
"""Seconds after which an exit counts half."""
BUDGET = 10.0
"""More exits than that, each as old as it is, are a crash loop too, however long each run was."""


@dataclass(frozen=True)
class Verdict:
    """Start again after `delay` seconds, or (`given_up`) never, and why."""

    delay: float
    given_up: str = ""


def decide(
    quick: int,
    exits: Sequence[float],
    now: float,
    *,
    most: int,
    least_uptime: float,
    chance: Callable[[], float] = random.random,
) -> Verdict:
    """What to do after an exit.

    `quick`: how many exits in a row, this one included, came before `least_uptime`; `exits`: the times of the recent
    ones, this one included; `most`: quick exits after which it is given up.
    """
    if quick >= most:
        return Verdict(0.0, f"it ended {quick} times in a row within {least_uptime:g} s")
    spent = sum(0.5 ** ((now - at) / HALF_LIFE) for at in exits)
    if spent > BUDGET:
        return Verdict(
            0.0, f"it ended {len(exits)} times in {round((now - exits[0]) / 60)} minutes"
        )
    return Verdict(delay(quick, chance))


def delay(quick: int, chance: Callable[[], float] = random.random) -> float:
    """None after the first exit, then twice as long each time up to a bound, less what chance takes away."""
    if quick <= 1:
        return 0.0
    full = min(LARGEST_DELAY, FIRST_DELAY * 2.0 ** min(quick - 2, 16))
    return full * (1 - JITTER * chance())


def recent(exits: Sequence[float], now: float) -> list[float]:
    """The exits that still count for anything: of the last four half-lives, and as many as the budget needs."""
    kept = [at for at in exits if 0 <= now - at <= 4 * HALF_LIFE]
    return kept[-4 * int(BUDGET) :]
