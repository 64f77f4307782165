"""Ranks: between two there is always a third, they stay short, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.boards.ranks import DIGITS, LONGEST_RANK, rank_between, spread_ranks

places = st.lists(st.floats(0, 1), min_size=1, max_size=200)


def grow(places: list[float]) -> list[str]:
    """A list into which something was put at each of these places, in parts of its length."""
    ranks: list[str] = []
    for part in places:
        place = round(part * len(ranks))
        before = ranks[place - 1] if place else None
        after = ranks[place] if place < len(ranks) else None
        ranks.insert(place, rank_between(before, after))
    return ranks


def in_bytes(ranks: list[str]) -> list[bytes]:
    return [rank.encode() for rank in ranks]


def test_the_digits_are_in_order() -> None:
    assert list(DIGITS.encode()) == sorted(set(DIGITS.encode()))


@given(places)
def test_any_order_of_insertions_keeps_the_order(places: list[float]) -> None:
    ranks = in_bytes(grow(places))
    assert ranks == sorted(set(ranks))


@given(places, st.integers(0, 200), st.integers(1, 300))
def test_what_is_spread_lies_between(places: list[float], place: int, count: int) -> None:
    ranks = grow(places)
    place %= len(ranks) + 1
    before = ranks[place - 1] if place else None
    after = ranks[place] if place < len(ranks) else None
    spread = spread_ranks(before, after, count)
    whole = in_bytes(ranks[:place] + spread + ranks[place:])
    assert len(spread) == count
    assert whole == sorted(set(whole))


def test_both_ends_stay_short() -> None:
    last = first = rank_between(None, None)
    for _ in range(100_000):
        last = rank_between(last, None)
        first = rank_between(None, first)
    assert max(len(first), len(last)) <= 4


def test_the_same_place_costs_a_letter_for_every_five() -> None:
    low, high = "a0", "a1"
    for count in range(1, 201):
        high = rank_between(low, high)
        assert len(high) <= 3 + count / 5
    assert len(high) > LONGEST_RANK * 0.8


@pytest.mark.parametrize(
    "rank", ["", "0", "a", "a00", "a0 ", "b0", "!x", "é", "A" + "0" * 26, "a0-1"]
)
def test_what_is_no_rank_is_refused(rank: str) -> None:
    with pytest.raises(ValueError, match="is not a rank"):
        rank_between(rank, None)


@pytest.mark.parametrize(("before", "after"), [("a1", "a0"), ("a0", "a0")])
def test_neighbours_in_the_wrong_order_are_refused(before: str, after: str) -> None:
    with pytest.raises(ValueError, match="in front"):
        rank_between(before, after)


@given(st.sampled_from(["z" + "z" * 26, "A" + "0" * 25 + "1", "Zz", "az", "a0", "Z0", "b00"]))
def test_the_edges_of_the_whole_numbers(rank: str) -> None:
    before, after = rank_between(None, rank), rank_between(rank, None)
    assert before < rank < after
    assert before < rank_between(before, rank) < rank < rank_between(rank, after) < after
