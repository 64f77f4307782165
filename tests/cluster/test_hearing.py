"""When a node calls itself deaf."""

from hubbub.kernel.cluster import BEAT_SECONDS, ECHO_SECONDS, LATER_SECONDS
from hubbub.kernel.hearing import MISSED_MOST, PATIENCE, STEADY, Hearing, Others


def beats(hearing: Hearing, count: int, heard: bool, others: Others) -> list[str]:
    return [hearing.beat(heard, others) for _ in range(count)]


def test_deaf_alone_among_others() -> None:
    hearing = Hearing()
    assert beats(hearing, 2, True, "silent") == ["ok", "ok"]
    assert beats(hearing, MISSED_MOST, False, "hear")[-2:] == ["ok", "deaf"]
    assert beats(hearing, STEADY, True, "silent")[-2:] == ["deaf", "ok"]


def test_deaf_within_five_seconds() -> None:
    """The silence begins right after a beat; what shows that others hear is a beat old."""
    longest_beat = BEAT_SECONDS + ECHO_SECONDS
    assert max(MISSED_MOST * longest_beat, LATER_SECONDS + 2 * longest_beat) <= 4.0 < 5.0
    hearing = Hearing("ok")
    assert beats(hearing, MISSED_MOST, False, "silent")[-1] == "degraded"
    assert hearing.beat(False, "hear") == "deaf"


def test_nobody_hears() -> None:
    hearing = Hearing()
    hearing.beat(True, "silent")
    assert beats(hearing, 20, False, "silent")[-1] == "degraded"
    # Others may find Redis again a little earlier; later than that it is this node.
    assert set(beats(hearing, PATIENCE - 1, False, "back")) == {"degraded"}
    assert beats(hearing, 2, True, "silent")[-1] == "ok"
    beats(hearing, 20, False, "silent")
    assert beats(hearing, PATIENCE, False, "back")[-1] == "deaf"
    assert beats(hearing, MISSED_MOST, False, "silent")[-1] == "degraded"


def test_never_flaps() -> None:
    """A node that is deaf again and again stays away longer each time."""
    hearing = Hearing("ok")
    changes = 0
    state = "ok"
    for beat in range(2_000):
        now = hearing.beat(beat % 10 >= MISSED_MOST, "hear")
        changes += now != state
        state = now
    assert changes < 10
