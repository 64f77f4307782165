"""The relay: whatever the bus loses, doubles or reorders, each entry is delivered once and in order."""

import asyncio
import random
from collections.abc import Callable, Sequence

import pytest

from hubbub.kernel.bus import LocalBus
from hubbub.kernel.errors import NotFound
from hubbub.kernel.kernel import DAY_MS, Kernel
from hubbub.kernel.log import Encoded, Entry
from hubbub.kernel.relay import HOLE_SECONDS, RING_ENTRIES, Relay

from .conftest import ANN, FakeClock, write_note

pytestmark = pytest.mark.anyio


class RoughBus(LocalBus):
    """Drops, doubles, splits and reorders hints at random."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._held: list[Encoded] = []

    def publish(self, entries: Sequence[Encoded]) -> None:
        self._held += [entry for entry in entries if self._chance.random() > 0.3]
        self._held += [entry for entry in entries if self._chance.random() < 0.1]
        if self._chance.random() < 0.5:
            self._chance.shuffle(self._held)
            held, self._held = self._held, []
            for entry in held:
                super().publish([entry])


def follow(kernel: Kernel, bus: LocalBus) -> tuple[Relay, list[Encoded], list[int]]:
    """A relay of its own on the kernel's database; what it delivers, and the heads it was reset to."""
    delivered: list[Encoded] = []
    resets: list[int] = []
    relay = Relay(
        kernel.database,
        bus,
        kernel.clock,
        lambda stream, batch: delivered.extend(batch),
        lambda stream, head: resets.append(head),
        lambda signal: None,
    )
    return relay, delivered, resets


async def settle(relay: Relay, stream: str, last: int) -> None:
    """Sweeps until the relay has delivered up to `last`; bounded by a generous number of tries."""
    for _ in range(200):
        await relay.sweep()
        await asyncio.sleep(0.01)
        if relay.last(stream) >= last:
            return
    raise AssertionError(f"stuck at {relay.last(stream)}, not {last}")


@pytest.mark.parametrize("seed", range(5))
async def test_rough_bus(kernel: Kernel, new_stream: Callable[[], str], seed: int) -> None:
    chance = random.Random(seed)
    bus = RoughBus(chance)
    kernel.bus = bus
    relay, delivered, resets = follow(kernel, bus)
    stream, other = new_stream(), new_stream()
    await kernel.write(write_note, ANN, stream=stream, text="before")
    assert await relay.open(stream) == 1
    for _ in range(30):
        burst = chance.randrange(1, 12)
        await asyncio.gather(
            *(
                kernel.write(write_note, ANN, stream=chance.choice([stream, other]), text=str(n))
                for n in range(burst)
            )
        )
        if chance.random() < 0.2:
            await relay.sweep()
    with kernel.database.reading() as connection:
        from hubbub.kernel import log

        head = log.read_states(connection, [stream])[stream].head
    await settle(relay, stream, head)
    assert [encoded.seq for encoded in delivered] == list(range(2, head + 1))
    assert {encoded.stream for encoded in delivered} == {stream}
    assert resets == []
    assert relay.repaired > 0, "the bus was not rough at all"


async def test_nothing_falls_between_subscribing_and_reading_the_head(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    relay, delivered, _ = follow(kernel, kernel.bus)  # type: ignore[arg-type]
    stream = new_stream()
    writes = [
        asyncio.ensure_future(kernel.write(write_note, ANN, stream=stream, text=str(n)))
        for n in range(50)
    ]
    opened = await relay.open(stream)
    await asyncio.gather(*writes)
    await settle(relay, stream, 50)
    assert [encoded.seq for encoded in delivered] == list(range(opened + 1, 51))


async def test_unknown_stream(kernel: Kernel) -> None:
    relay, _, _ = follow(kernel, kernel.bus)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await relay.open("00000000-0000-7000-8000-000000000000")
    assert relay.followed == 0


async def test_ring_is_bounded_and_reaches_back(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    relay, _, _ = follow(kernel, kernel.bus)  # type: ignore[arg-type]
    stream = new_stream()
    await relay.open(stream)
    total = RING_ENTRIES + 100
    for start in range(0, total, 100):
        await asyncio.gather(
            *(
                kernel.write(write_note, ANN, stream=stream, text=str(n))
                for n in range(start, min(start + 100, total))
            )
        )
    await settle(relay, stream, total)
    assert relay.recent(stream, 0) is None
    recent = relay.recent(stream, total - 5)
    assert recent is not None
    assert [encoded.seq for encoded in recent] == list(range(total - 4, total + 1))
    assert relay.recent(stream, total) == []
    oldest = relay.recent(stream, total - RING_ENTRIES)
    assert oldest is not None
    assert len(oldest) == RING_ENTRIES


async def test_what_was_trimmed_before_it_arrived_resets(
    kernel: Kernel, new_stream: Callable[[], str], clock: FakeClock
) -> None:
    class DeafBus(LocalBus):
        def publish(self, entries: Sequence[Encoded]) -> None:
            pass

    kernel.bus = DeafBus()
    relay, delivered, resets = follow(kernel, kernel.bus)
    stream = new_stream()
    await relay.open(stream)
    await kernel.write(write_note, ANN, stream=stream, text="lost")
    clock.now += 31 * DAY_MS
    await kernel.trim()
    await kernel.write(write_note, ANN, stream=stream, text="young")
    await settle(relay, stream, 2)
    assert resets == [2]
    assert delivered == []


async def test_overtaking_hints_need_no_database(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    """Two nodes that post to one stream overtake each other: what came early waits for its turn."""
    relay, delivered, _ = follow(kernel, kernel.bus)  # type: ignore[arg-type]
    stream = new_stream()
    await relay.open(stream)

    def hint(seq: int) -> Encoded:
        return Encoded.of(Entry(stream, seq, "note.written", "ann", 0, None, b"{}"))

    for seqs in ([2], [4, 3], [1], [6], [2, 5], [8, 7]):
        relay.receive_entries(stream, [hint(seq) for seq in seqs])
    assert [encoded.seq for encoded in delivered] == list(range(1, 9))
    await asyncio.sleep(2 * HOLE_SECONDS)
    assert relay.repaired == 0
    assert relay.last(stream) == 8


async def test_many_streams_are_swept_whatever_the_clocks_say(
    kernel: Kernel,
    new_stream: Callable[[], str],
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hubbub.kernel.relay.ASKED_AT_ONCE", 5)
    quiet = LocalBus()
    relay, delivered, _ = follow(kernel, quiet)
    opened = [new_stream() for _ in range(12)]
    for stream in opened:
        await relay.open(stream)
    # Written by a node whose clock is an hour behind.
    clock.now -= 3_600_000
    for stream in opened:
        await kernel.write(write_note, ANN, stream=stream, text="late")
    clock.now += 3_600_000
    for stream in opened:
        await settle(relay, stream, 1)
    assert len(delivered) == 12
