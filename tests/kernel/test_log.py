"""The log: gapless, idempotent, audited, bounded."""

import asyncio
from collections.abc import Callable

import orjson
import pytest
from sqlalchemy import select

from hubbub.kernel import log
from hubbub.kernel.errors import Conflict, Forbidden, Invalid
from hubbub.kernel.kernel import DAY_MS, Kernel

from .conftest import ANN, BOB, FakeClock, all_entries, write_note

pytestmark = pytest.mark.anyio


async def test_many_writers_leave_no_hole(kernel: Kernel, new_stream: Callable[[], str]) -> None:
    streams = [new_stream(), new_stream()]
    outcomes = await asyncio.gather(
        *(
            kernel.write(write_note, ANN, stream=streams[n % 2], text=f"note {n}")
            for n in range(300)
        )
    )
    for place, stream in enumerate(streams):
        entries = all_entries(kernel.database, stream)
        assert [entry.seq for entry in entries] == list(range(1, 151))
        texts = [orjson.loads(entry.data)["text"] for entry in entries]
        assert texts == [f"note {n}" for n in range(300) if n % 2 == place]
    assert {outcome.seq for outcome in outcomes[::2]} == set(range(1, 151))
    assert kernel.committer.batches < 300, "commands that wait together share a transaction"


async def test_repeated_key_gets_the_first_answer(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    stream = new_stream()
    first = await kernel.write(write_note, ANN, key="k1", stream=stream, text="once")
    again = await kernel.write(write_note, ANN, key="k1", stream=stream, text="once")
    assert (again.body, again.seq, again.replayed) == (first.body, 1, True)
    assert not first.replayed
    with pytest.raises(Conflict):
        await kernel.write(write_note, ANN, key="k1", stream=stream, text="other")
    other = await kernel.write(write_note, BOB, key="k1", stream=stream, text="once")
    assert other.seq == 2, "keys are scoped by actor"
    assert [entry.key for entry in all_entries(kernel.database, stream)] == ["k1", "k1"]


async def test_same_key_at_the_same_moment(kernel: Kernel, new_stream: Callable[[], str]) -> None:
    stream = new_stream()
    outcomes = await asyncio.gather(
        *(kernel.write(write_note, ANN, key="k", stream=stream, text="once") for _ in range(20))
    )
    assert len({outcome.body for outcome in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert len(all_entries(kernel.database, stream)) == 1


@pytest.mark.parametrize("key", ["", "with space", "x" * 129, "é"])
async def test_bad_keys_are_refused(
    kernel: Kernel, new_stream: Callable[[], str], key: str
) -> None:
    with pytest.raises(Invalid):
        await kernel.write(write_note, ANN, key=key, stream=new_stream(), text="x")


async def test_one_failing_command_takes_nothing_with_it(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    stream = new_stream()
    texts = ["a", "broken", "b", "forbidden", "hole", "c"]
    results = await asyncio.gather(
        *(kernel.write(write_note, ANN, stream=stream, text=text) for text in texts),
        return_exceptions=True,
    )
    kinds = [type(result).__name__ for result in results]
    assert kinds == [
        "Outcome",
        "ZeroDivisionError",
        "Outcome",
        "Forbidden",
        "RuntimeError",
        "Outcome",
    ]
    entries = all_entries(kernel.database, stream)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert [orjson.loads(entry.data)["text"] for entry in entries] == ["a", "b", "c"]


async def test_changes_and_denials_are_audited(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    stream = new_stream()
    await kernel.write(write_note, ANN, key="k", stream=stream, text="fine")
    await kernel.write(write_note, ANN, key="k", stream=stream, text="fine")
    with pytest.raises(Forbidden):
        await kernel.write(write_note, BOB, stream=stream, text="forbidden")
    with kernel.database.reading() as connection:
        rows = connection.execute(select(log.audit).order_by(log.audit.c.id)).all()
    told = [(row.actor, row.action, row.target, row.address, row.outcome) for row in rows]
    assert told == [
        ("ann", "note.write", stream, "127.0.0.1", "done"),
        ("bob", "note.write", stream, "127.0.0.1", "denied"),
    ]


async def test_retention_trims_a_prefix_and_keeps_the_rest(
    kernel: Kernel, new_stream: Callable[[], str], clock: FakeClock
) -> None:
    old, mixed = new_stream(), new_stream()
    for stream in (old, mixed):
        for n in range(30):
            await kernel.write(write_note, ANN, stream=stream, text=str(n))
    clock.now += 31 * DAY_MS
    await kernel.write(write_note, ANN, stream=mixed, text="young")
    assert await kernel.trim() == 60
    assert all_entries(kernel.database, old) == []
    assert [entry.seq for entry in all_entries(kernel.database, mixed)] == [31]
    with kernel.database.reading() as connection:
        states = log.read_states(connection, [old, mixed])
    assert (states[old].floor, states[old].head) == (30, 30)
    assert (states[mixed].floor, states[mixed].head) == (30, 31)
    outcome = await kernel.write(write_note, ANN, stream=old, text="again")
    assert outcome.seq == 31
