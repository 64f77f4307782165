"""Batches written at once: the same values on both databases, and nothing lost when one of them fails."""

import asyncio
from collections.abc import Callable, Sequence

import orjson
import pytest
from sqlalchemy import text

from hubbub.kernel import log
from hubbub.kernel.bulk import Statement, look_up, write
from hubbub.kernel.commands import Command, Outcome, Request
from hubbub.kernel.errors import Conflict, Invalid
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Entry
from hubbub.kernel.transaction import Transaction

from .conftest import ANN, all_entries, write_note

pytestmark = pytest.mark.anyio

ODD = [
    "plain",
    "",
    "NULL",
    '"',
    "\\",
    '\\"',
    "{a,b}",
    "a\nb\tc",
    "ünï😀",
    "'; --",
    "%s {given}",
    "\\0",
]


def jot_down(tx: Transaction, requests: Sequence[Request]) -> list[Outcome | Exception]:
    """Appends all at once, and looks for nothing: a repeated key meets the constraint."""
    tx.look_up()
    outcomes: list[Outcome | Exception] = []
    for request in requests:
        stream, words = request.arguments["stream"], request.arguments["text"]
        seq = tx.take(stream, 1)
        if words == "broken":
            raise ZeroDivisionError
        data = orjson.dumps({"text": words})
        tx.append_entries([Entry(stream, seq, "jotted", ANN.id, tx.now, request.key, data)])
        outcomes.append(Outcome(data, seq=seq))
    return outcomes


jot = Command("note.jot", run=lambda: None, stream="stream", many=jot_down)


async def test_odd_values_come_back_as_they_went(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    stream = new_stream()
    rows = [
        (stream, place, "odd", "ann", 2**53 + place, None if place % 3 == 0 else words, words)
        for place, words in enumerate(ODD, 1)
    ]
    with kernel.database.writing() as connection:
        write(connection, [(log.INSERT, rows)])
        found = log.read_entries(connection, stream, 0, 100)
        asked = Statement("SELECT given.word, given.number FROM {given}", "word", "#number")
        pairs = [(words, number) for number, words in enumerate(ODD)]
        answered = look_up(connection, [(asked, pairs)])[0]
    assert [(e.at, e.key, e.data.decode()) for e in found] == [row[4:] for row in rows]
    assert sorted(map(tuple, answered)) == sorted(pairs)


async def test_batches_number_many_streams_without_a_hole(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    streams = [new_stream() for _ in range(3)]
    # Both kinds in one batch: what the one wrote the other sees.
    outcomes = await asyncio.gather(
        *(
            kernel.write((jot, write_note)[n % 5 == 0], ANN, stream=streams[n % 3], text=str(n))
            for n in range(150)
        )
    )
    for place, stream in enumerate(streams):
        entries = all_entries(kernel.database, stream)
        assert [entry.seq for entry in entries] == list(range(1, 51))
        assert [int(orjson.loads(e.data)["text"]) for e in entries] == list(range(place, 150, 3))
    assert len({(o.seq, n % 3) for n, o in enumerate(outcomes)}) == 150


async def test_a_key_the_log_has_refuses_only_its_own_command(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    stream = new_stream()
    await kernel.write(jot, ANN, key="k3", stream=stream, text="first")
    results = await asyncio.gather(
        *(kernel.write(jot, ANN, key=f"k{n}", stream=stream, text=str(n)) for n in range(6)),
        return_exceptions=True,
    )
    assert [n for n, result in enumerate(results) if isinstance(result, Conflict)] == [3]
    entries = all_entries(kernel.database, stream)
    assert [(e.seq, e.key) for e in entries] == [
        (1, "k3"),
        (2, "k0"),
        (3, "k1"),
        (4, "k2"),
        (5, "k4"),
        (6, "k5"),
    ]


async def test_one_that_breaks_or_cannot_be_held_takes_nothing_with_it(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    stream = new_stream()
    words = ["a", "broken", "b"]
    results = await asyncio.gather(
        *(kernel.write(jot, ANN, stream=stream, text=word) for word in words),
        kernel.write(jot, ANN, stream=new_id(), text="no such stream"),
        kernel.write(write_note, ANN, stream=stream, text="c"),
        return_exceptions=True,
    )
    kinds = [type(result).__name__ for result in results]
    assert kinds == ["Outcome", "ZeroDivisionError", "Outcome", "LookupError", "Outcome"]
    told = [orjson.loads(e.data)["text"] for e in all_entries(kernel.database, stream)]
    assert told == ["a", "b", "c"]


async def test_postgresql_refuses_nul_as_bad_input(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    if kernel.database.sqlite:
        pytest.skip("SQLite holds NUL")
    stream = new_stream()
    requests = [Request(jot, ANN, {"stream": stream, "text": key}, key) for key in ("ok", "n\0l")]
    results, entries = kernel.committer.commit(requests)
    assert isinstance(results[0], Outcome)
    assert isinstance(results[1], Invalid)
    assert [entry.key for entry in entries] == ["ok"]


async def test_a_lost_connection_is_not_used_again(
    kernel: Kernel, new_stream: Callable[[], str]
) -> None:
    if kernel.database.sqlite:
        pytest.skip("SQLite has no connection to lose")
    stream = new_stream()
    await kernel.write(jot, ANN, key="before", stream=stream, text="before")
    with kernel.database.reading() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    outcomes = await asyncio.gather(
        *(kernel.write(jot, ANN, key=f"k{n}", stream=stream, text=str(n)) for n in range(5))
    )
    assert [outcome.seq for outcome in outcomes] == [2, 3, 4, 5, 6]
