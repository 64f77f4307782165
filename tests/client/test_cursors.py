"""The rule of the log on the receiving side, against any order of arrival."""

from hypothesis import given
from hypothesis import strategies as st

from hubbub.client.follower import Cursors, Entry


def entry(seq: int) -> Entry:
    return Entry("s", seq, "note", "ann", "2026-01-01T00:00:00.000Z", {"n": seq})


@given(st.lists(st.integers(1, 12), max_size=60), st.integers(0, 3))
def test_each_entry_once_in_order_without_a_hole(arrivals: list[int], start: int) -> None:
    cursors = Cursors({"s": start})
    taken: list[int] = []
    for seq in arrivals:
        ready, holes = cursors.take([entry(seq)])
        taken += [e.seq for e in ready]
        last = cursors.last["s"]
        assert last is not None
        assert holes == ({"s"} if seq > last else set())
    assert taken == list(range(start + 1, start + 1 + len(taken)))


def test_streams_not_followed_are_ignored() -> None:
    assert Cursors().take([entry(1)]) == ([], set())
