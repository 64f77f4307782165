"""Ranks: places in an order as texts, so that between two there is always a third (docs/boards.md).

A rank is a whole number followed by a fraction, both in base 62, compared byte by byte. The first letter says how
many digits the whole number has (`a` one, `b` two …, `Z` one and below zero, `Y` two and below zero …), so longer
numbers sort as numbers do. Adding at either end counts the number up or down and keeps ranks short; only putting
something between two neighbours makes them longer, by one letter for every five or six times in the same place.
"""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""In the order of their bytes."""
LONGEST_RANK = 40
FIRST = "a0"
LOWEST = "A" + "0" * 26


def rank_between(before: str | None, after: str | None) -> str:
    """A rank behind `before` and in front of `after`; None is the open end.

    It may be longer than LONGEST_RANK: then the neighbours are to be spread out. Raises ValueError for what is not
    a rank, or when `before` is not in front of `after`.
    """
    if before is not None and after is not None and before >= after:
        raise ValueError(f"{before!r} is not in front of {after!r}")
    if before is None:
        return FIRST if after is None else rank_before(after)
    if after is None:
        return rank_behind(before)
    whole, fraction = split_rank(before)
    next_whole, next_fraction = split_rank(after)
    if whole == next_whole:
        return whole + middle(fraction, next_fraction)
    following = count_up(whole)
    if following is not None and following < after:
        return following
    return whole + middle(fraction, None)


def rank_before(rank: str) -> str:
    whole, fraction = split_rank(rank)
    if fraction and whole != LOWEST:
        return whole
    previous = count_down(whole)
    if previous is None or previous == LOWEST:
        return LOWEST + middle("", fraction if whole == LOWEST else None)
    return previous


def rank_behind(rank: str) -> str:
    whole, fraction = split_rank(rank)
    following = count_up(whole)
    return whole + middle(fraction, None) if following is None else following


def spread_ranks(before: str | None, after: str | None, count: int) -> list[str]:
    """So many ranks in order between the two, about as short as can be. Raises ValueError as `rank_between`."""
    if count == 0:
        return []
    if after is None:
        ranks: list[str] = []
        for _ in range(count):
            before = rank_between(before, None)
            ranks.append(before)
        return ranks
    rank = rank_between(before, after)
    front = spread_ranks(before, rank, count // 2)
    return [*front, rank, *spread_ranks(rank, after, count - 1 - count // 2)]


def split_rank(rank: str) -> tuple[str, str]:
    """The whole number and the fraction. Raises ValueError for what is not a rank."""
    head = rank[:1]
    if "a" <= head <= "z":
        length = ord(head) - ord("a") + 2
    elif "A" <= head <= "Z":
        length = ord("Z") - ord(head) + 2
    else:
        length = 0
    whole, fraction = rank[:length], rank[length:]
    if (
        not length
        or len(whole) != length
        or fraction.endswith("0")
        or rank == LOWEST
        or any(digit not in DIGITS for digit in rank)
    ):
        raise ValueError(f"{rank!r} is not a rank")
    return whole, fraction


def count_up(whole: str) -> str | None:
    """The next whole number; None behind the last one."""
    head, digits = whole[0], whole[1:]
    kept = digits.rstrip("z")
    zeros = "0" * (len(digits) - len(kept))
    if kept:
        return head + kept[:-1] + DIGITS[DIGITS.index(kept[-1]) + 1] + zeros
    if head == "z":
        return None
    if head == "Z":
        return FIRST
    head = chr(ord(head) + 1)
    return head + "0" * (len(digits) + (1 if head > "a" else -1))


def count_down(whole: str) -> str | None:
    """The whole number before; None in front of the first one."""
    head, digits = whole[0], whole[1:]
    kept = digits.rstrip("0")
    nines = "z" * (len(digits) - len(kept))
    if kept:
        return head + kept[:-1] + DIGITS[DIGITS.index(kept[-1]) - 1] + nines
    if head == "A":
        return None
    if head == "a":
        return "Zz"
    head = chr(ord(head) - 1)
    return head + "z" * (len(digits) + (1 if head < "Z" else -1))


def middle(low: str, high: str | None) -> str:
    """A fraction between two, of which `high` None is the whole number's end."""
    found = ""
    while True:
        if high is not None:
            shared = 0
            while (low[shared : shared + 1] or "0") == high[shared]:
                shared += 1
            found += high[:shared]
            low, high = low[shared:], high[shared:]
        first = DIGITS.index(low[0]) if low else 0
        last = DIGITS.index(high[0]) if high is not None else len(DIGITS)
        if last - first > 1:
            return found + DIGITS[(first + last) // 2]
        if high is not None and len(high) > 1:
            return found + high[0]
        found += DIGITS[first]
        low, high = low[1:], None
